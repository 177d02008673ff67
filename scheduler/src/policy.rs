//! What to do next, as a pure function of what waits and what the devices hold. Effects are elsewhere:
//! [`crate::Scheduler`] has a thread for them, and `benches/scheduler` replays traces through the same function.
//!
//! The request with the lowest score goes first. A score is seconds: those that the request will take
//! ([`Waiting::service`]) and, where its model is not loaded, the seconds of loading it shared among all requests that
//! wait for the same model (shortest remaining work first; the swap amortised). Waiting lowers it, by slowdown, so
//! that among equals of size the older goes first and batches of one model are not torn apart; and to nothing as the
//! wait nears [`Waiting::patience`], so that nobody waits much longer than the longest queue would have made them wait
//! in order of arrival.
//!
//! To make room, the idle model goes whose return costs least for each byte. A model that is being loaded or run is
//! never asked to go, nor one that has not yet served the request that it was loaded for: that one is next.

mod forecast;
mod names;
mod patience;
mod room;
mod score;
mod shares;
mod view;

pub use forecast::forecast;
pub use patience::Patience;
pub use shares::{Priority, Shares, fair_weight};
pub use view::{Action, Decision, Device, Reason, Resident, Run, View, Waiting};

use room::Room;
use score::Scores;

/// A request is let in at a step of another only if its score is below this part of the other's: each change costs
/// the other a step's time at least.
const MUCH_MORE_URGENT: f64 = 0.8;

/// The score of a request whose model was just loaded for it.
const PROMISED: f64 = f64::NEG_INFINITY;

/// Runs on one device at once: one that computes, and those that stand still for it, whose memory stays theirs.
pub const MOST_RUNS: usize = 3;

/// Decides what to do next. The order of the queue does not matter but to break ties.
///
/// Asked again after each effect, it comes to a `Run`, `Reject` or `Wait` after at most one `Evict` per resident and
/// one `Load`. On a device with a run it may answer `Run`: the request goes first from the run's next step on.
pub fn next(view: &View<'_>) -> Decision {
    if let Some(decision) = reject(view) {
        return decision;
    }
    if view.queue.is_empty() {
        return Decision::wait(Reason::NothingWaits);
    }
    let scores = Scores::of(view.queue);
    let mut best: Option<Choice<'_>> = None;
    for (index, device) in view.devices.iter().enumerate() {
        let choice = choose(index, device, view.queue, &scores);
        best = match (best, choice) {
            (Some(best), Some(choice)) if !choice.is_better_than(&best) => Some(best),
            (best, choice) => choice.or(best),
        };
    }
    match best {
        Some(choice) => choice.decision(&view.devices[choice.device], &scores),
        None => Decision::wait(Reason::DevicesBusy),
    }
}

/// Refuses a request that would not fit even on a device empty but for what is pinned there.
fn reject(view: &View<'_>) -> Option<Decision> {
    let largest = view.devices.iter().map(|device| device.limit).max().unwrap_or(0);
    let is_pinned = view.devices.iter().any(|device| device.residents.iter().any(|held| held.pinned));
    view.queue.iter().find_map(|waiting| {
        let needed = waiting.needs.total();
        let room = |device: &&Device| device.limit.saturating_sub(device.pinned_beside(waiting));
        let reason = if needed > largest {
            Reason::NeverFits { needed, largest }
        } else {
            let device = view.devices.iter().filter(|_| is_pinned).max_by_key(room)?;
            let pinned = device.pinned_beside(waiting);
            (needed > room(&device)).then_some(Reason::PinnedOut { needed, pinned, limit: device.limit })?
        };
        Some(Decision::new(Action::Reject { request: waiting.id }, reason))
    })
}

/// What could be done on one device.
struct Choice<'a> {
    device: usize,
    waiting: &'a Waiting,
    score: f64,
    /// Its model is only loaded, beside a run of another.
    ahead: bool,
    /// The score of the run that it would interrupt.
    interrupted: Option<f64>,
}

