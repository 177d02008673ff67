//! A look-ahead true-peak limiter: the gain is down before a peak arrives, and moves smoothly.
//!
//! For every frame the true peak around it is estimated by 4x interpolation. The gain that it
//! allows is held to its minimum over the look-ahead, released exponentially, and smoothed by two
//! moving averages; each is no wider than the minimum was held, so the smoothed gain still allows
//! every peak. Both channels share one gain, so that nothing moves in the stereo image. The result
//! is neither delayed nor longer.

use super::{Track, db_to_amplitude};
use std::collections::VecDeque;

/// Time over which the gain goes down before a peak, in seconds.
const LOOK_AHEAD: f64 = 0.005;
/// Time constant with which the gain comes back, in seconds.
const RELEASE: f64 = 0.1;
/// Peaks above the ceiling are brought this far below it (0.02 dB), for what a gain that moves within
/// the interpolator's reach adds: so one pass is enough nearly always.
const MARGIN: f32 = 0.9977;
/// Further passes over what the first left above the ceiling.
const MAX_PASSES: usize = 4;

/// Positions between two samples that the interpolator looks at, the first sample included.
const PHASES: usize = 4;
/// Samples that each interpolated value is made of.
const TAPS: usize = 12;
/// Samples that lie after the interpolated position.
const AFTER: usize = TAPS / 2;
/// Frames between two looks whether a passage is so quiet that no peak can be near the ceiling.
const BLOCK: usize = 64;

/// `track` at `gain` times its amplitude, limited to `ceiling_dbtp`, as [`super::measure`] reads it.
pub fn limit(track: &Track, gain: f32, ceiling_dbtp: f64) -> Track {
    let samples: Vec<f32> = track.samples.iter().map(|s| s * gain).collect();
    let mut track = Track { samples, ..*track };
    let ceiling = db_to_amplitude(ceiling_dbtp) as f32;
    let channels = usize::from(track.channels);
    let detector = Detector::new(ceiling);
    for _ in 0..MAX_PASSES {
        let mut gains = detector.allowed_gains(&track.samples, channels);
        if gains.is_empty() {
            return track;
        }
        smooth(&mut gains, track.rate);
        for (frame, g) in track.samples.chunks_exact_mut(channels).zip(&gains) {
            frame.iter_mut().for_each(|s| *s *= g);
        }
    }
    // What is still above after these passes is above by a hair: take it from the whole.
    let left = detector.allowed_gains(&track.samples, channels);
    if let Some(lowest) = left.into_iter().reduce(f32::min) {
        track.samples.iter_mut().for_each(|s| *s *= lowest);
    }
    track
}

/// Finds true peaks by the interpolator that the meter uses (libebur128: a sinc of 48 taps under a
/// Hann window, 4 phases), so that what passes here passes there.
struct Detector {
    /// From the oldest sample to the newest: its coefficient for each position.
    filter: [[f32; PHASES]; TAPS],
    /// No interpolated value exceeds the largest sample by more than this factor.
    overshoot: f32,
    ceiling: f32,
}

impl Detector {
    fn new(ceiling: f32) -> Self {
        let mut filter = [[0f32; PHASES]; TAPS];
        for (age, row) in filter.iter_mut().rev().enumerate() {
            for (phase, value) in row.iter_mut().enumerate() {
                *value = interpolation(age * PHASES + phase);
            }
        }
        let sum = |phase: usize| filter.iter().map(|row| row[phase].abs()).sum::<f32>();
        let overshoot = (0..PHASES).map(sum).fold(1.0, f32::max);
        Self { filter, overshoot, ceiling }
    }

    /// For every frame the factor, at most 1, that brings the peaks around it below the ceiling; empty
    /// if all are below it already.
    fn allowed_gains(&self, samples: &[f32], channels: usize) -> Vec<f32> {
        let frames = samples.len() / channels;
        let mut gains = Vec::new();
        let mut window = [0f32; BLOCK + TAPS];
        // A sound that starts or stops at full level rings beyond its ends: look there too.
        for start in (0..frames + 2 * AFTER).step_by(BLOCK) {
            for channel in 0..channels {
                for (n, out) in window.iter_mut().enumerate() {
                    let frame = (start + n + 1).checked_sub(TAPS).filter(|f| *f < frames);
                    *out = frame.map_or(0.0, |f| samples[f * channels + channel]);
                }
                let largest = window.iter().fold(0f32, |m, s| m.max(s.abs()));
                if largest * self.overshoot > self.ceiling {
                    self.lower(&mut gains, frames, start, &window);
                }
            }
        }
        gains
    }

