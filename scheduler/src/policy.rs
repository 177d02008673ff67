//! What to do next, as a pure function of what waits and what the devices hold. Effects are elsewhere
//! ([`crate::Scheduler`] has a thread for them; a simulator may replay traces through the same function).
//!
//! The order is first come, first served; to make room, the idle model that was used least recently
//! goes first. A model that is being loaded or run is never asked to go.

use reelsmith_inference_core::{Footprint, ModelId};
use std::fmt;

/// A waiting request, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Number of the request, in order of arrival.
    pub id: u64,
    /// The model it asks for.
    pub model: ModelId,
    /// Bytes it needs: the model's weights and the run's peak.
    pub needs: Footprint,
}

/// A loaded model, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resident {
    /// Its catalogue id.
    pub model: ModelId,
    /// Bytes it holds.
    pub bytes: u64,
    /// Turn of the device's clock at which it was last used; larger is more recent.
    pub last_used: u64,
}

/// A device, as far as the decision depends on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Bytes that may be given out.
    pub limit: u64,
    /// Bytes given out: the residents and the run.
    pub used: u64,
    /// Loaded models.
    pub residents: Vec<Resident>,
    /// The model being loaded or run; a device with one is busy.
    pub active: Option<ModelId>,
}

impl Device {
    fn free(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    fn resident(&self, model: &ModelId) -> Option<&Resident> {
        self.residents.iter().find(|resident| resident.model == *model)
    }

    /// Bytes beyond those given out that a run needs.
    fn missing(&self, waiting: &Waiting) -> u64 {
        let held = self.resident(&waiting.model).map_or(0, |resident| resident.bytes);
        waiting.needs.total().saturating_sub(held)
    }

    /// The idle resident used least recently, other than `model`.
    fn least_recent_but(&self, model: &ModelId) -> Option<&Resident> {
        let idle =
            |resident: &&Resident| resident.model != *model && self.active.as_ref() != Some(&resident.model);
        self.residents.iter().filter(idle).min_by_key(|resident| resident.last_used)
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
    /// Run a request; its model is loaded, and there is room.
    Run {
        /// Index of the device.
        device: usize,
        /// Which request.
        request: u64,
    },
}

/// Why an action was chosen. Sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The queue is empty.
    NothingWaits,
    /// Every device on which the first request fits is at work.
    DevicesBusy,
    /// The request needs more than any device has.
    NeverFits {
        /// What it needs.
        needed: u64,
        /// What the largest device may give out.
        largest: u64,
    },
    /// The first request needs more than is free, and this model was used least recently.
    MakeRoom {
        /// What the request needs beyond what its model holds.
        missing: u64,
        /// What is free.
        free: u64,
    },
    /// The model of the first request is not loaded, and there is room for it and for the run.
    NotLoaded,
    /// It is the first request's turn.
    FirstCome,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NothingWaits => f.write_str("nothing waits"),
            Self::DevicesBusy => f.write_str("every suitable device is at work"),
            Self::NeverFits { needed, largest } => {
                write!(f, "needs {needed} bytes; no device has more than {largest}")
            }
            Self::MakeRoom { missing, free } => write!(f, "{missing} bytes are missing, {free} are free"),
            Self::NotLoaded => f.write_str("the model is not loaded"),
            Self::FirstCome => f.write_str("first come, first served"),
        }
    }
}

/// What to do next, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The effect to carry out, after which the function is asked again.
    pub action: Action,
    /// Why this one.
    pub reason: Reason,
}

impl Decision {
    fn new(action: Action, reason: Reason) -> Self {
        Self { action, reason }
    }
}

/// Decides what to do next. `queue` is in order of arrival.
///
/// Asked again after each effect, it comes to a `Run`, `Reject` or `Wait` after at most one `Evict`
/// per resident and one `Load`.
pub fn next(queue: &[Waiting], devices: &[Device]) -> Decision {
    if let Some(decision) = queue.iter().find_map(|waiting| reject(waiting, devices)) {
        return decision;
    }
    let Some(first) = queue.first() else {
        return Decision::new(Action::Wait, Reason::NothingWaits);
    };
    match place(first, devices) {
        Some(index) => advance(first, index, &devices[index]),
        None => Decision::new(Action::Wait, Reason::DevicesBusy),
    }
}

/// Refuses a request that would not fit even on an empty device.
fn reject(waiting: &Waiting, devices: &[Device]) -> Option<Decision> {
    let needed = waiting.needs.total();
    let largest = devices.iter().map(|device| device.limit).max().unwrap_or(0);
    let reason = Reason::NeverFits { needed, largest };
    (needed > largest).then(|| Decision::new(Action::Reject { request: waiting.id }, reason))
}

/// The device for a request: of the idle ones that are large enough, one that holds its model, else
/// the one with the most room.
fn place(waiting: &Waiting, devices: &[Device]) -> Option<usize> {
    let suitable = |device: &Device| device.active.is_none() && waiting.needs.total() <= device.limit;
    let idle = devices.iter().enumerate().filter(|(_, device)| suitable(device));
    idle.max_by_key(|(_, device)| (device.resident(&waiting.model).is_some(), device.free()))
        .map(|(index, _)| index)
}

/// The next effect on `device` towards running `first`.
fn advance(first: &Waiting, index: usize, device: &Device) -> Decision {
    let (missing, free) = (device.missing(first), device.free());
    if missing > free {
        let evicted = device.least_recent_but(&first.model);
        // It fits on the empty device, so if room is missing, others hold it.
        let model = evicted.expect("others hold what is missing").model.clone();
        return Decision::new(Action::Evict { device: index, model }, Reason::MakeRoom { missing, free });
    }
    match device.resident(&first.model) {
        Some(_) => Decision::new(Action::Run { device: index, request: first.id }, Reason::FirstCome),
        None => Decision::new(Action::Load { device: index, request: first.id }, Reason::NotLoaded),
    }
}
