//! Why inference failed: a small closed kind for the program, a message for the person.

use serde::{Deserialize, Serialize};
use std::error::Error as StdError;

/// The result of anything in this contract.
pub type Result<T> = std::result::Result<T, InferenceError>;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request can never succeed as it stands (empty text, speed out of range …).
    InvalidRequest,
    /// The catalogue has no such model or voice.
    UnknownModel,
    /// The model is in the catalogue, but its files are not on this machine.
    ModelMissing,
    /// A model file differs from its recorded sha256, or the engine cannot read it.
    ModelCorrupt,
    /// The engine's own library is absent, unreadable or of the wrong version.
    RuntimeMissing,
    /// The device has less memory than the run needs.
    OutOfMemory,
    /// [`crate::Verdict::Cancel`] was answered.
    Cancelled,
    /// An answer had to end before it was whole, and part of it would be of no use.
    Unfinished,
    /// A server that was asked does not answer, or answers what makes no sense; another, or a later try, may.
    Unavailable,
    /// A server that was asked refuses who asks: a key is wrong or missing, or an allowance spent.
    Denied,
    /// The engine failed on a valid request.
    Engine,
    /// The process that the engine runs in ended or stopped answering; all that it had loaded is gone.
    Lost,
}

/// An error with what happened, what to do about it, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct InferenceError {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl InferenceError {
    /// An error whose `message` tells a person what happened, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with the error underneath kept for the log.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// A request that can never succeed as it stands.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidRequest, message)
    }

    /// A model file that cannot be used.
    pub fn corrupt(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::ModelCorrupt, message)
    }

    /// The computation was told to stop.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }
}
