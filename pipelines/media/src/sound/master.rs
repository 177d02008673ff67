//! Mastering: a mix is brought to a loudness and encoded to AAC or MP3, judged on the decoded file.
//!
//! An encoder moves both figures: what it made decodes some hundredths of an LU away from what went in, and
//! with higher true peaks. So the gain and the limiter's ceiling are corrected by what the decoded
//! file measures, until it meets the target. The mix is read, limited, encoded and decoded piece by piece.

mod encoder;
mod limited;

use super::loudness::{Meter, Reads};
use super::tags::Tags;
use super::{Loudness, MIX_RATE, Source, Track, amplitude_to_db, db_to_amplitude, in_range, invalid};
use crate::ffmpeg::Ffmpeg;
use crate::publish::publish;
use crate::{ErrorKind, MediaError, OnProgress, Result};
use encoder::{Form, encode};
use limited::{Limited, pieces};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Encodings after which a target counts as out of reach. The second one usually meets it.
const MAX_ITERATIONS: u32 = 6;
/// Limiter runs that look for the gain before each encoding.
const MAX_GAIN_STEPS: u32 = 8;
/// The gain is found when the sound before the encoder is this close to the aim, in LU.
const GAIN_TOLERANCE_LU: f64 = 0.03;
/// Gain beyond the first guess after which no sound becomes louder, in dB.
const MAX_LIMITED_DB: f64 = 60.0;
/// The limiter's ceiling lies this far below the target at first, in dB: AAC at 256 kbit/s raised
/// true peaks of speech over music by up to 0.35 dB when measured.
const HEADROOM_DB: f64 = 0.5;
/// A sound whose largest sample is below this is silence (-100 dBFS).
const SILENCE: f32 = 1e-5;
/// Progress is told in thousandths.
const UNITS: u64 = 1000;

/// What the decoded file must measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoudnessTarget {
    /// Integrated loudness in LUFS; -40 to -5.
    pub lufs: f64,
    /// How far the integrated loudness may be off, in LU; 0.05 to 2.
    pub tolerance_lu: f64,
    /// Highest true peak in dBTP; -20 to 0.
    pub true_peak_dbtp: f64,
}

impl Default for LoudnessTarget {
    /// -14 LUFS within 0.1 LU and at most -1 dBTP.
    fn default() -> Self {
        Self { lufs: -14.0, tolerance_lu: 0.1, true_peak_dbtp: -1.0 }
    }
}

impl LoudnessTarget {
    /// Says which field is out of its range.
    ///
    /// # Errors
    /// `InvalidInput` naming the field, its value and its range.
    pub fn check(&self) -> Result<()> {
        in_range("loudness target lufs", self.lufs, -40.0..=-5.0)?;
        in_range("loudness target tolerance_lu", self.tolerance_lu, 0.05..=2.0)?;
        in_range("loudness target true_peak_dbtp", self.true_peak_dbtp, -20.0..=0.0)
    }

    /// Whether both figures are met.
    pub fn met_by(&self, loudness: &Loudness) -> bool {
        (loudness.integrated_lufs - self.lufs).abs() <= self.tolerance_lu
            && loudness.true_peak_dbtp <= self.true_peak_dbtp
    }
}

/// What mastering did, and what its file measures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Mastered {
    /// Measured on the decoded file.
    #[serde(flatten)]
    pub loudness: Loudness,
    /// Encodings that it took.
    pub iterations: u32,
    /// Gain before the limiter, in dB.
    pub gain_db: f64,
    /// The limiter's ceiling, in dBTP.
    pub ceiling_dbtp: f64,
}

/// Masters `mix` (stereo at 48 kHz, at least 0.4 s) and writes it as AAC in `out` (`.m4a`), through
/// a temporary file beside it. The same mix and ffmpeg give the same bytes. `aac_bitrate` is in
/// bit/s, 64,000 to 320,000.
///
/// # Errors
/// `InvalidInput` for another format, values out of range, silence, or a mix that cannot be brought to the
/// target; `ToolFailed`, `DiskFull`, `Io` or `Cancelled`. `out` is then untouched.
pub fn master_to_aac(
    ffmpeg: &Ffmpeg,
    mix: &Track,
    target: &LoudnessTarget,
    aac_bitrate: u32,
    out: &Path,
    progress: OnProgress,
) -> Result<Mastered> {
    in_range("AAC bit rate", f64::from(aac_bitrate), 64_000.0..=320_000.0)?;
    mix.check()?;
    if (mix.rate, mix.channels) != (MIX_RATE, 2) {
        return Err(invalid(format!(
            "only stereo at {MIX_RATE} Hz can be mastered, not {} channel(s) at {} Hz: mix it first",
            mix.channels, mix.rate
        )));
    }
    master(ffmpeg, mix, target, &Form::Aac { bitrate: aac_bitrate }, out, progress)
}

