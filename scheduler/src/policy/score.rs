//! How urgent a request is, in seconds: the lower, the sooner.

use super::view::{Run, Waiting};
use reelsmith_inference_core::ModelId;
use std::collections::HashMap;

/// By how much each unit of slowdown (waiting time over run time) counts. Ageing by slowdown keeps short requests short;
/// a fixed number of seconds would tear batches apart. Tuned with `benches/scheduler`.
const AGEING: f64 = 0.1;

/// A run is never taken for shorter than this part of a second, so that estimates near 0 do not reign.
const SHORTEST: f64 = 0.01;

/// How many requests wait for each model, and what that makes of a request's score.
pub(super) struct Scores<'a> {
    waiting: HashMap<&'a ModelId, u32>,
}

impl<'a> Scores<'a> {
    pub(super) fn of(queue: &'a [Waiting]) -> Self {
        let mut waiting = HashMap::with_capacity(32);
        for request in queue {
            *waiting.entry(&request.model).or_insert(0) += 1;
        }
        Self { waiting }
    }

    /// How many wait for a model.
    pub(super) fn demand(&self, model: &ModelId) -> u32 {
        self.waiting.get(model).copied().unwrap_or(0)
    }

    /// The score of a waiting request.
    pub(super) fn score(&self, waiting: &Waiting, is_loaded: bool) -> f64 {
        let load = if is_loaded { 0.0 } else { waiting.load };
        let work = waiting.service + waiting.after + load / f64::from(self.demand(&waiting.model).max(1));
        aged(work / waiting.weight, waiting.service, waiting.waited, waiting.patience)
    }

    /// The score of a run, for what is left of it.
    pub(super) fn running(&self, run: &Run) -> f64 {
        aged(run.remaining / run.weight, run.service, run.waited, run.patience)
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