    /// Lowers the gains around the peaks of one block; `start` counts from `AFTER` frames before
    /// the sound.
    fn lower(&self, gains: &mut Vec<f32>, frames: usize, start: usize, window: &[f32; BLOCK + TAPS]) {
        for (n, around) in window.windows(TAPS).take(BLOCK).enumerate() {
            let peak = self.true_peak(around);
            if peak <= self.ceiling {
                continue;
            }
            if gains.is_empty() {
                gains.resize(frames, 1.0);
            }
            // The peak lies between this frame and the next.
            let frame = (start + n).saturating_sub(AFTER).min(frames - 1);
            let allowed = self.ceiling * MARGIN / peak;
            gains.iter_mut().skip(frame).take(2).for_each(|gain| *gain = gain.min(allowed));
        }
    }

    /// The largest of the sample at `TAPS - 1 - AFTER` and the values between it and the next.
    fn true_peak(&self, around: &[f32]) -> f32 {
        let mut values = [0f32; PHASES];
        for (row, sample) in self.filter.iter().zip(around) {
            for (value, tap) in values.iter_mut().zip(row) {
                *value += tap * sample;
            }
        }
        values.iter().fold(around[TAPS - 1 - AFTER].abs(), |peak, v| peak.max(v.abs()))
    }
}

/// Coefficient `n` of the interpolating filter of `TAPS * PHASES` coefficients.
fn interpolation(n: usize) -> f32 {
    use std::f64::consts::{PI, TAU};
    let length = (TAPS * PHASES) as f64;
    let window = 0.5 - 0.5 * (TAU * n as f64 / length).cos();
    let x = PI * (n as f64 - length / 2.0) / PHASES as f64;
    match n == TAPS * PHASES / 2 {
        true => 1.0,
        false => (window * x.sin() / x) as f32,
    }
}

/// Turns the gain that each frame allows into one that is smooth and nowhere above it.
fn smooth(gains: &mut Vec<f32>, rate: u32) {
    // Two averages reach `half` frames to either side each: the minimum is held for both.
    let half = ((LOOK_AHEAD * f64::from(rate)) as usize / 2).max(AFTER);
    sliding_minimum(gains, 2 * half);
    let rise = 1.0 - (-1.0 / (RELEASE * f64::from(rate))).exp() as f32;
    let mut last = 1f32;
    for gain in gains.iter_mut() {
        last = gain.min(last + (1.0 - last) * rise);
        *gain = last;
    }
    moving_average(gains, half);
    moving_average(gains, half);
}

/// Each value becomes the least of those at most `reach` away.
fn sliding_minimum(values: &mut Vec<f32>, reach: usize) {
    let mut out = Vec::with_capacity(values.len());
    let mut candidates: VecDeque<usize> = VecDeque::new();
    for ahead in 0..values.len() + reach {
        if let Some(&value) = values.get(ahead) {
            while candidates.back().is_some_and(|&c| values[c] >= value) {
                candidates.pop_back();
            }
            candidates.push_back(ahead);
        }
        if let Some(centre) = ahead.checked_sub(reach) {
            while candidates.front().is_some_and(|&c| c + reach < centre) {
                candidates.pop_front();
            }
            out.push(candidates.front().map_or(1.0, |&c| values[c]));
        }
    }
    *values = out;
}

/// Each value becomes the mean of those at most `reach` away; the ends repeat outwards.
fn moving_average(values: &mut [f32], reach: usize) {
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else { return };
    let mut padded = Vec::with_capacity(values.len() + 2 * reach + 1);
    padded.resize(reach, first);
    padded.extend_from_slice(values);
    padded.resize(values.len() + 2 * reach + 1, last);
    let width = 2 * reach + 1;
    // In f64, so that the running sum stays exact to far below what a sample can hold.
    let scale = 1.0 / width as f64;
    let mut sum: f64 = padded[..width].iter().map(|v| f64::from(*v)).sum();
    for (value, (old, new)) in values.iter_mut().zip(padded.iter().zip(&padded[width..])) {
        *value = (sum * scale) as f32;
        sum += f64::from(*new) - f64::from(*old);
    }
}
