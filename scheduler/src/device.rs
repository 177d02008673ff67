//! The thread that owns a device: it asks the policy what to do next and does it.
//!
//! A run yields where it calls its [`Control`](reelsmith_inference_core::Control): if the policy lets another request in
//! before its next step, whose model is loaded already, that one runs right there, on the same thread, while the first
//! stands still with all its memory. Nothing of a run has to be saved, and no engine knows of it.

mod pricing;
mod residency;
mod running;

use crate::policy::{Action, Decision, MOST_RUNS, Reason};
use crate::state::{Shared, State};
use crate::{CancelToken, ScheduleError, Shutdown};
use reelsmith_inference_core::{Engine, ErrorKind, InferenceError, ModelId, Resident};
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A model that stays longer is looked at again.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Starts the thread.
pub(crate) fn start(shared: Arc<Shared>, engine: Box<dyn Engine>) -> Result<(), ScheduleError> {
    let name = format!("device {}", shared.config.name);
    let device = Device { shared, engine: Mutex::new(engine), residents: Mutex::new(HashMap::new()) };
    match std::thread::Builder::new().name(name.clone()).spawn(move || device.work()) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(ScheduleError::InvalidConfig(format!("could not start the thread of {name}: {error}")))
        }
    }
}

/// The locks are never contended: they are what lets a run that yields reach the rest of the device.
pub(crate) struct Device {
    shared: Arc<Shared>,
    engine: Mutex<Box<dyn Engine>>,
    /// Loaded models that nothing runs.
    residents: Mutex<HashMap<ModelId, Loaded>>,
}

/// A loaded model.
struct Loaded {
    resident: Resident,
    /// Bytes by which the process has grown in its load and its runs: what a run takes that its predecessors left behind
    /// is not seen as that run's rise.
    grown: u64,
}

impl Device {
    fn work(self) {
        let ending = Ending(Arc::clone(&self.shared));
        while self.wait() {
            self.tidy();
            self.price();
            self.decide();
        }
        let loaded: Vec<_> = self.residents().keys().cloned().collect();
        loaded.iter().for_each(|model| self.unload(model));
        drop(self.engine);
        drop(ending);
    }

    fn residents(&self) -> MutexGuard<'_, HashMap<ModelId, Loaded>> {
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> MutexGuard<'_, Box<dyn Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a request, or for a model that is to go; false once there will be none.
    fn wait(&self) -> bool {
        let mut state = self.shared.lock();
        loop {
            if !state.queue.is_empty() || !state.orders.is_empty() {
                return true;
            }
            if state.closing.is_some() {
                return false;
            }
            let wake = &self.shared.wake;
            state = match state.next_unload() {
                Some(Duration::ZERO) => return true,
                Some(left) => {
                    let woken = wake.wait_timeout(state, left.min(LONGEST_WAIT));
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
                None => wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Between two steps of a run: serves what is much more urgent, and tells whether there was anything.
    pub(crate) fn yield_now(&self, stop: &CancelToken) -> bool {
        let mut served = false;
        self.tidy();
        while !stop.is_cancelled() && self.may_yield() {
            self.price();
            if !self.decide() {
                break;
            }
            served = true;
        }
        served
    }

    fn may_yield(&self) -> bool {
        let state = self.shared.lock();
        let is_alone = state.running.iter().any(|running| running.alone);
        !state.queue.is_empty() && state.running.len() < MOST_RUNS && !is_alone
    }

    /// Carries out one decision; false if there was nothing to do. It is made and its request taken under one lock, so
    /// that what it was based on still holds.
    fn decide(&self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let late = state.late().map(|(request, needed, left)| {
            let action = Action::Reject { request };
            Decision { action, reason: Reason::TooLate { needed, left } }
        });
        let mut decision = late.unwrap_or_else(|| state.decision());
        if let Action::Load { request, .. } | Action::Run { request, .. } = decision.action
            && let Some(model) = state.in_the_way(request)
        {
            let action = Action::Evict { device: 0, model };
            decision = Decision { action, reason: Reason::MemoryRanOut };
        }
        state.note(&decision);
        tracing::debug!(device = %shared.config.name, action = ?decision.action, reason = %decision.reason);
        match decision.action {
            // The requests that `wait` saw are gone, or one has come that is not priced yet.
            Action::Wait => return false,
            Action::Evict { model, .. } => {
                state.counters.evictions += 1;
                drop(state);
                self.unload(&model);
            }
            Action::Reject { request } => self.turn_down(state, request, decision.reason),
            Action::Load { request, .. } | Action::Run { request, .. } => {
                let entry = state.queue.take(request).expect("the policy saw it under this lock");
                if entry.line.stop.is_cancelled() {
                    drop(state);
                    self.answer_error(entry, InferenceError::cancelled().into());
                } else if matches!(decision.action, Action::Load { .. }) {
                    self.load(state, entry);
                } else {
                    self.run(state, entry);
                }
            }
        }
        true
    }

    /// Refuses a request that cannot be served.
    fn turn_down(&self, mut state: MutexGuard<'_, State>, request: u64, reason: Reason) {
        let entry = state.queue.take(request).expect("it was found under this lock");
        let (model, device) = (entry.model.clone(), self.shared.config.name.clone());
        let (counter, error) = match reason {
            Reason::TooLate { .. } => {
                let error = state.too_late(&model, entry.effort, &entry.asked);
                (&mut state.counters.refused_late, error)
            }
            Reason::PinnedOut { needed, pinned, limit } => {
                let error = ScheduleError::PinnedOut { model, device, needed, pinned, limit };
                (&mut state.counters.refused_too_large, error)
            }
            _ => {
                let needed = state.reckoned(&model, entry.needs.unwrap_or_default());
                (&mut state.counters.refused_too_large, self.shared.too_large(&model, needed))
            }
        };
        *counter += 1;
        drop(state);
        entry.refuse(error);
    }
}

/// Calls into the engine. After a panic the resident is dropped, and an engine keeps nothing between
/// calls but its residents, so going on is safe.
fn guarded<T>(model: &ModelId, call: impl FnOnce() -> Result<T, ScheduleError>) -> Result<T, ScheduleError> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|panic| {
        Err(ScheduleError::Panicked { model: model.0.clone(), message: message(&*panic) })
    })
}

fn is(error: &ScheduleError, kind: ErrorKind) -> bool {
    matches!(error, ScheduleError::Inference(error) if error.kind() == kind)
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".into())
}

/// Whatever ends the thread, nobody is left waiting for it.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.close(Shutdown::Cancel);
        self.0.stopped.send_replace(true);
    }
}
