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
    let mut meter = Meter::new(track.rate, track.channels, Reads::All)?;
    meter.add(&track.samples)?;
    meter.all()
}

/// What a [`Meter`] is asked in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// Integrated loudness alone, which is the cheapest.
    Integrated,
    /// All of [`Loudness`].
    All,
}

/// A meter that is handed a sound piece by piece; hours of it take no more memory than a list of one figure for each
/// tenth of a second.
pub(crate) struct Meter {
    meter: EbuR128,
    channels: u16,
}

impl Meter {
    pub(crate) fn new(rate: u32, channels: u16, reads: Reads) -> Result<Self> {
        let mode = match reads {
            Reads::Integrated => Mode::I,
            Reads::All => Mode::I | Mode::LRA | Mode::TRUE_PEAK,
        };
        Ok(Self { meter: EbuR128::new(u32::from(channels), rate, mode).map_err(refused)?, channels })
    }

    /// Takes the next whole frames.
    pub(crate) fn add(&mut self, samples: &[f32]) -> Result<()> {
        self.meter.add_frames_f32(samples).map_err(refused)
    }

    /// The same at `gain` times their amplitude.
    pub(crate) fn add_scaled(&mut self, samples: &[f32], gain: f32) -> Result<()> {
        let mut scaled = Vec::with_capacity(CHUNK * 2);
        for chunk in samples.chunks(CHUNK * usize::from(self.channels)) {
            scaled.clear();
            scaled.extend(chunk.iter().map(|s| s * gain));
            self.add(&scaled)?;
        }
        Ok(())
    }

    /// Integrated loudness so far, in LUFS.
    pub(crate) fn integrated(&self) -> Result<f64> {
        self.meter.loudness_global().map_err(refused)
    }

    /// Everything, once the whole sound was added.
    pub(crate) fn all(mut self) -> Result<Loudness> {
        // The interpolator looks six frames back: silence behind the end brings the last peaks out.
        self.add(&vec![0.0; 16 * usize::from(self.channels)])?;
        let mut peak = 0f64;
        for channel in 0..u32::from(self.channels) {
            peak = peak.max(self.meter.true_peak(channel).map_err(refused)?);
        }
        Ok(Loudness {
            integrated_lufs: self.integrated()?,
            true_peak_dbtp: amplitude_to_db(peak),
            range_lu: self.meter.loudness_range().map_err(refused)?,
        })
    }
}

/// Integrated loudness in LUFS of `track`.
pub(crate) fn integrated(track: &Track) -> Result<f64> {
    let mut meter = Meter::new(track.rate, track.channels, Reads::Integrated)?;
    meter.add(&track.samples)?;
    meter.integrated()
}

fn refused(error: ebur128::Error) -> crate::MediaError {
    invalid(format!("the loudness of a sound cannot be measured: {error}")).with_source(error)
}
