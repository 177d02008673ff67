//! Why the store could not do what was asked.

use reelsmith_inference_core::{ErrorKind, InferenceError, ModelId};
use std::error::Error as StdError;
use std::fmt::Display;
use std::io;
use std::path::Path;

/// The result of anything in the store.
pub(super) type Result<T> = std::result::Result<T, StoreError>;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The catalogue has no such entry.
    UnknownModel,
    /// The files are not on this machine.
    Missing,
    /// A file differs from its recorded sha256.
    Corrupt,
    /// No source delivered the file.
    Unavailable,
    /// Files are missing and the store is set to stay offline.
    Offline,
    /// The entry has no file for this platform.
    Unsupported,
    /// The disk has too little room.
    DiskFull,
    /// Another process works on the entry.
    Busy,
    /// The caller cancelled.
    Cancelled,
    /// The file system failed otherwise.
    Io,
}

/// An error with what happened, what to do about it, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    pub(super) fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// A file system error while `doing` something with `path`; a full disk is told apart.
    pub(super) fn io(doing: &str, path: &Path, error: io::Error) -> Self {
        let (kind, advice) = match is_full(&error) {
            true => {
                (StoreErrorKind::DiskFull, "; free some space and run the same command again, it resumes")
            }
            false => (StoreErrorKind::Io, ""),
        };
        let message = format!("cannot {doing} {}: {error}{advice}", path.display());
        Self { source: Some(Box::new(error)), ..Self::new(kind, message) }
    }

    pub(super) fn cancelled() -> Self {
        Self::new(StoreErrorKind::Cancelled, "cancelled; what was fetched is kept for the next pull")
    }

    /// A task of the blocking pool ended without an answer.
    pub(super) fn lost(error: impl Display) -> Self {
        Self::new(StoreErrorKind::Io, format!("work on a model file was lost: {error}"))
    }

    pub(super) fn missing(id: &ModelId, what: &str) -> Self {
        let message =
            format!("{what} of model `{id}` is not on this machine; run `reelsmith models pull {id}`");
        Self::new(StoreErrorKind::Missing, message)
    }

    /// What a caller can act on.
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }
}

impl From<StoreError> for InferenceError {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind {
            StoreErrorKind::UnknownModel => ErrorKind::UnknownModel,
            StoreErrorKind::Corrupt => ErrorKind::ModelCorrupt,
            StoreErrorKind::Cancelled => ErrorKind::Cancelled,
            StoreErrorKind::Missing
            | StoreErrorKind::Unavailable
            | StoreErrorKind::Offline
            | StoreErrorKind::Unsupported => ErrorKind::ModelMissing,
            StoreErrorKind::DiskFull | StoreErrorKind::Busy | StoreErrorKind::Io => ErrorKind::Engine,
        };
        InferenceError::new(kind, error.message.clone()).with_source(error)
    }
}

/// Only `get` and `closure` of the catalogue are asked here, and they fail for unknown names alone.
impl From<InferenceError> for StoreError {
    fn from(error: InferenceError) -> Self {
        Self::new(StoreErrorKind::UnknownModel, error.to_string())
    }
}

/// Whether a write failed because the disk, or the user's share of it, is full.
pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
