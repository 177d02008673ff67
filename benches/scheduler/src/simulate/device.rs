//! The device: what is loaded, what runs, what is being loaded.

use super::{Outcome, Request};
use crate::models::{Machine, Profile};
use crate::trace::Job;
use reelsmith_inference_core::ModelId;
use reelsmith_scheduler::policy::{Device, Resident, Run};

/// A run, and the time it has had.
#[derive(Debug, Clone)]
struct Running {
    request: Request,
    model: usize,
    stages: usize,
    service: f64,
    expected: f64,
    after: f64,
    done: f64,
    began: f64,
}

/// The simulated device.
pub(super) struct Simulated<'a> {
    models: &'a [Profile],
    machine: Machine,
    loads_beside: bool,
    /// Loaded models and the turn at which each was last used.
    residents: Vec<(usize, u64)>,
    /// Models in host memory, the one used least recently first.
    host: Vec<usize>,
    runs: Vec<Running>,
    loading: Option<(usize, f64)>,
    /// The request that a model was loaded for.
    loaded_for: Option<u64>,
    turn: u64,
    clock: f64,
}

impl<'a> Simulated<'a> {
    pub(super) fn new(models: &'a [Profile], machine: Machine, loads_beside: bool) -> Self {
        let host = if machine.warm { (0..models.len()).collect() } else { Vec::new() };
        let (residents, runs) = (Vec::new(), Vec::new());
        let (loading, loaded_for) = (None, None);
        Self {
            models,
            machine,
            loads_beside,
            residents,
            host,
            runs,
            loading,
            loaded_for,
            turn: 0,
            clock: 0.0,
        }
    }

    pub(super) fn view(&self, patience: f64) -> Device {
        let resident = |(model, last_used): &(usize, u64)| Resident {
            model: self.models[*model].id.clone(),
            bytes: self.models[*model].needs.weights,
            last_used: *last_used,
            reload: self.reload_seconds(*model),
            pinned: false,
        };
        let run = |run: &Running| Run {
            request: super::number(&run.request),
            model: self.models[run.model].id.clone(),
            remaining: (run.expected - run.done).max(0.0) + run.after,
            service: run.expected,
            waited: run.began - run.request.since,
            patience,
            weight: 1.0,
        };
        Device {
            limit: self.machine.limit,
            used: self.used(),
            residents: self.residents.iter().map(resident).collect(),
            runs: self.runs.iter().map(run).collect(),
            loading: self.loading.map(|(model, _)| self.models[model].id.clone()),
            loaded_for: self.loaded_for,
            loads_beside: self.loads_beside,
        }
    }

    fn used(&self) -> u64 {
        let weights = |model: usize| self.models[model].needs.weights;
        let held: u64 = self.residents.iter().map(|(model, _)| weights(*model)).sum();
        let peaks: u64 = self.runs.iter().map(|run| self.models[run.model].needs.peak_activation).sum();
        held + peaks + self.loading.map_or(0, |(model, _)| weights(model))
    }

    /// Seconds that a model takes to come from where it is.
    pub(super) fn load_seconds(&self, model: usize) -> f64 {
        let bytes = self.models[model].needs.weights;
        if self.host.contains(&model) { Machine::from_host(bytes) } else { self.disk_seconds(model) }
    }

    fn disk_seconds(&self, model: usize) -> f64 {
        let Profile { needs, load, .. } = &self.models[model];
        load.unwrap_or_else(|| Machine::from_disk(needs.weights))
    }

    /// The same once it has been unloaded.
    fn reload_seconds(&self, model: usize) -> f64 {
        let bytes = self.models[model].needs.weights;
        if bytes <= self.machine.host { Machine::from_host(bytes) } else { self.disk_seconds(model) }
    }

    /// Seconds of expected work in runs.
    pub(super) fn expected_left(&self) -> f64 {
        self.runs.iter().map(|run| (run.expected - run.done).max(0.0)).sum()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.runs.is_empty()
    }

