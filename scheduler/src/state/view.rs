//! What the policy is shown, and what it says.

use super::{Running, State};
use crate::ledger::Held;
use crate::policy::{self, Decision, View, Waiting, fair_weight};
use crate::queue::Entry;
use crate::{Asked, ScheduleError};
use reelsmith_inference_core::{Footprint, ModelId};
use std::time::Duration;

/// Patience is above nothing, in seconds.
const SOONEST: f64 = 1e-3;

/// How the requests of now are weighed.
pub(super) struct Scales {
    now: f64,
    patience: f64,
    /// The least that any tenant has used of late who asks for something now.
    least: f64,
}

impl State {
    /// What the policy says of what waits and what the device holds. Who is to be alone waits until nothing stands still.
    pub(crate) fn decision(&self) -> Decision {
        let scales = self.scales();
        let may_go = |entry: &&Entry| !entry.alone || self.running.is_empty();
        let waiting = self.queue.iter().filter(may_go);
        let queue: Vec<Waiting> =
            waiting.filter_map(|entry| self.waiting(entry, entry.needs?, &scales)).collect();
        policy::next(&View { queue: &queue, devices: &[self.device(&scales)] })
    }

    /// A model that has to go before a request runs that is to be alone.
    pub(crate) fn in_the_way(&self, request: u64) -> Option<ModelId> {
        let entry = self.queue.find(request).filter(|entry| entry.alone)?;
        let others = self.ledger.residents().into_iter().map(|held| held.model);
        others.into_iter().find(|model| *model != entry.model && self.may_go(model))
    }

    /// Whether an idle model may be unloaded to make room.
    pub(crate) fn may_go(&self, model: &ModelId) -> bool {
        !self.is_pinned(model) && self.ledger.active().all(|active| active != model)
    }

    /// A request whose deadline cannot be met any more, and the seconds that it needs and has.
    pub(crate) fn late(&self) -> Option<(u64, f64, f64)> {
        self.queue.iter().find_map(|entry| {
            let left = entry.asked.deadline?.as_secs_f64() - entry.submitted.elapsed().as_secs_f64();
            let needed = self.measured_seconds(&entry.model, entry.effort);
            (needed > left || left <= 0.0).then_some((entry.id, needed, left))
        })
    }

    /// Seconds that loading and running take, as far as they were measured.
    pub(super) fn measured_seconds(&self, model: &ModelId, effort: f64) -> f64 {
        let load = if self.ledger.held(model).is_some() { 0.0 } else { self.learned.load_seconds(model, 0) };
        load + self.learned.measured_run(model, effort).unwrap_or(0.0)
    }

    pub(crate) fn too_late(&self, model: &ModelId, effort: f64, asked: &Asked) -> ScheduleError {
        let needed = Duration::try_from_secs_f64(self.measured_seconds(model, effort)).unwrap_or_default();
        let deadline = asked.deadline.unwrap_or_default();
        ScheduleError::Late { model: model.clone(), deadline, needed }
    }

    /// What a request is given whose model states `stated`. What was measured never makes one too large, for the device
    /// or beside what is pinned, that the model says fits: others like it ran there.
    pub(crate) fn reckoned(&self, model: &ModelId, stated: Footprint) -> Footprint {
        let needs = self.learned.footprint(model, stated);
        let most = self.ledger.limit() - self.pinned_beside(model);
        match stated.total() <= most && needs.total() > most {
            true => Footprint { peak_activation: most - needs.weights, ..needs },
            false => needs,
        }
    }

    pub(super) fn scales(&self) -> Scales {
        let now = self.clock();
        let asking = self.queue.iter().map(|entry| &entry.asked);
        let asking = asking.chain(self.running.iter().map(|running| &running.asked));
        let used = asking.map(|asked| self.shares.of_late(asked.tenant(), now));
        let least = used.min_by(f64::total_cmp).unwrap_or(0.0);
        Scales { now, patience: self.patience.seconds(now), least }
    }

    fn weight(&self, asked: &Asked, scales: &Scales) -> f64 {
        let of_late = self.shares.of_late(asked.tenant(), scales.now);
        asked.priority.weight() * fair_weight(of_late, scales.least)
    }

