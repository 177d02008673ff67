//! The sound of a file, as recognisers take it.

use crate::exit::{Failure, Outcome};
use reelsmith_inference_core::transcribe::{SAMPLE_RATE, Samples};
use reelsmith_media::decode::{Decoding, SoundFile};
use reelsmith_media::ffmpeg::Ffmpeg;
use std::io;
use std::path::Path;
use tempfile::NamedTempFile;

/// A file that ffmpeg decodes while it is listened to.
pub(super) struct Source {
    ffmpeg: Ffmpeg,
    file: SoundFile,
    decoding: Decoding,
}

impl Source {
    /// Examines the file and begins to decode it.
    pub(super) fn open(ffmpeg: Ffmpeg, path: &Path) -> reelsmith_media::Result<Self> {
        let file = SoundFile::examine(&ffmpeg, path)?;
        let decoding = file.decode(&ffmpeg, SAMPLE_RATE);
        Ok(Self { ffmpeg, file, decoding })
    }
}

impl Samples for Source {
    fn read(&mut self, out: &mut [f32]) -> io::Result<usize> {
        self.decoding.read(out).map_err(io::Error::other)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.decoding = self.file.decode(&self.ffmpeg, SAMPLE_RATE);
        Ok(())
    }

    fn seconds(&self) -> Option<f64> {
        self.file.seconds
    }
}

/// Standard input as a file: ffmpeg must be able to go back in most kinds of video.
pub(super) fn spooled() -> Outcome<NamedTempFile> {
    let failed = |error: io::Error| Failure::io("keep standard input in a temporary file", &error);
    let mut file = NamedTempFile::new().map_err(failed)?;
    io::copy(&mut io::stdin().lock(), file.as_file_mut()).map_err(failed)?;
    Ok(file)
}