    pub(super) fn evict(&mut self, model: &ModelId, outcome: &mut Outcome) {
        let at = self.residents.iter().position(|(index, _)| self.models[*index].id == *model);
        let (index, _) = self.residents.remove(at.expect("only loaded models are evicted"));
        outcome.active_evictions += usize::from(self.runs.iter().any(|run| run.model == index));
        self.keep_in_host(index);
    }

    /// Pinned memory holds what went there last, as far as it reaches.
    fn keep_in_host(&mut self, model: usize) {
        self.host.retain(|kept| *kept != model);
        self.host.push(model);
        let bytes =
            |models: &[usize]| models.iter().map(|model| self.models[*model].needs.weights).sum::<u64>();
        while bytes(&self.host) > self.machine.host {
            self.host.remove(0);
        }
    }

    pub(super) fn load(&mut self, request: &Request, model: usize, now: f64, outcome: &mut Outcome) {
        let bytes = self.models[model].needs.weights;
        if self.used() + bytes > self.machine.limit {
            // Whoever does not count bytes learns of it from the driver, unloads everything and tries again.
            outcome.out_of_memory += 1;
            std::mem::take(&mut self.residents).into_iter().for_each(|(model, _)| self.keep_in_host(model));
        }
        outcome.swapped_bytes += bytes;
        if self.runs.is_empty() {
            self.loaded_for = Some(super::number(request));
        }
        self.loading = Some((model, now + self.load_seconds(model)));
    }

    /// Seconds until the run can be interrupted; none without a run.
    pub(super) fn next_step(&self) -> Option<f64> {
        let run = self.runs.last()?;
        let step = self.models[run.model].step;
        let steps = run.done / step;
        let is_between = (steps - steps.round()).abs() * step < super::INSTANT;
        Some(if is_between { 0.0 } else { (steps.ceil() * step - run.done).max(0.0) })
    }

    pub(super) fn run(&mut self, request: Request, job: &Job, now: f64, outcome: &mut Outcome) {
        let stage = job.stages[request.stage];
        let peak = self.models[stage.model].needs.peak_activation;
        if self.used() + peak > self.machine.limit {
            outcome.out_of_memory += 1;
            let models = std::mem::take(&mut self.residents);
            let (own, others): (Vec<_>, Vec<_>) =
                models.into_iter().partition(|(model, _)| *model == stage.model);
            self.residents = own;
            others.into_iter().for_each(|(model, _)| self.keep_in_host(model));
        }
        self.loaded_for = self.loaded_for.filter(|id| *id != super::number(&request));
        outcome.interruptions += usize::from(!self.runs.is_empty());
        self.use_now(stage.model);
        self.clock = now;
        self.runs.push(Running {
            request,
            model: stage.model,
            stages: job.stages.len(),
            service: stage.service,
            expected: stage.expected,
            after: job.stages[request.stage + 1..].iter().map(|stage| stage.expected).sum(),
            done: 0.0,
            began: now,
        });
    }

    fn use_now(&mut self, model: usize) {
        self.turn += 1;
        let turn = self.turn;
        self.residents.iter_mut().filter(|(index, _)| *index == model).for_each(|(_, last)| *last = turn);
    }

    pub(super) fn next_event(&self, now: f64) -> Option<f64> {
        let end = self.runs.last().map(|run| now + run.service - run.done);
        let loaded = self.loading.map(|(_, at)| at);
        [end, loaded].into_iter().flatten().min_by(f64::total_cmp)
    }

    /// Lets time pass until `now`; what ended, and how many stages its job has.
    pub(super) fn advance(&mut self, now: f64) -> Option<(Request, usize)> {
        let passed = now - self.clock;
        self.clock = now;
        if let Some(run) = self.runs.last_mut() {
            run.done += passed;
        }
        if let Some((model, _)) = self.loading.filter(|(_, at)| *at <= now + super::INSTANT) {
            self.loading = None;
            self.residents.push((model, 0));
            self.use_now(model);
        }
        let run = self.runs.pop_if(|run| run.done >= run.service - super::INSTANT)?;
        self.use_now(run.model);
        Some((run.request, run.stages))
    }
}
