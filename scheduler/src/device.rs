//! The thread that owns a device: it asks the policy what to do next and does it.
//!
//! A run yields where it calls its [`Control`](reelsmith_inference_core::Control): if the policy lets another request in
//! before its next step, whose model is loaded already, that one runs right there, on the same thread, while the first
//! stands still with all its memory. Nothing of a run has to be saved, and no engine knows of it.

use crate::policy::{Action, MOST_RUNS};
use crate::queue::Entry;
use crate::state::{Running, Shared, State};
use crate::steering::Steering;
use crate::{CancelToken, Meter, ScheduleError, Shutdown};
use reelsmith_inference_core::{Engine, ErrorKind, Footprint, InferenceError, ModelId, Resident};
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

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
    residents: Mutex<HashMap<ModelId, Resident>>,
}

impl Device {
    fn work(self) {
        let ending = Ending(Arc::clone(&self.shared));
        while self.wait() {
            self.price();
            self.decide();
        }
        let loaded: Vec<_> = self.residents().keys().cloned().collect();
        loaded.iter().for_each(|model| self.unload(model));
        drop(self.engine);
        drop(ending);
    }

    fn residents(&self) -> MutexGuard<'_, HashMap<ModelId, Resident>> {
        self.residents.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn engine(&self) -> MutexGuard<'_, Box<dyn Engine>> {
        self.engine.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a request; false once there will be none.
    fn wait(&self) -> bool {
        let mut state = self.shared.lock();
        while state.queue.is_empty() {
            if state.closing.is_some() {
                return false;
            }
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    /// Between two steps of a run: serves what is much more urgent, and tells whether there was anything.
    pub(crate) fn yield_now(&self, stop: &CancelToken) -> bool {
        let mut served = false;
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
        !state.queue.is_empty() && state.running.len() < MOST_RUNS
    }

    /// Asks what the requests need that are new or whose model has been loaded since. The engine is
    /// asked with the lock released.
    fn price(&self) {
        let stale: Vec<_> = {
            let (state, residents) = (self.shared.lock(), self.residents());
            let loaded = |entry: &&Entry| residents.contains_key(&entry.model);
            let stale = |entry: &&Entry| entry.needs.is_none() || (!entry.exact && loaded(entry));
            let asked = |entry: &Entry| (entry.id, entry.model.clone(), entry.work.request());
            state.queue.iter().filter(stale).map(asked).collect()
        };
        for (id, model, request) in stale {
            let resident = self.residents().remove(&model);
            let exact = resident.is_some();
            let needs = guarded(&model, || match &resident {
                Some(resident) => request.footprint(&model, resident),
                None => Ok(self.engine().footprint(&model)?),
            });
            if let Some(resident) = resident {
                self.residents().insert(model.clone(), resident);
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

    fn priced(&self, id: u64, model: &ModelId, needs: Footprint, exact: bool) {
        let mut state = self.shared.lock();
        if exact {
            // Where the correction does not fit, the difference counts towards the run instead, for
            // which the policy makes room.
            let _ = state.ledger.correct(model, needs.weights);
        } else {
            state.known.insert(model.clone(), needs);
        }
        if let Some(entry) = state.queue.iter_mut().find(|entry| entry.id == id) {
            (entry.needs, entry.exact) = (Some(needs), exact);
        }
    }

    /// Carries out one decision; false if there was nothing to do. It is made and its request taken under one lock, so
    /// that what it was based on still holds.
    fn decide(&self) -> bool {
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        let decision = state.decision();
        tracing::debug!(device = %shared.config.name, action = ?decision.action, reason = %decision.reason);
        match decision.action {
            // The requests that `wait` saw are gone, or one has come that is not priced yet.
            Action::Wait => return false,
            Action::Evict { model, .. } => {
                state.counters.evictions += 1;
                drop(state);
                self.unload(&model);
            }
            Action::Reject { request } => {
                let entry = state.queue.take(request).expect("the policy saw it under this lock");
                state.counters.refused_too_large += 1;
                drop(state);
                let error = shared.too_large(&entry.model, entry.needs.unwrap_or_default());
                entry.refuse(error);
            }
            Action::Load { request, .. } | Action::Run { request, .. } => {
                let mut entry = state.queue.take(request).expect("the policy saw it under this lock");
                if entry.line.stop.is_cancelled() {
                    drop(state);
                    self.answer_error(entry, InferenceError::cancelled().into());
                } else if matches!(decision.action, Action::Load { .. }) {
                    self.load(state, entry);
                } else {
                    entry.reason = Some(decision.reason);
                    self.run(state, entry);
                }
            }
        }
        true
    }

    fn load(&self, mut state: MutexGuard<'_, State>, mut entry: Entry) {
        let weights = entry.needs.unwrap_or_default().weights;
        state.ledger.load(&entry.model, weights).expect("the policy loads what is absent and fits");
        let begun = begin(&mut state, &mut entry, weights);
        drop(state);
        let control = Steering::of(&entry.line, None);
        let meter = self.meter();
        let loaded = guarded(&entry.model, || Ok(self.engine().load(&entry.model, &control)?));
        entry.took(meter.and_then(|meter| meter.read()));
        entry.loaded = true;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        end(&mut state, begun);
        match loaded {
            Ok(resident) => {
                state.counters.loads += 1;
                state.learned.loaded(&entry.model, begun.elapsed().as_secs_f64());
                self.residents().insert(entry.model.clone(), resident);
                // Decided anew: what it needs is known better now, and others may have come or gone.
                self.requeue(state, entry);
            }
            Err(error) => {
                state.ledger.remove(&entry.model).expect("it was entered above and is idle");
                drop(state);
                self.failed(entry, error);
            }
        }
    }

    fn run(&self, mut state: MutexGuard<'_, State>, mut entry: Entry) {
        let needs = entry.needs.unwrap_or_default();
        if entry.exact {
            // What did not fit when the model first said what it holds fits now that room was made.
            let _ = state.ledger.correct(&entry.model, needs.weights);
        }
        let held = state.ledger.held(&entry.model).unwrap_or(0);
        let peak = needs.total().saturating_sub(held);
        state.ledger.run(&entry.model, peak).expect("the policy runs what is loaded and fits");
        let begun = begin(&mut state, &mut entry, peak);
        drop(state);
        let resident = self.residents().remove(&entry.model);
        let mut resident = resident.expect("the ledger lists the residents of this thread");
        let meter = self.meter();
        let Entry { model, work, line, .. } = &mut entry;
        let control = Steering::of(line, Some(self));
        let performed = guarded(model, || work.perform(model, &mut resident, &control));
        let stood_still = control.stood_still();
        // What others took meanwhile cannot be told apart.
        let measured = meter.filter(|_| stood_still.is_zero()).and_then(|meter| meter.read());
        entry.took(measured);
        self.residents().insert(entry.model.clone(), resident);
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        end(&mut state, begun);
        match performed {
            Ok(()) => {
                state.counters.completed += 1;
                let seconds = (begun.elapsed().saturating_sub(stood_still)).as_secs_f64();
                state.learned.ran(&entry.model, entry.effort, seconds);
                state.learned.served(entry.started.map_or(0.0, |started| started.elapsed().as_secs_f64()));
                drop(state);
                entry.answer();
            }
            Err(error) => {
                drop(state);
                if let ScheduleError::Panicked { .. } = error {
                    self.unload(&entry.model);
                }
                self.failed(entry, error);
            }
        }
    }

    /// Measures what comes, where that is this process's own memory.
    fn meter(&self) -> Option<Meter> {
        let process = self.engine().process();
        self.shared.config.host_memory.then(|| Meter::start_of(process)).flatten()
    }

    /// Out-of-memory is tried once more with no other idle model on the device, what was lost with the engine's process
    /// once more in another one; anything else is answered.
    fn failed(&self, mut entry: Entry, error: ScheduleError) {
        let is_lost = is(&error, ErrorKind::Lost);
        let in_the_way: Vec<_> =
            self.residents().keys().filter(|model| is_lost || **model != entry.model).cloned().collect();
        if is_lost {
            self.shared.lock().counters.engine_losses += 1;
            in_the_way.iter().for_each(|model| self.unload(model));
        }
        let begins_anew = !entry.retried && !entry.line.handed_out.load(Ordering::Relaxed);
        let is_short = is(&error, ErrorKind::OutOfMemory) && !in_the_way.is_empty();
        if !begins_anew || !(is_lost || is_short) {
            return self.answer_error(entry, error);
        }
        entry.retried = true;
        if is_short {
            in_the_way.iter().for_each(|model| self.unload(model));
            let counters = &mut self.shared.lock().counters;
            counters.evictions += in_the_way.len() as u64;
            counters.memory_retries += 1;
        }
        self.requeue(self.shared.lock(), entry);
    }

    /// Puts an entry back to the front, unless nobody wants it any more.
    fn requeue(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        // A shutdown may have come while the entry was neither in the queue nor running.
        if entry.line.stop.is_cancelled() || state.closing == Some(Shutdown::Cancel) {
            drop(state);
            return self.answer_error(entry, InferenceError::cancelled().into());
        }
        state.queue.put_back(entry);
    }

    /// Answers with an error and counts it.
    fn answer_error(&self, entry: Entry, error: ScheduleError) {
        let mut state = self.shared.lock();
        let closing = state.closing == Some(Shutdown::Cancel) && !entry.line.caller.is_cancelled();
        let counters = &mut state.counters;
        let (error, counter) = match error {
            error if is(&error, ErrorKind::Cancelled) && closing => {
                (ScheduleError::ShuttingDown, &mut counters.refused_closing)
            }
            error if is(&error, ErrorKind::Cancelled) => (ScheduleError::Cancelled, &mut counters.cancelled),
            error => {
                counters.panics += u64::from(matches!(error, ScheduleError::Panicked { .. }));
                (error, &mut counters.failed)
            }
        };
        *counter += 1;
        drop(state);
        entry.refuse(error);
    }

    /// Drops a resident, and only then gives its bytes back.
    fn unload(&self, model: &ModelId) {
        let resident = self.residents().remove(model);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(resident))) {
            tracing::error!(model = %model.0, message = message(&*panic), "unloading a model panicked");
        }
        let removed = self.shared.lock().ledger.remove(model);
        removed.expect("only idle residents of this thread are unloaded");
    }
}

/// Notes that an entry has the device.
fn begin(state: &mut State, entry: &mut Entry, bytes: u64) -> Instant {
    let now = Instant::now();
    if entry.started.replace(entry.started.unwrap_or(now)).is_none() {
        state.counters.waited_seconds += (now - entry.submitted).as_secs_f64();
    }
    state.running.push(Running::new(entry, bytes));
    now
}

/// Notes that the device is free, or back with the request that stood still.
fn end(state: &mut State, begun: Instant) {
    state.ledger.idle();
    state.running.pop();
    if state.running.is_empty() {
        state.counters.busy_seconds += begun.elapsed().as_secs_f64();
    } else {
        state.counters.yields += 1;
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
