//! A limited mix goes through ffmpeg into a file.

use super::Steps;
use super::limited::{Limited, pieces};
use crate::ffmpeg::{Child, Ffmpeg, Input, Output, file_url, strings};
use crate::publish::temporary;
use crate::sound::MIX_RATE;
use crate::sound::tags::Tags;
use crate::{MediaError, Result};
use std::ffi::OsString;
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ChildStdin;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::NamedTempFile;

/// Samples handed to the encoder at once.
const CHUNK: usize = 96_000;

/// What the sound becomes.
pub(super) enum Form<'a> {
    /// AAC-LC in MPEG-4, for a video.
    Aac {
        /// Bits a second.
        bitrate: u32,
    },
    /// MP3 with tags, chapters and cover.
    Mp3 {
        /// All that is not sound.
        tags: &'a Tags,
    },
}

/// Encodes to a temporary file beside `out`, which is removed when dropped.
pub(super) fn encode(
    ffmpeg: &Ffmpeg,
    limited: &Limited,
    form: &Form,
    out: &Path,
    steps: &Steps,
) -> Result<NamedTempFile> {
    let file = temporary(out)?;
    let rate = MIX_RATE.to_string();
    let mut args = strings(&["-f", "f32le", "-ar", &rate, "-ac", "2", "-i", "pipe:0"]);
    // Lives as long as ffmpeg reads it.
    let mut about = None;
    match form {
        Form::Aac { bitrate } => {
            args.extend(strings(&["-c:a", "aac", "-b:a", &bitrate.to_string(), "-map_metadata", "-1"]));
            args.extend(strings(&["-f", "ipod"]));
        }
        Form::Mp3 { tags } => {
            let written = tags.write(out)?;
            args.extend(mp3(tags, written.path()));
            about = Some(written);
        }
    }
    // Neither the writer's version nor the date goes into the file: same sound, same bytes.
    args.extend(strings(&["-fflags", "+bitexact", "-flags:a", "+bitexact"]));
    args.push(file_url(file.path()));
    let what = format!("encode the sound for {}", out.display());
    let child = ffmpeg.run(&what, &args, Input::Pipe, Output::Progress)?;
    feed(child, limited, steps)?;
    drop(about);
    Ok(file)
}

/// Arguments from the second input on. Of ID3v2 version 3 is what every player reads.
fn mp3(tags: &Tags, about: &Path) -> Vec<OsString> {
    let mut args = strings(&["-protocol_whitelist", "file", "-f", "ffmetadata", "-i"]);
    args.push(file_url(about));
    if let Some(cover) = &tags.cover {
        args.extend(strings(&["-protocol_whitelist", "file", "-i"]));
        args.push(file_url(cover));
        args.extend(strings(&["-map", "2:v:0", "-c:v", "copy", "-disposition:v:0", "attached_pic"]));
        args.extend(strings(&["-metadata:s:v:0", "title=Cover", "-metadata:s:v:0", "comment=Cover (front)"]));
    }
    args.extend(strings(&["-map", "0:a:0", "-map_metadata", "1", "-map_chapters", "1"]));
    args.extend(strings(&["-c:a", "libmp3lame", "-b:a", "320k", "-joint_stereo", "1"]));
    args.extend(strings(&["-id3v2_version", "3", "-f", "mp3"]));
    args
}

/// Has another thread limit and send the pieces, which may wait for a child that does not read, while this one
/// waits for the child or the order to stop.
fn feed(mut child: Child, limited: &Limited, steps: &Steps) -> Result<()> {
    let stdin = child.take_stdin();
    let what = format!("send all of the sound to {}", child.program());
    let (sent, all) = (AtomicUsize::new(0), limited.mix.frames() * 2);
    let share = || 0.3 + 0.5 * sent.load(Ordering::Relaxed) as f64 / all as f64;
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send(stdin, limited, &sent, &what));
        let go_on = |_| steps.tell(share()).map_or(ControlFlow::Break(()), ControlFlow::Continue);
        // Whatever the answer, the child is gone now, and the sender ends.
        let ended = child.wait_with(go_on);
        let sent = sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A failed write mostly means that the child has ended, and its own words say why.
        ended.and(sent)
    })
}

fn send(mut stdin: ChildStdin, limited: &Limited, sent: &AtomicUsize, what: &str) -> Result<()> {
    let mut bytes = Vec::with_capacity(CHUNK * 4);
    for piece in pieces(limited.mix.frames()) {
        for chunk in limited.piece(piece)?.chunks(CHUNK) {
            bytes.clear();
            bytes.extend(chunk.iter().flat_map(|sample| sample.to_le_bytes()));
            stdin.write_all(&bytes).map_err(|error| MediaError::io(what, error))?;
            sent.fetch_add(chunk.len(), Ordering::Relaxed);
        }
    }
    Ok(())
}
