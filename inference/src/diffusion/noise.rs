//! The noise that a seed stands for: PyTorch's CPU generator, number by number, so that a seed taken from elsewhere
//! gives the same picture here.
//!
//! Mersenne Twister (Matsumoto and Nishimura, 1998) turned normal by Box and Muller's transform (1958), in the
//! order and the precision of PyTorch 2.8 (`ATen/core/MT19937RNGEngine.h`, `ATen/core/DistributionsHelper.h`,
//! `ATen/native/cpu/DistributionTemplates.h`). PyTorch takes other approximations of the logarithm and the cosine on
//! other processors, so a number may differ from it in its last bits; it differs so between two PyTorches too.

use half::f16;
use reelsmith_inference_core::image::NoisePrecision;
use std::f64::consts::TAU;

/// Numbers of the twister's state.
const STATE: usize = 624;
/// How far ahead the twister mixes.
const AHEAD: usize = 397;

/// Numbers that PyTorch turns normal together: 8 radii, then 8 angles.
const GROUP: usize = 16;

/// A stream of normal numbers, the same as that of `torch.Generator(device="cpu").manual_seed(seed)`.
#[derive(Debug, Clone)]
pub struct Generator {
    twister: Twister,
    /// The second number of a pair of which only the first was wanted.
    spare: Option<f64>,
}

impl Generator {
    /// The stream of `seed`. Like PyTorch's, it depends on the lower 32 bits only.
    pub fn new(seed: u64) -> Self {
        Self { twister: Twister::new(seed as u32), spare: None }
    }

    /// The next `count` numbers as `torch.randn(count, generator=…, dtype=…)` gives them. How many are drawn
    /// together matters: 32 at once are not 16 and then 16 more, unless `count` is a multiple of 16.
    pub fn randn(&mut self, precision: NoisePrecision, count: usize) -> Vec<f32> {
        if count >= GROUP {
            return match precision {
                NoisePrecision::F32 => self.in_groups(count, f32::MANTISSA_DIGITS, normal_group),
                NoisePrecision::F16 => self.in_groups(count, f16::MANTISSA_DIGITS, normal_group_half),
            };
        }
        let round = |number: f64| match precision {
            NoisePrecision::F32 => number as f32,
            NoisePrecision::F16 => f16::from_f32(number as f32).to_f32(),
        };
        (0..count).map(|_| round(self.single())).collect()
    }

    /// Draws all, then turns each 16 normal. What is left of a count that 16 does not divide is drawn anew,
    /// together with the numbers before it.
    fn in_groups(&mut self, count: usize, digits: u32, normal: fn(&mut [f32])) -> Vec<f32> {
        let mut numbers: Vec<f32> = (0..count).map(|_| self.uniform(digits)).collect();
        numbers.chunks_exact_mut(GROUP).for_each(normal);
        if !count.is_multiple_of(GROUP) {
            let last = &mut numbers[count - GROUP..];
            last.iter_mut().for_each(|number| *number = self.uniform(digits));
            normal(last);
        }
        numbers
    }

    /// A number of [0, 1) with so many binary digits.
    fn uniform(&mut self, digits: u32) -> f32 {
        (self.twister.next() & ((1 << digits) - 1)) as f32 / (1u32 << digits) as f32
    }

    /// One normal number in double precision, of two that are made at a time.
    fn single(&mut self) -> f64 {
        if let Some(number) = self.spare.take() {
            return number;
        }
        let mut uniform = || {
            let bits = u64::from(self.twister.next()) << 32 | u64::from(self.twister.next());
            (bits & ((1 << f64::MANTISSA_DIGITS) - 1)) as f64 / (1u64 << f64::MANTISSA_DIGITS) as f64
        };
        let (sin, cos) = (TAU * uniform()).sin_cos();
        let radius = (-2.0 * (-uniform()).ln_1p()).sqrt();
        self.spare = Some(radius * sin);
        radius * cos
    }
}

