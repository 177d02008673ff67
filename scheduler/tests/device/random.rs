//! Twelve thousand random steps: nothing is lost, nothing done twice, nothing held beyond the limit; with wishes of all
//! kinds among them, too.

use crate::fake::{Answer, Desk, Model, ask, config, start_as};
use crate::plan::{End, Plan};
use reelsmith_inference_core::ModelId;
use reelsmith_scheduler::policy::MOST_RUNS;
use reelsmith_scheduler::{
    CancelToken, DeviceConfig, KeepAlive, Priority, ScheduleError, Scheduler, Shutdown, Snapshot,
};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::task::JoinHandle;

const STEPS: usize = 12_000;
const LIMIT: u64 = 1000;
const CAPACITY: usize = 12;

/// xorshift64 (Marsaglia, "Xorshift RNGs", 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

struct Asked {
    id: u64,
    end: End,
    cancel: CancelToken,
    cancelled: bool,
    task: JoinHandle<Answer>,
}

#[derive(Default, Debug)]
struct Tally {
    done: BTreeSet<u64>,
    refused: BTreeSet<u64>,
    failed: u64,
    cancelled: u64,
    dropped: u64,
    /// Refused for what was pinned, or for a deadline: perhaps after a run that met out-of-memory.
    turned_down: u64,
    preloaded: u64,
    unloaded: u64,
}

fn models() -> Vec<(&'static str, Model)> {
    let model = |weights, peak| Model { weights, peak, ..Model::default() };
    vec![
        ("tiny", model(50, 20)),
        ("small", model(200, 60)),
        ("middle", model(400, 90)),
        ("large", model(700, 100)),
        ("too large", model(900, 101)),
        ("unloadable", Model { load: End::Fail, ..model(150, 10) }),
        ("explosive", Model { load: End::Panic, ..model(150, 10) }),
        ("crowded", Model { load: End::NeedsSpace, ..model(150, 10) }),
        ("slippery", Model { drop_panics: true, ..model(250, 10) }),
    ]
}

fn plan(random: &mut Random, id: u64) -> Plan {
    let end = match random.below(20) {
        0 => End::Fail,
        1 => End::Panic,
        2 => End::OutOfMemory,
        3 => End::NeedsSpace,
        _ => End::Done,
    };
    Plan { id, steps: random.below(4), peak: random.below(120), gated: false, end }
}

async fn settle(asked: Asked, tally: &mut Tally) {
    let id = asked.id;
    let answer = match asked.task.await {
        Ok(answer) => answer,
        Err(error) => {
            assert!(error.is_cancelled(), "only dropped tasks end without an answer: {error}");
            tally.dropped += 1;
            return;
        }
    };
    match answer {
        Ok(speech) => {
            assert_eq!(u64::from(speech.sample_rate), id, "an answer to another question");
            assert!(matches!(asked.end, End::Done | End::NeedsSpace), "{id} was to end with {:?}", asked.end);
            assert!(tally.done.insert(id), "{id} was answered twice");
        }
        Err(ScheduleError::Cancelled) => {
            assert!(asked.cancelled, "{id} was cancelled by nobody");
            tally.cancelled += 1;
        }
        Err(ScheduleError::Busy { .. } | ScheduleError::TooLarge(_)) => {
            tally.refused.insert(id);
        }
        Err(ScheduleError::PinnedOut { .. } | ScheduleError::Late { .. }) => tally.turned_down += 1,
        Err(ScheduleError::Inference(_) | ScheduleError::Panicked { .. }) => tally.failed += 1,
        Err(other) => panic!("{id}: {other}"),
    }
}

fn check(now: &Snapshot) {
    assert!(now.used_bytes <= LIMIT, "{} of {LIMIT} bytes", now.used_bytes);
    let held: u64 = now.residents.iter().map(|resident| resident.bytes).sum();
    assert!(held <= now.used_bytes);
    let active = now.residents.iter().filter(|resident| resident.active).count();
    let begun = now.standing.len() + usize::from(now.running.is_some());
    assert!(active == begun && begun <= MOST_RUNS);
    // The request whose model was just loaded is back for a moment, and one that begins anew lost its place.
    assert!(now.queue.len() <= CAPACITY + 2, "{} wait", now.queue.len());
    assert!(now.queue.iter().map(|queued| queued.id).is_sorted());
    let settled = settled(now);
    let underway = (now.queue.len() + begun) as u64;
    let missing = now.counters.submitted - settled - underway;
    assert!(missing <= 1, "{missing} requests are nowhere: {now:?}");
}

fn settled(now: &Snapshot) -> u64 {
    let counters = now.counters;
    let refused = counters.refused_busy + counters.refused_too_large + counters.refused_closing;
    counters.completed + counters.failed + counters.cancelled + counters.refused_late + refused
}

/// A handle of somebody with wishes.
fn somebody(random: &mut Random, scheduler: &Scheduler) -> Scheduler {
    let tenant = ["x", "y", "z"].get(random.below(4) as usize).map(|name| (*name).to_owned());
    let priority = [Priority::Interactive, Priority::Normal, Priority::Background][random.below(3) as usize];
    let deadline = (random.below(8) == 0).then(|| Duration::from_micros(random.below(3000)));
    let stay = Duration::from_millis(random.below(3));
    let keep_alive = [KeepAlive::AsSet, KeepAlive::For(stay), KeepAlive::Forever][random.below(3) as usize];
    let weight = 0.5 + random.below(4) as f64;
    scheduler.as_asked(reelsmith_scheduler::Asked { tenant, priority, weight, deadline, keep_alive })
}

