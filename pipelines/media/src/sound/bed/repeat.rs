//! Long beds: bars from the middle of a piece come again, so that its beginning and end stay.
//!
//! Chords and motifs come again every [`PERIOD`] bars, so a jump back by a multiple of them is a
//! step that the piece itself might take.

use super::score::PERIOD;
use crate::sound::{MIX_RATE, Track, crossfade, equal_power};

/// How a bed of some length is made from a shorter piece.
pub(super) struct Bars {
    /// Seconds.
    bar: f64,
    /// Bars that are composed and played.
    composed: usize,
    /// Bars that are heard again; a multiple of [`PERIOD`].
    again: usize,
}

impl Bars {
    /// For `seconds` of which at most `longest` may be composed, at about `tempo` beats a minute.
    pub(super) fn of(seconds: f64, longest: f64, tempo: f64) -> Self {
        // The tempo gives way a little, so that the last bar ends with the bed.
        let all = ((seconds * tempo / 240.0).round() as usize).max(1);
        let bar = seconds / all as f64;
        let again = match seconds > longest {
            true => (all - (longest / bar) as usize).next_multiple_of(PERIOD),
            false => 0,
        };
        Self { bar, composed: all - again, again }
    }

    /// Seconds to compose.
    pub(super) fn composed(&self) -> f64 {
        self.composed as f64 * self.bar
    }

    /// The bed of `seconds` from the piece, which ends where it ends. It jumps back before the last
    /// bar, fading over one beat.
    pub(super) fn repeat(&self, piece: Track, seconds: f64) -> Track {
        if self.again == 0 {
            return piece;
        }
        let last = self.composed - 1;
        let at = |bar: usize| frames(bar as f64 * self.bar) * 2;
        let beat = frames(self.bar / 4.0) * 2;
        let mut samples = Vec::with_capacity(frames(seconds) * 2);
        samples.extend_from_slice(&piece.samples[..at(last)]);
        let mut left = self.again;
        while left > 0 {
            // The first bar is sparse: it does not come again.
            let step = left.min((last - 1) / PERIOD * PERIOD);
            let back = at(last - step);
            let seam = samples.len() - beat;
            crossfade(&mut samples[seam..], &piece.samples[back - beat..back]);
            samples.extend_from_slice(&piece.samples[back..at(last)]);
            left -= step;
        }
        samples.extend_from_slice(&piece.samples[at(last)..]);
        // Bars begin on whole frames, so a few may be too many or too few, of silence.
        samples.resize(frames(seconds) * 2, 0.0);
        Track { samples, ..piece }
    }
}

/// How a piece goes on for longer than it lasts.
#[derive(Debug, Clone, PartialEq)]
pub struct Again {
    /// Where it goes back, in order.
    pub(crate) seams: Vec<Seam>,
    /// Frames before a seam over which one bar fades into the other.
    pub(crate) fade: usize,
}

/// A step back in a piece, in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seam {
    /// When, as it is heard.
    pub(crate) at: usize,
    /// To which frame of the piece.
    pub(crate) to: usize,
}

impl Bars {
    /// What [`Bars::repeat`] does, to be done as it is heard: hours of it take no more memory than the piece.
    pub(super) fn again(&self) -> Again {
        let last = self.composed - 1;
        let at = |bar: usize| frames(bar as f64 * self.bar);
        let (mut left, mut heard, mut seams) = (self.again, at(last), Vec::new());
        while left > 0 {
            let step = left.min((last - 1) / PERIOD * PERIOD);
            let to = at(last - step);
            seams.push(Seam { at: heard, to });
            heard += at(last) - to;
            left -= step;
        }
        Again { seams, fade: frames(self.bar / 4.0) }
    }
}

impl Again {
    /// Frame `n` as it is heard, of a piece of which `own` gives the frames.
    pub(crate) fn frame(&self, n: usize, own: impl Fn(usize) -> [f32; 2]) -> [f32; 2] {
        let next = self.seams.partition_point(|seam| seam.at <= n);
        let here = match next.checked_sub(1).map(|before| self.seams[before]) {
            Some(seam) => seam.to + n - seam.at,
            None => n,
        };
        let frame = own(here);
        match self.seams.get(next).filter(|seam| n + self.fade >= seam.at) {
            Some(seam) => {
                let to_go = seam.at - n;
                let (rising, falling) = equal_power(self.fade - to_go, self.fade);
                let other = own(seam.to - to_go);
                [0, 1].map(|side| frame[side] * falling + other[side] * rising)
            }
            None => frame,
        }
    }
}

