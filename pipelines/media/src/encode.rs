//! Encodes a timeline to an MP4 file that is trusted only after it was examined.
//!
//! This thread renders into five recycled frames; one other thread writes finished frames to
//! ffmpeg's input. ffmpeg writes a temporary file beside the final one, which is renamed only when
//! ffmpeg succeeded and the probe agrees.

mod arguments;
mod publish;

pub use arguments::{Encoder, VideoSettings};
pub(crate) use publish::{publish, temporary};

use crate::ffmpeg::{Child, Ffmpeg, Input, Output};
use crate::frames::{CaptionTrack, Compositor};
use crate::probe::{Expected, Probe, check, probe};
use crate::timeline::Timeline;
use crate::yuv::Yuv420;
use crate::{MediaError, OnProgress, Result};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Frames that wait to be written while others are rendered.
const QUEUE: usize = 4;

/// How often the order to stop is asked for while ffmpeg is busy.
const PATIENCE: Duration = Duration::from_millis(100);

/// Renders and encodes `timeline` with the sound of `audio`, an `.m4a` file that is copied as it
/// is, to `out`. `progress` counts frames that ffmpeg has encoded.
///
/// # Errors
/// `InvalidInput` for settings that do not fit the timeline or a picture that cannot be used,
/// `Cancelled`, `ToolFailed` if ffmpeg fails or is killed, `DiskFull`, `Io`, or `Verification` if
/// the result is not what was ordered. `out` then is as it was before, and nothing is left beside it.
pub fn encode(
    ffmpeg: &Ffmpeg,
    timeline: &Timeline,
    captions: &dyn CaptionTrack,
    audio: &Path,
    settings: &VideoSettings,
    out: &Path,
    progress: OnProgress<'_>,
) -> Result<Probe> {
    settings.validate(timeline)?;
    let compositor = Compositor::new(timeline, captions)?;
    let dir = out.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let failed = |error| MediaError::io(format!("write {}", out.display()), error);
    let file = temporary(dir, out).map_err(failed)?;
    let what = format!("encode {}", out.display());
    let arguments = settings.arguments("pipe:0".as_ref(), audio, file.path());
    let child = ffmpeg.run(&what, &arguments, Input::Pipe, Output::Progress)?;
    feed(child, compositor, timeline.frames(), progress)?;
    let found = probe(ffmpeg, file.path())?;
    check(&found, &expected(timeline))?;
    publish(file, out).map_err(failed)?;
    Ok(found)
}

/// What a video made from `timeline` must be.
pub fn expected(timeline: &Timeline) -> Expected {
    let Timeline { width, height, fps, .. } = *timeline;
    Expected { frames: timeline.frames(), width, height, fps, audio: true }
}

/// Renders every frame, has it written, and waits for ffmpeg to finish.
fn feed(
    mut child: Child,
    mut compositor: Compositor<'_>,
    total: u64,
    progress: OnProgress<'_>,
) -> Result<()> {
    let stdin = child.take_stdin();
    enlarge(&stdin);
    let (ready, to_write) = sync_channel(QUEUE);
    let (written, free) = sync_channel(QUEUE + 1);
    for _ in 0..=QUEUE {
        written.send(compositor.buffer()).expect("the channel has room for every buffer");
    }
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || write_frames(stdin, to_write, written));
        let rendered = render_all(&mut compositor, &child, total, progress, (ready, free));
        if rendered.is_err() {
            // The writer may be waiting for a child that does not read; its death sets it free.
            child.kill();
        }
        rendered?;
        // A failed write means that the child has ended, and its own words say why.
        let all_written = writer.join().is_ok_and(|written| written.is_ok());
        child.wait_with(|frames| progress(frames.min(total), total))?;
        match all_written {
            true => Ok(()),
            false => Err(MediaError::new(
                crate::ErrorKind::ToolFailed,
                "ffmpeg stopped reading before the last frame; run the same command again",
            )),
        }
    })
}

/// Ends early, without an error, when the writer does: then ffmpeg has ended.
fn render_all(
    compositor: &mut Compositor<'_>,
    child: &Child,
    total: u64,
    progress: OnProgress<'_>,
    (ready, free): (SyncSender<Yuv420>, Receiver<Yuv420>),
) -> Result<()> {
    for frame in 0..total {
        if progress(child.frames().min(total), total).is_break() {
            return Err(MediaError::cancelled());
        }
        let next = loop {
            match free.recv_timeout(PATIENCE) {
                Ok(buffer) => break Some(buffer),
                Err(RecvTimeoutError::Disconnected) => break None,
                Err(RecvTimeoutError::Timeout) => {
                    if let ControlFlow::Break(()) = progress(child.frames().min(total), total) {
                        return Err(MediaError::cancelled());
                    }
                }
            }
        };
        let Some(mut buffer) = next else { return Ok(()) };
        compositor.render(frame, &mut buffer)?;
        if ready.send(buffer).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Writes whole frames until there are no more or the child ends; then closes its input.
fn write_frames(
    mut stdin: ChildStdin,
    ready: Receiver<Yuv420>,
    free: SyncSender<Yuv420>,
) -> std::io::Result<()> {
    for frame in ready {
        stdin.write_all(frame.as_bytes())?;
        // Fails when the last frame was rendered, and nobody needs the buffer.
        let _ = free.send(frame);
    }
    Ok(())
}

/// A pipe of 1 MiB instead of 64 KiB saves most of the switches between us and ffmpeg.
fn enlarge(stdin: &ChildStdin) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        // SAFETY: the descriptor is open for as long as the borrow. A refusal leaves the pipe as it was.
        unsafe { libc::fcntl(stdin.as_raw_fd(), libc::F_SETPIPE_SZ, 1 << 20) };
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stdin;
}
