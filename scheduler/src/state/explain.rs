//! What is shown of the device, and of what was decided.

use super::{Shared, State};
use crate::Snapshot;
use crate::ledger::Held;
use crate::policy::{self, Action, Decision, Reason, Waiting};
use crate::queue::Entry;
use crate::snapshot::{PastDecision, QueuedRequest, ResidentModel};
use reelsmith_inference_core::ModelId;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// Decisions that are remembered.
const MOST: usize = 64;

/// The latest decisions.
#[derive(Default)]
pub(crate) struct Decisions(VecDeque<Noted>);

struct Noted {
    at: Instant,
    action: &'static str,
    model: Option<ModelId>,
    request: Option<u64>,
    reason: Reason,
}

impl Decisions {
    fn note(&mut self, action: &'static str, model: Option<ModelId>, request: Option<u64>, reason: Reason) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(Noted { at: Instant::now(), action, model, request, reason });
    }

    fn shown(&self) -> Vec<PastDecision> {
        let shown = |noted: &Noted| PastDecision {
            seconds_ago: noted.at.elapsed().as_secs_f64(),
            action: noted.action,
            model: noted.model.as_ref().map(|model| model.0.clone()),
            request: noted.request,
            reason: noted.reason.to_string(),
        };
        self.0.iter().map(shown).collect()
    }
}

impl State {
    /// Notes a decision before it is carried out. To go on waiting is noted once.
    pub(crate) fn note(&mut self, decision: &Decision) {
        let mut of = |action, request: u64| {
            let entry = self.queue.find_mut(request);
            let model = entry.map(|entry| {
                entry.reason = Some(decision.reason);
                entry.model.clone()
            });
            self.decisions.note(action, model, Some(request), decision.reason);
        };
        match &decision.action {
            Action::Wait => {
                let was = self.decisions.0.back().is_some_and(|noted| noted.action == "wait");
                if decision.reason != Reason::NothingWaits && !was {
                    self.decisions.note("wait", None, None, decision.reason);
                }
            }
            Action::Reject { request } => of("reject", *request),
            Action::Load { request, .. } => of("load", *request),
            Action::Run { request, .. } => of("run", *request),
            Action::Evict { model, .. } => self.note_unload(model, decision.reason),
        }
    }

    pub(crate) fn note_unload(&mut self, model: &ModelId, reason: Reason) {
        self.decisions.note("unload", Some(model.clone()), None, reason);
    }

    fn shown(&self, held: Held) -> ResidentModel {
        let active = self.ledger.active().any(|active| *active == held.model);
        ResidentModel {
            active,
            pinned: self.is_pinned(&held.model),
            idle_seconds: self.idle_seconds(&held.model).filter(|_| !active),
            unloads_in_seconds: self.unloads_in(&held.model).map(|left| left.as_secs_f64()),
            model: held.model.0,
            bytes: held.bytes,
        }
    }

    fn queued(&self, entry: &Entry, needs: &HashMap<u64, Waiting>) -> QueuedRequest {
        let last = self.decisions.0.back().map(|noted| match noted.request {
            Some(request) => format!("request {request} was first: {}", noted.reason),
            None => noted.reason.to_string(),
        });
        QueuedRequest {
            id: entry.id,
            model: entry.model.0.clone(),
            seconds: entry.submitted.elapsed().as_secs_f64(),
            tenant: entry.asked.tenant.clone(),
            priority: entry.asked.priority,
            needs: needs.get(&entry.id).map(|waiting| waiting.needs),
            starts_in_seconds: None,
            reason: entry.reason.map(|reason| reason.to_string()).or(last),
        }
    }
}

impl Shared {
    pub(crate) fn snapshot(&self) -> Snapshot {
        let (mut snapshot, waiting, device) = {
            let state = self.lock();
            let scales = state.scales();
            // The engine has not been asked yet about what has just come, but perhaps about others of its model.
            let needs = |entry: &Entry| entry.needs.or_else(|| state.known.get(&entry.model).copied());
            let waiting: Vec<Waiting> =
                state.queue.iter().filter_map(|entry| state.waiting(entry, needs(entry)?, &scales)).collect();
            (self.shown(&state, &waiting), waiting, state.device(&scales))
        };
        // Asked with the lock released: it takes a decision for each request.
        let starts: HashMap<u64, f64> = policy::forecast(&waiting, &device).into_iter().collect();
        for queued in &mut snapshot.queue {
            queued.starts_in_seconds = starts.get(&queued.id).copied();
        }
        snapshot
    }

    fn shown(&self, state: &State, waiting: &[Waiting]) -> Snapshot {
        let needs = waiting.iter().map(|waiting| (waiting.id, waiting.clone())).collect();
        Snapshot {
            device: self.config.name.clone(),
            budget_bytes: self.config.budget_bytes,
            reserve_bytes: self.config.reserve_bytes,
            used_bytes: state.ledger.used(),
            residents: state.ledger.residents().into_iter().map(|held| state.shown(held)).collect(),
            running: state.running.last().map(super::Running::shown),
            standing: state.running.iter().rev().skip(1).map(super::Running::shown).collect(),
            queue: state.queue.iter().map(|entry| state.queued(entry, &needs)).collect(),
            queue_capacity: self.config.queue_capacity,
            mean_service_seconds: state.learned.mean_service(),
            decisions: state.decisions.shown(),
            closing: state.closing.is_some(),
            counters: state.counters,
        }
    }
}
