//! Sound to what Whisper's encoder takes: a log-mel spectrogram, as `log_mel_spectrogram` of openai-whisper's
//! `audio.py` and `WhisperFeatureExtractor` of transformers make it. Computed in f64: next to silence, f32's rounding
//! would show in the logarithms.

use realfft::num_complex::Complex64;
use realfft::{RealFftPlanner, RealToComplex};
use std::f64::consts::PI;
use std::sync::Arc;

/// Samples a second of what Whisper hears.
pub const SAMPLE_RATE: usize = 16_000;
/// Samples from one frame to the next.
pub const HOP: usize = 160;
/// Samples of a frame.
const FFT: usize = 400;
/// Frequencies of a frame's spectrum.
const BINS: usize = FFT / 2 + 1;

/// The least power that has a logarithm.
const FLOOR: f64 = 1e-10;
/// Powers of ten below the loudest that are told apart.
const RANGE: f64 = 8.0;

/// Makes log-mel spectrograms.
pub struct LogMel {
    filters: Vec<Filter>,
    window: Vec<f64>,
    fft: Arc<dyn RealToComplex<f64>>,
}

/// What one mel band takes of a spectrum.
struct Filter {
    first: usize,
    weights: Vec<f64>,
}

impl LogMel {
    /// With `bands` mel bands: 80, or 128 for large-v3 and what came of it.
    pub fn new(bands: usize) -> Self {
        let window = (0..FFT).map(|n| 0.5 - 0.5 * (2.0 * PI * n as f64 / FFT as f64).cos()).collect();
        Self { filters: filters(bands), window, fft: RealFftPlanner::new().plan_fft_forward(FFT) }
    }

    /// The spectrogram (bands, frames) of `samples`, with silence after them as far as `frames` reach; samples
    /// beyond are left out. Numbers are within 2 of each other, the loudest near 1.
    pub fn spectrogram(&self, samples: &[f32], frames: usize) -> Vec<f32> {
        let sound = Sound { samples, length: frames * HOP };
        let mut mel = vec![FLOOR.log10(); self.filters.len() * frames];
        let mut frame = vec![0.0; FFT];
        let mut spectrum = vec![Complex64::default(); BINS];
        let mut scratch = self.fft.make_scratch_vec();
        // A frame reaches half its length to both sides; those beyond the sound hear silence.
        let heard = (samples.len().min(sound.length) + FFT / 2).div_ceil(HOP).min(frames);
        // The reflected end may hold sound although the frames before it do not.
        for at in (0..heard).chain(frames.saturating_sub(2).max(heard)..frames) {
            for (n, (value, window)) in frame.iter_mut().zip(&self.window).enumerate() {
                *value = window * sound.at((at * HOP + n) as isize - (FFT / 2) as isize);
            }
            let done = self.fft.process_with_scratch(&mut frame, &mut spectrum, &mut scratch);
            done.expect("the buffers have the lengths that the transform was planned for");
            for (band, filter) in self.filters.iter().enumerate() {
                mel[band * frames + at] = filter.power(&spectrum).max(FLOOR).log10();
            }
        }
        let loudest = mel.iter().copied().fold(f64::MIN, f64::max);
        mel.into_iter().map(|power| ((power.max(loudest - RANGE) + 4.0) / 4.0) as f32).collect()
    }
}

/// Samples with silence after them, mirrored at both ends.
struct Sound<'a> {
    samples: &'a [f32],
    length: usize,
}

impl Sound<'_> {
    fn at(&self, index: isize) -> f64 {
        let last = self.length as isize - 1;
        let mirrored = if index < 0 { -index } else { index };
        let mirrored = if mirrored > last { 2 * last - mirrored } else { mirrored };
        let sample = usize::try_from(mirrored).ok().filter(|at| *at < self.length);
        sample.and_then(|at| self.samples.get(at)).map_or(0.0, |sample| f64::from(*sample))
    }
}

impl Filter {
    fn power(&self, spectrum: &[Complex64]) -> f64 {
        spectrum[self.first..].iter().zip(&self.weights).map(|(bin, weight)| bin.norm_sqr() * weight).sum()
    }
}

/// Triangles of equal area over Slaney's mel scale from 0 to 8000 Hz (Slaney, "Auditory Toolbox", 1998; `librosa`'s
/// `filters.mel`).
fn filters(bands: usize) -> Vec<Filter> {
    let highest = hertz_to_mel(SAMPLE_RATE as f64 / 2.0);
    let corners: Vec<f64> =
        (0..bands + 2).map(|n| mel_to_hertz(highest * n as f64 / (bands + 1) as f64)).collect();
    corners.windows(3).map(|corners| triangle(corners[0], corners[1], corners[2])).collect()
}

fn triangle(left: f64, top: f64, right: f64) -> Filter {
    let frequency = |bin: usize| bin as f64 * SAMPLE_RATE as f64 / FFT as f64;
    let height = |bin: usize| {
        let frequency = frequency(bin);
        let up = (frequency - left) / (top - left);
        let down = (right - frequency) / (right - top);
        up.min(down).max(0.0) * 2.0 / (right - left)
    };
    let first = (0..BINS).find(|bin| height(*bin) > 0.0).unwrap_or(0);
    let weights = (first..BINS).map(height).take_while(|height| *height > 0.0).collect();
    Filter { first, weights }
}

/// Linear below 1000 Hz, which is 15 mel, and logarithmic above.
const BREAK_HERTZ: f64 = 1000.0;
const BREAK_MEL: f64 = 15.0;

/// Mel for a factor of e in frequency, above the break.
fn log_step() -> f64 {
    27.0 / 6.4f64.ln()
}

fn hertz_to_mel(hertz: f64) -> f64 {
    match hertz < BREAK_HERTZ {
        true => hertz * BREAK_MEL / BREAK_HERTZ,
        false => BREAK_MEL + (hertz / BREAK_HERTZ).ln() * log_step(),
    }
}

fn mel_to_hertz(mel: f64) -> f64 {
    match mel < BREAK_MEL {
        true => mel * BREAK_HERTZ / BREAK_MEL,
        false => BREAK_HERTZ * ((mel - BREAK_MEL) / log_step()).exp(),
    }
}
