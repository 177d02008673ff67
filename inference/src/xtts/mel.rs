//! Mel spectrograms as torchaudio's `MelSpectrogram` makes them (`torchaudio/transforms/_transforms.py`,
//! `functional.melscale_fbanks`, HTK's scale), and the two front ends of XTTS.

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner};
use std::f64::consts::PI;
use std::sync::Arc;

/// Floor of the logarithm before the conditioning encoder (`wav_to_mel_cloning`).
const CONDITIONING_FLOOR: f32 = 1e-5;
/// What is added before the speaker encoder's (`ResNetSpeakerEncoder.forward`).
const SPEAKER_FLOOR: f32 = 1e-6;
/// Share of the sample before that is taken off (`PreEmphasis`).
const EMPHASIS: f32 = 0.97;
/// Epsilon of the instance normalisation.
const EPSILON: f64 = 1e-5;

/// How a spectrogram is made.
#[derive(Debug, Clone, Copy)]
struct Settings {
    rate: f64,
    fft: usize,
    window: usize,
    hop: usize,
    bins: usize,
    highest: f64,
    /// Hann's window, or else Hamming's.
    is_hann: bool,
    /// Whether every filter has the same area.
    is_slaney: bool,
}

/// A spectrogram's window, transform and filters.
pub struct Mel {
    settings: Settings,
    window: Vec<f32>,
    /// (bins, fft / 2 + 1).
    filters: Vec<Vec<f32>>,
    fft: Arc<dyn Fft<f32>>,
}

impl Mel {
    /// What the GPT is conditioned on: 22.05 kHz, 80 bins to 8 kHz, a frame every 256 samples (`xtts.py`,
    /// `get_gpt_cond_latents`).
    pub fn conditioning() -> Self {
        Self::new(Settings {
            rate: 22050.0,
            fft: 2048,
            window: 1024,
            hop: 256,
            bins: 80,
            highest: 8000.0,
            is_hann: true,
            is_slaney: true,
        })
    }

    /// What the speaker encoder takes: 16 kHz, 64 bins, a frame every 160 samples (`hifigan_decoder.py`).
    pub fn speaker() -> Self {
        Self::new(Settings {
            rate: 16000.0,
            fft: 512,
            window: 400,
            hop: 160,
            bins: 64,
            highest: 8000.0,
            is_hann: false,
            is_slaney: false,
        })
    }

    fn new(settings: Settings) -> Self {
        let Settings { fft, window: length, is_hann, .. } = settings;
        let mut window = vec![0.0; fft];
        let (middle, swing) = if is_hann { (0.5, 0.5) } else { (0.54, 0.46) };
        for (n, value) in window[(fft - length) / 2..][..length].iter_mut().enumerate() {
            *value = (middle - swing * (2.0 * PI * n as f64 / length as f64).cos()) as f32;
        }
        Self { settings, window, filters: filters(&settings), fft: FftPlanner::new().plan_fft_forward(fft) }
    }

    /// Power in every bin: (bins, frames) with a frame at every `hop`, the sample mirrored at its ends. Shorter than
    /// half a transform it has none.
    fn power(&self, samples: &[f32]) -> Vec<Vec<f32>> {
        let Settings { fft, hop, bins, .. } = self.settings;
        let edge = fft / 2;
        if samples.len() <= edge {
            return vec![Vec::new(); bins];
        }
        let last = samples.len() as isize - 1;
        let at = |place: isize| {
            let place = place.abs();
            samples[if place > last { 2 * last - place } else { place } as usize]
        };
        let mut mel = vec![Vec::with_capacity(samples.len() / hop + 1); bins];
        let mut buffer = vec![Complex::default(); fft];
        for centre in (0..=samples.len()).step_by(hop) {
            for (n, value) in buffer.iter_mut().enumerate() {
                *value = Complex::new(self.window[n] * at((centre + n) as isize - edge as isize), 0.0);
            }
            self.fft.process(&mut buffer);
            let spectrum: Vec<f32> = buffer[..=edge].iter().map(Complex::norm_sqr).collect();
            for (row, filter) in mel.iter_mut().zip(&self.filters) {
                row.push(filter.iter().zip(&spectrum).map(|(filter, power)| filter * power).sum());
            }
        }
        mel
    }

    /// The conditioning encoder's input for a sample of 22.05 kHz: (frames, 80), each bin divided by what
    /// `statistics` says of it; and how many frames.
    pub fn normalised(&self, samples: &[f32], statistics: &[f32]) -> (Vec<f32>, usize) {
        let mel = self.power(samples);
        let frames = mel[0].len();
        let mut rows = Vec::with_capacity(frames * mel.len());
        for frame in 0..frames {
            let bins = mel.iter().zip(statistics);
            rows.extend(bins.map(|(bin, by)| bin[frame].max(CONDITIONING_FLOOR).ln() / by));
        }
        (rows, frames)
    }

    /// Power of a sample of 16 kHz with its higher tones lifted: (64, frames).
    pub fn emphasised(&self, samples: &[f32]) -> Vec<Vec<f32>> {
        let before = |n: usize| samples[if n == 0 { 1.min(samples.len() - 1) } else { n - 1 }];
        let lifted: Vec<f32> =
            samples.iter().enumerate().map(|(n, sample)| sample - EMPHASIS * before(n)).collect();
        self.power(&lifted)
    }

    /// The speaker encoder's input for a sample of 16 kHz: (64, frames), each bin's logarithm of mean 0 and variance
    /// 1 over time; and how many frames.
    pub fn standardised(&self, samples: &[f32]) -> (Vec<f32>, usize) {
        let mel = self.emphasised(samples);
        let frames = mel[0].len();
        let mut planes = Vec::with_capacity(frames * mel.len());
        for bin in mel {
            let logs: Vec<f32> = bin.iter().map(|power| (power + SPEAKER_FLOOR).ln()).collect();
            let mean = logs.iter().map(|log| f64::from(*log)).sum::<f64>() / frames as f64;
            let variance =
                logs.iter().map(|log| (f64::from(*log) - mean).powi(2)).sum::<f64>() / frames as f64;
            let scale = 1.0 / (variance + EPSILON).sqrt();
            planes.extend(logs.iter().map(|log| ((f64::from(*log) - mean) * scale) as f32));
        }
        (planes, frames)
    }
}

/// Triangles that meet at the middles of their neighbours, evenly spread over HTK's mel scale.
fn filters(settings: &Settings) -> Vec<Vec<f32>> {
    let mel = |hertz: f64| 2595.0 * (1.0 + hertz / 700.0).log10();
    let hertz = |mel: f64| 700.0 * (10f64.powf(mel / 2595.0) - 1.0);
    let step = mel(settings.highest) / (settings.bins + 1) as f64;
    let corners: Vec<f64> = (0..settings.bins + 2).map(|n| hertz(step * n as f64)).collect();
    let frequencies = settings.fft / 2 + 1;
    let spread = settings.rate / 2.0 / (frequencies - 1) as f64;
    let filter = |corner: &[f64]| {
        let area = if settings.is_slaney { 2.0 / (corner[2] - corner[0]) } else { 1.0 };
        let height = |n: usize| {
            let at = spread * n as f64;
            let up = (at - corner[0]) / (corner[1] - corner[0]);
            let down = (corner[2] - at) / (corner[2] - corner[1]);
            (up.min(down).max(0.0) * area) as f32
        };
        (0..frequencies).map(height).collect()
    };
    corners.windows(3).map(filter).collect()
}
