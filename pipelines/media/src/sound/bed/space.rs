//! The room around the instruments: an echo that changes sides, and a reverb.

use super::style::Style;
use super::synth::Buses;
use crate::sound::{MIX_RATE, Track, db_to_amplitude};

/// Part of an echo that comes back once more.
const FEEDBACK: f32 = 0.34;
/// Level of the first echo.
const ECHO: f32 = 0.32;

/// Adds echoes every `seconds` to interleaved stereo; each comes from the other side and is duller.
pub(super) fn echo(bus: &mut [f32], seconds: f64) {
    let length = ((seconds * f64::from(MIX_RATE)) as usize).max(1);
    let mut line = vec![[0f32; 2]; length];
    let mut dull = [0f32; 2];
    let mut at = 0;
    for frame in bus.chunks_exact_mut(2) {
        let back = line[at];
        for side in 0..2 {
            dull[side] += 0.35 * (back[side] - dull[side]);
        }
        line[at] = [frame[0] + FEEDBACK * dull[1], frame[1] + FEEDBACK * dull[0]];
        frame[0] += ECHO * dull[1];
        frame[1] += ECHO * dull[0];
        at = (at + 1) % length;
    }
}

/// Lengths of the reverb's delay lines in samples: primes from 30 to 80 ms, so that their echoes
/// never coincide.
const LINES: [usize; 8] = [1453, 1741, 1979, 2287, 2617, 2957, 3359, 3779];
/// Time in which the reverb falls by 60 dB, in seconds.
const DECAY: f64 = 2.1;

/// A feedback delay network with a Householder matrix (J.-M. Jot, 1991): every line feeds all.
struct Room {
    lines: [Line; 8],
}

#[derive(Default)]
struct Line {
    delayed: Vec<f32>,
    at: usize,
    /// What is left of a sound after one pass.
    gain: f32,
    /// The line's end without its highs.
    dull: f32,
}

impl Room {
    fn new() -> Self {
        let gain =
            |length: usize| db_to_amplitude(-60.0 * length as f64 / (DECAY * f64::from(MIX_RATE))) as f32;
        Self {
            lines: LINES.map(|length| Line {
                delayed: vec![0.0; length],
                gain: gain(length),
                ..Line::default()
            }),
        }
    }

    fn run(&mut self, left: f32, right: f32) -> (f32, f32) {
        let mut out = [0f32; 8];
        let mut shared = 0f32;
        for (line, value) in self.lines.iter_mut().zip(&mut out) {
            *value = line.delayed[line.at];
            // Air and walls take the highs first.
            line.dull += 0.45 * (*value - line.dull);
            shared += line.dull * 0.25;
        }
        for (n, line) in self.lines.iter_mut().enumerate() {
            let input = if n % 2 == 0 { left } else { right };
            line.delayed[line.at] = input + line.gain * (line.dull - shared);
            line.at = if line.at + 1 == line.delayed.len() { 0 } else { line.at + 1 };
        }
        (out[0] - out[2] + out[4] - out[6], out[1] - out[3] + out[5] - out[7])
    }
}

/// Both groups together, with the room around them.
pub(super) fn blend(buses: Buses, style: &Style) -> Track {
    let Buses { mut ground, plucks } = buses;
    let level = db_to_amplitude(style.room) as f32 * 0.5;
    let mut room = Room::new();
    for (frame, pluck) in ground.chunks_exact_mut(2).zip(plucks.chunks_exact(2)) {
        // The low ground would only make the room muddy: the plucks go in more than it does.
        let (left, right) = room.run(0.4 * frame[0] + pluck[0], 0.4 * frame[1] + pluck[1]);
        frame[0] += pluck[0] + level * left;
        frame[1] += pluck[1] + level * right;
    }
    Track { rate: MIX_RATE, channels: 2, samples: ground }
}
