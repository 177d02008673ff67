//! The scheduler's thread with a test double for the engine: what is served, refused, cancelled, evicted,
//! survived.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod capabilities;

mod fake;
mod faults;
mod memory;
mod pieces;
mod plan;
mod random;
mod requests;
mod shutdown;
mod yielding;
