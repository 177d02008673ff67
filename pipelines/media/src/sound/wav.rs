//! WAV files: 16, 24 and 32 bit integers and 32 bit floats in, 32 bit floats out.

use super::{Track, invalid};
use crate::{MediaError, Result, publish};
use std::fs::File;
use std::io::{BufReader, BufWriter, Seek, Write};
use std::path::Path;

/// The longest WAV that is read: an hour of stereo at 48 kHz in 32 bits fits.
pub const MAX_BYTES: u64 = 2 << 30;

impl Track {
    /// Reads a mono or stereo WAV file. Integers are scaled to -1.0 ..= 1.0.
    ///
    /// Memory is bounded by the size of the file, whatever its header says.
    ///
    /// # Errors
    /// `Io` if the file cannot be opened; `InvalidInput` if it is no WAV, of an unknown sample
    /// format, longer in its header than on disk, or above [`MAX_BYTES`].
    pub fn read_wav(path: &Path) -> Result<Self> {
        let name = path.display();
        let file = File::open(path).map_err(|e| MediaError::io(format!("open {name}"), e))?;
        let bytes = file.metadata().map_err(|e| MediaError::io(format!("read {name}"), e))?.len();
        if bytes > MAX_BYTES {
            return Err(invalid(format!("{name} has {bytes} bytes: at most {MAX_BYTES} are read")));
        }
        let reader = hound::WavReader::new(BufReader::new(file)).map_err(|e| unreadable(path, e))?;
        let spec = reader.spec();
        // The extensible header states its valid bits freely; a shift by them must not overflow.
        if !(8..=32).contains(&spec.bits_per_sample) {
            return Err(invalid(format!(
                "{name} has samples of {} bits: 8 to 32 can be read",
                spec.bits_per_sample
            )));
        }
        let stated = u64::from(reader.len()) * u64::from(spec.bits_per_sample.div_ceil(8));
        if stated > bytes {
            return Err(invalid(format!(
                "{name} is cut off or its header is wrong: it promises {stated} bytes of sound, the \
                 whole file has {bytes}; make it again"
            )));
        }
        let samples = read_samples(reader).map_err(|e| unreadable(path, e))?;
        Self::new(spec.sample_rate, spec.channels, samples)
            .map_err(|e| invalid(format!("{name} cannot be used: {e}")))
    }

    /// Writes a 32 bit float WAV file: to a temporary name beside `path`, then renamed, so that
    /// `path` is whole or absent.
    ///
    /// # Errors
    /// `DiskFull` or `Io`; `InvalidInput` if the track breaks its invariants or exceeds
    /// [`MAX_BYTES`].
    pub fn write_wav(&self, path: &Path) -> Result<()> {
        self.check()?;
        if self.samples.len() as u64 * 4 > MAX_BYTES {
            return Err(invalid(format!("a sound of {:.0} s is too long for a WAV file", self.seconds())));
        }
        let mut temporary = publish::temporary(path)?;
        write_samples(self, BufWriter::new(temporary.as_file_mut())).map_err(|e| match e {
            hound::Error::IoError(e) => publish::failed(path, e),
            other => invalid(format!("{} cannot be written as WAV: {other}", path.display())),
        })?;
        publish::publish(temporary, path)
    }
}

fn read_samples(mut reader: hound::WavReader<BufReader<File>>) -> hound::Result<Vec<f32>> {
    let spec = reader.spec();
    let mut samples = Vec::with_capacity(reader.len() as usize);
    match spec.sample_format {
        hound::SampleFormat::Float => {
            for sample in reader.samples::<f32>() {
                samples.push(sample?);
            }
        }
        hound::SampleFormat::Int => {
            let scale = 1.0 / (1u64 << (spec.bits_per_sample - 1)) as f32;
            for sample in reader.samples::<i32>() {
                samples.push(sample? as f32 * scale);
            }
        }
    }
    Ok(samples)
}

fn write_samples<W: Write + Seek>(track: &Track, out: W) -> hound::Result<()> {
    let spec = hound::WavSpec {
        channels: track.channels,
        sample_rate: track.rate,
        bits_per_sample: 32,
        sample_format: hound::SampleFormat::Float,
    };
    let mut writer = hound::WavWriter::new(out, spec)?;
    for &sample in &track.samples {
        writer.write_sample(sample)?;
    }
    writer.finalize()
}

fn unreadable(path: &Path, error: hound::Error) -> MediaError {
    let name = path.display();
    match error {
        // The reader answers a premature end with an error of no kind.
        hound::Error::IoError(e)
            if matches!(e.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::Other) =>
        {
            invalid(format!("{name} ends before its sound does: it is cut off; make it again"))
        }
        hound::Error::IoError(e) => MediaError::io(format!("read {name}"), e),
        other => invalid(format!("{name} is not a WAV file that can be read: {other}")).with_source(other),
    }
}
