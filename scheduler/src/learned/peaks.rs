//! What runs of one model took of memory, by the class of their shape.
//!
//! A class is all estimates from one power of two up to the next. The estimate is the model's own word on how its memory
//! grows with the shape of a request (pixels, tokens, seconds of sound), which effort is not: that counts denoise steps
//! too. Within a class it is the ratio of measured to estimated that is kept, so that the largest run of a class does
//! not make the smallest one reserve twice what it needs, and between classes ratios may differ, since the part of an
//! estimate that is wrong seldom grows as the whole does.

use serde::{Deserialize, Serialize};

/// What is reserved beyond the measured: runs of one shape differ by what an allocator rounds up.
const MARGIN: f64 = 1.1;
/// How much beyond what there was is reserved after a run that found too little.
const FELL_SHORT: f64 = 1.25;
/// Share of what is too much that is given back after each measured run: half of it after seven.
const GIVEN_BACK: f64 = 0.1;
/// The same after a run that went well unmeasured: half of it after 35.
const GIVEN_BACK_UNMEASURED: f64 = 0.02;
/// Bytes below which a measurement tells nothing: what else the process does meanwhile.
const NOISE: u64 = 16 << 20;
/// No run takes so many times what it was estimated to, nor so many bytes where it was estimated to take none.
const MOST_TIMES: f64 = (1u64 << 50) as f64;
/// Classes kept of one model.
pub(super) const MOST_CLASSES: usize = 16;

/// Measured over estimated, of the highest runs of one class of late.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peak {
    /// Bits that the estimate has, in bytes.
    class: u32,
    ratio: f64,
}

/// The latest classes of one model, the one changed longest ago first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Peaks(Vec<Peak>);

fn class(estimate: u64) -> u32 {
    u64::BITS - estimate.leading_zeros()
}

/// Of an estimate of nothing, bytes themselves are kept.
fn unit(estimate: u64) -> f64 {
    estimate.max(1) as f64
}

impl Peaks {
    /// Bytes that a run of this estimate is to be given; none where nothing is known of its class.
    pub(super) fn reckon(&self, estimate: u64) -> Option<u64> {
        let peak = self.0.iter().find(|peak| peak.class == class(estimate))?;
        Some((peak.ratio * unit(estimate) * MARGIN).ceil() as u64)
    }

    /// A run took so many bytes.
    pub(super) fn measured(&mut self, estimate: u64, bytes: u64) {
        if estimate.max(bytes) >= NOISE {
            let ratio = bytes.max(NOISE) as f64 / unit(estimate);
            self.change(estimate, ratio, |old| lowered(old, ratio, GIVEN_BACK));
        }
    }

    /// A run found too little memory, where there were so many bytes for it.
    pub(super) fn fell_short(&mut self, estimate: u64, there: u64) {
        let ratio = there as f64 * FELL_SHORT / MARGIN / unit(estimate);
        self.change(estimate, ratio, |old| old.max(ratio));
    }

    /// A run went well, and nobody measured it: what was added for one that fell short is given back.
    pub(super) fn went_well(&mut self, estimate: u64) {
        if self.0.iter().any(|peak| peak.class == class(estimate) && peak.ratio > 1.0) {
            self.change(estimate, 1.0, |old| lowered(old, 1.0, GIVEN_BACK_UNMEASURED));
        }
    }

    fn change(&mut self, estimate: u64, first: f64, next: impl FnOnce(f64) -> f64) {
        let class = class(estimate);
        let known = self.0.iter().position(|peak| peak.class == class).map(|at| self.0.remove(at));
        if self.0.len() >= MOST_CLASSES {
            self.0.remove(0);
        }
        let ratio = known.map_or(first, |known| next(known.ratio)).min(MOST_TIMES);
        self.0.push(Peak { class, ratio });
    }

    /// Says what cannot be.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.0.len() > MOST_CLASSES {
            return Err(format!("{} classes, where {MOST_CLASSES} are the most", self.0.len()));
        }
        for (at, Peak { class, ratio }) in self.0.iter().enumerate() {
            if *class > u64::BITS || !(0.0..=MOST_TIMES).contains(ratio) {
                return Err(format!("class {class} with a ratio of {ratio}"));
            }
            if self.0[..at].iter().any(|earlier| earlier.class == *class) {
                return Err(format!("class {class} is there twice"));
            }
        }
        Ok(())
    }
}

/// The higher of the two at once, the lower one little by little.
fn lowered(old: f64, now: f64, share: f64) -> f64 {
    if now >= old { now } else { old + share * (now - old) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_higher_peak_counts_at_once_and_a_lower_one_with_time() {
        let mut peaks = Peaks::default();
        assert_eq!(peaks.reckon(100 * MIB), None);
        peaks.measured(100 * MIB, 300 * MIB);
        assert_eq!(peaks.reckon(100 * MIB), Some(330 * MIB));
        let larger = peaks.reckon(120 * MIB).expect("it is of the same class");
        assert!(
            (396 * MIB..397 * MIB).contains(&larger),
            "it grows with the estimate within a class: {larger}"
        );
        assert_eq!(peaks.reckon(130 * MIB), None, "and says nothing of another class");
        let mut before = 330 * MIB;
        for _ in 0..100 {
            peaks.measured(100 * MIB, 50 * MIB);
            let now = peaks.reckon(100 * MIB).expect("it is known");
            assert!((55 * MIB..before).contains(&now), "{now} after {before}");
            before = now;
        }
        assert!(before < 56 * MIB, "{before}");
    }

    #[test]
    fn what_the_process_does_besides_is_not_taken_for_a_peak() {
        let mut peaks = Peaks::default();
        peaks.measured(100, MIB);
        assert_eq!(peaks, Peaks::default());
        peaks.measured(100 * MIB, MIB);
        let reckoned = peaks.reckon(100 * MIB).expect("it is known");
        assert!(reckoned >= NOISE, "an estimate is not lowered further than can be measured: {reckoned}");
    }

    #[test]
    fn what_fell_short_is_raised_at_once_and_given_back_slowly() {
        let mut peaks = Peaks::default();
        peaks.went_well(10);
        assert_eq!(peaks.reckon(10), None, "no estimate is touched that never failed");
        peaks.fell_short(10, 800);
        assert_eq!(peaks.reckon(10), Some(1000));
        (0..1000).for_each(|_| peaks.went_well(10));
        assert!(peaks.reckon(10).is_some_and(|bytes| bytes <= 12), "{peaks:?}");
        peaks.fell_short(0, 800);
        assert_eq!(peaks.reckon(0), Some(1000), "an estimate of nothing is learned too");
    }

    #[test]
    fn classes_are_bounded() {
        let mut peaks = Peaks::default();
        (0..64).for_each(|bit| peaks.fell_short(1 << bit, u64::MAX));
        assert_eq!(peaks.0.len(), MOST_CLASSES);
        assert_eq!((peaks.reckon(1), peaks.check()), (None, Ok(())));
    }
}
