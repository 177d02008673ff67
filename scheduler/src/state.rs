//! What the device's thread and those who make requests share, behind one lock.

use crate::learned::Learned;
use crate::ledger::{Held, Ledger};
use crate::policy::{self, Decision, Patience, View, Waiting};
use crate::queue::{Entry, Line, Queue};
use crate::snapshot::{QueuedRequest, ResidentModel, RunningRequest};
use crate::work::Work;
use crate::{CancelToken, Counters, DeviceConfig, FitArithmetic, ScheduleError, Shutdown, Snapshot};
use reelsmith_inference_core::{Footprint, ModelId, Progress};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// What is assumed of the service time before the first measurement.
const UNMEASURED: Duration = Duration::from_secs(1);
/// Nobody shall ask again sooner.
const RETRY_MIN: Duration = Duration::from_millis(100);

pub(crate) struct Shared {
    pub(crate) config: DeviceConfig,
    state: Mutex<State>,
    pub(crate) wake: Condvar,
    /// True once the thread has ended.
    pub(crate) stopped: watch::Sender<bool>,
}

pub(crate) struct State {
    pub(crate) queue: Queue,
    pub(crate) ledger: Ledger,
    /// Requests that have the device, the last of which is at work; those before stand still for it.
    pub(crate) running: Vec<Running>,
    pub(crate) closing: Option<Shutdown>,
    pub(crate) counters: Counters,
    /// What models need, as the engine has said of them so far.
    pub(crate) known: HashMap<ModelId, Footprint>,
    /// How long loads and runs take.
    pub(crate) learned: Learned,
    patience: Patience,
    started: Instant,
    last_id: u64,
}

/// The request that has the device.
pub(crate) struct Running {
    id: u64,
    model: ModelId,
    bytes: u64,
    since: Instant,
    submitted: Instant,
    effort: f64,
    reason: Option<String>,
    progress: watch::Receiver<Option<Progress>>,
    stop: CancelToken,
}

impl Running {
    pub(crate) fn new(entry: &Entry, bytes: u64) -> Self {
        let progress = entry.line.progress.subscribe();
        let (model, stop) = (entry.model.clone(), entry.line.stop.clone());
        let reason = entry.reason.map(|reason| reason.to_string());
        let Entry { id, submitted, effort, .. } = *entry;
        Self { id, model, bytes, since: Instant::now(), submitted, effort, reason, progress, stop }
    }

    /// Seconds that it is expected to go on for, of `service` in all: what is done is taken from what it reports.
    fn remaining(&self, service: f64) -> f64 {
        let share = self.progress.borrow().and_then(|progress| {
            let total = progress.total.filter(|total| *total > 0)?;
            Some(1.0 - (progress.done as f64 / total as f64).min(1.0))
        });
        service * share.unwrap_or(1.0)
    }

    fn shown(&self) -> RunningRequest {
        let progress = *self.progress.borrow();
        RunningRequest {
            id: self.id,
            model: self.model.0.clone(),
            bytes: self.bytes,
            seconds: self.since.elapsed().as_secs_f64(),
            done: progress.map_or(0, |progress| progress.done),
            total: progress.and_then(|progress| progress.total),
            unit: progress.map_or("", |progress| progress.unit),
            reason: self.reason.clone(),
        }
    }
}

impl Shared {
    pub(crate) fn new(config: DeviceConfig) -> Self {
        let state = State {
            queue: Queue::new(config.queue_capacity),
            ledger: Ledger::new(config.limit()),
            running: Vec::new(),
            closing: None,
            counters: Counters::default(),
            known: HashMap::new(),
            learned: Learned::default(),
            patience: Patience::default(),
            started: Instant::now(),
            last_id: 0,
        };
        Self { config, state: Mutex::new(state), wake: Condvar::new(), stopped: watch::Sender::new(false) }
    }

    /// The lock is held for bookkeeping only, never while an engine works. Nothing foreign runs under
    /// it, so that a poisoned lock still guards a consistent state.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a request into the queue, or says why not.
    pub(crate) fn admit(&self, model: &ModelId, work: Work, line: Line) -> Result<u64, ScheduleError> {
        let mut state = self.lock();
        state.counters.submitted += 1;
        if state.closing.is_some() {
            state.counters.refused_closing += 1;
            return Err(ScheduleError::ShuttingDown);
        }
        if let Some(needed) =
            state.known.get(model).copied().filter(|needs| needs.total() > self.config.limit())
        {
            state.counters.refused_too_large += 1;
            return Err(self.too_large(model, needed));
        }
        if state.queue.is_full() {
            state.counters.refused_busy += 1;
            return Err(self.busy(&state));
        }
        state.last_id += 1;
        let id = state.last_id;
        state.note_arrival();
        state.queue.push(Entry {
            id,
            model: model.clone(),
            effort: work.request().effort(),
            reason: None,
            work,
            submitted: Instant::now(),
            started: None,
            needs: None,
            exact: false,
            loaded: false,
            measured: None,
            retried: false,
            line,
        });
        self.wake.notify_one();
        Ok(id)
    }

    fn busy(&self, state: &State) -> ScheduleError {
        let wait = state.seconds_left().or(state.learned.mean_service());
        let retry_after =
            wait.and_then(|wait| Duration::try_from_secs_f64(wait).ok()).unwrap_or(UNMEASURED).max(RETRY_MIN);
        ScheduleError::Busy { device: self.config.name.clone(), waiting: state.queue.waiting(), retry_after }
    }

