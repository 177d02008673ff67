//! Sound: voice clips and music become one stereo track, mastered to a loudness and encoded.
//!
//! The way of a sound: clips and music are brought to 48 kHz ([`resample`]), laid on one time line
//! with the music ducked under the voice ([`mix`]), raised to the wanted loudness under a true-peak
//! [`limiter`] and encoded, where the loudness is judged on the decoded file ([`master`]). Who has
//! no music gets a composed one ([`bed`]).

pub mod bed;
mod biquad;
pub mod duck;
pub mod episode;
pub mod limiter;
pub mod loudness;
pub mod master;
pub mod mix;
pub mod resample;
pub mod source;
pub mod tags;
pub mod wav;

pub use bed::{Again, Mood, bed, long_bed};
pub use duck::Ducking;
pub use loudness::{Loudness, measure};
pub use master::{LoudnessTarget, Mastered, master_to_aac, master_to_mp3};
pub use mix::{MixSpec, Music, check_music, mix};
pub use source::{Source, Tape};
pub use tags::{Chapter, Tags};

use crate::ffmpeg::Ffmpeg;
use crate::{ErrorKind, MediaError, Result};
use std::path::Path;

/// Sample rate of every mix, in Hz: what video platforms play without converting.
pub const MIX_RATE: u32 = 48_000;

/// Sample rates that are taken, in Hz.
pub const RATES: std::ops::RangeInclusive<u32> = 8_000..=192_000;

/// Interleaved samples of one or two channels, nominally in -1.0 ..= 1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct Track {
    /// Samples a second and channel, in Hz.
    pub rate: u32,
    /// 1 (mono) or 2 (left, right).
    pub channels: u16,
    /// `frames * channels` samples.
    pub samples: Vec<f32>,
}

impl Track {
    /// A track of `samples`, checked: a rate in [`RATES`], one or two channels, whole frames, no
    /// NaN or infinity.
    ///
    /// # Errors
    /// `InvalidInput` says which of these does not hold.
    pub fn new(rate: u32, channels: u16, samples: Vec<f32>) -> Result<Self> {
        let track = Self { rate, channels, samples };
        track.check()?;
        Ok(track)
    }

    /// Stereo silence at [`MIX_RATE`].
    pub fn silence(frames: usize) -> Self {
        Self { rate: MIX_RATE, channels: 2, samples: vec![0.0; frames * 2] }
    }

    /// The first audio stream of any file that ffmpeg can read, as stereo at [`MIX_RATE`]: its first
    /// `seconds`, or less if it ends before.
    ///
    /// # Errors
    /// `InvalidInput` if the file is absent or holds no sound; `ToolFailed` with ffmpeg's own words
    /// if it cannot be read; `Limit` if `seconds` is beyond 20 minutes.
    pub fn decode(ffmpeg: &Ffmpeg, path: &Path, seconds: f64) -> Result<Self> {
        let samples = ffmpeg.decode_audio_start(path, MIX_RATE, 2, seconds)?;
        match samples.is_empty() {
            true => Err(invalid(format!("{} holds no sound: give another file", path.display()))),
            false => Self::new(MIX_RATE, 2, samples),
        }
    }

    /// Samples per channel.
    pub fn frames(&self) -> usize {
        self.samples.len() / usize::from(self.channels.max(1))
    }

    /// Length in seconds.
    pub fn seconds(&self) -> f64 {
        self.frames() as f64 / f64::from(self.rate)
    }

    /// Two equal channels from one; stereo stays as it is.
    pub fn into_stereo(self) -> Self {
        match self.channels {
            1 => {
                let samples = self.samples.iter().flat_map(|&s| [s, s]).collect();
                Self { channels: 2, samples, ..self }
            }
            _ => self,
        }
    }

    /// The invariants of [`Track::new`], for tracks whose fields were set by hand.
    pub(crate) fn check(&self) -> Result<()> {
        if !RATES.contains(&self.rate) {
            return Err(invalid(format!(
                "a sample rate of {} Hz cannot be used: it must be from {} to {} Hz",
                self.rate,
                RATES.start(),
                RATES.end()
            )));
        }
        if !(1..=2).contains(&self.channels) {
            return Err(invalid(format!(
                "a sound of {} channels cannot be used: mix it down to mono or stereo first",
                self.channels
            )));
        }
        if !self.samples.len().is_multiple_of(usize::from(self.channels)) {
            return Err(invalid("a stereo sound ends in the middle of a frame"));
        }
        match self.samples.iter().position(|s| !s.is_finite()) {
            Some(at) => Err(invalid(format!("sample {at} of a sound is not a finite number"))),
            None => Ok(()),
        }
    }
}

/// Decibels to an amplitude factor.
pub(crate) fn db_to_amplitude(db: f64) -> f64 {
    10f64.powf(db / 20.0)
}

/// An amplitude to decibels; 0 becomes minus infinity.
pub(crate) fn amplitude_to_db(amplitude: f64) -> f64 {
    20.0 * amplitude.log10()
}

/// Turns interleaved stereo `out` into as much of `next` over its whole length, at equal power, as the
/// two are unrelated.
pub(crate) fn crossfade(out: &mut [f32], next: &[f32]) {
    let frames = out.len() / 2;
    for (n, (out, next)) in out.chunks_exact_mut(2).zip(next.chunks_exact(2)).enumerate() {
        let (rising, falling) = equal_power(n, frames);
        out[0] = out[0] * falling + next[0] * rising;
        out[1] = out[1] * falling + next[1] * rising;
    }
}

/// Gains of what comes and what goes at frame `n` of a crossfade of so many frames.
pub(crate) fn equal_power(n: usize, frames: usize) -> (f32, f32) {
    let angle = std::f64::consts::FRAC_PI_2 * (n as f64 + 0.5) / frames as f64;
    (angle.sin() as f32, angle.cos() as f32)
}

pub(crate) fn invalid(message: impl Into<String>) -> MediaError {
    MediaError::new(ErrorKind::InvalidInput, message)
}

pub(crate) fn in_range(what: &str, value: f64, range: std::ops::RangeInclusive<f64>) -> Result<()> {
    match range.contains(&value) {
        true => Ok(()),
        false => {
            Err(invalid(format!("{what} is {value}: it must be from {} to {}", range.start(), range.end())))
        }
    }
}
