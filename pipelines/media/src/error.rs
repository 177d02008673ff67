//! Why media work failed: a small closed kind for the program, a message for the person.

use std::error::Error as StdError;

/// The result of media work.
pub type Result<T> = std::result::Result<T, MediaError>;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or value cannot be used as it is: corrupt, of an unknown format, out of range.
    InvalidInput,
    /// A stated limit was exceeded (picture size, duration, file size).
    Limit,
    /// ffmpeg or ffprobe is absent or too old.
    ToolMissing,
    /// ffmpeg ran and failed, or was killed.
    ToolFailed,
    /// A finished file is not what was ordered.
    Verification,
    /// The progress callback said to stop.
    Cancelled,
    /// No space is left where the result was being written.
    DiskFull,
    /// Any other failure to read or write.
    Io,
}

/// An error with what happened, what to do about it, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct MediaError {
    kind: ErrorKind,
    message: String,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl MediaError {
    /// An error whose `message` tells a person what happened, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with the error underneath kept for the log.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// A failed read or write; `doing` says what and where: "write /tmp/a.wav".
    pub fn io(doing: impl std::fmt::Display, error: std::io::Error) -> Self {
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        let (kind, hint) = match full {
            true => (ErrorKind::DiskFull, "; free some space and run the same command again"),
            false => (ErrorKind::Io, ""),
        };
        Self::new(kind, format!("could not {doing}: {error}{hint}")).with_source(error)
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The work was told to stop.
    pub fn cancelled() -> Self {
        Self::new(ErrorKind::Cancelled, "cancelled")
    }
}