/// The same as MP3 in `out` (`.mp3`): 320 kbit/s, joint stereo, with `tags` in ID3v2.3. Memory does not grow with
/// the length of `mix`.
///
/// # Errors
/// As [`master_to_aac`]; `ToolFailed` also where ffmpeg was built without libmp3lame.
pub fn master_to_mp3(
    ffmpeg: &Ffmpeg,
    mix: &dyn Source,
    target: &LoudnessTarget,
    tags: &Tags,
    out: &Path,
    progress: OnProgress,
) -> Result<Mastered> {
    master(ffmpeg, mix, target, &Form::Mp3 { tags }, out, progress)
}

fn master(
    ffmpeg: &Ffmpeg,
    mix: &dyn Source,
    target: &LoudnessTarget,
    form: &Form,
    out: &Path,
    progress: OnProgress,
) -> Result<Mastered> {
    target.check()?;
    let gain_db = first_gain(mix, target.lufs, progress)?;
    let mut aim = Aim {
        lufs: target.lufs,
        reached_lufs: f64::NAN,
        ceiling_dbtp: target.true_peak_dbtp - HEADROOM_DB,
        gain_db,
        most_gain_db: gain_db + MAX_LIMITED_DB,
    };
    let mut found = None;
    for iteration in 1..=MAX_ITERATIONS {
        let steps = Steps::of(iteration, progress);
        let limited = aim.reach(mix, target, &steps)?;
        let file = encode(ffmpeg, &limited, form, out, &steps)?;
        let mut meter = Meter::new(MIX_RATE, 2, Reads::All)?;
        ffmpeg.decode_pieces(file.path(), (MIX_RATE, 2), (None, u64::MAX), &mut |piece| {
            steps.tell(0.8)?;
            meter.add(piece)
        })?;
        let loudness = meter.all()?;
        steps.tell(1.0)?;
        if target.met_by(&loudness) {
            publish(file, out)?;
            Steps { from: UNITS, to: UNITS, progress }.tell(1.0)?;
            return Ok(Mastered {
                loudness,
                iterations: iteration,
                gain_db: aim.gain_db,
                ceiling_dbtp: aim.ceiling_dbtp,
            });
        }
        aim.correct(target, &loudness);
        found = Some(loudness);
    }
    Err(out_of_reach(target, found.map_or(f64::NAN, |l| l.integrated_lufs), found.map(|l| l.true_peak_dbtp)))
}

/// What goes into the encoder.
struct Aim {
    lufs: f64,
    /// What the last limited track has.
    reached_lufs: f64,
    ceiling_dbtp: f64,
    gain_db: f64,
    most_gain_db: f64,
}

