//! Sound out of any file that ffmpeg decodes, piece by piece: hours of it take no more memory than seconds.

use crate::ffmpeg::{Ffmpeg, Input, Output, file_url, strings};
use crate::{ErrorKind, MediaError, Result};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, sync_channel};

/// Samples that are handed over at once.
const PIECE: usize = 1 << 16;
/// Pieces that wait to be taken; ffmpeg waits once there are so many.
const WAITING: usize = 4;

/// What is known of a file's sound before it is decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct SoundFile {
    path: PathBuf,
    /// Seconds, as its header says, which may be wrong.
    pub seconds: Option<f64>,
}

/// The first sound of a file as it is decoded, mono.
#[derive(Debug)]
pub struct Decoding {
    pieces: Receiver<Result<Vec<f32>>>,
    piece: Vec<f32>,
    taken: usize,
}

#[derive(Deserialize)]
struct Report {
    #[serde(default)]
    streams: Vec<BTreeMap<String, serde_json::Value>>,
    format: Option<Format>,
}

#[derive(Deserialize)]
struct Format {
    duration: Option<String>,
}

impl SoundFile {
    /// Examines the file at `path`.
    ///
    /// # Errors
    /// `InvalidInput` if there is no such file or no sound in it, `ToolFailed` if ffprobe cannot read it.
    pub fn examine(ffmpeg: &Ffmpeg, path: &Path) -> Result<Self> {
        if !path.is_file() {
            let message = format!("there is no file {}; check the path", path.display());
            return Err(MediaError::new(ErrorKind::InvalidInput, message));
        }
        let mut args = strings(&["-v", "error", "-protocol_whitelist", "file", "-select_streams", "a:0"]);
        args.extend(strings(&["-show_entries", "stream=codec_type:format=duration", "-of", "json"]));
        args.push(file_url(path));
        let what = format!("examine {}", path.display());
        let report: Report = serde_json::from_slice(&ffmpeg.examine(&what, &args)?).map_err(|error| {
            let message = format!("could not {what}: ffprobe's answer is not understood");
            MediaError::new(ErrorKind::ToolFailed, message).with_source(error)
        })?;
        if report.streams.is_empty() {
            let message = format!("{} holds no sound", path.display());
            return Err(MediaError::new(ErrorKind::InvalidInput, message));
        }
        let seconds = report.format.and_then(|format| format.duration?.parse().ok());
        Ok(Self { path: path.to_owned(), seconds: seconds.filter(|s: &f64| s.is_finite() && *s >= 0.0) })
    }

    /// Begins to decode it, at `rate` Hz. A thread of its own runs ffmpeg, as that is tied to the thread which starts
    /// it, until the sound ends or what is returned here is dropped.
    pub fn decode(&self, ffmpeg: &Ffmpeg, rate: u32) -> Decoding {
        let (send, pieces) = sync_channel(WAITING);
        let (ffmpeg, path) = (ffmpeg.clone(), self.path.clone());
        std::thread::spawn(move || {
            // Whoever does not receive any more needs no more.
            if let Err(error) = run(&ffmpeg, &path, rate, |piece| send.send(Ok(piece)).is_ok()) {
                let _ = send.send(Err(error));
            }
        });
        Decoding { pieces, piece: Vec::new(), taken: 0 }
    }
}

/// Decodes the file and hands out pieces of sound, until the answer is to stop.
fn run(ffmpeg: &Ffmpeg, path: &Path, rate: u32, mut give: impl FnMut(Vec<f32>) -> bool) -> Result<()> {
    let mut args = strings(&["-protocol_whitelist", "file", "-i"]);
    args.push(file_url(path));
    args.extend(strings(&["-map", "0:a:0", "-ac", "1", "-ar", &rate.to_string()]));
    // Sound that begins later than the film, and gaps in it, become silence: samples have no times of their own.
    args.extend(strings(&["-af", "aresample=async=1:first_pts=0"]));
    args.extend(strings(&["-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"]));
    let what = format!("decode the sound of {}", path.display());
    let mut child = ffmpeg.run(&what, &args, Input::None, Output::Bytes)?;
    let mut stdout = child.take_stdout();
    loop {
        let mut bytes = Vec::with_capacity(PIECE * 4);
        let read = stdout.by_ref().take(PIECE as u64 * 4).read_to_end(&mut bytes);
        read.map_err(|error| MediaError::io(&what, error))?;
        let is_last = bytes.len() < PIECE * 4;
        // A sample cut off by an end within it is left out.
        let piece = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        if !give(piece) {
            return Ok(());
        }
        if is_last {
            return child.wait();
        }
    }
}

impl Decoding {
    /// Fills `out` from its beginning and tells how many samples were put there: fewer than it holds only at the end.
    ///
    /// # Errors
    /// `ToolFailed` if ffmpeg fails, `ToolMissing` if it cannot be started.
    pub fn read(&mut self, out: &mut [f32]) -> Result<usize> {
        let mut filled = 0;
        while filled < out.len() {
            if self.taken == self.piece.len() {
                // The thread ends when the sound does, or after an error that it has sent.
                let Ok(piece) = self.pieces.recv() else { break };
                (self.piece, self.taken) = (piece?, 0);
            }
            let count = (out.len() - filled).min(self.piece.len() - self.taken);
            out[filled..filled + count].copy_from_slice(&self.piece[self.taken..self.taken + count]);
            filled += count;
            self.taken += count;
        }
        Ok(filled)
    }
}
