//! The real scheduler with the double, and requests that are made and given up from any thread.

use crate::engine::{Double, Fate, Model, Plan, Point, write};
use reelsmith_inference_core::speech::Speech;
use reelsmith_inference_core::{ErrorKind, ModelId};
use reelsmith_scheduler::{CancelToken, DeviceConfig, ScheduleError, Scheduler, Shutdown, Snapshot};
use std::collections::{BTreeMap, BTreeSet};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes by far.
const STUCK: Duration = Duration::from_secs(60);

/// What the test does at a point; it runs on the device's thread.
pub(crate) type Script = Box<dyn FnMut(&Stage, Point) -> Fate + Send>;

type Answer = Result<Speech, ScheduleError>;

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    Done,
    Cancelled,
    /// Nobody waited for the answer.
    Abandoned,
    Busy,
    TooLarge,
    Closing,
    OutOfMemory,
    Failed,
    Panicked,
}

/// What happened, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    Loaded(&'static str),
    Unloaded(&'static str),
    Begun(u64, &'static str),
}

/// Memory as it is really held, apart from the scheduler's ledger.
#[derive(Debug, Default)]
pub(crate) struct World {
    limit: u64,
    pub(crate) held: BTreeMap<&'static str, u64>,
    active: Vec<(&'static str, u64)>,
    pub(crate) finished: Vec<u64>,
    pub(crate) events: Vec<Event>,
    /// What must never happen.
    pub(crate) wrong: Vec<String>,
}

impl World {
    pub(crate) fn load(&mut self, model: Model) {
        if self.held.insert(model.name, model.weights).is_some() {
            self.wrong.push(format!("{} was loaded twice", model.name));
        }
        self.events.push(Event::Loaded(model.name));
        self.weigh();
    }

    pub(crate) fn unload(&mut self, name: &'static str) {
        self.held.remove(name);
        self.events.push(Event::Unloaded(name));
        if self.active.iter().any(|(active, _)| *active == name) {
            self.wrong.push(format!("{name} was unloaded while it ran"));
        }
    }

    pub(crate) fn begin(&mut self, id: u64, name: &'static str, peak: u64) {
        if self.active.iter().any(|(active, _)| *active == name) {
            self.wrong.push(format!("{name} began while it ran"));
        }
        self.active.push((name, peak));
        self.events.push(Event::Begun(id, name));
        self.weigh();
    }

    pub(crate) fn end(&mut self) {
        self.active.pop();
    }

    pub(crate) fn weigh(&mut self) {
        let peaks: u64 = self.active.iter().map(|(_, peak)| *peak).sum();
        let bytes = self.held.values().sum::<u64>() + peaks;
        if bytes > self.limit {
            self.wrong.push(format!("{bytes} bytes are held, the limit is {}: {:?}", self.limit, self.held));
        }
    }

    /// Whether idle models other than this one are held.
    pub(crate) fn has_idle_beside(&self, name: &str) -> bool {
        let is_active = |held: &str| self.active.iter().any(|(active, _)| *active == held);
        self.held.keys().any(|held| *held != name && !is_active(held))
    }

    /// How often a request began to run.
    pub(crate) fn begun(&self, id: u64) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Begun(begun, _) if *begun == id)).count()
    }

    /// How many models were unloaded before they had served anything.
    pub(crate) fn wasted(&self) -> usize {
        let mut fresh = BTreeSet::new();
        let mut wasted = 0;
        for event in &self.events {
            match event {
                Event::Loaded(name) => _ = fresh.insert(*name),
                Event::Begun(_, name) => _ = fresh.remove(name),
                Event::Unloaded(name) => wasted += usize::from(fresh.remove(name)),
            }
        }
        wasted
    }

    pub(crate) fn loads(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Loaded(_))).count()
    }

    pub(crate) fn unloads(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Unloaded(_))).count()
    }
}

/// A request, and how it ended.
struct Asked {
    cancel: CancelToken,
    is_cancelled: bool,
    waits: Option<Pin<Box<dyn Future<Output = Answer> + Send>>>,
    ending: Option<Ending>,
}

