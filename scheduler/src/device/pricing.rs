//! What requests need, as the engine or their loaded model says.

use super::{Device, guarded};
use crate::ScheduleError;
use crate::queue::Entry;
use reelsmith_inference_core::{Footprint, ModelId};

impl Device {
    /// Asks what the requests need that are new or whose model has been loaded since. The engine is
    /// asked with the lock released.
    pub(super) fn price(&self) {
        while let Some(entry) = self.preloaded() {
            entry.answer();
        }
        let stale: Vec<_> = {
            let (state, residents) = (self.shared.lock(), self.residents());
            let loaded = |entry: &&Entry| residents.contains_key(&entry.model);
            let stale = |entry: &&Entry| entry.needs.is_none() || (!entry.exact && loaded(entry));
            let asked = |entry: &Entry| (entry.id, entry.model.clone(), entry.work.request());
            state.queue.iter().filter(stale).map(asked).collect()
        };
        for (id, model, request) in stale {
            let loaded = self.residents().remove(&model);
            let exact = loaded.is_some();
            let needs = guarded(&model, || match &loaded {
                Some(loaded) => request.footprint(&model, &loaded.resident),
                None => Ok(self.engine().footprint(&model)?),
            });
            if let Some(loaded) = loaded {
                self.residents().insert(model.clone(), loaded);
            }
            match needs {
                Ok(needs) => self.priced(id, &model, needs, exact),
                Err(error) => {
                    if exact && matches!(error, ScheduleError::Panicked { .. }) {
                        self.unload(&model);
                    }
                    let entry = self.shared.lock().queue.take(id);
                    if let Some(entry) = entry {
                        self.failed(entry, error);
                    }
                    return; // What else was stale may have changed with the unloading.
                }
            }
        }
    }

    /// Takes out a request to have a model loaded that is.
    fn preloaded(&self) -> Option<Entry> {
        let mut state = self.shared.lock();
        let is_there = |entry: &&Entry| entry.work.is_preload() && state.ledger.held(&entry.model).is_some();
        let id = state.queue.iter().find(is_there)?.id;
        let entry = state.queue.take(id)?;
        state.used(&entry.model, entry.asked.keep_alive);
        state.counters.completed += 1;
        Some(entry)
    }

    fn priced(&self, id: u64, model: &ModelId, needs: Footprint, exact: bool) {
        let mut state = self.shared.lock();
        if exact {
            // Where the correction does not fit, the difference counts towards the run instead, for
            // which the policy makes room.
            let _ = state.ledger.correct(model, needs.weights);
        } else {
            *state.known.change(model) = needs;
        }
        if let Some(entry) = state.queue.iter_mut().find(|entry| entry.id == id) {
            (entry.needs, entry.exact) = (Some(needs), exact);
        }
    }
}
