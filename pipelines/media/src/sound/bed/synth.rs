//! The instruments: notes become samples.

use super::harmony::hertz;
use super::score::{Note, Score};
use super::style::Style;
use crate::ease::smoothstep;
use crate::sound::{MIX_RATE, db_to_amplitude};
use std::f64::consts::{FRAC_PI_4, TAU};

const RATE: f64 = MIX_RATE as f64;

/// Interleaved stereo of the two groups that are treated apart.
pub(super) struct Buses {
    /// Pad, bass and drum.
    pub(super) ground: Vec<f32>,
    /// Plucked notes, which get an echo.
    pub(super) plucks: Vec<f32>,
}

/// Plays a score for `frames` frames.
pub(super) fn play(score: &Score, style: &Style, frames: usize) -> Buses {
    let [pad, plucks, bass, drum] = style.levels.map(|db| db_to_amplitude(db) as f32);
    let mut buses = Buses { ground: vec![0.0; frames * 2], plucks: vec![0.0; frames * 2] };
    let table = pad_table();
    for (n, note) in score.pad.iter().enumerate() {
        play_pad(&mut buses.ground, note, &table, n, pad);
    }
    sweep(&mut buses.ground, style.pad_cutoff);
    for note in &score.bass {
        play_bass(&mut buses.ground, note, bass);
    }
    for note in &score.drum {
        play_drum(&mut buses.ground, note, drum);
    }
    for note in &score.plucks {
        play_pluck(&mut buses.plucks, note, style, plucks);
    }
    buses
}

/// Samples of the pad's wave table, as a power of two.
const TABLE_BITS: u32 = 11;
/// Bits of a 32 bit phase that lie between two samples of the table.
const BETWEEN_BITS: u32 = 32 - TABLE_BITS;

/// One period of a soft saw: 16 harmonics, so that the highest note (MIDI 75, 622 Hz) stays below
/// 10 kHz and nothing folds back. The first sample follows the last, for interpolation.
fn pad_table() -> Vec<f32> {
    let length = 1usize << TABLE_BITS;
    let harmonic = |n: usize, x: f64| (TAU * x * n as f64).sin() / (n as f64).powf(1.25);
    (0..=length)
        .map(|i| (1..=16).map(|n| harmonic(n, i as f64 / length as f64)).sum::<f64>() as f32)
        .collect()
}

/// Three detuned oscillators, spread over the stereo field, swelling in and dying away into the next
/// chord.
fn play_pad(bus: &mut [f32], note: &Note, table: &[f32], index: usize, level: f32) {
    let attack = (note.length * 0.35).clamp(0.25, 1.1);
    let release = 1.4;
    let envelope = Swell { attack, hold: note.length - attack, release };
    let frames = ((note.length + release) * RATE) as usize;
    let start = (note.at * RATE).round() as usize;
    let gain = level * note.strength * 0.06;
    let mut voices = [0, 1, 2].map(|voice| {
        let hz = hertz(note.pitch) * 2f64.powf([-7.0, 0.0, 6.0][voice] / 1200.0);
        // Phases spread by the golden ratio: never in step, the same every time.
        let phase = ((index * 3 + voice) as f64 * 0.618_033_988_75).fract();
        let (left, right) = panned(note.pan + [-0.5, 0.0, 0.5][voice]);
        (turns(phase), turns(hz / RATE), left * gain, right * gain)
    });
    for (n, frame) in bus.chunks_exact_mut(2).skip(start).take(frames).enumerate() {
        let swell = envelope.at(n as f64 / RATE);
        for (phase, step, left, right) in &mut voices {
            let at = (*phase >> BETWEEN_BITS) as usize;
            let part = (*phase & ((1 << BETWEEN_BITS) - 1)) as f32 / (1u32 << BETWEEN_BITS) as f32;
            let wave = swell * (table[at] + (table[at + 1] - table[at]) * part);
            frame[0] += wave * *left;
            frame[1] += wave * *right;
            *phase = phase.wrapping_add(*step);
        }
    }
}

/// A part of a period as a 32 bit phase, which wraps by itself.
fn turns(part: f64) -> u32 {
    (part * 2f64.powi(32)) as u32
}

/// A level that rises, stays and falls with level ends.
struct Swell {
    attack: f64,
    hold: f64,
    release: f64,
}

impl Swell {
    fn at(&self, t: f64) -> f32 {
        let x = match t {
            t if t < self.attack => t / self.attack,
            t if t < self.attack + self.hold => return 1.0,
            t => (1.0 - (t - self.attack - self.hold) / self.release).max(0.0),
        };
        smoothstep(x) as f32
    }
}