impl Aim {
    /// The mix limited at the gain that gives it `lufs`; the gain is kept for the next time. Where
    /// the limiter lets no gain come closer, what `target` tolerates will do.
    fn reach<'a>(
        &mut self,
        mix: &'a dyn Source,
        target: &LoudnessTarget,
        steps: &Steps,
    ) -> Result<Limited<'a>> {
        let mut before: Option<(f64, f64)> = None;
        let mut slope = 1.0;
        for step in 0..MAX_GAIN_STEPS {
            let tolerance = match step + 1 < MAX_GAIN_STEPS {
                true => GAIN_TOLERANCE_LU,
                false => target.tolerance_lu,
            };
            let gain = db_to_amplitude(self.gain_db) as f32;
            let limited = Limited { mix, gain, ceiling_dbtp: self.ceiling_dbtp };
            let mut meter = Meter::new(MIX_RATE, 2, Reads::Integrated)?;
            for piece in pieces(mix.frames()) {
                steps.tell(0.3 * f64::from(step) / f64::from(MAX_GAIN_STEPS))?;
                meter.add(&limited.piece(piece)?)?;
            }
            let lufs = meter.integrated()?;
            self.reached_lufs = lufs;
            let off = self.lufs - lufs;
            if off.abs() <= tolerance {
                return Ok(limited);
            }
            // The harder the limiter works, the less of a decibel of gain becomes loudness.
            if let Some((gain, loudness)) = before.filter(|(gain, _)| (gain - self.gain_db).abs() > 1e-6) {
                slope = ((lufs - loudness) / (self.gain_db - gain)).clamp(0.1, 1.0);
            }
            before = Some((self.gain_db, lufs));
            self.gain_db = (self.gain_db + (off / slope).clamp(-12.0, 12.0)).min(self.most_gain_db);
        }
        Err(out_of_reach(target, self.reached_lufs, None))
    }

    /// Takes in what the decoded file measured: the encoder will move the loudness as far again.
    fn correct(&mut self, target: &LoudnessTarget, measured: &Loudness) {
        self.lufs = target.lufs + self.reached_lufs - measured.integrated_lufs;
        let over = measured.true_peak_dbtp - target.true_peak_dbtp;
        if over > 0.0 {
            self.ceiling_dbtp -= over + 0.05;
        }
    }
}

/// The gain in dB that brings `mix` to `lufs` if nothing is limited.
fn first_gain(mix: &dyn Source, lufs: f64, progress: OnProgress) -> Result<f64> {
    let start = Steps { from: 0, to: 0, progress };
    let seconds = mix.frames() as f64 / f64::from(MIX_RATE);
    if seconds < 0.4 {
        return Err(invalid(format!(
            "a sound of {seconds:.2} s is too short for its loudness to be measured: it takes 0.4 s"
        )));
    }
    let mut peak = 0f32;
    for piece in pieces(mix.frames()) {
        start.tell(0.0)?;
        peak = mix.read(piece)?.iter().fold(peak, |peak, s| peak.max(s.abs()));
    }
    if peak < SILENCE {
        return Err(invalid(format!(
            "the sound is silent, so it cannot be brought to {lufs} LUFS: check the voice and the music"
        )));
    }
    // Quiet sounds lie below the meter's gate: lift them before measuring.
    let lift = 0.5 / peak;
    let mut meter = Meter::new(MIX_RATE, 2, Reads::Integrated)?;
    for piece in pieces(mix.frames()) {
        start.tell(0.0)?;
        meter.add_scaled(&mix.read(piece)?, lift)?;
    }
    let lifted = meter.integrated()?;
    match lifted.is_finite() {
        true => Ok(lufs - lifted + amplitude_to_db(f64::from(lift))),
        false => Err(invalid("the sound is silent but for single clicks: check the voice and the music")),
    }
}

fn out_of_reach(target: &LoudnessTarget, lufs: f64, true_peak: Option<f64>) -> MediaError {
    let peak = true_peak.map_or(String::new(), |peak| format!(" with a true peak of {peak:.2} dBTP"));
    MediaError::new(
        ErrorKind::InvalidInput,
        format!(
            "the sound could not be brought to {:.2} LUFS (within {} LU) under a true peak of {:.2} dBTP: it \
             came to {lufs:.2} LUFS{peak}; ask for a lower loudness, or for a mix with fewer sharp peaks",
            target.lufs, target.tolerance_lu, target.true_peak_dbtp
        ),
    )
}

/// The share of the progress that one iteration has: each takes two thirds of what is left.
struct Steps<'a> {
    from: u64,
    to: u64,
    progress: OnProgress<'a>,
}

impl<'a> Steps<'a> {
    fn of(iteration: u32, progress: OnProgress<'a>) -> Self {
        let before = |iteration: u32| UNITS - UNITS / 3u64.pow(iteration);
        Self { from: before(iteration - 1), to: before(iteration), progress }
    }

    /// Reports the part (0 to 1) of the iteration that is done.
    fn tell(&self, part: f64) -> Result<()> {
        let done = self.from + ((self.to - self.from) as f64 * part) as u64;
        match (self.progress)(done, UNITS).is_break() {
            true => Err(MediaError::cancelled()),
            false => Ok(()),
        }
    }
}
