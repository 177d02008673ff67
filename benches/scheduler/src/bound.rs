//! What no policy can beat.

use crate::models::{Machine, Profile};
use crate::trace::Job;
use std::collections::BTreeSet;

/// The least mean latency of one device: the job with the least left goes first and may interrupt at any moment, and
/// loading costs nothing (Schrage, "A proof of the optimality of the shortest remaining processing time discipline",
/// 1968).
pub fn mean_latency(jobs: &[Job]) -> f64 {
    let (mut now, mut total, mut arrived) = (0.0f64, 0.0, 0);
    let mut left: Vec<(f64, f64)> = Vec::new();
    while arrived < jobs.len() || !left.is_empty() {
        if left.is_empty() {
            now = now.max(jobs[arrived].at);
        }
        while arrived < jobs.len() && jobs[arrived].at <= now {
            left.push((jobs[arrived].service(), jobs[arrived].at));
            arrived += 1;
        }
        let shortest = (0..left.len()).min_by(|a, b| left[*a].0.total_cmp(&left[*b].0));
        let shortest = shortest.expect("one has arrived");
        let next = jobs.get(arrived).map_or(f64::INFINITY, |job| job.at);
        if now + left[shortest].0 <= next {
            now += left[shortest].0;
            total += now - left.swap_remove(shortest).1;
        } else {
            left[shortest].0 -= next - now;
            now = next;
        }
    }
    total / jobs.len().max(1) as f64
}

/// The least time in which everything can be done: all work, and each model loaded once.
pub fn makespan(jobs: &[Job], models: &[Profile], machine: Machine) -> f64 {
    let used: BTreeSet<usize> = jobs.iter().flat_map(|job| &job.stages).map(|stage| stage.model).collect();
    let load = |model: &usize| match machine.warm {
        true => Machine::from_host(models[*model].needs.weights),
        false => Machine::from_disk(models[*model].needs.weights),
    };
    jobs.iter().map(Job::service).sum::<f64>() + used.iter().map(load).sum::<f64>()
}
