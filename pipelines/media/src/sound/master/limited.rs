//! A mix under the limiter, piece by piece.

use crate::Result;
use crate::sound::limiter::limit;
use crate::sound::{MIX_RATE, Source, Track};
use std::ops::Range;

/// Frames of a piece: two minutes, 46 MB.
const PIECE: usize = 120 * MIX_RATE as usize;
/// Frames before and after a piece that are limited with it: after a second, what the limiter did before has died down
/// to e^-10 (its release has a time constant of a tenth of a second), so pieces meet without a step.
const CONTEXT: usize = MIX_RATE as usize;

/// The pieces of a sound, in order.
pub(super) fn pieces(frames: usize) -> impl Iterator<Item = Range<usize>> {
    (0..frames).step_by(PIECE).map(move |start| start..(start + PIECE).min(frames))
}

/// A mix at a gain under a ceiling.
#[derive(Clone, Copy)]
pub(super) struct Limited<'a> {
    pub(super) mix: &'a dyn Source,
    pub(super) gain: f32,
    pub(super) ceiling_dbtp: f64,
}

impl Limited<'_> {
    /// One of its [`pieces`].
    pub(super) fn piece(&self, frames: Range<usize>) -> Result<Vec<f32>> {
        let from = frames.start.saturating_sub(CONTEXT);
        let to = (frames.end + CONTEXT).min(self.mix.frames());
        let samples = self.mix.read(from..to)?.into_owned();
        let track = Track { rate: MIX_RATE, channels: 2, samples };
        let limited = limit(&track, self.gain, self.ceiling_dbtp);
        let mut samples = limited.samples;
        samples.truncate((frames.end - from) * 2);
        samples.drain(..(frames.start - from) * 2);
        Ok(samples)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_follow_each_other_and_meet_without_a_step() {
        // A loud tone that swells, so that the limiter works all the time.
        let frames = PIECE + PIECE / 4;
        let sample = |n: usize| {
            let time = n as f32 / MIX_RATE as f32;
            (time * 220.0 * std::f32::consts::TAU).sin() * (1.0 + (time * 0.7).sin())
        };
        let mix = Track {
            rate: MIX_RATE,
            channels: 2,
            samples: (0..frames).flat_map(|n| [sample(n); 2]).collect(),
        };
        let limited = Limited { mix: &mix, gain: 1.5, ceiling_dbtp: -1.0 };
        let mut joined = Vec::new();
        for piece in pieces(frames) {
            joined.extend(limited.piece(piece).unwrap());
        }
        let whole = limit(&mix, 1.5, -1.0);
        assert_eq!(joined.len(), whole.samples.len());
        let furthest = joined.iter().zip(&whole.samples).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(furthest < 1e-3, "{furthest}");
    }
}
