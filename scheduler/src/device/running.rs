//! Loads and runs, and what becomes of those that fail.

use super::{Device, Loaded, guarded, is};
use crate::queue::Entry;
use crate::state::{Running, State};
use crate::steering::Steering;
use crate::{Meter, ScheduleError, Shutdown};
use reelsmith_inference_core::{ErrorKind, InferenceError};
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};
use std::time::Instant;

impl Device {
    pub(super) fn load(&self, mut state: MutexGuard<'_, State>, mut entry: Entry) {
        let weights = entry.needs.unwrap_or_default().weights;
        state.ledger.load(&entry.model, weights).expect("the policy loads what is absent and fits");
        let begun = begin(&mut state, &mut entry, weights);
        drop(state);
        let control = Steering::of(&entry.line, None);
        let meter = self.meter();
        let loaded = guarded(&entry.model, || Ok(self.engine().load(&entry.model, &control)?));
        entry.took(meter.as_ref().and_then(Meter::read));
        entry.loaded = true;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        end(&mut state, begun);
        match loaded {
            Ok(resident) => {
                state.counters.loads += 1;
                let seconds = begun.elapsed().as_secs_f64();
                state.learned.loaded(&entry.model, seconds);
                charge(&mut state, &entry, seconds);
                state.used(&entry.model, entry.asked.keep_alive);
                let grown = meter.and_then(|meter| meter.grown()).map_or(0, |by| by.max(0).unsigned_abs());
                self.residents().insert(entry.model.clone(), Loaded { resident, grown });
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

    pub(super) fn run(&self, mut state: MutexGuard<'_, State>, mut entry: Entry) {
        let stated = entry.needs.unwrap_or_default();
        let needs = state.reckoned(&entry.model, stated);
        if entry.exact {
            // What did not fit when the model first said what it holds fits now that room was made.
            let _ = state.ledger.correct(&entry.model, needs.weights);
        }
        let held = state.ledger.held(&entry.model).unwrap_or(0);
        let peak = needs.total().saturating_sub(held);
        state.ledger.run(&entry.model, peak).expect("the policy runs what is loaded and fits");
        let begun = begin(&mut state, &mut entry, peak);
        drop(state);
        let loaded = self.residents().remove(&entry.model);
        let mut loaded = loaded.expect("the ledger lists the residents of this thread");
        let meter = self.meter();
        let Entry { model, work, line, .. } = &mut entry;
        let control = Steering::of(line, Some(self));
        let performed = guarded(model, || work.perform(model, &mut loaded.resident, &control));
        let stood_still = control.stood_still();
        // What others took meanwhile cannot be told apart.
        let meter = meter.filter(|_| stood_still.is_zero());
        let measured = meter.as_ref().and_then(Meter::read);
        entry.took(measured);
        // Where the model says more of its weights than it holds, the rest is there already.
        let peak = measured.map(|it| (loaded.grown + it.rise()).saturating_sub(stated.weights));
        let grown = meter.and_then(|meter| meter.grown()).unwrap_or(0);
        loaded.grown = loaded.grown.saturating_add_signed(grown);
        self.residents().insert(entry.model.clone(), loaded);
        let shared = Arc::clone(&self.shared);
        let mut state = shared.lock();
        end(&mut state, begun);
        let seconds = (begun.elapsed().saturating_sub(stood_still)).as_secs_f64();
        charge(&mut state, &entry, seconds);
        state.used(&entry.model, entry.asked.keep_alive);
        match performed {
            Ok(()) => {
                state.counters.completed += 1;
                state.learned.ran(&entry.model, entry.effort, seconds);
                state.learned.served(entry.started.map_or(0.0, |started| started.elapsed().as_secs_f64()));
                match peak {
                    Some(peak) => state.learned.peaked(&entry.model, stated.peak_activation, peak),
                    None => state.learned.went_well(&entry.model, stated.peak_activation),
                }
                drop(state);
                entry.answer();
            }
            Err(error) => {
                if is(&error, ErrorKind::OutOfMemory) && !entry.alone {
                    let there = state.ledger.free();
                    state.learned.fell_short(&entry.model, stated.peak_activation, there);
                }
                drop(state);
                if let ScheduleError::Panicked { .. } = error {
                    self.unload(&entry.model);
                }
                self.failed(entry, error);
            }
        }
    }

    /// Measures what comes, where that is the memory of the engine's process.
    fn meter(&self) -> Option<Meter> {
        let process = self.engine().process();
        self.shared.config.host_memory.then(|| Meter::start_of(process)).flatten()
    }

    /// Out-of-memory is tried once more, alone: once nothing stands still and every other idle model has gone. So is what
    /// was lost with the engine's process. Anything else is answered.
    pub(super) fn failed(&self, mut entry: Entry, error: ScheduleError) {
        if is(&error, ErrorKind::Lost) {
            return self.lost(entry, error);
        }
        let mut state = self.shared.lock();
        let others = state.ledger.residents().into_iter().map(|held| held.model);
        let mut others = others.filter(|model| *model != entry.model);
        let may_help = !state.running.is_empty() || others.any(|model| state.may_go(&model));
        let begins_anew = !entry.alone && !entry.line.handed_out.load(Ordering::Relaxed);
        if !is(&error, ErrorKind::OutOfMemory) || !begins_anew || !may_help {
            drop(state);
            return self.answer_error(entry, error);
        }
        entry.alone = true;
        state.counters.memory_retries += 1;
        self.requeue(state, entry);
    }

    /// Takes everything off the books that went with the engine's process. What stands still notices when it goes on.
    fn lost(&self, mut entry: Entry, error: ScheduleError) {
        let gone: Vec<_> = self.residents().keys().cloned().collect();
        gone.iter().for_each(|model| self.unload(model));
        let mut state = self.shared.lock();
        state.counters.engine_losses += 1;
        if entry.lost || entry.line.handed_out.load(Ordering::Relaxed) {
            drop(state);
            return self.answer_error(entry, error);
        }
        // What its model said of it was said by a process that is gone.
        (entry.lost, entry.needs, entry.exact) = (true, None, false);
        self.requeue(state, entry);
    }

    /// Puts an entry back to its place in the queue, unless nobody wants it any more.
    fn requeue(&self, mut state: MutexGuard<'_, State>, entry: Entry) {
        // A shutdown may have come while the entry was neither in the queue nor running.
        if entry.line.stop.is_cancelled() || state.closing == Some(Shutdown::Cancel) {
            drop(state);
            return self.answer_error(entry, InferenceError::cancelled().into());
        }
        state.queue.put_back(entry);
    }

    /// Answers with an error and counts it.
    pub(super) fn answer_error(&self, entry: Entry, error: ScheduleError) {
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

/// Counts the device's time for who had it.
fn charge(state: &mut State, entry: &Entry, seconds: f64) {
    let now = state.clock();
    state.shares.used(entry.asked.tenant(), entry.asked.share(), seconds, now);
}
