//! Replays traces through the scheduler's own policy, beside the rules of others and the bounds, in simulated time.

pub mod bound;
pub mod contender;
pub mod figures;
pub mod models;
pub mod plot;
pub mod simulate;
pub mod trace;
