//! A composed music bed, for those who have no music: soft, seeded, and out of the voice's way.
//!
//! A mood fixes tempo, harmony and sound; the seed draws key, chords and melody from it. Chords are
//! led with as little movement as they allow, the melody is a motif that returns and varies, and the
//! piece is composed to its length: it starts, goes on and ends on its home chord.

mod harmony;
mod repeat;
mod score;
mod space;
mod style;
mod synth;

pub use repeat::Again;

use super::biquad::Biquad;
use super::limiter::limit;
use super::{MIX_RATE, Track, db_to_amplitude, in_range, loudness, mix};
use crate::ease::smoothstep;
use crate::{MediaError, Result};
use serde::{Deserialize, Serialize};

/// The longest piece that is composed, in seconds; a longer bed plays bars from its middle again.
pub const MAX_SECONDS: f64 = 600.0;
/// Integrated loudness of every bed, in LUFS.
pub const LOUDNESS_LUFS: f64 = -20.0;
/// Highest true peak of every bed, in dBTP.
pub const TRUE_PEAK_DBTP: f64 = -3.0;

/// Fade-out at the end, in seconds, while the last chord rings.
const FADE_OUT: f64 = 2.0;

/// The character of a bed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mood {
    /// Slow, warm, major: explanations, nature, sleep.
    Calm,
    /// Light and questioning, dorian and lydian: science, how things work.
    Curious,
    /// Moving, major: tips, products, good news.
    Bright,
    /// Minor with a low pulse: mysteries, warnings, history.
    Tense,
}

impl Mood {
    /// Every mood there is.
    pub const ALL: [Self; 4] = [Self::Calm, Self::Curious, Self::Bright, Self::Tense];

    /// The name in scripts and presets.
    pub fn name(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Curious => "curious",
            Self::Bright => "bright",
            Self::Tense => "tense",
        }
    }
}

impl std::str::FromStr for Mood {
    type Err = MediaError;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|mood| mood.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            super::invalid(format!("there is no music mood {name:?}: it must be one of {known}"))
        })
    }
}

impl std::fmt::Display for Mood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// Composes and plays `seconds` (1 to [`mix::MAX_SECONDS`]) of music: stereo at 48 kHz, at
/// [`LOUDNESS_LUFS`], peaks at most [`TRUE_PEAK_DBTP`], silent at its last sample. The same
/// arguments give the same samples on one machine.
///
/// # Errors
/// `InvalidInput` if `seconds` is out of range.
pub fn bed(seed: u64, mood: Mood, seconds: f64) -> Result<Track> {
    in_range("the length of a music bed", seconds, 1.0..=mix::MAX_SECONDS)?;
    piece(seed, mood, seconds, MAX_SECONDS)
}

/// A bed for so many seconds, of which at most [`LONGEST_PIECE`] are composed and played: the rest are bars from its
/// middle again, as [`Again`] tells, so that hours of it take no more memory.
///
/// # Errors
/// `InvalidInput` if `seconds` is less than 1 or no number.
pub fn long_bed(seed: u64, mood: Mood, seconds: f64) -> Result<(Track, Again)> {
    in_range("the length of a music bed", seconds, 1.0..=MOST_SECONDS)?;
    let bars = bars(seed, mood, seconds, LONGEST_PIECE);
    Ok((level(played(seed, mood, &bars))?, bars.again()))
}

/// Seconds of a long bed that are composed.
const LONGEST_PIECE: f64 = 120.0;
/// Seconds of a long bed at most: a day.
const MOST_SECONDS: f64 = 86_400.0;

fn bars(seed: u64, mood: Mood, seconds: f64, longest: f64) -> repeat::Bars {
    repeat::Bars::of(seconds, longest, score::tempo(seed, &style::of(mood)))
}

/// The piece of which a bed is made, not yet levelled.
fn played(seed: u64, mood: Mood, bars: &repeat::Bars) -> Track {
    let style = style::of(mood);
    let score = score::compose(seed, &style, bars.composed());
    let mut buses = synth::play(&score, &style, repeat::frames(bars.composed()));
    space::echo(&mut buses.plucks, score.beat * 0.75);
    let mut track = space::blend(buses, &style);
    clean(&mut track);
    track
}

/// A bed of which at most `longest` seconds are composed and played.
fn piece(seed: u64, mood: Mood, seconds: f64, longest: f64) -> Result<Track> {
    let bars = bars(seed, mood, seconds, longest);
    level(bars.repeat(played(seed, mood, &bars), seconds))
}

/// Takes away what no speaker of a phone plays and what would hiss under a voice; fades the end.
fn clean(track: &mut Track) {
    let mut filters = [0, 1].map(|_| [Biquad::high_pass(38.0, MIX_RATE), Biquad::low_pass(9000.0, MIX_RATE)]);
    let frames = track.frames();
    let fade = ((FADE_OUT * f64::from(MIX_RATE)) as usize).min(frames / 3);
    for (n, frame) in track.samples.chunks_exact_mut(2).enumerate() {
        let left = frames - 1 - n;
        let gain = match left < fade {
            true => smoothstep(left as f64 / fade as f64) as f32,
            false => 1.0,
        };
        for (sample, chain) in frame.iter_mut().zip(&mut filters) {
            *sample = gain * chain.iter_mut().fold(*sample, |s, filter| filter.run(s));
        }
    }
}

fn level(track: Track) -> Result<Track> {
    let own = loudness::integrated(&track)?;
    Ok(limit(&track, db_to_amplitude(LOUDNESS_LUFS - own) as f32, TRUE_PEAK_DBTP))
}
