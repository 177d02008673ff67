//! Test signals with known properties.

use reelsmith_media::sound::Track;
use std::f64::consts::TAU;

/// Seeded noise, uniform in -1 ..= 1 (SplitMix64).
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    pub(crate) fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }
}

/// A stereo track from a function of the second, equal on both sides.
pub(crate) fn stereo(rate: u32, seconds: f64, f: impl FnMut(f64) -> f64) -> Track {
    let mono = mono(rate, seconds, f);
    mono.into_stereo()
}

/// A mono track from a function of the second.
pub(crate) fn mono(rate: u32, seconds: f64, mut f: impl FnMut(f64) -> f64) -> Track {
    let frames = (seconds * f64::from(rate)).round() as usize;
    let samples = (0..frames).map(|n| f(n as f64 / f64::from(rate)) as f32).collect();
    Track::new(rate, 1, samples).unwrap()
}

/// A sine of peak `dbfs`.
pub(crate) fn sine(hz: f64, dbfs: f64) -> impl FnMut(f64) -> f64 {
    let amplitude = 10f64.powf(dbfs / 20.0);
    move |t| amplitude * (TAU * hz * t).sin()
}

/// Something with the rhythm and spectrum of speech, mono at 24 kHz: voiced syllables (a pulse train
/// with moving pitch through three formants) and hissed consonants, in words of two or three
/// syllables with short pauses between words.
pub(crate) fn speech(seconds: f64, seed: u64) -> Track {
    let rate = 24_000.0;
    let mut noise = Noise(seed);
    let mut formants =
        [(560.0, 90.0), (1500.0, 120.0), (2500.0, 160.0)].map(|(hz, width)| Resonator::new(hz, width, rate));
    let mut phase = 0.0;
    let mut samples = mono(24_000, seconds, |t| {
        let word = t % 0.62;
        let syllable = (word % 0.19) / 0.19;
        let speaking = word < 0.5;
        let loud = if speaking { (std::f64::consts::PI * syllable).sin().powi(2) } else { 0.0 };
        phase += (118.0 + 18.0 * (TAU * 0.6 * t).sin()) / rate;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= phase.floor();
        let hiss = if speaking && syllable < 0.25 { 0.03 * f64::from(noise.next()) } else { 0.0 };
        let voiced: f64 =
            formants.iter_mut().zip([1.0, 0.5, 0.25]).map(|(f, gain)| gain * f.run(pulse * loud)).sum();
        voiced + hiss
    });
    let peak = samples.samples.iter().fold(0f32, |m, s| m.max(s.abs()));
    samples.samples.iter_mut().for_each(|s| *s *= 0.7 / peak);
    samples
}

struct Resonator {
    turn: f64,
    decay: f64,
    past: [f64; 2],
}

impl Resonator {
    fn new(hz: f64, width: f64, rate: f64) -> Self {
        let radius = (-std::f64::consts::PI * width / rate).exp();
        Self { turn: 2.0 * radius * (TAU * hz / rate).cos(), decay: radius * radius, past: [0.0; 2] }
    }

    fn run(&mut self, x: f64) -> f64 {
        let y = x + self.turn * self.past[0] - self.decay * self.past[1];
        self.past = [y, self.past[0]];
        y
    }
}

/// Amplitude of `hz` in a mono signal (a Hann-windowed correlation).
pub(crate) fn amplitude(samples: &[f32], rate: u32, hz: f64) -> f64 {
    let count = samples.len() as f64;
    let (mut re, mut im, mut weight) = (0.0, 0.0, 0.0);
    for (n, s) in samples.iter().enumerate() {
        let window = 0.5 - 0.5 * (TAU * (n as f64 + 0.5) / count).cos();
        let angle = TAU * hz * n as f64 / f64::from(rate);
        re += window * f64::from(*s) * angle.cos();
        im += window * f64::from(*s) * angle.sin();
        weight += window;
    }
    2.0 * re.hypot(im) / weight
}

pub(crate) fn rms_db(samples: &[f32]) -> f64 {
    let power = samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64;
    10.0 * power.log10()
}

/// One channel of a stereo track.
pub(crate) fn left(track: &Track) -> Vec<f32> {
    track.samples.iter().step_by(2).copied().collect()
}