impl Asked {
    fn poll(&mut self, id: u64, waker: &Waker) {
        let Some(waits) = &mut self.waits else { return };
        if let Poll::Ready(answer) = waits.as_mut().poll(&mut Context::from_waker(waker)) {
            self.waits = None;
            self.ending = Some(Ending::of(id, answer));
        }
    }
}

impl Ending {
    fn of(id: u64, answer: Answer) -> Self {
        match answer {
            Ok(speech) => {
                assert_eq!(u64::from(speech.sample_rate), id, "an answer to another request");
                Self::Done
            }
            Err(ScheduleError::Cancelled) => Self::Cancelled,
            Err(ScheduleError::Busy { .. }) => Self::Busy,
            Err(ScheduleError::TooLarge(_)) => Self::TooLarge,
            Err(ScheduleError::ShuttingDown) => Self::Closing,
            Err(ScheduleError::Panicked { .. }) => Self::Panicked,
            Err(ScheduleError::Inference(error)) if error.kind() == ErrorKind::OutOfMemory => {
                Self::OutOfMemory
            }
            Err(ScheduleError::Inference(_)) => Self::Failed,
            Err(other) => panic!("{id}: {other}"),
        }
    }
}

/// Wakes the test's thread.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// One replay.
pub(crate) struct Stage {
    limit: u64,
    models: Vec<Model>,
    scheduler: OnceLock<Scheduler>,
    script: Mutex<Script>,
    world: Mutex<World>,
    asked: Mutex<Vec<Asked>>,
    waker: Waker,
}

impl Stage {
    /// Starts a scheduler of which `limit` bytes may be given out, on a thread of its own.
    pub(crate) fn open(
        limit: u64,
        capacity: usize,
        models: &[Model],
        script: impl FnMut(&Self, Point) -> Fate + Send + 'static,
    ) -> Arc<Self> {
        let world = World { limit, ..World::default() };
        let stage = Arc::new(Self {
            limit,
            models: models.to_vec(),
            scheduler: OnceLock::new(),
            script: Mutex::new(Box::new(script)),
            world: Mutex::new(world),
            asked: Mutex::default(),
            waker: Waker::from(Arc::new(Unpark(std::thread::current()))),
        });
        let config = DeviceConfig {
            budget_bytes: limit + 50,
            reserve_bytes: 50,
            queue_capacity: capacity,
            host_memory: false,
            ..DeviceConfig::new("double", limit)
        };
        let scheduler = Scheduler::start(config, Box::new(Double(Arc::clone(&stage)))).unwrap();
        assert!(stage.scheduler.set(scheduler).is_ok(), "it is set once");
        stage
    }

    pub(crate) fn model(&self, name: &str) -> Model {
        *self.models.iter().find(|model| model.name == name).expect("the test's own models")
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn asked(&self) -> MutexGuard<'_, Vec<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn scheduler(&self) -> &Scheduler {
        self.scheduler.get().expect("it is set before anything is asked")
    }

    pub(crate) fn now(&self) -> Snapshot {
        self.scheduler().snapshot()
    }

    pub(crate) fn at(&self, point: Point) -> Fate {
        let mut script = self.script.lock().unwrap_or_else(PoisonError::into_inner);
        script(self, point)
    }

    /// Does something else at each point from now on.
    pub(crate) fn direct(&self, script: impl FnMut(&Self, Point) -> Fate + Send + 'static) {
        *self.script.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(script);
    }

    /// Makes a request; its number.
    pub(crate) fn ask(&self, model: &'static str, plan: Plan) -> u64 {
        let mut asked = self.asked();
        let id = asked.len() as u64;
        let (cancel, scheduler, name) = (CancelToken::new(), self.scheduler().clone(), ModelId::from(model));
        let stop = cancel.clone();
        let waits = async move { scheduler.speak(&name, write(id, plan), |_| {}, stop).await };
        let mut request = Asked { cancel, is_cancelled: false, waits: Some(Box::pin(waits)), ending: None };
        request.poll(id, &self.waker);
        asked.push(request);
        self.waker.wake_by_ref();
        id
    }

