//! What the golden tests share: the numbers that both sides fill in, and the cases.

pub(crate) mod cases;
pub(crate) mod checkpoint;
pub(crate) mod fill;
