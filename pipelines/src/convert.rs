//! Errors of the crates below, in the kinds of this one.

use crate::error::{ErrorKind, PipelineError};
use reelsmith_inference_core::{ErrorKind as InferenceKind, InferenceError};
use reelsmith_media::{ErrorKind as MediaKind, MediaError};
use reelsmith_scheduler::ScheduleError;
use reelsmith_storage::{ErrorKind as StorageKind, StorageError};

impl From<StorageError> for PipelineError {
    fn from(error: StorageError) -> Self {
        let kind = match error.kind() {
            StorageKind::NotFound => ErrorKind::NotFound,
            StorageKind::Conflict => ErrorKind::Conflict,
            StorageKind::InvalidInput | StorageKind::TooLarge => ErrorKind::InvalidInput,
            StorageKind::DiskFull => ErrorKind::DiskFull,
            _ => ErrorKind::Storage,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

impl From<MediaError> for PipelineError {
    fn from(error: MediaError) -> Self {
        let kind = match error.kind() {
            MediaKind::InvalidInput => ErrorKind::InvalidInput,
            MediaKind::Limit => ErrorKind::Limit,
            MediaKind::ToolMissing => ErrorKind::ToolMissing,
            MediaKind::ToolFailed => ErrorKind::ToolFailed,
            MediaKind::Verification => ErrorKind::Verification,
            MediaKind::Cancelled => ErrorKind::Cancelled,
            MediaKind::DiskFull => ErrorKind::DiskFull,
            _ => ErrorKind::Storage,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

impl From<InferenceError> for PipelineError {
    fn from(error: InferenceError) -> Self {
        let kind = match error.kind() {
            InferenceKind::InvalidRequest => ErrorKind::InvalidInput,
            InferenceKind::UnknownModel => ErrorKind::UnknownName,
            InferenceKind::ModelMissing => ErrorKind::ModelMissing,
            InferenceKind::ModelCorrupt => ErrorKind::ModelCorrupt,
            InferenceKind::RuntimeMissing => ErrorKind::ToolMissing,
            InferenceKind::OutOfMemory => ErrorKind::OutOfMemory,
            InferenceKind::Cancelled => ErrorKind::Cancelled,
            _ => ErrorKind::ToolFailed,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}

impl From<ScheduleError> for PipelineError {
    fn from(error: ScheduleError) -> Self {
        let kind = match error {
            ScheduleError::Inference(error) => return error.into(),
            ScheduleError::Busy { retry_after, .. } => {
                return Self::new(ErrorKind::Busy, error.to_string()).with_retry_after(retry_after);
            }
            ScheduleError::TooLarge(_) | ScheduleError::PinnedOut { .. } => ErrorKind::OutOfMemory,
            ScheduleError::Cancelled => ErrorKind::Cancelled,
            ScheduleError::ShuttingDown => ErrorKind::Interrupted,
            ScheduleError::InvalidConfig(_) | ScheduleError::WrongCapability { .. } => {
                ErrorKind::InvalidInput
            }
            _ => ErrorKind::ToolFailed,
        };
        Self::new(kind, error.to_string()).with_source(error)
    }
}