    /// How many requests were made.
    pub(crate) fn count(&self) -> u64 {
        self.asked().len() as u64
    }

    /// Cancels a request, whatever has become of it.
    pub(crate) fn cancel(&self, id: u64) {
        let request = &mut self.asked()[id as usize];
        request.cancel.cancel();
        request.is_cancelled |= request.ending.is_none();
        request.poll(id, &self.waker);
        // It may have ended here, on the device's thread, and the test's may wait for it.
        self.waker.wake_by_ref();
    }

    /// Stops waiting for a request's answer.
    pub(crate) fn abandon(&self, id: u64) {
        let request = &mut self.asked()[id as usize];
        if request.waits.take().is_some() {
            request.ending = Some(Ending::Abandoned);
        }
        self.waker.wake_by_ref();
    }

    /// Waits until every request has its answer, those too that are made meanwhile.
    pub(crate) fn settle(&self) -> Vec<Ending> {
        let begun = Instant::now();
        loop {
            let endings: Option<Vec<Ending>> = {
                let mut asked = self.asked();
                let each = asked.iter_mut().enumerate();
                each.for_each(|(id, request)| request.poll(id as u64, &self.waker));
                asked.iter().map(|request| request.ending).collect()
            };
            match endings {
                Some(endings) => return endings,
                None => std::thread::park_timeout(STUCK),
            }
            assert!(
                begun.elapsed() < STUCK,
                "never answered: {:?} of {} {:?}",
                self.asked()
                    .iter()
                    .enumerate()
                    .filter(|(_, a)| a.ending.is_none())
                    .map(|(i, a)| (i, a.is_cancelled, a.waits.is_some()))
                    .collect::<Vec<_>>(),
                self.count(),
                self.world().events.iter().rev().take(12).collect::<Vec<_>>()
            );
        }
    }

    /// Whether a request was cancelled before it had its answer.
    pub(crate) fn was_cancelled(&self, id: u64) -> bool {
        self.asked()[id as usize].is_cancelled
    }

    /// Ends the device's thread, and sees that nothing went wrong and nothing is left.
    pub(crate) fn close(&self, how: Shutdown, seed: u64) -> Snapshot {
        let mut ended = pin!(self.scheduler().shutdown(how));
        while ended.as_mut().poll(&mut Context::from_waker(&self.waker)).is_pending() {
            std::thread::park_timeout(STUCK);
        }
        let now = self.now();
        let world = self.world();
        assert!(world.wrong.is_empty(), "seed {seed}: {:?}", world.wrong);
        assert!(world.held.is_empty() && world.active.is_empty(), "seed {seed}: {world:?}");
        assert_eq!(world.loads(), world.unloads(), "seed {seed}: each load was undone");
        assert_eq!((now.used_bytes, now.queue.len()), (0, 0), "seed {seed}: nothing is left");
        now
    }

    /// What holds at every moment. To be asked between two calls of the engine, on its thread or once it is idle.
    pub(crate) fn check(&self, seed: u64) {
        let now = self.now();
        assert!(now.used_bytes <= self.limit, "seed {seed}: {now:?}");
        let active = now.residents.iter().filter(|resident| resident.active).count();
        let begun = now.standing.len() + usize::from(now.running.is_some());
        assert_eq!(active, begun, "seed {seed}: {now:?}");
        let counters = now.counters;
        let refused = counters.refused_busy + counters.refused_too_large + counters.refused_closing;
        let settled = counters.completed + counters.failed + counters.cancelled + refused;
        let underway = (now.queue.len() + begun) as u64;
        // One may be between the queue and the device.
        let missing = counters.submitted.checked_sub(settled + underway);
        assert!(missing.is_some_and(|missing| missing <= 1), "seed {seed}: {now:?}");
    }
}
