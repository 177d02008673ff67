//! One device in simulated time: it computes one run at once, and loads one model at once.

mod device;
mod outcome;

pub use outcome::Outcome;

use crate::contender::Contender;
use crate::models::{Machine, Profile};
use crate::trace::Job;
use device::Simulated;
use reelsmith_scheduler::policy::{Action, Patience, View, Waiting};

/// Times closer than this are the same.
const INSTANT: f64 = 1e-9;

/// A step of a job that waits.
#[derive(Debug, Clone, Copy)]
struct Request {
    job: usize,
    stage: usize,
    /// Since when, in seconds.
    since: f64,
}

struct Simulation<'a> {
    jobs: &'a [Job],
    models: &'a [Profile],
    contender: Contender,
    device: Simulated<'a>,
    queue: Vec<Request>,
    now: f64,
    /// When the run's next step begins, where one is waited for.
    yields: Option<f64>,
    patience: Patience,
    outcome: Outcome,
}

/// Replays `jobs`, in order of arrival, on one device.
pub fn simulate(jobs: &[Job], models: &[Profile], machine: Machine, contender: Contender) -> Outcome {
    let mut simulation = Simulation {
        jobs,
        models,
        contender,
        device: Simulated::new(models, machine, contender.loads_beside()),
        queue: Vec::new(),
        now: 0.0,
        yields: None,
        patience: Patience::default(),
        outcome: Outcome::new(jobs.len()),
    };
    let (mut arrived, mut finished) = (0, 0);
    while finished < jobs.len() {
        simulation.decide();
        let arrival = jobs.get(arrived).map(|job| job.at);
        let next = simulation.next_event(arrival);
        assert!(
            next.is_finite(),
            "{} stands still with {} waiting",
            contender.name(),
            simulation.queue.len()
        );
        finished += simulation.advance(next);
        while arrived < jobs.len() && jobs[arrived].at <= simulation.now + INSTANT {
            simulation.arrive(Request { job: arrived, stage: 0, since: jobs[arrived].at });
            arrived += 1;
        }
    }
    simulation.outcome.makespan = simulation.now;
    simulation.outcome
}

impl Simulation<'_> {
    fn arrive(&mut self, request: Request) {
        let expected = |request: &Request| self.jobs[request.job].stages[request.stage].expected;
        let queued: f64 = self.queue.iter().map(expected).sum();
        self.patience.arrival(self.now, queued + self.device.expected_left());
        self.queue.push(request);
    }

    /// Carries out decisions until there is nothing to do now.
    fn decide(&mut self) {
        loop {
            let patience = self.patience.seconds(self.now);
            let queue: Vec<Waiting> =
                self.queue.iter().map(|request| self.view_of(request, patience)).collect();
            let devices = [self.device.view(patience)];
            let decision = self.contender.next(&View { queue: &queue, devices: &devices });
            match decision.action {
                Action::Wait => return,
                Action::Reject { request } => panic!("request {request} fits: {}", decision.reason),
                Action::Evict { model, .. } => self.device.evict(&model, &mut self.outcome),
                Action::Load { request, .. } => {
                    let request = self.queue[self.place(request)];
                    let model = self.jobs[request.job].stages[request.stage].model;
                    self.device.load(&request, model, self.now, &mut self.outcome);
                }
                Action::Run { request, .. } => {
                    if let Some(step) = self.device.next_step().filter(|wait| *wait > INSTANT) {
                        self.yields = Some(self.now + step);
                        return;
                    }
                    let request = self.queue.remove(self.place(request));
                    let job = &self.jobs[request.job];
                    self.device.run(request, job, self.now, &mut self.outcome);
                }
            }
        }
    }

    fn place(&self, id: u64) -> usize {
        self.queue.iter().position(|request| number(request) == id).expect("the policy names what waits")
    }

    fn view_of(&self, request: &Request, patience: f64) -> Waiting {
        let stages = &self.jobs[request.job].stages;
        let stage = stages[request.stage];
        let model = &self.models[stage.model];
        Waiting {
            id: number(request),
            model: model.id.clone(),
            needs: model.needs,
            service: stage.expected,
            after: stages[request.stage + 1..].iter().map(|stage| stage.expected).sum(),
            load: self.device.load_seconds(stage.model),
            waited: self.now - request.since,
            patience,
            weight: 1.0,
        }
    }

    fn next_event(&self, arrival: Option<f64>) -> f64 {
        let device = self.device.next_event(self.now);
        [arrival, device, self.yields].into_iter().flatten().fold(f64::INFINITY, f64::min)
    }

    /// Lets time pass until `next`, and tells how many jobs ended.
    fn advance(&mut self, next: f64) -> usize {
        if self.device.is_idle() && !self.queue.is_empty() {
            self.outcome.idle_while_queued += next - self.now;
        }
        self.now = next;
        self.yields = self.yields.filter(|at| *at > next + INSTANT);
        let Some((request, stages)) = self.device.advance(next) else { return 0 };
        self.yields = None;
        if request.stage + 1 < stages {
            self.arrive(Request { stage: request.stage + 1, since: self.now, ..request });
            return 0;
        }
        self.outcome.latency[request.job] = self.now - self.jobs[request.job].at;
        1
    }
}

fn number(request: &Request) -> u64 {
    (request.job as u64) << 16 | request.stage as u64
}
