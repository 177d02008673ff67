//! The handle through which requests are made.

use crate::{CancelToken, DeviceConfig, ScheduleError, Snapshot};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::{Engine, ModelId, Progress};

/// What becomes of waiting requests at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Everything taken is served first.
    Drain,
    /// Waiting requests are answered [`ScheduleError::ShuttingDown`], the running one is cancelled.
    Cancel,
}

/// Serves requests on one device. Cloning gives another handle to the same device; when the last one
/// is dropped, it shuts down as with [`Shutdown::Cancel`].
#[derive(Clone)]
pub struct Scheduler {}

impl Scheduler {
    /// Starts the thread that owns the device and the engine.
    ///
    /// # Errors
    /// `InvalidConfig`.
    pub fn start(config: DeviceConfig, engine: Box<dyn Engine>) -> Result<Self, ScheduleError> {
        let _ = (config, engine);
        unimplemented!()
    }

    /// Speaks a text.
    ///
    /// # Errors
    /// Any.
    pub async fn speak(
        &self,
        model: &ModelId,
        request: SpeakRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Speech, ScheduleError> {
        let _ = (model, request, progress, cancel);
        unimplemented!()
    }

    /// What the device is doing.
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }

    /// Takes no more requests, ends as `how` says, and returns once the device is free.
    pub async fn shutdown(&self, how: Shutdown) {
        let _ = how;
        unimplemented!()
    }
}
