//! Behaviour of the sound chain, from clips to the mastered file.

mod bed;
mod level;
mod limiter;
mod master;
mod mix;
mod resample;
mod signals;
mod wav;
