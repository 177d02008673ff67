//! A device in simulated time, around the policy, the ledger, the patience and the measured times that serve. It does
//! what the device's thread does, in the same order (`src/device.rs`); instead of an engine, time passes.

mod tests;
mod traffic;

use crate::engine::Fate;
use crate::stage::Ending;
use reelsmith_inference_core::{Footprint, ModelId};
use reelsmith_scheduler::learned::Learned;
use reelsmith_scheduler::ledger::{Held, Ledger};
use reelsmith_scheduler::policy::{self, Action, Decision, MOST_RUNS, Patience, View, Waiting};
use traffic::{Draft, Traffic};

/// A model: bytes, and seconds of a load and of a step.
#[derive(Debug, Clone, Copy)]
struct Kind {
    weights: u64,
    load: f64,
    step: f64,
}

/// A request on its way.
#[derive(Debug, Clone)]
struct Request {
    id: u64,
    draft: Draft,
    arrived: f64,
    loaded: bool,
    retried: bool,
    begun: bool,
    /// Seconds of loads and runs of what was there when it came.
    before: f64,
    /// The most that patience was while it waited.
    patience: f64,
}

/// A request that has the device.
struct Running {
    id: u64,
    draft: Draft,
    done: u64,
    waited: f64,
}

/// The device and its queue.
struct Device {
    seed: u64,
    kinds: Vec<Kind>,
    names: Vec<ModelId>,
    capacity: usize,
    traffic: Traffic,
    now: f64,
    steps: u64,
    queue: Vec<Request>,
    running: Vec<Running>,
    ledger: Ledger,
    learned: Learned,
    patience: Patience,
    endings: Vec<Option<Ending>>,
    begun: Vec<u32>,
    /// When who is cancelled.
    cancels: Vec<(f64, u64)>,
    cancelled: Vec<u64>,
    /// Longest run and slowest load of all.
    longest: f64,
    slowest: f64,
    /// The largest part of its bound that anybody waited.
    worst: f64,
    retries: u64,
    yields: u64,
}

impl Device {
    fn new(seed: u64, limit: u64, capacity: usize, kinds: &[Kind], traffic: Traffic) -> Self {
        let longest = kinds.iter().map(|kind| kind.step * traffic.most_steps() as f64).fold(0.0, f64::max);
        Self {
            seed,
            kinds: kinds.to_vec(),
            names: (0..kinds.len()).map(|n| ModelId(format!("model-{n}"))).collect(),
            capacity,
            traffic,
            now: 0.0,
            steps: 0,
            queue: Vec::new(),
            running: Vec::new(),
            ledger: Ledger::new(limit),
            learned: Learned::default(),
            patience: Patience::default(),
            endings: Vec::new(),
            begun: Vec::new(),
            cancels: Vec::new(),
            cancelled: Vec::new(),
            longest,
            slowest: kinds.iter().map(|kind| kind.load).fold(0.0, f64::max),
            worst: 0.0,
            retries: 0,
            yields: 0,
        }
    }

    /// Serves until no more requests come and all have ended.
    fn work(&mut self) {
        loop {
            if self.queue.is_empty() {
                let Some(at) = self.traffic.next_at() else { return };
                self.pass(at - self.now);
            } else {
                assert!(self.decide(), "seed {}: {} wait for nothing", self.seed, self.queue.len());
            }
        }
    }

