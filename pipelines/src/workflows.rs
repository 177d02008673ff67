//! What kinds of job there are.

pub mod short;