/// Seconds as frames.
pub(super) fn frames(seconds: f64) -> usize {
    (seconds * f64::from(MIX_RATE)).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::bed::{Mood, piece};
    use crate::sound::measure;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bars_add_up_to_the_whole(seconds in 1.0..1200.0, tempo in 60.0..140.0) {
            let bars = Bars::of(seconds, 600.0, tempo);
            let all = (bars.composed + bars.again) as f64 * bars.bar;
            prop_assert!((all - seconds).abs() < 1e-6);
            prop_assert!(bars.composed() <= 600.0 + 1e-6);
            prop_assert!(bars.again.is_multiple_of(PERIOD));
            prop_assert_eq!(bars.again == 0, seconds <= 600.0);
            prop_assert!(bars.again == 0 || bars.composed > PERIOD + 1);
        }
    }

    #[test]
    fn what_is_repeated_as_it_is_heard_is_what_is_repeated_at_once() {
        for (seconds, tempo) in [(170.3, 72.0), (1000.0, 66.0), (95.0, 120.0)] {
            let bars = Bars::of(seconds, 60.0, tempo);
            let length = frames(bars.composed());
            let samples: Vec<f32> = (0..length * 2).map(|n| (n as f32 * 0.37).sin()).collect();
            let piece = Track { rate: MIX_RATE, channels: 2, samples };
            let again = bars.again();
            let own = |n: usize| {
                let n = n.min(length - 1);
                [piece.samples[n * 2], piece.samples[n * 2 + 1]]
            };
            let heard: Vec<f32> = (0..frames(seconds) - 8).flat_map(|n| again.frame(n, own)).collect();
            let whole = bars.repeat(piece.clone(), seconds);
            let furthest = heard.iter().zip(&whole.samples).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(furthest < 1e-6 && !again.seams.is_empty(), "{furthest}");
        }
    }

    fn rms_db(samples: &[f32]) -> f64 {
        let mean = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
        10.0 * mean.log10()
    }

    #[test]
    fn a_long_bed_goes_on_evenly_from_its_beginning_to_its_own_end() {
        for mood in Mood::ALL {
            let (long, short) = (piece(4, mood, 170.3, 72.0).unwrap(), piece(4, mood, 72.0, 72.0).unwrap());
            assert_eq!(long.frames(), frames(170.3));
            let loudness = measure(&long).unwrap();
            assert!((loudness.integrated_lufs + 20.0).abs() < 0.1, "{mood}: {loudness:?}");
            assert!(loudness.true_peak_dbtp <= -2.99, "{mood}: {loudness:?}");
            let seconds = |track: &Track| -> Vec<f64> { track.samples.chunks(96_000).map(rms_db).collect() };
            let range = |levels: &[f64]| {
                levels.iter().fold((f64::MAX, f64::MIN), |(low, high), db| (low.min(*db), high.max(*db)))
            };
            // No second is fainter or louder than those of a piece that repeats nothing.
            let (usual, found) = (range(&seconds(&short)[1..68]), range(&seconds(&long)[1..165]));
            assert!(found.0 > usual.0 - 1.5 && found.1 < usual.1 + 1.5, "{mood}: {found:?}, {usual:?}");
            let end = &long.samples[long.samples.len() - 8..];
            assert!(end.iter().all(|s| s.abs() < 1e-3), "{mood} does not end");
            let step = |track: &Track| {
                track
                    .samples
                    .chunks_exact(2)
                    .map(|f| f[0])
                    .collect::<Vec<_>>()
                    .windows(2)
                    .fold(0f32, |m, w| m.max((w[1] - w[0]).abs()))
            };
            assert!(step(&long) < 1.2 * step(&short), "{mood} clicks");
        }
    }
}
