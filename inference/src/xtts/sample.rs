//! Whether a voice can be made of a sample. The bars are ours; each refusal says what was found and what is wanted.

use reelsmith_inference_core::cloning::VoiceSample;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::ops::RangeInclusive;

/// Rates that are taken, in Hz.
const RATES: RangeInclusive<u32> = 8_000..=192_000;
/// Seconds that are taken.
const SECONDS: RangeInclusive<f64> = 3.0..=30.0;
/// Frames that loudness is told of, a second.
const FRAMES: usize = 50;
/// Where the loud frames begin, and the quiet ones end.
const LOUD: f64 = 0.95;
const QUIET: f64 = 0.10;
/// How loud the loud frames must be, in decibels below full scale.
const LEAST_LEVEL: f64 = -45.0;
/// By how many decibels they must stand out from the quiet ones: between words of clear speech it is 25 and more.
const LEAST_CONTRAST: f64 = 12.0;
/// What counts as the end of the scale, and how many samples in a row there are clipped.
const FULL: f32 = 0.999;
const CLIPPED_RUN: usize = 3;
/// Share of clipped samples from which speech is harsh.
const MOST_CLIPPED: f64 = 0.002;

/// Checks a sample, and gives how many seconds it has.
///
/// # Errors
/// `InvalidRequest` with the reason for one that no voice can be made of.
pub fn check(sample: &VoiceSample) -> Result<f64> {
    let invalid =
        |why: String| Err(InferenceError::new(ErrorKind::InvalidRequest, format!("the sample {why}")));
    let VoiceSample { samples, sample_rate } = sample;
    if !RATES.contains(sample_rate) {
        return invalid(format!("has {sample_rate} samples a second; it takes 8000 to 192000"));
    }
    let seconds = samples.len() as f64 / f64::from(*sample_rate);
    if !SECONDS.contains(&seconds) {
        let what = if seconds < *SECONDS.start() { "record more" } else { "cut it" };
        return invalid(format!("is {seconds:.1} seconds long; it takes 3 to 30: {what}"));
    }
    if samples.iter().any(|sample| !sample.is_finite()) {
        return invalid("has numbers that are no sound; save it again as a plain WAV file".to_owned());
    }
    let clipped = clipped(samples);
    if clipped > MOST_CLIPPED {
        let share = 100.0 * clipped;
        return invalid(format!(
            "is clipped: {share:.1} % of it is at the end of the scale; record it more quietly"
        ));
    }
    let (loud, quiet) = levels(samples, *sample_rate as usize / FRAMES);
    if loud < LEAST_LEVEL {
        return invalid(format!(
            "is silent or nearly so: its loud parts are at {loud:.0} dB, and {LEAST_LEVEL} are wanted; record it louder"
        ));
    }
    let contrast = loud - quiet;
    if contrast < LEAST_CONTRAST {
        return invalid(format!(
            "is noise, or speech in much of it: loud and quiet parts are {contrast:.0} dB apart, and {LEAST_CONTRAST} \
             are wanted; record it in a quiet room without music"
        ));
    }
    Ok(seconds)
}

/// Share of samples that lie in runs at the end of the scale.
fn clipped(samples: &[f32]) -> f64 {
    let runs = samples.chunk_by(|a, b| (a.abs() >= FULL) == (b.abs() >= FULL));
    let long = runs.filter(|run| run.len() >= CLIPPED_RUN && run[0].abs() >= FULL);
    long.map(<[f32]>::len).sum::<usize>() as f64 / samples.len() as f64
}

/// Levels of the loud and of the quiet frames of `length` samples, in decibels below full scale.
fn levels(samples: &[f32], length: usize) -> (f64, f64) {
    let power = |frame: &[f32]| frame.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / frame.len() as f64;
    let mut frames: Vec<f64> = samples.chunks_exact(length).map(power).collect();
    frames.sort_by(f64::total_cmp);
    // Digital silence between words is -120, not nothing at all.
    let level = |share: f64| 10.0 * frames[((frames.len() - 1) as f64 * share) as usize].max(1e-12).log10();
    (level(LOUD), level(QUIET))
}
