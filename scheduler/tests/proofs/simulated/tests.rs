//! Random steps and endless streams in simulated time.

use super::traffic::{Stream, Traffic};
use super::{Device, Kind};
use crate::random::Random;
use crate::stage::Ending;
use std::collections::BTreeMap;

const STEPS: u64 = 200_000;
const REPLAYS: u64 = 10_000;

const fn kind(weights: u64, load: f64, step: f64) -> Kind {
    Kind { weights, load, step }
}

fn finish(device: &mut Device) {
    device.work();
    let seed = device.seed;
    assert!(device.endings.iter().all(Option::is_some), "seed {seed}: a request is lost");
    assert!(device.queue.is_empty() && device.running.is_empty(), "seed {seed}");
    for (id, (ending, begun)) in device.endings.iter().zip(&device.begun).enumerate() {
        let is_never_run = matches!(ending, Some(Ending::Busy | Ending::TooLarge));
        assert!(*begun <= 2 && !(is_never_run && *begun > 0), "seed {seed}: {id} began {begun} times");
        assert!(*ending != Some(Ending::Done) || *begun > 0, "seed {seed}: {id} was answered for nothing");
    }
    let held: u64 = device.ledger.residents().iter().map(|held| held.bytes).sum();
    assert_eq!((device.ledger.used(), device.ledger.active().count()), (held, 0), "seed {seed}");
}

#[test]
fn two_hundred_thousand_steps_lose_nothing_and_keep_nobody_beyond_the_bound() {
    let kinds = [
        kind(50, 0.1, 0.01),
        kind(200, 0.4, 0.3),
        kind(250, 0.5, 0.1),
        kind(400, 1.0, 0.6),
        kind(700, 2.0, 0.2),
        kind(960, 2.0, 0.1),
    ];
    let (mut steps, mut seed, mut worst, mut yields, mut retries) = (0, 0, 0.0f64, 0, 0);
    let mut seen: BTreeMap<Ending, u64> = BTreeMap::new();
    while steps < STEPS {
        let mut random = Random::new(seed);
        let every = [0.2, 0.5, 1.0, 2.0, 4.0][random.below(5) as usize];
        let stream = |models: &[usize], every: f64, left, steps| Stream {
            models: models.to_vec(),
            at: 0.0,
            every,
            left,
            steps,
            peak: 80,
        };
        let streams = vec![
            stream(&[0, 1, 2, 3, 4, 5], 2.0 * every, 60, 8),
            stream(&[0, 2], every, 60, 3),
            // A burst at once.
            stream(&[1, 3, 4], 0.0, random.below(12), 4),
        ];
        let traffic = Traffic { streams, random, trouble: 8 };
        let mut device = Device::new(seed, 1000, 24, &kinds, traffic);
        finish(&mut device);
        steps += device.steps;
        worst = worst.max(device.worst);
        yields += device.yields;
        retries += device.retries;
        device.endings.iter().flatten().for_each(|ending| *seen.entry(*ending).or_default() += 1);
        seed += 1;
    }
    // The mix did meet every case; nobody abandons here, and nothing is closed.
    assert_eq!(seen.len(), 7, "{seen:?}");
    assert!(
        seen.values().all(|count| *count > 20) && yields > 20 && retries > 20,
        "{seen:?} {yields} {retries}"
    );
    assert!(worst > 0.3, "the bound means something: {worst:.2} of it was waited");
}

/// One that waits for a model that is not loaded, while short requests for loaded ones come faster than they are served
/// and a long run lets them in between its steps: it has its turn after patience and what was there before.
#[test]
fn nobody_is_queued_for_ever_while_others_keep_coming() {
    let kinds = [kind(100, 0.1, 0.2), kind(100, 0.1, 0.25), kind(300, 1.0, 0.3), kind(700, 1.5, 0.2)];
    let mut worst = 0.0f64;
    for seed in 0..REPLAYS {
        let mut random = Random::new(seed);
        let mut stream = |models: &[usize], at: f64, every: f64, left, steps| Stream {
            models: models.to_vec(),
            at,
            every: every * (0.5 + random.below(100) as f64 / 100.0),
            left,
            steps,
            peak: 30,
        };
        let streams = vec![
            stream(&[0, 1], 0.0, 0.15, 160, 1),
            stream(&[2], 0.3, 1.0, 3, 4),
            stream(&[3], 0.9, 0.0, 1, 1),
        ];
        let mut device = Device::new(seed, 850, 10, &kinds, Traffic { streams, random, trouble: 0 });
        finish(&mut device);
        worst = worst.max(device.worst);
    }
    assert!(worst > 0.3, "the bound means something: {worst:.2} of it was waited");
}
