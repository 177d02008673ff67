//! What the student's network predicts, as sound: of every frame a spectrum in three parts, which meet in one inverse
//! short-time Fourier transform.
//!
//! `S = exp(h) · exp(iπ tanh θ) · STFT(pulses(f0)) + exp(n) · Z + exp(r) · exp(iφ)`: a train of pulses at the voice's
//! pitch, filtered; noise `Z`, shaped; and the rest with phases of its own (`hibari/dsp.py` of hibari-tts 0.2.1).

use super::super::SAMPLE_RATE;
use realfft::num_complex::Complex32;
use realfft::{ComplexToReal, RealFftPlanner, RealToComplex};
use std::f32::consts::{PI, TAU};
use std::sync::Arc;

/// Samples of a window, between two windows, and of half a one: 50, 12.5 and 25 ms.
const WINDOW: usize = 1200;
pub(super) const HOP: usize = 300;
const HALF: usize = WINDOW / 2;
/// Frequencies of a frame.
pub(super) const BINS: usize = WINDOW / 2 + 1;

/// Below this pitch, in Hz, a frame has no voice.
const VOICED: f32 = 40.0;
/// Pulses have no overtones above this, in Hz.
const HIGHEST: f32 = 11_000.0;
/// Where the sine that a pulse is divided by counts as nothing.
const NEAR_ZERO: f32 = 2e-3;
/// Logarithms above this are taken for it, so that no number runs over.
const LOUDEST: f32 = 7.0;
/// Sums of squared windows below this are taken for it.
const LEAST_WEIGHT: f32 = 1e-11;

/// What the network predicts of some frames. All but the pitch have [`BINS`] rows of as many numbers as there are
/// frames.
#[derive(Debug, Clone, Copy)]
pub(super) struct Prediction<'a> {
    /// Logarithm of how loud the pulses are, and how far they are turned.
    pub(super) pulses: &'a [f32],
    pub(super) turn: &'a [f32],
    /// Logarithm of how loud the noise is.
    pub(super) noise: &'a [f32],
    /// Logarithm of how loud the rest is, and its phase.
    pub(super) rest: &'a [f32],
    pub(super) phase: &'a [f32],
    /// Pitch of each frame, in Hz.
    pub(super) pitch: &'a [f32],
}

/// Fourier transforms that are set up.
pub(super) struct Vocoder {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    window: Vec<f32>,
}

impl Vocoder {
    pub(super) fn new() -> Self {
        let mut planner = RealFftPlanner::new();
        // Hann's, periodic.
        let window = (0..WINDOW).map(|n| 0.5 - 0.5 * (TAU * n as f32 / WINDOW as f32).cos());
        Self {
            forward: planner.plan_fft_forward(WINDOW),
            inverse: planner.plan_fft_inverse(WINDOW),
            window: window.collect(),
        }
    }

    /// [`HOP`] samples a frame. `gaussian` has two numbers for every bin of every frame, frame by frame.
    pub(super) fn sound(&self, prediction: &Prediction<'_>, gaussian: &[f32]) -> Vec<f32> {
        let frames = prediction.pitch.len();
        let pulses = mirrored(&pulses(prediction.pitch));
        let mut sound = vec![0.0; (frames - 1) * HOP + WINDOW];
        let mut weight = vec![0.0; sound.len()];
        let (mut samples, mut spectrum) = (self.inverse.make_output_vec(), self.inverse.make_input_vec());
        for frame in 0..frames {
            let heard = &pulses[frame * HOP..][..WINDOW];
            // A cosine of one comes out as one.
            let scale = HOP as f32;
            for ((sample, heard), window) in samples.iter_mut().zip(heard).zip(&self.window) {
                *sample = heard * window / scale;
            }
            self.forward.process(&mut samples, &mut spectrum).expect("lengths are those of the plan");
            for (bin, number) in spectrum.iter_mut().enumerate() {
                let at = bin * frames + frame;
                let random = 2 * (frame * BINS + bin);
                *number *= polar(prediction.pulses[at], PI * prediction.turn[at].tanh());
                *number +=
                    Complex32::new(gaussian[random], gaussian[random + 1]) * loudness(prediction.noise[at]);
                *number += polar(prediction.rest[at], prediction.phase[at]);
            }
            // A real signal has none there.
            (spectrum[0].im, spectrum[BINS - 1].im) = (0.0, 0.0);
            self.inverse.process(&mut spectrum, &mut samples).expect("lengths are those of the plan");
            let place = frame * HOP..frame * HOP + WINDOW;
            let ends = sound[place.clone()].iter_mut().zip(&mut weight[place]);
            for ((sample, window), (sound, weight)) in samples.iter().zip(&self.window).zip(ends) {
                *sound += sample / WINDOW as f32 * window;
                *weight += window * window;
            }
        }
        let divided = sound.iter().zip(&weight).map(|(sound, weight)| sound / weight.max(LEAST_WEIGHT));
        divided.skip(HALF).take(frames * HOP).collect()
    }
}

