//! Rows: one conformance suite for whatever remembers jobs, run on SQLite; and what SQLite adds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod killed;
mod model;
mod sqlite;
mod suite;
