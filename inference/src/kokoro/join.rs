//! Pieces of speech to one: the model's own silence off both ends, a pause between, no clicks.

use super::timing::millis;
use std::ops::Range;

/// Kept before the first word and after the last, in samples.
const KEPT_BEFORE: usize = millis(30);
const KEPT_AFTER: usize = millis(80);

/// Fade at a cut, in samples: raised cosine.
const FADE: usize = millis(10);

/// The stretch of `total` samples to keep around `speech`.
pub(super) fn kept(speech: Range<usize>, total: usize) -> Range<usize> {
    speech.start.saturating_sub(KEPT_BEFORE)..(speech.end + KEPT_AFTER).min(total)
}

/// Appends `piece` to `speech` after `pause` samples of silence, faded at both cuts. Answers where the
/// piece begins.
pub(super) fn append(speech: &mut Vec<f32>, piece: &[f32], pause: usize) -> usize {
    speech.resize(speech.len() + pause, 0.0);
    let start = speech.len();
    speech.extend_from_slice(piece);
    let fade = FADE.min(piece.len() / 2);
    let end = speech.len();
    for i in 0..fade {
        let phase = (i as f32 + 0.5) / fade as f32 * std::f32::consts::PI;
        let gain = 0.5 - 0.5 * phase.cos();
        speech[start + i] *= gain;
        speech[end - 1 - i] *= gain;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_join_has_no_step() {
        let piece: Vec<f32> = (0..4800).map(|i| 0.5 * (i as f32 * 0.05).cos()).collect();
        let mut speech = Vec::new();
        assert_eq!(append(&mut speech, &piece, 0), 0);
        assert_eq!(append(&mut speech, &piece, 1000), 5800);
        let step = speech.windows(2).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(step <= 0.5 * 0.05 + 0.01, "{step}");
        assert!(speech[0].abs() < 1e-3 && speech[speech.len() - 1].abs() < 1e-3);
        assert_eq!(speech[4800..5800], [0.0; 1000]);
    }

    #[test]
    fn what_is_kept_stays_inside() {
        assert_eq!(kept(100..5000, 5100), 0..5100);
        assert_eq!(kept(5000..9000, 20_000), 5000 - millis(30)..9000 + millis(80));
    }
}