fn loudness(logarithm: f32) -> f32 {
    logarithm.min(LOUDEST).exp()
}

fn polar(logarithm: f32, phase: f32) -> Complex32 {
    Complex32::from_polar(loudness(logarithm), phase)
}

/// The signal with half a window of its own reflection at either end, the sample at the edge once.
fn mirrored(samples: &[f32]) -> Vec<f32> {
    let last = samples.len() - 1;
    let reflected = |at: isize| {
        // Shorter ones than half a window are reflected again.
        let period = 2 * last.max(1) as isize;
        let at = at.rem_euclid(period);
        samples[(if at > last as isize { period - at } else { at }) as usize]
    };
    (-(HALF as isize)..(samples.len() + HALF) as isize).map(reflected).collect()
}

/// Pulses at the pitch: every overtone below [`HIGHEST`] at the same strength, by the sum of a row of cosines,
/// `Σ cos(kt) = sin((H + ½)t) / (2 sin(t/2)) - ½`.
fn pulses(pitch: &[f32]) -> Vec<f32> {
    let mut turns = 0.0f64;
    let samples = (0..pitch.len() * HOP).map(|sample| {
        let pitch = between(pitch, (sample as f32 + 0.5) / HOP as f32 - 0.5);
        let voiced = pitch.max(VOICED);
        turns += f64::from(voiced) / f64::from(SAMPLE_RATE);
        if pitch <= VOICED {
            return 0.0;
        }
        let angle = (turns.fract() * std::f64::consts::TAU) as f32;
        let overtones = (HIGHEST / voiced).floor() + 0.5;
        let divisor = 2.0 * (0.5 * angle).sin();
        let sum = if divisor.abs() <= NEAR_ZERO { overtones } else { (overtones * angle).sin() / divisor };
        sum - 0.5
    });
    samples.collect()
}

/// The value at a place between two frames; at the ends that of the nearest.
fn between(values: &[f32], place: f32) -> f32 {
    let last = values.len() - 1;
    let below = place.floor();
    let at = |place: f32| values[(place.max(0.0) as usize).min(last)];
    let share = place - below;
    at(below) * (1.0 - share) + at(below + 1.0) * share
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silent(frames: usize) -> (Vec<f32>, Vec<f32>) {
        (vec![-100.0; BINS * frames], vec![0.0; BINS * frames])
    }

    #[test]
    fn pulses_come_at_the_pitch_and_stop_without_a_voice() {
        let pitch = [vec![200.0; 20], vec![0.0; 20]].concat();
        let sound = pulses(&pitch);
        // The strongest samples are a period of 120 apart.
        let peaks: Vec<usize> = (1..19 * HOP)
            .filter(|n| sound[*n] > 40.0 && sound[*n] >= sound[n - 1] && sound[*n] > sound[n + 1])
            .collect();
        assert!(peaks.windows(2).all(|pair| (119..=121).contains(&(pair[1] - pair[0]))), "{peaks:?}");
        assert!(peaks.len() > 40);
        assert!(sound[21 * HOP..].iter().all(|sample| *sample == 0.0));
    }

    #[test]
    fn a_flat_filter_gives_the_pulses_themselves() {
        let (frames, vocoder) = (12, Vocoder::new());
        let (quiet, zero) = silent(frames);
        // What the window's scale takes away, added again.
        let whole = vec![(HOP as f32).ln(); BINS * frames];
        let pitch = vec![150.0; frames];
        let prediction = Prediction {
            pulses: &whole,
            turn: &zero,
            noise: &quiet,
            rest: &quiet,
            phase: &zero,
            pitch: &pitch,
        };
        let sound = vocoder.sound(&prediction, &vec![0.0; 2 * BINS * frames]);
        let wanted = pulses(&pitch);
        assert_eq!(sound.len(), frames * HOP);
        let inner = HALF..frames * HOP - HALF;
        let worst = inner.map(|n| (sound[n] - wanted[n]).abs()).fold(0.0, f32::max);
        assert!(worst < 0.02, "{worst}");
    }

    #[test]
    fn silence_stays_silent_and_one_frame_is_enough() {
        let (quiet, zero) = silent(1);
        let prediction = Prediction {
            pulses: &quiet,
            turn: &zero,
            noise: &quiet,
            rest: &quiet,
            phase: &zero,
            pitch: &[0.0],
        };
        let sound = Vocoder::new().sound(&prediction, &vec![1.0; 2 * BINS]);
        assert_eq!(sound.len(), HOP);
        assert!(sound.iter().all(|sample| sample.abs() < 1e-6));
    }
}
