//! Random steps on the real thread: requests come, are cancelled and given up, fail in every way at every place, and
//! the device is shut down in the middle of it; a hundred thousand steps of which each is a call of the engine or an
//! act of the test.

use crate::engine::{Fate, Model, Plan, Point};
use crate::random::Random;
use crate::stage::{Ending, Stage};
use reelsmith_scheduler::{Counters, Shutdown};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

const STEPS: u64 = 100_000;
const LIMIT: u64 = 1000;
const NAMES: [&str; 6] = ["tiny", "small", "middle", "large", "huge", "too large"];

fn models() -> [Model; 6] {
    let sizes = [(50, 20), (200, 60), (250, 10), (400, 90), (700, 100), (900, 101)];
    let mut all = sizes.into_iter().zip(NAMES).map(|((weights, peak), name)| Model { name, weights, peak });
    std::array::from_fn(|_| all.next().unwrap())
}

/// What was done to whom.
#[derive(Default)]
struct Struck {
    /// The last fate of each request's run.
    runs: BTreeMap<u64, Fate>,
    loads: BTreeSet<&'static str>,
    out_of_memory: BTreeMap<u64, usize>,
}

/// Draws an act of somebody who makes requests.
fn act(stage: &Stage, random: &mut Random, to_come: &mut u64) {
    match random.below(100) {
        0..55 if *to_come > 0 => {
            *to_come -= 1;
            let (steps, peak) = (random.below(4), random.below(120));
            stage.ask(random.pick(&NAMES), Plan { steps, peak });
        }
        55..65 if stage.count() > 0 => stage.cancel(random.below(stage.count())),
        65..70 if stage.count() > 0 => stage.abandon(random.below(stage.count())),
        _ => {}
    }
}

fn fate(random: &mut Random) -> Fate {
    match random.below(40) {
        0 => Fate::Fail,
        1 => Fate::Panic,
        2 | 3 => Fate::OutOfMemory,
        _ => Fate::Go,
    }
}

/// One service from its start to its end, so many steps of it, and how its requests ended.
fn replay(seed: u64, steps: &Arc<AtomicU64>) -> (Vec<Ending>, Counters) {
    let struck = Arc::new(Mutex::new(Struck::default()));
    let mut random = Random::new(seed);
    let (mut draw, mut to_come) = (Random::new(seed ^ 0xdead_beef), 60);
    let (noted, counted) = (Arc::clone(&struck), Arc::clone(steps));
    let stage = Stage::open(LIMIT, 12, &models(), move |stage, point| {
        counted.fetch_add(1, Ordering::Relaxed);
        act(stage, &mut draw, &mut to_come);
        stage.check(seed);
        let fate = fate(&mut draw);
        let mut noted = noted.lock().unwrap();
        match point {
            Point::Price(_) => return if fate == Fate::Panic { Fate::Panic } else { Fate::Go },
            Point::Load(model) if fate != Fate::Go => {
                noted.loads.insert(model);
            }
            Point::Begin(id) | Point::Step(id) | Point::End(id) => {
                noted.runs.insert(id, fate);
                *noted.out_of_memory.entry(id).or_default() += usize::from(fate == Fate::OutOfMemory);
            }
            _ => {}
        }
        fate
    });
    let mut to_come = 60;
    let closes_early = random.once_in(4);
    for _ in 0..80 {
        steps.fetch_add(1, Ordering::Relaxed);
        act(&stage, &mut random, &mut to_come);
        if random.once_in(12) && !closes_early {
            stage.settle();
        }
    }
    let how = if closes_early { random.pick(&[Shutdown::Cancel, Shutdown::Drain]) } else { Shutdown::Drain };
    if !closes_early {
        stage.settle();
    }
    let counters = stage.close(how, seed).counters;
    let endings = stage.settle();
    judge(&stage, &endings, &struck.lock().unwrap(), seed);
    (endings, counters)
}

/// Every request ended once, and as what befell it says.
fn judge(stage: &Stage, endings: &[Ending], struck: &Struck, seed: u64) {
    let world = stage.world();
    let finished: BTreeSet<u64> = world.finished.iter().copied().collect();
    assert_eq!(finished.len(), world.finished.len(), "seed {seed}: nothing is done twice");
    for (id, ending) in (0..).zip(endings) {
        let run = struck.runs.get(&id).copied().unwrap_or(Fate::Go);
        let holds = match ending {
            Ending::Done => finished.contains(&id),
            Ending::Abandoned => true,
            other if finished.contains(&id) => panic!("seed {seed}: {id} was done, and answered {other:?}"),
            Ending::Cancelled => stage.was_cancelled(id),
            Ending::Failed => run == Fate::Fail || !struck.loads.is_empty(),
            Ending::OutOfMemory => run == Fate::OutOfMemory || !struck.loads.is_empty(),
            // To price it or to load it may have panicked too.
            Ending::Panicked => world.begun(id) == 0 || run == Fate::Panic,
            Ending::Busy | Ending::TooLarge => world.begun(id) == 0,
            Ending::Closing => true,
        };
        assert!(holds, "seed {seed}: {id} ended {ending:?}, its run {run:?}");
        let failed = struck.out_of_memory.get(&id).copied().unwrap_or(0);
        assert!(world.begun(id) <= 1 + failed.min(1), "seed {seed}: {id} began {} times", world.begun(id));
    }
}

/// The counters say of the requests what those who made them know.
fn add_up(endings: &[Ending], counters: &Counters, seed: u64) {
    let told = |wanted: &[Ending]| endings.iter().filter(|ending| wanted.contains(ending)).count() as u64;
    let refused = counters.refused_busy + counters.refused_too_large + counters.refused_closing;
    let settled = counters.completed + counters.failed + counters.cancelled + refused;
    assert_eq!((counters.submitted, settled), (endings.len() as u64, settled), "seed {seed}: {counters:?}");
    assert_eq!(counters.submitted, settled, "seed {seed}: {counters:?}");
    let gone = told(&[Ending::Abandoned]);
    for (count, wanted) in [
        (counters.completed, &[Ending::Done][..]),
        (counters.cancelled, &[Ending::Cancelled]),
        (counters.failed, &[Ending::Failed, Ending::OutOfMemory, Ending::Panicked]),
        (counters.refused_busy, &[Ending::Busy]),
        (counters.refused_too_large, &[Ending::TooLarge]),
        (counters.refused_closing, &[Ending::Closing]),
    ] {
        let told = told(wanted);
        assert!((told..=told + gone).contains(&count), "seed {seed}: {count} of {wanted:?}, told {told}");
    }
}

#[test]
fn nothing_is_lost_or_doubled_in_a_hundred_thousand_steps() {
    let steps = Arc::new(AtomicU64::new(0));
    let mut seen: BTreeMap<Ending, u64> = BTreeMap::new();
    let (mut yields, mut retries, mut seed) = (0, 0, 0);
    while steps.load(Ordering::Relaxed) < STEPS {
        let (endings, counters) = replay(seed, &steps);
        add_up(&endings, &counters, seed);
        endings.into_iter().for_each(|ending| *seen.entry(ending).or_default() += 1);
        yields += counters.yields;
        retries += counters.memory_retries;
        seed += 1;
    }
    // The mix did meet every case.
    assert_eq!(seen.len(), 9, "{seen:?}");
    assert!(
        seen.values().all(|count| *count > 20) && yields > 20 && retries > 20,
        "{seen:?} {yields} {retries}"
    );
}
