//! How urgent a request is, in seconds: the lower, the sooner.

use super::names::Names;
use super::view::{Run, Waiting};
use reelsmith_inference_core::ModelId;

/// By how much each unit of slowdown (waiting time over run time) counts. Ageing by slowdown keeps short requests short;
/// a fixed number of seconds would tear batches apart. Tuned with `benches/scheduler`.
const AGEING: f64 = 0.1;

/// A run is never taken for shorter than this part of a second, so that estimates near 0 do not reign.
const SHORTEST: f64 = 0.01;

/// How many requests wait for each model, and what that makes of a request's score. Models have numbers, so that no
/// request's name is looked up more than once in a decision.
pub(super) struct Scores<'a> {
    names: Names<'a>,
    /// Requests that wait for each model.
    demand: Vec<u32>,
    /// Number of the model of each request.
    models: Vec<usize>,
}

impl<'a> Scores<'a> {
    pub(super) fn of(queue: &'a [Waiting]) -> Self {
        let (mut names, mut demand) = (Names::default(), Vec::with_capacity(32));
        let number = |request: &'a Waiting| {
            let number = names.number(&request.model);
            if number == demand.len() {
                demand.push(0);
            }
            demand[number] += 1;
            number
        };
        let models = queue.iter().map(number).collect();
        Self { names, demand, models }
    }

    /// How many wait for a model.
    pub(super) fn demand(&self, model: &ModelId) -> u32 {
        self.number(model).map_or(0, |number| self.demand[number])
    }

    /// How many models are waited for.
    pub(super) fn models(&self) -> usize {
        self.demand.len()
    }

    /// The number of a model that is waited for.
    pub(super) fn number(&self, model: &ModelId) -> Option<usize> {
        self.names.find(model)
    }

    /// The number of the model of each request, in the queue's order.
    pub(super) fn numbers(&self) -> impl Iterator<Item = usize> {
        self.models.iter().copied()
    }

    /// The score of a waiting request for the model of this number.
    pub(super) fn score(&self, waiting: &Waiting, model: usize, is_loaded: bool) -> f64 {
        let load = if is_loaded { 0.0 } else { waiting.load };
        let work = waiting.service + waiting.after + load / f64::from(self.demand[model].max(1));
        aged(work / waiting.weight, waiting.service / waiting.weight, waiting.waited, waiting.patience)
    }

    /// The score of a run, for what is left of it.
    pub(super) fn running(&self, run: &Run) -> f64 {
        aged(run.remaining / run.weight, run.service / run.weight, run.waited, run.patience)
    }
}

/// `work` seconds of a request, as old as it is. Beyond its patience it is below nothing, the lower the longer.
fn aged(work: f64, service: f64, waited: f64, patience: f64) -> f64 {
    let left = 1.0 - waited / patience;
    if left <= 0.0 {
        return patience - waited - 1.0;
    }
    left * work.max(SHORTEST) / (1.0 + AGEING * waited / service.max(SHORTEST))
}
