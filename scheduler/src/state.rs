//! What the device's thread and those who make requests share, behind one lock.

use crate::ledger::Ledger;
use crate::queue::{Entry, Line, Queue};
use crate::snapshot::{QueuedRequest, ResidentModel, RunningRequest};
use crate::work::Work;
use crate::{CancelToken, Counters, DeviceConfig, FitArithmetic, ScheduleError, Shutdown, Snapshot};
use reelsmith_inference_core::{Footprint, ModelId, Progress};
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Weight of the newest measurement in the mean service time: about the last ten requests count.
const MEAN_WEIGHT: f64 = 0.2;
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
    pub(crate) running: Option<Running>,
    pub(crate) closing: Option<Shutdown>,
    pub(crate) counters: Counters,
    /// What models need, as the engine has said of them so far.
    pub(crate) known: HashMap<ModelId, Footprint>,
    mean_service: Option<f64>,
    last_id: u64,
}

/// The request that has the device.
pub(crate) struct Running {
    id: u64,
    model: ModelId,
    bytes: u64,
    since: Instant,
    progress: watch::Receiver<Option<Progress>>,
    stop: CancelToken,
}

impl Running {
    pub(crate) fn new(entry: &Entry, bytes: u64) -> Self {
        let progress = entry.line.progress.subscribe();
        let (model, stop) = (entry.model.clone(), entry.line.stop.clone());
        Self { id: entry.id, model, bytes, since: Instant::now(), progress, stop }
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
        }
    }
}

impl Shared {
    pub(crate) fn new(config: DeviceConfig) -> Self {
        let state = State {
            queue: Queue::new(config.queue_capacity),
            ledger: Ledger::new(config.limit()),
            running: None,
            closing: None,
            counters: Counters::default(),
            known: HashMap::new(),
            mean_service: None,
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
        state.queue.push(Entry {
            id,
            model: model.clone(),
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
        let retry_after = state.mean_service.map_or(UNMEASURED, Duration::from_secs_f64).max(RETRY_MIN);
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
            if let Some(running) = &state.running {
                running.stop.cancel();
            }
        }
        self.wake.notify_all();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let state = self.lock();
        let active = state.ledger.active();
        let resident = |resident: crate::policy::Resident| ResidentModel {
            active: active == Some(&resident.model),
            model: resident.model.0,
            bytes: resident.bytes,
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
            running: state.running.as_ref().map(Running::shown),
            queue: state.queue.iter().map(queued).collect(),
            queue_capacity: self.config.queue_capacity,
            mean_service_seconds: state.mean_service,
            closing: state.closing.is_some(),
            counters: state.counters,
        }
    }
}

impl State {
    /// Notes how long a request had the device.
    pub(crate) fn served(&mut self, seconds: f64) {
        let mean = self.mean_service.unwrap_or(seconds);
        self.mean_service = Some(mean + MEAN_WEIGHT * (seconds - mean));
    }
}
