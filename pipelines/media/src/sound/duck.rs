//! Ducking: where the voice speaks, and how far the music steps back for it.
//!
//! The whole voice is known beforehand, so the music is already down when a word begins, and it
//! stays down in a pause that is too short to rise and fall in: it never pumps.

use super::db_to_amplitude;
use crate::Result;
use crate::ease::smoothstep;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Length of the blocks whose level decides on speech, in seconds.
const BLOCK: f64 = 0.01;
/// Speech lies within this many decibels of its loud passages (95th percentile of the blocks):
/// consonants are 20 to 30 dB below vowels, noise of a room or of a voice model is deeper.
const SPEECH_RANGE_DB: f64 = 40.0;
/// Nothing below is speech, in dBFS (RMS).
const SPEECH_FLOOR_DBFS: f64 = -60.0;

/// How the music yields to the voice.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Ducking {
    /// How far the music goes down under the voice, in dB; 0 to 60. Default 11: with music 9 LU
    /// below the voice when alone, it lies 20 LU below while someone speaks, as WCAG 2.1 success
    /// criterion 1.4.7 asks of background sound.
    pub depth_db: f64,
    /// Time to go down, in seconds, over just before the first word; 0.005 to 10. Default 0.35.
    pub attack: f64,
    /// Time to come up again after the last word, in seconds; 0.005 to 10. Default 0.9.
    pub release: f64,
    /// Pauses of at most this many seconds keep the music down; 0 to 60. Default 1.6: above the
    /// sum of release and attack, so that the music comes fully up or not at all.
    pub hold: f64,
}

impl Default for Ducking {
    fn default() -> Self {
        Self { depth_db: 11.0, attack: 0.35, release: 0.9, hold: 1.6 }
    }
}

impl Ducking {
    /// Says which field is out of its range.
    ///
    /// # Errors
    /// `InvalidInput` naming the field, its value and its range.
    pub fn check(&self) -> Result<()> {
        super::in_range("ducking depth_db", self.depth_db, 0.0..=60.0)?;
        super::in_range("ducking attack", self.attack, 0.005..=10.0)?;
        super::in_range("ducking release", self.release, 0.005..=10.0)?;
        super::in_range("ducking hold", self.hold, 0.0..=60.0)
    }

    /// Turns interleaved stereo `music`, whose first frame is frame `from` of the mix, down where `speech` (frame
    /// ranges of the mix in order, from [`speech_regions`]) says so.
    pub(super) fn apply(&self, music: &mut [f32], from: usize, speech: &[Range<usize>], rate: u32) {
        let frames = |seconds: f64| seconds * f64::from(rate);
        let (attack, release) = (frames(self.attack), frames(self.release));
        let bottom = db_to_amplitude(-self.depth_db) as f32;
        let mut next = speech.partition_point(|region| region.end <= from);
        for (n, frame) in music.chunks_exact_mut(2).enumerate() {
            let n = from + n;
            while next < speech.len() && n >= speech[next].end {
                next += 1;
            }
            // 0 is up, 1 is down.
            let before = speech.get(next).map_or(0.0, |r| 1.0 - r.start.saturating_sub(n) as f64 / attack);
            let after = match next {
                0 => 0.0,
                _ => 1.0 - (n - speech[next - 1].end) as f64 / release,
            };
            let depth = before.max(after).max(0.0);
            let gain = match depth {
                0.0 => continue,
                1.0 => bottom,
                _ => db_to_amplitude(-self.depth_db * smoothstep(depth)) as f32,
            };
            frame[0] *= gain;
            frame[1] *= gain;
        }
    }
}

/// Where a voice speaks in interleaved stereo, as frame ranges; pauses of up to `hold` seconds
/// belong to the speech around them.
pub fn speech_regions(voice: &[f32], rate: u32, hold: f64) -> Vec<Range<usize>> {
    let block = (BLOCK * f64::from(rate)) as usize;
    let hold = (hold * f64::from(rate)) as usize;
    let power: Vec<f32> =
        voice.chunks(block * 2).map(|b| b.iter().map(|s| s * s).sum::<f32>() / b.len() as f32).collect();
    let threshold = threshold(&power);
    let mut regions: Vec<Range<usize>> = Vec::new();
    for (n, _) in power.iter().enumerate().filter(|(_, p)| **p > threshold) {
        let (start, end) = (n * block, ((n + 1) * block).min(voice.len() / 2));
        match regions.last_mut() {
            Some(last) if start - last.end <= hold => last.end = end,
            _ => regions.push(start..end),
        }
    }
    regions
}

/// Mean square above which a block is speech.
fn threshold(power: &[f32]) -> f32 {
    let floor = 10f64.powf(SPEECH_FLOOR_DBFS / 10.0) as f32;
    let mut sounding: Vec<f32> = power.iter().copied().filter(|p| *p > floor).collect();
    if sounding.is_empty() {
        return floor;
    }
    let at = sounding.len() * 95 / 100;
    let (_, loud, _) = sounding.select_nth_unstable_by(at, f32::total_cmp);
    floor.max(*loud * 10f64.powf(-SPEECH_RANGE_DB / 10.0) as f32)
}
