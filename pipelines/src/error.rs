//! Why a job could not be accepted, run or read: a small closed kind for the program, a message for
//! the person.

use crate::script::ScriptError;
use std::error::Error as StdError;
use std::time::Duration;

/// The result of anything in this crate.
pub type Result<T> = std::result::Result<T, PipelineError>;

/// What went wrong, as far as a caller can act on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The script is wrong at a line and column ([`PipelineError::script`] has them).
    InvalidScript,
    /// An option, preset file, picture or sound file cannot be used as it is.
    InvalidInput,
    /// There is no preset, voice, mood or palette of that name; the message lists the near ones.
    UnknownName,
    /// A stated limit was exceeded: duration, size, words.
    Limit,
    /// A model's files are not on this machine.
    ModelMissing,
    /// A model's file differs from its recorded sha256.
    ModelCorrupt,
    /// ffmpeg or the inference library is absent, too old or unusable.
    ToolMissing,
    /// ffmpeg or the inference engine ran and failed.
    ToolFailed,
    /// A finished file is not what was ordered.
    Verification,
    /// The device has less memory than the job needs.
    OutOfMemory,
    /// Every slot is taken; try again after [`PipelineError::retry_after`].
    Busy,
    /// There is no such job or artifact.
    NotFound,
    /// The job's state does not allow this (for example, export of a job that failed).
    Conflict,
    /// Another process already runs the jobs of this data directory.
    InUse,
    /// The job was cancelled.
    Cancelled,
    /// The runner is shutting down; the job stays resumable.
    Interrupted,
    /// No space is left where something was being written.
    DiskFull,
    /// Rows or bytes could not be stored or read.
    Storage,
    /// A defect of this program.
    Internal,
}

/// An error with what happened, what to do about it, and its cause.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct PipelineError {
    kind: ErrorKind,
    message: String,
    retry_after: Option<Duration>,
    script: Option<Box<ScriptError>>,
    #[source]
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl PipelineError {
    /// An error whose `message` tells a person what happened, where, and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), retry_after: None, script: None, source: None }
    }

    /// The same, with the error underneath kept for the log.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// The same, with the time after which another try makes sense.
    pub fn with_retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// A failed read or write; `doing` says what and where: "write out/video.mp4".
    pub fn io(doing: impl std::fmt::Display, error: std::io::Error) -> Self {
        let full = error.kind() == std::io::ErrorKind::StorageFull;
        let (kind, hint) = match full {
            true => (ErrorKind::DiskFull, "; free some space and run the same command again"),
            false => (ErrorKind::Storage, ""),
        };
        Self::new(kind, format!("could not {doing}: {error}{hint}")).with_source(error)
    }

    /// What a caller can act on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// When to try again, for [`ErrorKind::Busy`].
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Where the script is wrong, for [`ErrorKind::InvalidScript`].
    pub fn script(&self) -> Option<&ScriptError> {
        self.script.as_deref()
    }
}

impl From<ScriptError> for PipelineError {
    fn from(error: ScriptError) -> Self {
        let mut this = Self::new(ErrorKind::InvalidScript, error.to_string());
        this.script = Some(Box::new(error));
        this
    }
}