    /// Lets time pass; who comes or is cancelled meanwhile does.
    fn pass(&mut self, seconds: f64) {
        let until = self.now + seconds.max(0.0);
        while let Some(at) = self.traffic.next_at().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            let draft = self.traffic.draw();
            self.admit(draft);
        }
        self.now = until;
        self.steps += 1;
        let due = self.cancels.extract_if(.., |(at, _)| *at <= until).collect::<Vec<_>>();
        due.into_iter().for_each(|(_, id)| self.cancel(id));
    }

    fn admit(&mut self, draft: Draft) {
        let id = self.endings.len() as u64;
        self.steps += 1;
        self.endings.push(None);
        self.begun.push(0);
        if self.queue.iter().filter(|request| !request.begun && !request.loaded).count() >= self.capacity {
            return self.end(id, Ending::Busy);
        }
        let expected = |draft: &Draft| self.learned.run_seconds(&self.names[draft.model], draft.steps as f64);
        let waiting: f64 = self.queue.iter().map(|request| expected(&request.draft)).sum();
        let left: f64 = self.running.iter().map(|running| running.left(expected(&running.draft))).sum();
        self.patience.arrival(self.now, waiting + left);
        let costs = |draft: &Draft| self.kinds[draft.model].load + self.seconds(draft);
        let before = self.attempts() * self.queue.iter().map(|request| costs(&request.draft)).sum::<f64>();
        if let Some(after) = draft.cancelled_after {
            self.cancels.push((self.now + after, id));
        }
        let (arrived, patience) = (self.now, 0.0);
        self.queue.push(Request {
            id,
            draft,
            arrived,
            loaded: false,
            retried: false,
            begun: false,
            before,
            patience,
        });
    }

    fn cancel(&mut self, id: u64) {
        if self.endings[id as usize].is_none() {
            self.cancelled.push(id);
            if self.take(id).is_some() {
                self.end(id, Ending::Cancelled);
            }
        }
    }

    /// Out of memory, a request is tried once more.
    fn attempts(&self) -> f64 {
        if self.traffic.trouble > 0 { 2.0 } else { 1.0 }
    }

    fn seconds(&self, draft: &Draft) -> f64 {
        self.kinds[draft.model].step * draft.steps as f64
    }

    fn take(&mut self, id: u64) -> Option<Request> {
        let at = self.queue.iter().position(|request| request.id == id)?;
        Some(self.queue.remove(at))
    }

    fn end(&mut self, id: u64, ending: Ending) {
        let before = self.endings[id as usize].replace(ending);
        assert_eq!(before, None, "seed {}: {id} ended twice, now {ending:?}", self.seed);
    }

    fn decide(&mut self) -> bool {
        let patience = self.patience.seconds(self.now);
        for request in &mut self.queue {
            request.patience = request.patience.max(patience);
        }
        self.steps += 1;
        let decision = self.decision(patience);
        match decision.action {
            Action::Wait => return false,
            Action::Evict { model, .. } => self.ledger.remove(&model).expect("it is held and idle"),
            Action::Reject { request } => {
                let request = self.take(request).expect("it waits");
                self.end(request.id, Ending::TooLarge);
            }
            Action::Load { request, .. } => {
                let request = self.take(request).expect("it waits");
                self.load(request);
            }
            Action::Run { request, .. } => {
                let request = self.take(request).expect("it waits");
                self.run(request);
            }
        }
        true
    }

    fn decision(&self, patience: f64) -> Decision {
        let queue: Vec<Waiting> = self.queue.iter().map(|request| self.waiting(request, patience)).collect();
        policy::next(&View { queue: &queue, devices: &[self.view(patience)] })
    }

    fn needs(&self, draft: &Draft) -> Footprint {
        Footprint { weights: self.kinds[draft.model].weights, peak_activation: draft.peak }
    }

    fn waiting(&self, request: &Request, patience: f64) -> Waiting {
        let (model, needs) = (self.names[request.draft.model].clone(), self.needs(&request.draft));
        Waiting {
            id: request.id,
            needs,
            service: self.learned.run_seconds(&model, request.draft.steps as f64),
            after: 0.0,
            load: self.learned.load_seconds(&model, needs.weights),
            waited: self.now - request.arrived,
            patience,
            weight: 1.0,
            model,
        }
    }

    fn view(&self, patience: f64) -> policy::Device {
        let resident = |held: Held| policy::Resident {
            reload: self.learned.load_seconds(&held.model, held.bytes),
            model: held.model,
            bytes: held.bytes,
            last_used: held.last_used,
            pinned: false,
        };
        let run = |running: &Running| {
            let model = self.names[running.draft.model].clone();
            let service = self.learned.run_seconds(&model, running.draft.steps as f64);
            policy::Run {
                request: running.id,
                remaining: running.left(service),
                service,
                waited: running.waited,
                patience,
                weight: 1.0,
                model,
            }
        };
        let is_held = |request: &&Request| self.ledger.held(&self.names[request.draft.model]).is_some();
        let loaded_for = self.queue.iter().filter(|request| request.loaded).filter(is_held);
        policy::Device {
            limit: self.ledger.limit(),
            used: self.ledger.used(),
            residents: self.ledger.residents().into_iter().map(resident).collect(),
            runs: self.running.iter().map(run).collect(),
            loading: None,
            loaded_for: loaded_for.map(|request| request.id).min(),
            loads_beside: false,
        }
    }

    fn load(&mut self, mut request: Request) {
        let (kind, model) = (self.kinds[request.draft.model], self.names[request.draft.model].clone());
        self.ledger.load(&model, kind.weights).expect("it is absent and fits");
        self.pass(kind.load);
        self.ledger.idle();
        request.loaded = true;
        if self.cancelled.contains(&request.id) {
            self.ledger.remove(&model).expect("it was entered above and is idle");
            return self.end(request.id, Ending::Cancelled);
        }
        match self.traffic.fate_of_a_load() {
            Fate::Go => {
                self.learned.loaded(&model, kind.load);
                self.queue.insert(0, request);
            }
            fate => {
                self.ledger.remove(&model).expect("it was entered above and is idle");
                self.failed(request, fate);
            }
        }
    }

    fn run(&mut self, mut request: Request) {
        let (draft, model) = (request.draft, self.names[request.draft.model].clone());
        self.hold_bound(&request);
        request.begun = true;
        self.begun[request.id as usize] += 1;
        self.yields += u64::from(!self.running.is_empty());
        self.ledger.run(&model, draft.peak).expect("it is loaded, idle and fits");
        let waited = self.now - request.arrived;
        self.running.push(Running { id: request.id, draft, done: 0, waited });
        assert!(self.running.len() <= MOST_RUNS && self.ledger.used() <= self.ledger.limit());
        let fate = self.steps_of(&request);
        self.ledger.idle();
        self.running.pop();
        match fate {
            None => self.end(request.id, Ending::Cancelled),
            Some(Fate::Go) => {
                self.learned.ran(&model, draft.steps as f64, self.seconds(&draft));
                self.end(request.id, Ending::Done);
            }
            Some(fate) => {
                if fate == Fate::Panic {
                    self.ledger.remove(&model).expect("it is idle now");
                }
                self.failed(request, fate);
            }
        }
    }

    /// The steps of a run, each a chance for others; how it ended, none if it was cancelled.
    fn steps_of(&mut self, request: &Request) -> Option<Fate> {
        for _ in 0..request.draft.steps {
            self.pass(self.kinds[request.draft.model].step);
            self.running.last_mut().expect("it was pushed above").done += 1;
            while !self.cancelled.contains(&request.id) && self.may_yield() && self.decide() {}
            if self.cancelled.contains(&request.id) {
                return None;
            }
        }
        // The second attempt comes to the same end only where the first one's fate says so.
        let is_over = request.retried && request.draft.recovers;
        Some(if is_over { Fate::Go } else { request.draft.fate })
    }

    fn may_yield(&self) -> bool {
        !self.queue.is_empty() && self.running.len() < MOST_RUNS
    }

    fn failed(&mut self, mut request: Request, fate: Fate) {
        let own = self.names[request.draft.model].clone();
        let active: Vec<ModelId> = self.ledger.active().cloned().collect();
        let idle = |held: &Held| held.model != own && !active.contains(&held.model);
        let others: Vec<Held> = self.ledger.residents().into_iter().filter(idle).collect();
        if fate != Fate::OutOfMemory || request.retried || others.is_empty() {
            return self.end(
                request.id,
                match fate {
                    Fate::OutOfMemory => Ending::OutOfMemory,
                    Fate::Panic => Ending::Panicked,
                    Fate::Fail | Fate::Go => Ending::Failed,
                },
            );
        }
        others.iter().for_each(|held| self.ledger.remove(&held.model).expect("it is idle"));
        request.retried = true;
        self.retries += 1;
        self.queue.insert(0, request);
    }

    /// Nobody waits longer than patience, and then: those runs that are in the middle, a load that is and the run it
    /// is for, and all that was there before, each loaded and run at most twice; and its own load, twice at most.
    fn hold_bound(&mut self, request: &Request) {
        if request.begun {
            return;
        }
        let in_the_middle = MOST_RUNS as f64 * self.longest + self.slowest + self.longest;
        let own = self.attempts() * self.kinds[request.draft.model].load;
        let bound = request.patience + in_the_middle + request.before + own;
        let waited = self.now - request.arrived;
        assert!(
            waited <= bound,
            "seed {}: {} waited {waited:.2} s, the bound is {bound:.2} s: {request:?}",
            self.seed,
            request.id
        );
        self.worst = self.worst.max(waited / bound);
    }
}

impl Running {
    /// Seconds that it goes on for, of `service` in all.
    fn left(&self, service: f64) -> f64 {
        service * (1.0 - self.done as f64 / self.draft.steps.max(1) as f64)
    }
}
