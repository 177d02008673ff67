//! What kinds of job there are.

pub mod podcast;
pub mod short;
