//! Pieces of speech to one: the model's own silence off both ends, a pause between, no clicks.

use super::SAMPLE_RATE;

/// Kept before the first sound and after the last, in samples: 30 and 60 ms.
const KEPT_BEFORE: usize = SAMPLE_RATE as usize * 30 / 1000;
const KEPT_AFTER: usize = SAMPLE_RATE as usize * 60 / 1000;

/// Fade at a cut, in samples: 5 ms.
const FADE: usize = SAMPLE_RATE as usize * 5 / 1000;

/// Window of the level measurement, in samples: 5 ms.
const WINDOW: usize = SAMPLE_RATE as usize * 5 / 1000;

/// Below this part of the loudest window a window is silent: -46 dB.
const SILENT: f32 = 0.005;

/// The audible stretch of `samples` with a little air around it, at most `limits` wide on either side:
/// never cuts what the durations say is speech.
pub(crate) fn audible(samples: &[f32], speech: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let levels: Vec<f32> = samples.chunks(WINDOW).map(level).collect();
    let floor = levels.iter().copied().fold(0.0, f32::max) * SILENT;
    let first = levels.iter().position(|l| *l > floor).map_or(speech.start, |i| i * WINDOW);
    let last = levels.iter().rposition(|l| *l > floor).map_or(speech.end, |i| (i + 1) * WINDOW);
    let start = first.min(speech.start).saturating_sub(KEPT_BEFORE);
    let end = (last + KEPT_AFTER).min(samples.len());
    start..end.max(start)
}

fn level(window: &[f32]) -> f32 {
    (window.iter().map(|s| s * s).sum::<f32>() / window.len().max(1) as f32).sqrt()
}

/// Appends `piece` to `speech` after `pause` samples of silence, faded at both cuts. Answers where the
/// piece begins.
pub(crate) fn append(speech: &mut Vec<f32>, piece: &[f32], pause: usize) -> usize {
    speech.resize(speech.len() + pause, 0.0);
    let start = speech.len();
    speech.extend_from_slice(piece);
    let fade = FADE.min(piece.len() / 2);
    let end = speech.len();
    for i in 0..fade {
        let gain = (i as f32 + 0.5) / fade as f32;
        speech[start + i] *= gain;
        speech[end - 1 - i] *= gain;
    }
    start
}
