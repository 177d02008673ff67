//! Chance that a seed decides: the same seed gives the same draws on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// Draws that depend on the seed, the stream and their order alone.
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    /// The first stream of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self::stream(seed, 0)
    }

    /// One of the independent streams of a seed: what is drawn from one changes nothing in another.
    pub(crate) fn stream(seed: u64, stream: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self(random)
    }

    /// From 0 up to, not including, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / (f64::from(u32::MAX) + 1.0)
    }

    /// From `low` to `high`, evenly.
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        let unit = (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32;
        low + (high - low) * unit
    }

    /// From 0 to `count - 1`.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        (self.0.next_u32() as usize) % count.max(1)
    }

    /// True with the given probability.
    pub(crate) fn chance(&mut self, probability: f32) -> bool {
        self.range(0.0, 1.0) < probability
    }

    /// -1 or 1.
    pub(crate) fn sign(&mut self) -> f32 {
        if self.chance(0.5) { 1.0 } else { -1.0 }
    }

    /// A seed for something else.
    pub(crate) fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_repeat_and_streams_differ() {
        let draws = |mut dice: Dice| [0; 8].map(|_: u64| dice.seed());
        assert_eq!(draws(Dice::new(5)), draws(Dice::stream(5, 0)));
        assert_ne!(draws(Dice::new(5)), draws(Dice::stream(5, 1)));
        assert_ne!(draws(Dice::new(5)), draws(Dice::new(6)));
    }

    #[test]
    fn draws_stay_in_range_and_reach_all_of_it() {
        let mut dice = Dice::new(1);
        let units: Vec<f64> = (0..1000).map(|_| dice.unit()).collect();
        assert!(units.iter().all(|unit| (0.0..1.0).contains(unit)));
        assert!(units.iter().any(|unit| *unit < 0.05) && units.iter().any(|unit| *unit > 0.95));
        let mut seen = [0; 5];
        (0..1000).for_each(|_| seen[dice.below(5)] += 1);
        assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
    }
}
