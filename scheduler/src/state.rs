//! What the device's thread and those who make requests share, behind one lock.

mod explain;
mod residency;
mod running;
mod view;

pub(crate) use running::Running;

use crate::learned::Learned;
use crate::ledger::Ledger;
use crate::policy::{Patience, Shares};
use crate::queue::{Entry, Line, Queue};
use crate::recent::Recent;
use crate::work::Work;
use crate::{Asked, Counters, DeviceConfig, FitArithmetic, ScheduleError, Shutdown};
use explain::Decisions;
use reelsmith_inference_core::{Footprint, ModelId};
use residency::{Order, Stay, Wish};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Models of which it is remembered what the engine says that they need.
const MOST_KNOWN: usize = 256;
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
    pub(crate) known: Recent<Footprint, MOST_KNOWN>,
    /// What loads and runs take.
    pub(crate) learned: Learned,
    /// What tenants have used of late.
    pub(crate) shares: Shares,
    patience: Patience,
    /// For how long models stay where nothing else is wished.
    keep_alive: Option<Duration>,
    /// Of the loaded models.
    stays: HashMap<ModelId, Stay>,
    wishes: HashMap<ModelId, Wish>,
    pub(crate) orders: VecDeque<Order>,
    decisions: Decisions,
    started: Instant,
    last_id: u64,
}

impl Shared {
    pub(crate) fn new(config: DeviceConfig, learned: Learned) -> Self {
        let state = State {
            queue: Queue::new(config.queue_capacity),
            ledger: Ledger::new(config.limit()),
            running: Vec::new(),
            closing: None,
            counters: Counters::default(),
            known: Recent::default(),
            learned,
            shares: Shares::default(),
            patience: Patience::default(),
            keep_alive: config.keep_alive,
            stays: HashMap::new(),
            wishes: HashMap::new(),
            orders: VecDeque::new(),
            decisions: Decisions::default(),
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
    pub(crate) fn admit(
        &self,
        model: &ModelId,
        work: Work,
        asked: Arc<Asked>,
        line: Line,
    ) -> Result<u64, ScheduleError> {
        let mut state = self.lock();
        state.counters.submitted += 1;
        let effort = work.request().effort();
        self.may_come(&mut state, model, effort, &asked)?;
        state.last_id += 1;
        let id = state.last_id;
        state.note_arrival();
        state.queue.push(Entry {
            id,
            model: model.clone(),
            effort,
            reason: None,
            work,
            submitted: Instant::now(),
            started: None,
            needs: None,
            exact: false,
            loaded: false,
            measured: None,
            alone: false,
            lost: false,
            asked,
            line,
        });
        self.wake.notify_one();
        Ok(id)
    }

    /// Says at once why a request cannot be taken, and counts it.
    fn may_come(
        &self,
        state: &mut State,
        model: &ModelId,
        effort: f64,
        asked: &Asked,
    ) -> Result<(), ScheduleError> {
        if state.closing.is_some() {
            state.counters.refused_closing += 1;
            return Err(ScheduleError::ShuttingDown);
        }
        let known = state.known.get(model).map(|stated| state.reckoned(model, *stated));
        if let Some(needed) = known.filter(|needs| needs.total() > self.config.limit()) {
            state.counters.refused_too_large += 1;
            return Err(self.too_large(model, needed));
        }
        let needed = state.measured_seconds(model, effort);
        if asked.deadline.is_some_and(|deadline| deadline.is_zero() || deadline.as_secs_f64() < needed) {
            state.counters.refused_late += 1;
            return Err(state.too_late(model, effort, asked));
        }
        let own = asked.tenant.as_deref().map_or(0, |tenant| state.queue.waiting_of(tenant));
        let has_most = self.config.tenant_capacity.is_some_and(|most| own >= most);
        if state.queue.is_full() || has_most {
            state.counters.refused_busy += 1;
            return Err(self.busy(state, if has_most { own } else { state.queue.waiting() }));
        }
        Ok(())
    }

    fn busy(&self, state: &State, waiting: usize) -> ScheduleError {
        let wait = Duration::try_from_secs_f64(state.seconds_before()).unwrap_or(Duration::MAX);
        let (device, retry_after) = (self.config.name.clone(), wait.max(RETRY_MIN));
        ScheduleError::Busy { device, waiting, retry_after }
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

    /// Takes a request out of the queue whose deadline has passed, if it is still there.
    pub(crate) fn expire(&self, id: u64) -> Option<ScheduleError> {
        let mut state = self.lock();
        let entry = state.queue.take(id)?;
        state.counters.refused_late += 1;
        Some(state.too_late(&entry.model, entry.effort, &entry.asked))
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
}
