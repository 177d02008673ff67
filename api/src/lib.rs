//! The HTTP edge and the command line of Reelsmith: the only place that reads settings and wires the
//! parts together.

pub mod cli;
pub mod commands;
pub mod config;
pub mod connections;
pub mod doctor;
pub mod error;
pub mod exit;
pub mod holding;
pub mod house;
pub mod http_range;
pub mod interrupt;
pub mod layers;
mod learned;
pub mod library;
pub mod lock;
pub mod logging;
pub mod metrics;
pub mod painters;
pub mod private;
pub mod progress;
pub mod publish;
pub mod pulling;
pub mod readiness;
pub mod routes;
pub mod state;
pub mod studio;
pub mod watch;
pub mod weights;
