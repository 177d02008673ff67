//! Why a request was not served.

use crate::bytes::Human;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::{Footprint, InferenceError, ModelId};
use std::fmt;
use std::time::Duration;

/// Why a request was not served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// As many requests wait as may.
    #[error("{waiting} requests are waiting for {device}, as many as may; try again in {} s", retry_after.as_secs_f64().ceil())]
    Busy {
        /// The device.
        device: String,
        /// How many wait.
        waiting: usize,
        /// When all that is before it is likely to be done: the rest of what runs, and what waits with its loads.
        retry_after: Duration,
    },
    /// The request would not fit even on the empty device.
    #[error("{0}")]
    TooLarge(FitArithmetic),
    /// The request would fit, but for models that are pinned.
    #[error("{model} needs {} on {device}, where {} of {} are pinned; unpin a model or use a smaller one", Human(*needed), Human(*pinned), Human(*limit))]
    PinnedOut {
        /// The model asked for.
        model: ModelId,
        /// The device.
        device: String,
        /// Bytes that the request needs.
        needed: u64,
        /// Bytes of pinned models.
        pinned: u64,
        /// Bytes that may be given out.
        limit: u64,
    },
    /// Its deadline cannot be met any more; it was not begun.
    #[error("{model} cannot answer within {:.1} s any more: it takes about {:.1} s once it begins; give it more time", deadline.as_secs_f64(), needed.as_secs_f64())]
    Late {
        /// The model asked for.
        model: ModelId,
        /// What it was given.
        deadline: Duration,
        /// What loading and running are expected to take, as far as they were measured.
        needed: Duration,
    },
    /// The model runs, and so cannot be unloaded.
    #[error("{model} is at work; unload it once it is idle, or cancel what it does")]
    InUse {
        /// The model.
        model: ModelId,
    },
    /// The model can do something else than what it was asked for.
    #[error("{model} is a model for {able}, not for {asked}; `reelsmith models list` shows what each can do")]
    WrongCapability {
        /// The model asked.
        model: ModelId,
        /// What the request needs.
        asked: Capability,
        /// What the model can do.
        able: Capability,
    },
    /// It was cancelled, before its start or while it ran.
    #[error("cancelled")]
    Cancelled,
    /// The scheduler takes no more requests, or was shut down before this one ran.
    #[error("the service is shutting down; submit the request again once it is back")]
    ShuttingDown,
    /// The engine panicked. Its model was dropped; other requests go on.
    #[error("{model} failed with a bug in the engine: {message}; the model was unloaded, please report this")]
    Panicked {
        /// The model that was being loaded or run.
        model: String,
        /// The panic's message.
        message: String,
    },
    /// The engine answered with an error.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A setting that cannot work.
    #[error("{0}")]
    InvalidConfig(String),
}

/// Why a request does not fit, in numbers. All in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FitArithmetic {
    /// The model asked for.
    pub model: ModelId,
    /// The device.
    pub device: String,
    /// What the request needs.
    pub needed: Footprint,
    /// What the device was given.
    pub budget: u64,
    /// What of it is never given out.
    pub reserve: u64,
}

impl fmt::Display for FitArithmetic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.budget.saturating_sub(self.reserve);
        write!(
            f,
            "{} does not fit on {}: weights {} + peak {} = {} > budget {} - reserve {} = {} \
             ({} + {} = {} > {} - {} = {} bytes); use a smaller model or request, or raise the device's budget",
            self.model.0,
            self.device,
            Human(self.needed.weights),
            Human(self.needed.peak_activation),
            Human(self.needed.total()),
            Human(self.budget),
            Human(self.reserve),
            Human(limit),
            self.needed.weights,
            self.needed.peak_activation,
            self.needed.total(),
            self.budget,
            self.reserve,
            limit,
        )
    }
}
