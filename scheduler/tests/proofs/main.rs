//! What is claimed of the scheduler, held against many thousand interleavings: the races that other schedulers were
//! caught in, random steps, and memory that runs out at every place where it can.
//!
//! Two ways lead there. A [`stage::Stage`] runs the real thread with an engine that lets the test act at every call it
//! gets: requests come and go at exactly these points, from the device's own thread, and at any others from the test's.
//! [`simulated`] drives the policy, the ledger and what was learned in simulated time, where hours of waiting pass in a
//! moment. A seed is part of every message, and replays its run.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod engine;
mod golden;
mod memory;
mod races;
mod random;
mod simulated;
mod stage;
mod steps;