/// Something that is wished of a model, or taken back.
async fn wish(random: &mut Random, scheduler: &Scheduler, model: &str, tally: &mut Tally) {
    let model = ModelId::from(model);
    match random.below(6) {
        0 => scheduler.pin(&["tiny", "small"][random.below(2) as usize].into(), true).unwrap(),
        1..3 => ["tiny", "small"].iter().for_each(|name| scheduler.pin(&(*name).into(), false).unwrap()),
        3 => scheduler.keep_alive(&model, KeepAlive::For(Duration::from_millis(1))).unwrap(),
        4 => match scheduler.unload(&model).await {
            Ok(was_loaded) => tally.unloaded += u64::from(was_loaded),
            Err(ScheduleError::InUse { .. }) => {}
            Err(other) => panic!("{other}"),
        },
        _ => tally.preloaded += u64::from(scheduler.preload(&model, CancelToken::new()).await.is_ok()),
    }
}

async fn run(random: &mut Random, scheduler: &Scheduler, tally: &mut Tally, wishes: bool) {
    let names: Vec<&str> = models().iter().map(|(name, _)| *name).collect();
    let mut underway: Vec<Asked> = Vec::new();
    for id in 0..STEPS as u64 {
        match random.below(100) {
            0..60 => {
                let (cancel, plan) = (CancelToken::new(), plan(random, id));
                let name = names[random.below(names.len() as u64) as usize];
                let asker = if wishes { somebody(random, scheduler) } else { scheduler.clone() };
                let task = ask(&asker, name, plan, &cancel);
                underway.push(Asked { id, end: plan.end, cancel, cancelled: false, task });
            }
            60..70 if !underway.is_empty() => {
                let at = random.below(underway.len() as u64) as usize;
                underway[at].cancel.cancel();
                underway[at].cancelled = true;
            }
            70..75 if !underway.is_empty() => {
                let asked = underway.swap_remove(random.below(underway.len() as u64) as usize);
                asked.task.abort();
                settle(asked, tally).await;
            }
            75..80 if wishes => {
                let name = names[random.below(names.len() as u64) as usize];
                wish(random, scheduler, name, tally).await;
            }
            75..85 => tokio::task::yield_now().await,
            _ => check(&scheduler.snapshot()),
        }
        while underway.len() > 3 * CAPACITY {
            let asked = underway.swap_remove(random.below(underway.len() as u64) as usize);
            settle(asked, tally).await;
        }
    }
    for asked in underway {
        settle(asked, tally).await;
    }
}

fn account(desk: &Desk, tally: &Tally, last: &Snapshot) {
    desk.nothing_went_wrong();
    assert_eq!(last.counters.submitted, settled(last), "every request has one end");
    assert_eq!((last.queue.len(), last.running.is_some(), last.used_bytes), (0, false, 0));
    desk.seen(|seen| {
        assert!(seen.held.is_empty() && seen.most <= LIMIT);
        let finished: BTreeSet<u64> = seen.finished.iter().copied().collect();
        assert_eq!(finished.len(), seen.finished.len(), "nothing finished twice");
        assert!(tally.done.is_subset(&finished), "every answer was worked for");
        assert!(seen.begun.iter().all(|id| !tally.refused.contains(id)), "nothing refused was run");
        assert_eq!(finished.len() as u64 + tally.preloaded, last.counters.completed);
        assert_eq!(
            seen.unloaded.len() as u64,
            last.counters.loads + seen.failed_loads,
            "each load was undone"
        );
    });
    // The figures below only say that the mix did meet every case.
    let counters = last.counters;
    for (what, count) in [
        ("done", tally.done.len() as u64),
        ("failed", tally.failed),
        ("cancelled", tally.cancelled),
        ("dropped", tally.dropped),
        ("busy", counters.refused_busy),
        ("too large", counters.refused_too_large),
        ("evicted", counters.evictions),
        ("panics", counters.panics),
        ("memory retries", counters.memory_retries),
    ] {
        assert!(count > 0, "{what}: {count}: {tally:?}");
    }
}

async fn twelve_thousand_steps(seed: u64, wishes: bool) -> (Tally, Snapshot) {
    let tenant_capacity = wishes.then_some(4);
    let config = DeviceConfig { tenant_capacity, ..config(LIMIT, CAPACITY) };
    let (scheduler, desk) = start_as(config, LIMIT, &models());
    let mut tally = Tally::default();
    let mut random = Random(seed);
    let work = run(&mut random, &scheduler, &mut tally, wishes);
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("no deadlock");
    scheduler.shutdown(Shutdown::Drain).await;
    let last = scheduler.snapshot();
    account(&desk, &tally, &last);
    (tally, last)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_arrivals_cancels_and_failures_on_two_threads() {
    twelve_thousand_steps(0x5eed_0001, false).await;
}

#[tokio::test]
async fn random_arrivals_cancels_and_failures_on_one_thread() {
    twelve_thousand_steps(0x5eed_0002, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_tenants_deadlines_pins_preloads_and_unloads() {
    let (tally, last) = twelve_thousand_steps(0x5eed_0003, true).await;
    let counters = last.counters;
    for (what, count) in [
        ("turned down", tally.turned_down),
        ("late", counters.refused_late),
        ("preloaded", tally.preloaded),
        ("unloaded by wish", tally.unloaded),
        ("unloaded by wish or time", counters.unloads.saturating_sub(tally.unloaded)),
    ] {
        assert!(count > 0, "{what}: {count}: {tally:?}");
    }
}
