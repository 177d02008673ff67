//! The sound of a file, as recognisers take it.

use crate::exit::{Failure, Outcome};
use reelsmith_inference_core::transcribe::{SAMPLE_RATE, Samples};
use reelsmith_media::decode::{Decoding, SoundFile};
use reelsmith_media::ffmpeg::Ffmpeg;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The most bytes that are taken from standard input, which lie in a temporary file.
const MOST_INPUT: u64 = 16 << 30;

/// A file that ffmpeg decodes while it is listened to.
pub(super) struct Source {
    ffmpeg: Ffmpeg,
    file: SoundFile,
    /// Begun by the first read.
    decoding: Option<Decoding>,
}

impl Source {
    /// Examines the file.
    pub(super) fn open(ffmpeg: Ffmpeg, path: &Path) -> reelsmith_media::Result<Self> {
        let file = SoundFile::examine(&ffmpeg, path)?;
        Ok(Self { ffmpeg, file, decoding: None })
    }
}

impl Samples for Source {
    fn read(&mut self, out: &mut [f32]) -> io::Result<usize> {
        let decoding = self.decoding.get_or_insert_with(|| self.file.decode(&self.ffmpeg, SAMPLE_RATE));
        decoding.read(out).map_err(io::Error::other)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.decoding = None;
        Ok(())
    }

    fn seconds(&self) -> Option<f64> {
        self.file.seconds
    }
}

/// Copies standard input to `file`: ffmpeg must be able to go back in most kinds of video.
///
/// # Errors
/// More than [`MOST_INPUT`] bytes; whatever reading or writing answers.
pub(super) fn spool(mut file: File) -> Outcome {
    let failed = |error: io::Error| Failure::io("keep standard input in a temporary file", &error);
    let copied = io::copy(&mut io::stdin().lock().take(MOST_INPUT + 1), &mut file).map_err(failed)?;
    match copied > MOST_INPUT {
        true => Err(Failure::usage(format!("standard input has more than {MOST_INPUT} bytes; name a file"))),
        false => Ok(()),
    }
}
