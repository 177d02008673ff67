//! The model store against faults: a hub that hangs, lies, breaks off or is not there, damaged files,
//! killed processes, a full disk, and the real registries.

mod child;
mod damage;
mod engine;
mod hub;
mod processes;
mod registries;
mod server;
mod support;