/// The best that can be done on `device`, if anything.
fn choose<'a>(
    index: usize,
    device: &Device,
    queue: &'a [Waiting],
    scores: &Scores<'_>,
) -> Option<Choice<'a>> {
    let room = Room::of(device, scores);
    let is_lowest = |a: &(&Waiting, f64), b: &(&Waiting, f64)| a.1.total_cmp(&b.1);
    let (mut runnable, mut loadable) = (None::<(&Waiting, f64)>, None::<(&Waiting, f64)>);
    for (waiting, model) in queue.iter().zip(scores.numbers()) {
        if waiting.needs.total() > device.limit {
            continue;
        }
        let is_loaded = room.is_loaded(model);
        let score = match device.is_promised(waiting) {
            true => PROMISED,
            false => scores.score(waiting, model, is_loaded),
        };
        let candidate = (waiting, score);
        let place = if is_loaded { &mut runnable } else { &mut loadable };
        let is_first = place.as_ref().is_none_or(|best| is_lowest(&candidate, best).is_lt());
        let has_room = || match is_loaded || device.runs.is_empty() {
            true => room.has(waiting, model),
            false => room.has_unwanted(waiting, model),
        };
        if is_first && has_room() {
            *place = Some(candidate);
        }
    }
    let choice =
        |(waiting, score), ahead, interrupted| Choice { device: index, waiting, score, ahead, interrupted };
    let Some(run) = device.runs.last() else {
        if device.loading.is_some() {
            return runnable.map(|candidate| choice(candidate, false, None));
        }
        let best = [runnable, loadable].into_iter().flatten().min_by(is_lowest);
        return best.map(|candidate| choice(candidate, false, None));
    };
    let running = scores.running(run);
    // Scores of what has waited long are below nothing, where a part of one is above it.
    let bar = running - running.abs() * (1.0 - MUCH_MORE_URGENT);
    let urgent =
        |(waiting, score): &(&Waiting, f64)| *score < bar && !goes_ahead_of_overdue(waiting, device, queue);
    if let Some(candidate) = runnable.filter(|_| device.runs.len() < MOST_RUNS).filter(urgent) {
        return Some(choice(candidate, false, Some(running)));
    }
    // Loading beside the run costs it nothing, and the next one finds its model there.
    let ahead = loadable.filter(|_| device.loads_beside && device.loading.is_none());
    let ahead = ahead.filter(|(_, score)| runnable.is_none_or(|(_, best)| *score < best));
    ahead.map(|candidate| choice(candidate, true, None))
}

/// Whether letting a request in would keep one waiting that has waited longer, and too long. What that one waits for is
/// the end of the runs: one after the other let in before it, it would wait for ever.
fn goes_ahead_of_overdue(candidate: &Waiting, device: &Device, queue: &[Waiting]) -> bool {
    queue.iter().any(|waiting| {
        waiting.waited >= waiting.patience
            && waiting.waited > candidate.waited
            && waiting.needs.total() <= device.limit
    })
}

impl Choice<'_> {
    /// Doing something now is better than preparing it.
    fn is_better_than(&self, other: &Self) -> bool {
        (self.ahead, self.score)
            .partial_cmp(&(other.ahead, other.score))
            .is_some_and(std::cmp::Ordering::is_lt)
    }

    /// The next effect on `device` towards it.
    fn decision(&self, device: &Device, scores: &Scores<'_>) -> Decision {
        let (missing, free) = (device.missing(self.waiting, self.ahead), device.free());
        if missing > free {
            let victim = Room::victim(device, &self.waiting.model, scores, self.ahead);
            let model = victim.expect("idle models hold what is missing").model.clone();
            let action = Action::Evict { device: self.device, model };
            return Decision::new(action, Reason::MakeRoom { missing, free });
        }
        let request = self.waiting.id;
        if device.resident(&self.waiting.model).is_none() {
            let seconds = self.waiting.load;
            let reason = match self.ahead {
                true => Reason::LoadAhead { seconds },
                false => Reason::NotLoaded { seconds },
            };
            return Decision::new(Action::Load { device: self.device, request }, reason);
        }
        let Waiting { waited, patience, service, .. } = *self.waiting;
        let reason = match self.interrupted {
            Some(running) => Reason::MoreUrgent { score: self.score, running },
            None if self.score == PROMISED => Reason::LoadedForIt,
            None if waited >= patience => Reason::WaitedLong { waited, patience },
            None => Reason::Shortest { seconds: service, score: self.score },
        };
        Decision::new(Action::Run { device: self.device, request }, reason)
    }
}
