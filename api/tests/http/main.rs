//! The HTTP API over a real house: real stores, the real runner, the models of this machine.
//!
//! `make setup-test` fetches the models.

#[path = "../house/mod.rs"]
mod house;

mod jobs;
mod service;
