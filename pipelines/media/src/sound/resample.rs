//! Change of sample rate: band-limited, without delay, of exact length.

use super::{RATES, Track, invalid};
use crate::Result;
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

/// Taps of the anti-aliasing filter, at least: with a Blackman-Harris window they put the cutoff
/// above 97 % of the lower Nyquist frequency.
const FILTER_TAPS: usize = 1024;

impl Track {
    /// The same sound at `rate` Hz. It has `ceil(frames * rate / self.rate)` frames, and frame 0
    /// stays at time 0.
    ///
    /// # Errors
    /// `InvalidInput` if either rate is outside [`RATES`].
    pub fn resampled(self, rate: u32) -> Result<Self> {
        self.check()?;
        if !RATES.contains(&rate) {
            return Err(invalid(format!(
                "cannot resample to {rate} Hz: the rate must be within {RATES:?} Hz"
            )));
        }
        if rate == self.rate || self.samples.is_empty() {
            return Ok(Self { rate, ..self });
        }
        let (channels, frames) = (usize::from(self.channels), self.frames());
        let failed = |e: &dyn std::fmt::Display| invalid(format!("cannot resample to {rate} Hz: {e}"));
        let mut resampler = Fft::<f32>::new_custom(
            self.rate as usize,
            rate as usize,
            filter_length(self.rate, rate),
            1,
            channels,
            rubato::WindowFunction::BlackmanHarris2,
            FixedSync::Both,
        )
        .map_err(|e| failed(&e))?;
        let input = InterleavedSlice::new(&self.samples, channels, frames).map_err(|e| failed(&e))?;
        let output = resampler.process_all(&input, frames, None).map_err(|e| failed(&e))?;
        let mut samples = output.take_data();
        let exact = (frames as u64 * u64::from(rate)).div_ceil(u64::from(self.rate));
        samples.resize(exact as usize * channels, 0.0);
        Ok(Self { rate, samples, ..self })
    }
}

/// A block that holds whole periods of both rates. It is an even number of them, because the filter's
/// centre, and with it the delay that is taken off, is half a block: odd would leave half a sample.
fn filter_length(from: u32, to: u32) -> usize {
    let period = (from / gcd(from, to)) as usize;
    period * FILTER_TAPS.div_ceil(period).next_multiple_of(2)
}

fn gcd(a: u32, b: u32) -> u32 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}
