//! Unloading: to make room, because somebody said so, because a model was idle for long enough.

use super::{Device, message};
use crate::ScheduleError;
use crate::policy::Reason;
use reelsmith_inference_core::ModelId;
use std::panic::{AssertUnwindSafe, catch_unwind};

impl Device {
    /// Unloads what somebody wants unloaded, and what was idle for as long as it was to stay.
    pub(super) fn tidy(&self) {
        loop {
            let mut state = self.shared.lock();
            if let Some(order) = state.orders.pop_front() {
                let is_active = state.ledger.active().any(|active| *active == order.model);
                let is_loaded = state.ledger.held(&order.model).is_some();
                let done = if is_active {
                    Err(ScheduleError::InUse { model: order.model.clone() })
                } else {
                    Ok(is_loaded)
                };
                if matches!(done, Ok(true)) {
                    state.counters.unloads += 1;
                    state.note_unload(&order.model, Reason::Wished);
                    drop(state);
                    self.unload(&order.model);
                }
                // Nobody may be listening any more.
                let _ = order.done.send(done);
            } else if let Some((model, idle)) = state.outstayed() {
                state.counters.unloads += 1;
                state.note_unload(&model, Reason::KeptLongEnough { idle });
                drop(state);
                self.unload(&model);
            } else {
                return;
            }
        }
    }

    /// Drops a resident, and only then gives its bytes back.
    pub(super) fn unload(&self, model: &ModelId) {
        let resident = self.residents().remove(model);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(resident))) {
            tracing::error!(model = %model.0, message = message(&*panic), "unloading a model panicked");
        }
        let mut state = self.shared.lock();
        state.gone(model);
        state.ledger.remove(model).expect("only idle residents of this thread are unloaded");
    }
}
