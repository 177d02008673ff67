//! What the decision is made from, and what it says.

use reelsmith_inference_core::{Footprint, ModelId};
use std::fmt;

/// Everything that a decision depends on.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Requests that wait, in order of arrival.
    pub queue: &'a [Waiting],
    /// The devices.
    pub devices: &'a [Device],
}

/// A waiting request, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Waiting {
    /// Number of the request, in order of arrival.
    pub id: u64,
    /// The model it asks for.
    pub model: ModelId,
    /// Bytes it needs: the model's weights and the run's peak.
    pub needs: Footprint,
    /// Seconds that its run is expected to take.
    pub service: f64,
    /// Seconds that what comes after it is expected to take, where it is a step of something larger.
    pub after: f64,
    /// Seconds that loading its model takes, from where the model is now.
    pub load: f64,
    /// Seconds since it came.
    pub waited: f64,
    /// Seconds of waiting after which it goes before all that have not waited as long.
    pub patience: f64,
    /// How much it counts: above 0, 1 for most. Twice the weight is as if it took half the time.
    pub weight: f64,
}

/// A loaded model, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resident {
    /// Its catalogue id.
    pub model: ModelId,
    /// Bytes it holds.
    pub bytes: u64,
    /// Turn of the device's clock at which it was last used; larger is more recent.
    pub last_used: u64,
    /// Seconds that it would take to have it back.
    pub reload: f64,
    /// It stays, whatever comes.
    pub pinned: bool,
}

/// A request that has the device, or stood still for one that has it now.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// Which request.
    pub request: u64,
    /// Its model.
    pub model: ModelId,
    /// Seconds that the rest is expected to take, and what comes after it.
    pub remaining: f64,
    /// Seconds that the whole is expected to take.
    pub service: f64,
    /// Seconds that it waited before it began.
    pub waited: f64,
    /// As [`Waiting::patience`].
    pub patience: f64,
    /// As [`Waiting::weight`].
    pub weight: f64,
}

/// A device, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// Bytes that may be given out.
    pub limit: u64,
    /// Bytes given out: the residents, a model being loaded, and what runs need beyond.
    pub used: u64,
    /// Loaded models.
    pub residents: Vec<Resident>,
    /// Runs, the last of which computes; those before stand still for it.
    pub runs: Vec<Run>,
    /// The model being loaded.
    pub loading: Option<ModelId>,
    /// The request that a loaded model was loaded for, while it waits; none where it was loaded beside a run, which
    /// kept nobody waiting.
    pub loaded_for: Option<u64>,
    /// It can load a model while it computes.
    pub loads_beside: bool,
}

impl Device {
    /// Bytes that may still be given out.
    pub(super) fn free(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    pub(super) fn resident(&self, model: &ModelId) -> Option<&Resident> {
        self.residents.iter().find(|resident| resident.model == *model)
    }

    /// Bytes beyond those given out that a request needs; to have its model loaded only, if `ahead`.
    pub(super) fn missing(&self, waiting: &Waiting, ahead: bool) -> u64 {
        let held = self.resident(&waiting.model).map_or(0, |resident| resident.bytes);
        let needed = if ahead { waiting.needs.weights } else { waiting.needs.total() };
        needed.saturating_sub(held)
    }

    /// Bytes of models pinned there other than the request's own.
    pub(super) fn pinned_beside(&self, waiting: &Waiting) -> u64 {
        let beside = |resident: &&Resident| resident.pinned && resident.model != waiting.model;
        self.residents.iter().filter(beside).map(|resident| resident.bytes).sum()
    }

    /// A request that is next because its model was loaded for it.
    pub(super) fn is_promised(&self, waiting: &Waiting) -> bool {
        self.loaded_for == Some(waiting.id) && self.runs.is_empty() && self.resident(&waiting.model).is_some()
    }

    /// A resident that nothing runs and that may go.
    pub(super) fn is_idle(&self, resident: &Resident) -> bool {
        !resident.pinned && self.runs.iter().all(|run| run.model != resident.model)
    }
}

/// One effect on one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Nothing can be done until something changes.
    Wait,
    /// Tell the request that it can never be served.
    Reject {
        /// Which request.
        request: u64,
    },
    /// Unload a model.
    Evict {
        /// Index of the device.
        device: usize,
        /// The model to unload.
        model: ModelId,
    },
    /// Load the model of a request.
    Load {
        /// Index of the device.
        device: usize,
        /// The request for which it is loaded.
        request: u64,
    },
    /// Run a request; its model is loaded, and there is room. A run that has the device stands still meanwhile.
    Run {
        /// Index of the device.
        device: usize,
        /// Which request.
        request: u64,
    },
}

