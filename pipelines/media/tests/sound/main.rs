//! Behaviour of the sound chain, from clips to the mastered file.

#![allow(clippy::unwrap_used, reason = "a failed expectation fails its test")]

mod bed;
mod episode;
mod level;
mod limiter;
mod master;
mod mix;
mod resample;
mod signals;
mod wav;