/// A state-variable low-pass (topology-preserving form, after V. Zavalishin, "The Art of VA Filter
/// Design") whose cutoff moves between 0.6 and 1.5 times `middle` over 19 s, the sides apart.
fn sweep(bus: &mut [f32], middle: f64) {
    for side in 0..2 {
        let (mut first, mut second) = (0f64, 0f64);
        let (mut g, mut k) = (0.0, 0.0);
        for (n, frame) in bus.chunks_exact_mut(2).enumerate() {
            if n.is_multiple_of(32) {
                let turn = n as f64 / RATE / 19.0 + 0.12 * side as f64;
                let cutoff = middle * 2f64.powf(0.66 * (TAU * turn - 1.0).sin() - 0.07);
                g = (std::f64::consts::PI * cutoff / RATE).tan();
                k = 1.0 / (1.0 + g * (g + std::f64::consts::SQRT_2));
            }
            let high = (f64::from(frame[side]) - (std::f64::consts::SQRT_2 + g) * first - second) * k;
            let band = g * high + first;
            let low = g * band + second;
            first = g * high + band;
            second = g * band + low;
            frame[side] = low as f32;
        }
    }
}

/// A sine with a little of its octave, so that small speakers hint at it.
fn play_bass(bus: &mut [f32], note: &Note, level: f32) {
    let release = 0.12;
    let attack = 0.02;
    let step = hertz(note.pitch) / RATE;
    let envelope = Swell { attack, hold: (note.length - attack).max(0.0), release };
    let gain = level * note.strength * 0.2;
    let frames = ((note.length.max(attack) + release) * RATE) as usize;
    let start = (note.at * RATE).round() as usize;
    for (n, frame) in bus.chunks_exact_mut(2).skip(start).take(frames).enumerate() {
        let t = n as f64 / RATE;
        let angle = TAU * (n as f64 * step).fract();
        let wave = angle.sin() + 0.28 * (2.0 * angle).sin() + 0.08 * (3.0 * angle).sin();
        let decay = (-t / (0.6 + note.length)).exp();
        let value = gain * (wave * decay) as f32 * envelope.at(t);
        frame[0] += value;
        frame[1] += value;
    }
}

/// A soft beat: a sine that falls from twice its pitch within 50 ms.
fn play_drum(bus: &mut [f32], note: &Note, level: f32) {
    let base = hertz(note.pitch);
    let mut phase = 0f64;
    let frames = (0.5 * RATE) as usize;
    let start = (note.at * RATE).round() as usize;
    for (n, frame) in bus.chunks_exact_mut(2).skip(start).take(frames).enumerate() {
        let t = n as f64 / RATE;
        phase += base * (1.0 + (-t / 0.05).exp()) / RATE;
        let envelope = (t / 0.004).min(1.0) * (-t / 0.09).exp() * (1.0 - t / 0.5);
        let value = level * note.strength * 0.3 * (envelope * (TAU * phase).sin()) as f32;
        frame[0] += value;
        frame[1] += value;
    }
}

/// Damped partials, each the recursion of a decaying sine.
fn play_pluck(bus: &mut [f32], note: &Note, style: &Style, level: f32) {
    let start = (note.at * RATE).round() as usize;
    let (left, right) = panned(note.pan);
    for &(ratio, amplitude, third) in style.pluck {
        let hz = hertz(note.pitch) * ratio;
        // High notes are shorter and softer, as on any string or bar.
        let height = (hertz(note.pitch) / 440.0).powf(-0.35);
        let life = third * height;
        let gain = level * note.strength * amplitude * 0.11 * height as f32;
        let radius = (-1.0 / (life * RATE)).exp();
        let (turn, decay) = (2.0 * radius * (TAU * hz / RATE).cos(), radius * radius);
        // y[n] = radius^n sin(w n)
        let (mut before, mut now) = (-(TAU * hz / RATE).sin() / radius, 0f64);
        // Until 60 dB below its start.
        let frames = (6.9 * life * RATE) as usize;
        for (n, frame) in bus.chunks_exact_mut(2).skip(start).take(frames).enumerate() {
            let touch = (n as f32 / (0.004 * RATE as f32)).min(1.0);
            let close = ((frames - n) as f32 / (0.02 * RATE as f32)).min(1.0);
            let value = gain * touch * close * now as f32;
            frame[0] += value * left;
            frame[1] += value * right;
            (before, now) = (now, turn * now - decay * before);
        }
    }
}

/// Gains of equal power for -1 (left) to 1 (right).
fn panned(pan: f32) -> (f32, f32) {
    let angle = (f64::from(pan.clamp(-1.0, 1.0)) + 1.0) * FRAC_PI_4;
    (angle.cos() as f32, angle.sin() as f32)
}
