//! Memory runs out at every place where a run of requests takes some, one place after the other.

use crate::engine::{Fate, Model, Plan, Point};
use crate::stage::{Ending, Stage};
use reelsmith_scheduler::Shutdown;
use std::sync::{Arc, Mutex};

const LIMIT: u64 = 340;

const MODELS: [Model; 4] = [
    Model { name: "a", weights: 100, peak: 20 },
    Model { name: "b", weights: 150, peak: 20 },
    Model { name: "c", weights: 60, peak: 20 },
    Model { name: "d", weights: 300, peak: 20 },
];

fn plan(steps: u64) -> Plan {
    Plan { steps, peak: 20 }
}

/// What was done to whom.
#[derive(Default)]
struct Struck {
    taken: u64,
    failed: Vec<Point>,
    /// Something idle was there to make room with.
    had_others: bool,
}

/// The `k`-th time that memory is taken there is none; nor the next time at the same place, if it is so `twice`.
fn fail(
    k: u64,
    twice: bool,
    struck: &Arc<Mutex<Struck>>,
) -> impl FnMut(&Stage, Point) -> Fate + Send + use<> {
    let struck = Arc::clone(struck);
    move |stage, point| {
        let mut struck = struck.lock().unwrap();
        let again = |first: &Point| match (*first, point) {
            (Point::Begin(first) | Point::Step(first), Point::Begin(id) | Point::Step(id)) => first == id,
            (first, point) => first == point,
        };
        let fails = match point {
            Point::Load(_) | Point::Begin(_) | Point::Step(_) => {
                struck.taken += 1;
                let is_tried_again = twice && struck.had_others && struck.failed.len() == 1;
                struck.taken == k || (is_tried_again && again(&struck.failed[0]))
            }
            _ => false,
        };
        if !fails {
            return Fate::Go;
        }
        if struck.failed.is_empty() {
            struck.had_others = has_others(stage);
        }
        struck.failed.push(point);
        Fate::OutOfMemory
    }
}

fn has_others(stage: &Stage) -> bool {
    let running = stage.now().running.expect("it is being loaded or run");
    stage.world().has_idle_beside(&running.model)
}

/// Whoever met it is tried once more where that can help, and fails alone; the books agree with what is held.
fn judge(stage: &Stage, endings: &[Ending], struck: &Struck, twice: bool, k: u64) {
    let now = stage.now();
    let failed: Vec<u64> =
        (0..).zip(endings).filter(|(_, ending)| **ending != Ending::Done).map(|(id, _)| id).collect();
    let alone = !struck.had_others || twice;
    assert_eq!(failed.len(), usize::from(alone), "{k}: {endings:?}");
    assert!(failed.iter().all(|id| endings[*id as usize] == Ending::OutOfMemory), "{k}: {endings:?}");
    assert_eq!(now.counters.memory_retries, u64::from(struck.had_others), "{k}: once, where it can help");
    assert_eq!(struck.failed.len(), if twice && struck.had_others { 2 } else { 1 }, "{k}");
    let world = stage.world();
    for id in 0..endings.len() as u64 {
        let is_struck = failed.contains(&id) || struck.failed.iter().any(|at| owner(*at) == Some(id));
        let most = if is_struck { 2 } else { 1 };
        assert!(world.begun(id) <= most, "{k}: {id} was disturbed");
    }
    assert_eq!(now.used_bytes, world.held.values().sum::<u64>(), "{k}: the ledger is where it was");
    assert_eq!((now.running, now.standing.len()), (None, 0), "{k}");
}

fn owner(point: Point) -> Option<u64> {
    match point {
        Point::Begin(id) | Point::Step(id) => Some(id),
        _ => None,
    }
}

/// One after the other: each way to come by a model, with evictions between.
fn in_turn(stage: &Stage) {
    let all = [("a", 2), ("b", 1), ("a", 1), ("c", 2), ("c", 0), ("d", 1), ("a", 3), ("b", 0), ("a", 0)];
    for (model, steps) in all {
        let before = stage.now();
        stage.ask(model, plan(steps));
        let ending = *stage.settle().last().unwrap();
        let after = stage.now();
        let was_there = before.residents.iter().any(|resident| resident.model == model);
        if ending == Ending::OutOfMemory && was_there && after.counters.evictions == before.counters.evictions
        {
            assert_eq!(before.used_bytes, after.used_bytes, "all that it took is given back");
        }
    }
}

/// All at once, and some that come between two steps of a long one.
fn at_once(stage: &Stage) {
    for model in ["b", "c"] {
        stage.ask(model, plan(0));
    }
    stage.settle();
    for (model, steps) in [("a", 3), ("b", 1), ("d", 2), ("c", 1), ("a", 1), ("b", 0)] {
        stage.ask(model, plan(steps));
    }
    stage.settle();
}

/// Every `k` until there is none; how many there were.
fn every(perform: fn(&Stage), lets_in: bool, twice: bool) -> u64 {
    for k in 1.. {
        let struck = Arc::<Mutex<Struck>>::default();
        let mut fail = fail(k, twice, &struck);
        let mut came = !lets_in;
        let stage = Stage::open(LIMIT, 32, &MODELS, move |stage, point| {
            if matches!(point, Point::Step(_)) && !came {
                came = true;
                ["c", "b"].into_iter().for_each(|model| _ = stage.ask(model, plan(1)));
            }
            fail(stage, point)
        });
        perform(&stage);
        let endings = stage.settle();
        let found = struck.lock().unwrap();
        if found.failed.is_empty() {
            assert!(endings.iter().all(|ending| *ending == Ending::Done), "{endings:?}");
            return k - 1;
        }
        judge(&stage, &endings, &found, twice, k);
        drop(found);
        stage.close(Shutdown::Drain, k);
    }
    unreachable!("a run takes memory a bounded number of times")
}

#[test]
fn whichever_allocation_fails_one_request_at_most_does() {
    let places = [false, true].map(|twice| {
        let each = [(in_turn as fn(&Stage), false), (at_once, false), (at_once, true)];
        each.map(|(perform, lets_in)| every(perform, lets_in, twice))
    });
    assert!(places.iter().flatten().all(|places| *places >= 20), "{places:?}");
}
