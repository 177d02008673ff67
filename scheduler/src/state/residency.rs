//! How long models stay: by what requests and people wish, and by what is set for the device.

use super::{Shared, State};
use crate::{KeepAlive, ScheduleError};
use reelsmith_inference_core::ModelId;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Models of which wishes are kept, and unloads that may wait.
const MOST_WISHES: usize = 256;

/// What a loaded model is told by those who use it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stay {
    /// When it was last used.
    since: Instant,
    /// What the last request wished that wished anything.
    keep: KeepAlive,
}

/// What is wished of a model, loaded or not.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Wish {
    pub(crate) pinned: bool,
    pub(crate) keep: KeepAlive,
}

/// A model that is to be unloaded, and the way to who said so.
pub(crate) struct Order {
    pub(crate) model: ModelId,
    pub(crate) done: oneshot::Sender<Result<bool, ScheduleError>>,
}

impl State {
    pub(crate) fn is_pinned(&self, model: &ModelId) -> bool {
        self.wishes.get(model).is_some_and(|wish| wish.pinned)
    }

    /// Bytes of pinned models other than this one.
    pub(super) fn pinned_beside(&self, model: &ModelId) -> u64 {
        let pinned = self.wishes.iter().filter(|(other, wish)| wish.pinned && *other != model);
        pinned.filter_map(|(other, _)| self.ledger.held(other)).sum()
    }

    /// A model was used just now, or loaded, by a request with this wish.
    pub(crate) fn used(&mut self, model: &ModelId, keep: KeepAlive) {
        let since = Instant::now();
        let stay = self.stays.entry(model.clone()).or_insert(Stay { since, keep });
        stay.since = since;
        if keep != KeepAlive::AsSet {
            stay.keep = keep;
        }
    }

    /// A model is gone.
    pub(crate) fn gone(&mut self, model: &ModelId) {
        self.stays.remove(model);
    }

    /// Seconds since a model was used.
    pub(super) fn idle_seconds(&self, model: &ModelId) -> Option<f64> {
        Some(self.stays.get(model)?.since.elapsed().as_secs_f64())
    }

    /// After what time an idle model is to go for which nobody waits; none where it stays.
    pub(super) fn unloads_in(&self, model: &ModelId) -> Option<Duration> {
        if !self.may_go(model) || self.queue.iter().any(|entry| entry.model == *model) {
            return None;
        }
        let stay = self.stays.get(model)?;
        let set = self.wishes.get(model).map_or(KeepAlive::AsSet, |wish| wish.keep).or(self.keep_alive);
        Some(stay.keep.or(set)?.saturating_sub(stay.since.elapsed()))
    }

    /// When the first of the models is to go.
    pub(crate) fn next_unload(&self) -> Option<Duration> {
        self.stays.keys().filter_map(|model| self.unloads_in(model)).min()
    }

    /// A model that is to go now, and for how long it was idle.
    pub(crate) fn outstayed(&self) -> Option<(ModelId, f64)> {
        let model = self.stays.keys().find(|model| self.unloads_in(model) == Some(Duration::ZERO))?;
        Some((model.clone(), self.idle_seconds(model)?))
    }
}

impl Shared {
    /// Changes what is wished of a model.
    pub(crate) fn wish(&self, model: &ModelId, change: impl FnOnce(&mut Wish)) -> Result<(), ScheduleError> {
        let mut state = self.lock();
        let mut wish = state.wishes.get(model).copied().unwrap_or_default();
        change(&mut wish);
        if wish == Wish::default() {
            state.wishes.remove(model);
        } else if state.wishes.len() < MOST_WISHES || state.wishes.contains_key(model) {
            state.wishes.insert(model.clone(), wish);
        } else {
            let why = format!("{MOST_WISHES} models are pinned or kept already; let one of them go first");
            return Err(ScheduleError::InvalidConfig(why));
        }
        self.wake.notify_all();
        Ok(())
    }

    /// Has the device's thread unload a model.
    pub(crate) fn order_unload(
        &self,
        model: &ModelId,
    ) -> Result<oneshot::Receiver<Result<bool, ScheduleError>>, ScheduleError> {
        let mut state = self.lock();
        if state.closing.is_some() {
            return Err(ScheduleError::ShuttingDown);
        }
        if state.ledger.active().any(|active| active == model) {
            return Err(ScheduleError::InUse { model: model.clone() });
        }
        if state.orders.len() >= MOST_WISHES {
            return Err(self.busy(&state, state.orders.len()));
        }
        let (done, answered) = oneshot::channel();
        state.orders.push_back(Order { model: model.clone(), done });
        self.wake.notify_all();
        Ok(answered)
    }
}
