//! The scheduler's thread with a test double for the engine: what is served, refused, cancelled, evicted,
//! survived.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asked;
mod capabilities;
mod explained;
mod fake;
mod faults;
mod memory;
mod pieces;
mod plan;
mod random;
mod requests;
mod residency;
mod shutdown;
mod yielding;