/// Turns 16 uniform numbers normal.
fn normal_group(group: &mut [f32]) {
    let (radii, angles) = group.split_at_mut(GROUP / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        let radius = (-2.0 * (1.0 - *first).ln()).sqrt();
        let (sin, cos) = ((TAU * f64::from(*second)) as f32).sin_cos();
        (*first, *second) = (radius * cos, radius * sin);
    }
}

/// The same in half precision, where every intermediate is rounded to it.
fn normal_group_half(group: &mut [f32]) {
    let round = |number: f32| f16::from_f32(number).to_f32();
    let (radii, angles) = group.split_at_mut(GROUP / 2);
    for (first, second) in radii.iter_mut().zip(angles) {
        let log = round((1.0 - *first).ln());
        let radius = round(round(-2.0 * log).sqrt());
        let (sin, cos) = round((TAU * f64::from(*second)) as f32).sin_cos();
        (*first, *second) = (round(radius * round(cos)), round(radius * round(sin)));
    }
}

/// MT19937.
#[derive(Debug, Clone)]
struct Twister {
    state: [u32; STATE],
    next: usize,
}

impl Twister {
    fn new(seed: u32) -> Self {
        let mut state = [seed; STATE];
        for i in 1..STATE {
            let before = state[i - 1];
            state[i] = (before ^ before >> 30).wrapping_mul(1_812_433_253).wrapping_add(i as u32);
        }
        Self { state, next: STATE }
    }

    fn next(&mut self) -> u32 {
        if self.next == STATE {
            self.twist();
        }
        let y = self.state[self.next];
        self.next += 1;
        let y = y ^ y >> 11;
        let y = y ^ y << 7 & 0x9d2c_5680;
        let y = y ^ y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    fn twist(&mut self) {
        for i in 0..STATE {
            let joined = self.state[i] & 0x8000_0000 | self.state[(i + 1) % STATE] & 0x7fff_ffff;
            let mixed = joined >> 1 ^ if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + AHEAD) % STATE] ^ mixed;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_twister_gives_the_number_that_the_standard_asks_for() {
        // C++11, 26.5.5: the 10,000th number of a default-constructed mt19937, whose seed is 5489.
        let mut twister = Twister::new(5489);
        assert_eq!((0..10_000).map(|_| twister.next()).last(), Some(4_123_659_995));
    }

    fn precisions() -> impl Strategy<Value = NoisePrecision> {
        prop_oneof![Just(NoisePrecision::F32), Just(NoisePrecision::F16)]
    }

    proptest! {
        #[test]
        fn any_seed_gives_finite_numbers_and_the_same_again(
            seed: u64, count in 0usize..500, precision in precisions(),
        ) {
            let noise = Generator::new(seed).randn(precision, count);
            prop_assert_eq!(noise.len(), count);
            prop_assert!(noise.iter().all(|number| number.is_finite() && number.abs() < 10.0));
            prop_assert_eq!(&Generator::new(seed).randn(precision, count), &noise);
        }

        #[test]
        fn whole_groups_may_be_drawn_apart(seed: u64, groups in 1usize..40, more in 1usize..40) {
            let mut apart = Generator::new(seed);
            let together = Generator::new(seed).randn(NoisePrecision::F32, (groups + more) * GROUP);
            let mut numbers = apart.randn(NoisePrecision::F32, groups * GROUP);
            numbers.extend(apart.randn(NoisePrecision::F32, more * GROUP));
            prop_assert_eq!(numbers, together);
        }
    }

    #[test]
    fn the_numbers_are_normal_and_the_seeds_differ() {
        for precision in [NoisePrecision::F32, NoisePrecision::F16] {
            let numbers = Generator::new(1).randn(precision, 1 << 16);
            let mean = numbers.iter().sum::<f32>() / numbers.len() as f32;
            let variance = numbers.iter().map(|n| n * n).sum::<f32>() / numbers.len() as f32;
            assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
            assert_ne!(Generator::new(2).randn(precision, 1 << 16), numbers);
        }
    }
}