    pub(crate) fn too_large(&self, model: &ModelId, needed: Footprint) -> ScheduleError {
        ScheduleError::TooLarge(FitArithmetic {
            model: model.clone(),
            device: self.config.name.clone(),
            needed,
            budget: self.config.budget_bytes,
            reserve: self.config.reserve_bytes,
        })
    }

    /// Takes a request out of the queue, if it is still there.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let mut state = self.lock();
        let withdrawn = state.queue.take(id);
        state.counters.cancelled += u64::from(withdrawn.is_some());
        withdrawn.is_some()
    }

    /// Takes no more requests. A drain may be turned into a cancel, not the other way round.
    pub(crate) fn close(&self, how: Shutdown) {
        let mut state = self.lock();
        if state.closing != Some(Shutdown::Cancel) {
            state.closing = Some(how);
        }
        if state.closing == Some(Shutdown::Cancel) {
            let given_back = state.queue.drain();
            state.counters.refused_closing += given_back.len() as u64;
            given_back.into_iter().for_each(|entry| entry.refuse(ScheduleError::ShuttingDown));
            state.running.iter().for_each(|running| running.stop.cancel());
        }
        self.wake.notify_all();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let resident = |held: Held| ResidentModel {
            active: state.ledger.active().any(|active| *active == held.model),
            model: held.model.0,
            bytes: held.bytes,
        };
        let queued = |entry: &Entry| QueuedRequest {
            id: entry.id,
            model: entry.model.0.clone(),
            seconds: entry.submitted.elapsed().as_secs_f64(),
        };
        Snapshot {
            device: self.config.name.clone(),
            budget_bytes: self.config.budget_bytes,
            reserve_bytes: self.config.reserve_bytes,
            used_bytes: state.ledger.used(),
            residents: state.ledger.residents().into_iter().map(resident).collect(),
            running: state.running.last().map(Running::shown),
            standing: state.running.iter().rev().skip(1).map(Running::shown).collect(),
            queue: state.queue.iter().map(queued).collect(),
            queue_capacity: self.config.queue_capacity,
            mean_service_seconds: state.learned.mean_service(),
            closing: state.closing.is_some(),
            counters: state.counters,
        }
    }
}

impl State {
    /// What the policy says of what waits and what the device holds.
    pub(crate) fn decision(&self) -> Decision {
        let patience = self.patience.seconds(self.clock());
        let queue: Vec<Waiting> =
            self.queue.iter().filter_map(|entry| self.waiting(entry, patience)).collect();
        policy::next(&View { queue: &queue, devices: &[self.device(patience)] })
    }

    /// A request as the policy sees it, once it is known what it needs.
    fn waiting(&self, entry: &Entry, patience: f64) -> Option<Waiting> {
        let needs = entry.needs?;
        Some(Waiting {
            id: entry.id,
            model: entry.model.clone(),
            needs,
            service: self.learned.run_seconds(&entry.model, entry.effort),
            after: 0.0,
            load: self.learned.load_seconds(&entry.model, needs.weights),
            waited: entry.submitted.elapsed().as_secs_f64(),
            patience,
            weight: 1.0,
        })
    }

    fn device(&self, patience: f64) -> policy::Device {
        let resident = |held: Held| policy::Resident {
            reload: self.learned.load_seconds(&held.model, held.bytes),
            model: held.model,
            bytes: held.bytes,
            last_used: held.last_used,
            pinned: false,
        };
        policy::Device {
            limit: self.ledger.limit(),
            used: self.ledger.used(),
            residents: self.ledger.residents().into_iter().map(resident).collect(),
            runs: self.running.iter().map(|running| self.run(running, patience)).collect(),
            loading: None,
            loaded_for: self.loaded_for(),
            loads_beside: false,
        }
    }

    /// The request that a loaded model was loaded for, the first of them if there are several.
    fn loaded_for(&self) -> Option<u64> {
        let is_held = |entry: &&Entry| entry.loaded && self.ledger.held(&entry.model).is_some();
        self.queue.iter().filter(is_held).map(|entry| entry.id).min()
    }

    fn run(&self, running: &Running, patience: f64) -> policy::Run {
        let service = self.learned.run_seconds(&running.model, running.effort);
        policy::Run {
            request: running.id,
            model: running.model.clone(),
            remaining: running.remaining(service),
            service,
            waited: (running.since - running.submitted).as_secs_f64(),
            patience,
            weight: 1.0,
        }
    }

    fn clock(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Seconds that runs are expected to go on for, those that stand still too; none without one.
    fn seconds_left(&self) -> Option<f64> {
        let left =
            |running: &Running| running.remaining(self.learned.run_seconds(&running.model, running.effort));
        (!self.running.is_empty()).then(|| self.running.iter().map(left).sum())
    }

    /// Notes how much there is to do as another request comes.
    fn note_arrival(&mut self) {
        let waiting = self.queue.iter().map(|entry| self.learned.run_seconds(&entry.model, entry.effort));
        let queued = waiting.sum::<f64>() + self.seconds_left().unwrap_or(0.0);
        self.patience.arrival(self.clock(), queued);
    }
}
