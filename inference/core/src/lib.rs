//! The contract between those who ask for inference and those who perform it.
//!
//! Typed requests and responses per capability ([`speech`], [`transcribe`], [`image`], [`embed`], [`chat`]), what a run costs in bytes
//! ([`footprint`]), how it is steered while it runs ([`control`]), why it may fail ([`error`]), and
//! the models there are ([`catalogue`]). Everything is in host memory; no tensor and no engine type
//! crosses, so that the crate builds anywhere and the scheduler above it knows no engine.

pub mod catalogue;
pub mod chat;
pub mod cloning;
pub mod control;
pub mod embed;
pub mod engine;
pub mod error;
pub mod footprint;
pub mod image;
pub mod speech;
pub mod transcribe;

pub use catalogue::{Catalogue, ModelId};
pub use control::{Control, NoControl, Progress, Verdict};
pub use engine::{Engine, Resident};
pub use error::{ErrorKind, InferenceError, Result};
pub use footprint::Footprint;