/// Why an action was chosen. Sizes in bytes, times and scores in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reason {
    /// The queue is empty.
    NothingWaits,
    /// Nothing that waits can be begun, nor is urgent enough to go between.
    DevicesBusy,
    /// The request needs more than any device has.
    NeverFits {
        /// What it needs.
        needed: u64,
        /// What the largest device may give out.
        largest: u64,
    },
    /// The request would fit, but for models that are pinned.
    PinnedOut {
        /// What it needs.
        needed: u64,
        /// What they hold.
        pinned: u64,
        /// What the device may give out.
        limit: u64,
    },
    /// The answer would come too late.
    TooLate {
        /// Seconds that loading and running are expected to take.
        needed: f64,
        /// Seconds that are left.
        left: f64,
    },
    /// The model was idle for as long as it was to stay.
    KeptLongEnough {
        /// Seconds.
        idle: f64,
    },
    /// Somebody said so.
    Wished,
    /// A run met out-of-memory, and is tried once more with nothing else there.
    MemoryRanOut,
    /// The request needs more than is free, and the return of this model would cost least for its bytes.
    MakeRoom {
        /// What the request needs beyond what its model holds.
        missing: u64,
        /// What is free.
        free: u64,
    },
    /// The model of the request that is next is not loaded, and there is room for it and for the run.
    NotLoaded {
        /// What loading is expected to take.
        seconds: f64,
    },
    /// Its model was loaded for it: what has come since waits for one run, or for the first step of it.
    LoadedForIt,
    /// The model of the request that is next is loaded while another runs.
    LoadAhead {
        /// What loading is expected to take.
        seconds: f64,
    },
    /// The least is left to do for it, its age counted in.
    Shortest {
        /// What its run is expected to take.
        seconds: f64,
        /// Its score.
        score: f64,
    },
    /// It has waited as long as anybody may.
    WaitedLong {
        /// How long it has waited.
        waited: f64,
        /// After how long it goes first.
        patience: f64,
    },
    /// Much less is left to do for it than for the request that runs.
    MoreUrgent {
        /// Its score.
        score: f64,
        /// That of the request that runs.
        running: f64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingWaits => f.write_str("nothing waits"),
            Self::DevicesBusy => f.write_str("every suitable device is at work"),
            Self::NeverFits { needed, largest } => {
                write!(f, "needs {needed} bytes; no device has more than {largest}")
            }
            Self::PinnedOut { needed, pinned, limit } => {
                write!(f, "needs {needed} bytes; of {limit}, {pinned} are pinned")
            }
            Self::TooLate { needed, left } => {
                write!(f, "takes {needed:.2} s, and {left:.2} are left until its deadline")
            }
            Self::KeptLongEnough { idle } => write!(f, "idle for {idle:.1} s, as long as it was to stay"),
            Self::Wished => f.write_str("somebody wished so"),
            Self::MemoryRanOut => f.write_str("memory ran out in a run that is tried once more alone"),
            Self::MakeRoom { missing, free } => write!(f, "{missing} bytes are missing, {free} are free"),
            Self::NotLoaded { seconds } => write!(f, "the model is not loaded, which takes {seconds:.2} s"),
            Self::LoadedForIt => f.write_str("the model was loaded for it"),
            Self::LoadAhead { seconds } => {
                write!(f, "it is next, and its model is loaded meanwhile, which takes {seconds:.2} s")
            }
            Self::Shortest { seconds, score } => {
                write!(f, "the shortest: {seconds:.2} s, with its age and loading {score:.2}")
            }
            Self::WaitedLong { waited, patience } => {
                write!(f, "it has waited {waited:.1} s, and {patience:.1} is the most")
            }
            Self::MoreUrgent { score, running } => {
                write!(f, "much more urgent than what runs: {score:.2} against {running:.2}")
            }
        }
    }
}

/// What to do next, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The effect to carry out, after which the function is asked again.
    pub action: Action,
    /// Why this one.
    pub reason: Reason,
}

impl Decision {
    pub(super) fn new(action: Action, reason: Reason) -> Self {
        Self { action, reason }
    }

    pub(super) fn wait(reason: Reason) -> Self {
        Self::new(Action::Wait, reason)
    }
}
