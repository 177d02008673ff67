//! Loudness after EBU R 128 and ITU-R BS.1770: integrated loudness, loudness range, true peak.

use super::{Track, amplitude_to_db, invalid};
use crate::Result;
use ebur128::{EbuR128, Mode};
use serde::{Deserialize, Serialize};

/// Frames handed to the meter at once, when they must be scaled on the way.
const CHUNK: usize = 4096;

/// What a meter reads over a whole track.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Loudness {
    /// Integrated (gated) loudness in LUFS; minus infinity if nothing passes the -70 LUFS gate, and
    /// for tracks below 0.4 s.
    pub integrated_lufs: f64,
    /// Highest true peak of any channel in dBTP, 4x oversampled; minus infinity for silence.
    pub true_peak_dbtp: f64,
    /// Loudness range in LU (EBU Tech 3342); 0 for tracks below 3 s.
    pub range_lu: f64,
}

/// Measures a whole track. A mono track is measured as one channel, 3 LU below the same sound on
/// two speakers.
///
/// # Errors
/// `InvalidInput` if the track breaks its invariants.
pub fn measure(track: &Track) -> Result<Loudness> {
    track.check()?;
    let mut meter = meter(track, Mode::I | Mode::LRA | Mode::TRUE_PEAK)?;
    meter.add_frames_f32(&track.samples).map_err(refused)?;
    // The interpolator looks six frames back: silence behind the end brings the last peaks out.
    meter.add_frames_f32(&vec![0.0; 16 * usize::from(track.channels)]).map_err(refused)?;
    let mut peak = 0f64;
    for channel in 0..u32::from(track.channels) {
        peak = peak.max(meter.true_peak(channel).map_err(refused)?);
    }
    Ok(Loudness {
        integrated_lufs: meter.loudness_global().map_err(refused)?,
        true_peak_dbtp: amplitude_to_db(peak),
        range_lu: meter.loudness_range().map_err(refused)?,
    })
}

/// Integrated loudness in LUFS of `track` played at `gain` times its amplitude.
pub(crate) fn integrated(track: &Track, gain: f32) -> Result<f64> {
    let mut meter = meter(track, Mode::I)?;
    let mut scaled = Vec::with_capacity(CHUNK * 2);
    for chunk in track.samples.chunks(CHUNK * usize::from(track.channels)) {
        scaled.clear();
        scaled.extend(chunk.iter().map(|s| s * gain));
        meter.add_frames_f32(&scaled).map_err(refused)?;
    }
    meter.loudness_global().map_err(refused)
}

fn meter(track: &Track, mode: Mode) -> Result<EbuR128> {
    EbuR128::new(u32::from(track.channels), track.rate, mode).map_err(refused)
}

fn refused(error: ebur128::Error) -> crate::MediaError {
    invalid(format!("the loudness of a sound cannot be measured: {error}")).with_source(error)
}
