//! Four races that llama.cpp's router was caught in, each replayed 10,000 times on the real thread. What comes at which
//! call of the engine is drawn from a seed; what the test's own thread asks meanwhile falls where it falls.

use crate::engine::{Fate, Model, Plan, Point};
use crate::random::Random;
use crate::stage::{Ending, Event, Stage};
use reelsmith_scheduler::Shutdown;

const REPLAYS: u64 = 10_000;

const fn model(name: &'static str, weights: u64) -> Model {
    Model { name, weights, peak: 10 }
}

fn plan(steps: u64) -> Plan {
    Plan { steps, peak: 10 }
}

/// Asks for `of` and sees it served, so that its runs are known to be short: what never ran is taken for long.
fn practise(stage: &Stage, of: &[&'static str]) {
    for model in of {
        stage.ask(model, plan(0));
        stage.settle();
    }
}

fn all_done(stage: &Stage, seed: u64) {
    let endings = stage.settle();
    assert!(endings.iter().all(|ending| *ending == Ending::Done), "seed {seed}: {endings:?}");
}

/// A model is loaded for a request; before that request has run, one that waits for another model takes its place
/// (github.com/ggml-org/llama.cpp/issues/28698, mended in pull request 29217).
#[test]
fn a_queued_request_evicts_no_model_that_was_just_loaded_for_another() {
    const MODELS: [Model; 3] = [model("a", 100), model("b", 100), model("c", 60)];
    let mut met = 0;
    for seed in 0..REPLAYS {
        let mut random = Random::new(seed);
        // Two of them never fit together, or all but a few bytes of them do.
        let stage = Stage::open(random.pick(&[110, 140, 180, 209]), 32, &MODELS, |_, _| Fate::Go);
        practise(&stage, &["b", "c"]);
        let (mut left, mut draw) = (1 + random.below(4), random.clone());
        stage.direct(move |stage, point| {
            let while_loading = matches!(point, Point::Load(_) | Point::Price(_) | Point::Unload(_));
            if left > 0 && while_loading && draw.once_in(2) {
                left -= 1;
                stage.ask(draw.pick(&["a", "b", "b", "c"]), plan(draw.below(2)));
            }
            Fate::Go
        });
        stage.ask("a", plan(random.below(3)));
        for _ in 0..random.below(3) {
            stage.ask(random.pick(&["b", "c"]), plan(0));
        }
        all_done(&stage, seed);
        let world = stage.world();
        met += usize::from(world.unloads() > 2);
        assert_eq!(world.wasted(), 0, "seed {seed}: {:?}", world.events);
        assert!(world.loads() <= world.finished.len(), "seed {seed}: {:?}", world.events);
        drop(world);
        stage.direct(|_, _| Fate::Go);
        stage.close(Shutdown::Drain, seed);
    }
    assert!(met > REPLAYS as usize / 2, "models did change places: {met}");
}

/// Two requests for two models come at once while a third idles or goes; one of them is never looked at again
/// (github.com/ggml-org/llama.cpp/issues/28443). How long one may wait while others keep coming is another matter:
/// [`crate::simulated`] holds that bound.
#[test]
fn no_request_is_queued_for_ever() {
    const MODELS: [Model; 3] = [model("a", 100), model("b", 100), model("c", 100)];
    for seed in 0..REPLAYS {
        let mut random = Random::new(seed);
        let stage = Stage::open(random.pick(&[110, 220]), 32, &MODELS, |_, _| Fate::Go);
        practise(&stage, &["a"]);
        let (mut left, mut draw) = (random.below(6), random.clone());
        stage.direct(move |stage, _| {
            if left > 0 && draw.once_in(3) {
                left -= 1;
                stage.ask(draw.pick(&["a", "b", "c"]), plan(draw.below(3)));
            }
            Fate::Go
        });
        // These come while the thread sleeps, wakes, evicts, loads, runs or is about to sleep again.
        for _ in 0..2 + random.below(4) {
            stage.ask(random.pick(&["a", "b", "c"]), plan(random.below(2)));
            for _ in 0..random.below(2_000) {
                std::hint::spin_loop();
            }
        }
        all_done(&stage, seed);
        stage.direct(|_, _| Fate::Go);
        stage.close(Shutdown::Drain, seed);
    }
}

/// A model that generates is unloaded for a request that waits for another
/// (github.com/ggml-org/llama.cpp/issues/21678).
#[test]
fn an_eviction_kills_no_active_generation() {
    const MODELS: [Model; 4] = [model("a", 100), model("b", 60), model("c", 60), model("d", 150)];
    let mut yields = 0;
    for seed in 0..REPLAYS {
        let mut random = Random::new(seed);
        let stage = Stage::open(random.pick(&[160, 190, 240]), 32, &MODELS, |_, _| Fate::Go);
        practise(&stage, &["d", "b", "c"]);
        let (mut left, mut draw) = (6, random.clone());
        stage.direct(move |stage, point| {
            if matches!(point, Point::Begin(_) | Point::Step(_)) {
                stage.check(seed);
                if left > 0 && draw.once_in(2) {
                    left -= 1;
                    let (steps, peak) = (draw.below(3), draw.pick(&[0, 10, 40]));
                    stage.ask(draw.pick(&["a", "b", "c", "d"]), Plan { steps, peak: peak.min(150) });
                }
            }
            Fate::Go
        });
        let long = stage.ask("a", plan(2 + random.below(4)));
        let endings = stage.settle();
        assert_eq!(endings[long as usize], Ending::Done, "seed {seed}");
        let fits = |ending: &Ending| matches!(ending, Ending::Done | Ending::TooLarge);
        assert!(endings.iter().all(fits), "seed {seed}: {endings:?}");
        stage.direct(|_, _| Fate::Go);
        yields += stage.close(Shutdown::Drain, seed).counters.yields;
    }
    assert!(yields > REPLAYS / 4, "others were let in meanwhile: {yields}");
}

/// Models are counted and not weighed: many small ones are thrown out though all would fit, and two large ones are held
/// at once though they do not (github.com/ggml-org/llama.cpp/pull/25326).
#[test]
fn evictions_go_by_bytes_and_not_by_count() {
    const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut crowded = 0;
    for seed in 0..REPLAYS {
        let mut random = Random::new(seed);
        let limit = 300 + random.below(500);
        let mut models = NAMES.map(|name| model(name, 0));
        for model in &mut models {
            model.weights = if random.once_in(3) { 100 + random.below(190) } else { 5 + random.below(60) };
        }
        let stage = Stage::open(limit, 32, &models, |_, _| Fate::Go);
        let mut draw = random.clone();
        stage.direct(move |stage, point| {
            if matches!(point, Point::Step(_)) && draw.once_in(2) && stage.count() < 24 {
                stage.ask(draw.pick(&NAMES), plan(0));
            }
            Fate::Go
        });
        for _ in 0..12 {
            stage.ask(random.pick(&NAMES), plan(random.below(2)));
            stage.settle();
        }
        all_done(&stage, seed);
        // Whenever one went, all that was there and the largest that could come did not fit together.
        let world = stage.world();
        let weights = |name: &str| stage.model(name).weights;
        let (mut held, mut gone) = (Vec::new(), 0);
        for (at, event) in world.events.iter().enumerate() {
            match event {
                Event::Loaded(name) => held.push(*name),
                Event::Unloaded(name) => {
                    let next = world.events[at..].iter().find_map(|event| match event {
                        Event::Loaded(next) | Event::Begun(_, next) => Some(*next),
                        Event::Unloaded(_) => None,
                    });
                    let next = next.expect("room is made for something");
                    let there: u64 =
                        held.iter().filter(|held| **held != next).map(|held| weights(held)).sum();
                    // Two at most stand still meanwhile, with 10 bytes each beyond their weights.
                    let needed = weights(next) + 10 + 20;
                    assert!(
                        there + needed > limit,
                        "seed {seed}: {name} went for {next}: {:?}",
                        world.events
                    );
                    held.retain(|held| held != name);
                    gone += 1;
                }
                Event::Begun(..) => {}
            }
        }
        crowded += usize::from(held.len() > 4 && gone == 0);
        drop(world);
        stage.direct(|_, _| Fate::Go);
        stage.close(Shutdown::Drain, seed);
    }
    assert!(crowded > 100, "many small ones did stay together: {crowded}");
}
