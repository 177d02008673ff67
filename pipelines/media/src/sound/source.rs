//! Stereo at [`MIX_RATE`] that is read anywhere, piece by piece: a track in memory, or a tape on the disk, where hours
//! of sound fit that would not fit in memory.

use super::{Track, invalid};
use crate::{MediaError, Result};
use std::borrow::Cow;
use std::fs::File;
use std::io::Write;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Interleaved stereo at 48 kHz.
pub trait Source: Sync {
    /// Samples a channel.
    fn frames(&self) -> usize;

    /// The samples of some frames, all of which there must be.
    ///
    /// # Errors
    /// `Io` if they cannot be read.
    fn read(&self, frames: Range<usize>) -> Result<Cow<'_, [f32]>>;
}

impl Source for Track {
    fn frames(&self) -> usize {
        Track::frames(self)
    }

    fn read(&self, frames: Range<usize>) -> Result<Cow<'_, [f32]>> {
        Ok(Cow::Borrowed(&self.samples[frames.start * 2..frames.end * 2]))
    }
}

/// A sound on the disk: 32 bit floats without a header, 1.4 GB an hour. For the length of one job only.
#[derive(Debug)]
pub struct Tape {
    path: PathBuf,
    file: File,
    frames: usize,
}

/// Bytes of a frame.
const FRAME: usize = 8;

impl Tape {
    /// An empty tape at `path`, in place of what was there.
    ///
    /// # Errors
    /// `DiskFull` or `Io`.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::options().read(true).write(true).create(true).truncate(true).open(path);
        let file = file.map_err(|e| MediaError::io(format!("write {}", path.display()), e))?;
        Ok(Self { path: path.to_owned(), file, frames: 0 })
    }

    /// Adds whole frames at its end.
    ///
    /// # Errors
    /// `InvalidInput` for a part of a frame or what is no finite number; `DiskFull` or `Io`.
    pub fn append(&mut self, samples: &[f32]) -> Result<()> {
        if !samples.len().is_multiple_of(2) || samples.iter().any(|sample| !sample.is_finite()) {
            return Err(invalid("a mix holds what is no sound: a part of a frame, or no finite number"));
        }
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let written = self.file.write_all(&bytes);
        written.map_err(|e| MediaError::io(format!("write {}", self.path.display()), e))?;
        self.frames += samples.len() / 2;
        Ok(())
    }
}

impl Source for Tape {
    fn frames(&self) -> usize {
        self.frames
    }

    fn read(&self, frames: Range<usize>) -> Result<Cow<'_, [f32]>> {
        let mut bytes = vec![0; frames.len() * FRAME];
        let read = self.file.read_exact_at(&mut bytes, (frames.start * FRAME) as u64);
        read.map_err(|e| MediaError::io(format!("read {}", self.path.display()), e))?;
        Ok(Cow::Owned(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()))
    }
}
