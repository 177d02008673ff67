//! Encodes a timeline to an MP4 file that is trusted only after it was examined.
//!
//! This thread renders into six recycled frames; one other thread sends finished frames to ffmpeg's
//! input. ffmpeg writes a temporary file beside the final one, which is renamed only when
//! ffmpeg succeeded and the probe agrees.

mod arguments;
mod pipe;
mod publish;

pub use arguments::{Encoder, VideoSettings};
pub(crate) use publish::{publish, temporary};

use crate::ffmpeg::{Child, Ffmpeg, Input, Output};
use crate::frames::{CaptionTrack, Compositor};
use crate::probe::{Expected, Probe, check, probe};
use crate::timeline::Timeline;
use crate::yuv::Yuv420;
use crate::{MediaError, OnProgress, Result};
use pipe::Frames;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Frames that wait to be sent while others are rendered.
const QUEUE: usize = 4;

/// Those, the one that is rendered, and the one that is sent or still in the pipe.
const BUFFERS: usize = QUEUE + 2;

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
    let input = Frames::new(child.take_stdin());
    let (ready, to_write) = sync_channel(QUEUE);
    let (written, free) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        written.send(compositor.buffer()).expect("the channel has room for every buffer");
    }
    std::thread::scope(|scope| {
        let writer = scope.spawn(move || input.send_all(to_write, written));
        let rendered = render_all(&mut compositor, &child, total, progress, (ready, free));
        if rendered.is_err() {
            // The writer may be waiting for a child that does not read; its death sets it free.
            child.kill();
        }
        rendered?;
        // A failed write means that the child has ended, and its own words say why. The frame that may
        // still be in the pipe is kept until then.
        let last = writer.join().ok().and_then(|written| written.ok());
        child.wait_with(|frames| progress(frames.min(total), total))?;
        match last {
            Some(_) => Ok(()),
            None => Err(MediaError::new(
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
