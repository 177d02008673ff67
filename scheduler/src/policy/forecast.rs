//! When each waiting request is likely to begin.

use super::{Action, Device, Resident, View, Waiting, next};
use std::collections::HashSet;

/// Requests whose place is found by asking the policy itself, as if time passed; each costs a decision or a few. Those
/// behind them are reckoned in order of arrival.
const BY_POLICY: usize = 64;

/// Seconds until each request of the queue is expected to begin, where nothing else comes and everything takes what is
/// expected of it. One that can never run has none.
pub fn forecast(queue: &[Waiting], device: &Device) -> Vec<(u64, f64)> {
    let mut ahead = Ahead { now: 0.0, queue: queue.to_vec(), device: device.clone(), starts: Vec::new() };
    let most = BY_POLICY * (3 + ahead.device.residents.len());
    for _ in 0..most {
        if ahead.starts.len() >= BY_POLICY || !ahead.step() {
            break;
        }
    }
    ahead.rest();
    ahead.starts
}

struct Ahead {
    now: f64,
    queue: Vec<Waiting>,
    device: Device,
    starts: Vec<(u64, f64)>,
}

impl Ahead {
    /// Carries one decision out; false once there is none.
    fn step(&mut self) -> bool {
        let decision = next(&View { queue: &self.queue, devices: std::slice::from_ref(&self.device) });
        match decision.action {
            Action::Wait if self.device.runs.is_empty() => return false,
            Action::Wait => self.finish_runs(),
            Action::Reject { request } => self.queue.retain(|waiting| waiting.id != request),
            Action::Evict { model, .. } => {
                let at = self.device.residents.iter().position(|resident| resident.model == model);
                let gone = at.map(|at| self.device.residents.remove(at));
                self.device.used -= gone.map_or(0, |resident| resident.bytes);
            }
            Action::Load { request, .. } => {
                let found = self.queue.iter().find(|waiting| waiting.id == request).cloned();
                let Some(Waiting { model, needs, load, .. }) = found else { return false };
                self.device.used += needs.weights;
                let (bytes, last_used) = (needs.weights, u64::MAX);
                self.device.residents.push(Resident { model, bytes, last_used, reload: load, pinned: false });
                self.pass(load);
            }
            Action::Run { request, .. } => {
                let Some(at) = self.queue.iter().position(|waiting| waiting.id == request) else {
                    return false;
                };
                let run = self.queue.remove(at);
                self.starts.push((run.id, self.now));
                self.pass(run.service);
            }
        }
        true
    }

    /// What runs goes on to its end, and what stands still for it too.
    fn finish_runs(&mut self) {
        let left = self.device.runs.drain(..).map(|run| run.remaining).sum();
        self.device.used = self.device.residents.iter().map(|resident| resident.bytes).sum();
        self.pass(left);
    }

    fn pass(&mut self, seconds: f64) {
        self.now += seconds;
        self.queue.iter_mut().for_each(|waiting| waiting.waited += seconds);
    }

    /// All that are left, in order of arrival; each model is loaded once.
    fn rest(&mut self) {
        self.finish_runs();
        let fits = |waiting: &Waiting| waiting.needs.total() <= self.device.limit;
        let held = self.device.residents.iter().map(|resident| resident.model.clone());
        let mut loaded: HashSet<_> = held.collect();
        for waiting in self.queue.iter().filter(|waiting| fits(waiting)) {
            self.now += if loaded.insert(waiting.model.clone()) { waiting.load } else { 0.0 };
            self.starts.push((waiting.id, self.now));
            self.now += waiting.service;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Run;
    use reelsmith_inference_core::{Footprint, ModelId};

    fn asks(id: u64, model: &str, service: f64) -> Waiting {
        let needs = Footprint { weights: 100, peak_activation: 10 };
        let (model, load, patience) = (ModelId::from(model), 2.0, 1e6);
        Waiting { id, model, needs, service, after: 0.0, load, waited: 0.0, patience, weight: 1.0 }
    }

    fn device(limit: u64) -> Device {
        let (model, reload) = (ModelId::from("a"), 2.0);
        let resident = Resident { model, bytes: 100, last_used: 1, reload, pinned: false };
        let (residents, runs) = (vec![resident], Vec::new());
        Device { limit, used: 100, residents, runs, loading: None, loaded_for: None, loads_beside: false }
    }

    #[test]
    fn requests_begin_in_the_policy_s_order_after_loads_and_what_runs() {
        let queue = [asks(1, "a", 5.0), asks(2, "b", 1.0), asks(3, "a", 0.5), asks(4, "huge", 1.0)];
        let queue: Vec<Waiting> = queue
            .into_iter()
            .map(|waiting| match waiting.id {
                4 => Waiting { needs: Footprint { weights: 900, peak_activation: 0 }, ..waiting },
                _ => waiting,
            })
            .collect();
        assert_eq!(
            forecast(&queue, &device(150)),
            [(3, 0.0), (2, 2.5), (1, 5.5)],
            "b is loaded, then a again"
        );
        let (model, patience) = (ModelId::from("a"), 1e6);
        let run = Run { request: 9, model, remaining: 3.0, service: 4.0, waited: 0.0, patience, weight: 1.0 };
        let busy = Device { runs: vec![run], used: 110, ..device(150) };
        assert_eq!(forecast(&queue[..1], &busy), [(1, 3.0)]);
        assert_eq!(forecast(&[], &busy), []);
    }

    #[test]
    fn a_long_queue_is_forecast_to_its_end() {
        let queue: Vec<Waiting> = (0..1000).map(|id| asks(id, ["a", "b"][id as usize % 2], 1.0)).collect();
        let starts = forecast(&queue, &device(1000));
        assert_eq!(starts.len(), 1000);
        assert!(starts.is_sorted_by(|before, after| before.1 <= after.1));
        assert_eq!(starts.last().map(|(_, at)| *at), Some(1001.0), "every run and one load");
    }
}