    /// A request as the policy sees it, once it is known what it needs. Who counts less has the more patience, and who
    /// has a deadline no more than it leaves.
    pub(super) fn waiting(&self, entry: &Entry, stated: Footprint, scales: &Scales) -> Option<Waiting> {
        let needs = self.reckoned(&entry.model, stated);
        let service = self.learned.run_seconds(&entry.model, entry.effort);
        let load = self.learned.load_seconds(&entry.model, needs.weights);
        let weight = self.weight(&entry.asked, scales);
        let patience = scales.patience / weight.min(1.0);
        let ahead = if self.ledger.held(&entry.model).is_some() { service } else { service + load };
        let last = entry.asked.deadline.map(|deadline| (deadline.as_secs_f64() - ahead).max(SOONEST));
        Some(Waiting {
            id: entry.id,
            model: entry.model.clone(),
            needs,
            service,
            after: 0.0,
            load,
            waited: entry.submitted.elapsed().as_secs_f64(),
            patience: last.map_or(patience, |last| last.min(patience)),
            weight,
        })
    }

    pub(super) fn device(&self, scales: &Scales) -> policy::Device {
        let resident = |held: Held| policy::Resident {
            reload: self.learned.load_seconds(&held.model, held.bytes),
            pinned: self.is_pinned(&held.model),
            model: held.model,
            bytes: held.bytes,
            last_used: held.last_used,
        };
        policy::Device {
            limit: self.ledger.limit(),
            used: self.ledger.used(),
            residents: self.ledger.residents().into_iter().map(resident).collect(),
            runs: self.running.iter().map(|running| self.run(running, scales)).collect(),
            loading: None,
            loaded_for: self.loaded_for(),
            loads_beside: false,
        }
    }

    /// The request that a loaded model was loaded for, the first of them if there are several.
    fn loaded_for(&self) -> Option<u64> {
        let is_held = |entry: &&Entry| entry.loaded && self.ledger.held(&entry.model).is_some();
        self.queue.iter().filter(is_held).map(|entry| entry.id).min()
    }

    fn run(&self, running: &Running, scales: &Scales) -> policy::Run {
        let service = self.learned.run_seconds(&running.model, running.effort);
        let weight = self.weight(&running.asked, scales);
        policy::Run {
            request: running.id,
            model: running.model.clone(),
            remaining: running.remaining(service),
            service,
            waited: (running.since - running.submitted).as_secs_f64(),
            patience: scales.patience / weight.min(1.0),
            weight,
        }
    }

    pub(crate) fn clock(&self) -> f64 {
        self.started.elapsed().as_secs_f64()
    }

    /// Seconds that runs are expected to go on for, those that stand still too.
    fn seconds_left(&self) -> f64 {
        let left =
            |running: &Running| running.remaining(self.learned.run_seconds(&running.model, running.effort));
        self.running.iter().map(left).sum()
    }

    /// Seconds of all that is before a request that comes now: what runs, and what waits with a load of each model that
    /// is not there.
    pub(super) fn seconds_before(&self) -> f64 {
        let mut absent: Vec<&ModelId> = Vec::new();
        let waiting = self.queue.iter().map(|entry| {
            let is_absent = self.ledger.held(&entry.model).is_none() && !absent.contains(&&entry.model);
            let weights = entry.needs.map_or(0, |needs| needs.weights);
            absent.extend(is_absent.then_some(&entry.model));
            let load = if is_absent { self.learned.load_seconds(&entry.model, weights) } else { 0.0 };
            load + self.learned.run_seconds(&entry.model, entry.effort)
        });
        waiting.sum::<f64>() + self.seconds_left()
    }

    /// Notes how much there is to do as another request comes.
    pub(super) fn note_arrival(&mut self) {
        let waiting = self.queue.iter().map(|entry| self.learned.run_seconds(&entry.model, entry.effort));
        let queued = waiting.sum::<f64>() + self.seconds_left();
        let now = self.clock();
        self.patience.arrival(now, queued);
    }
}
