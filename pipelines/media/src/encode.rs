//! Encodes a timeline to an MP4 file that is trusted only after it was examined.
//!
//! This thread renders into six recycled frames; one other thread sends finished frames to ffmpeg's
//! input. ffmpeg writes a temporary file beside the final one, which is renamed only when
//! ffmpeg succeeded and the probe agrees.

mod arguments;
mod pipe;

pub use arguments::{Encoder, VideoSettings};

use crate::ffmpeg::{Child, Ffmpeg, Input, Output};
use crate::frames::{CaptionTrack, Compositor};
use crate::probe::{Expected, Probe, check, probe};
use crate::publish::{publish, temporary};
use crate::timeline::Timeline;
use crate::yuv::Yuv420;
use crate::{MediaError, OnProgress, Result};
use pipe::Frames;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Frames there are: the one that is rendered, the one that is sent, the one before it that may
/// still be in the pipe, and three that wait, so that neither thread waits for the other's hiccups.
const BUFFERS: usize = 6;

/// How often the order to stop is asked for while ffmpeg is busy.
const PATIENCE: Duration = Duration::from_millis(100);

/// Renders and encodes `timeline` with the sound of `audio`, an `.m4a` file that is copied as it
/// is, to `out`. `progress` counts frames that ffmpeg has encoded; it is asked whether to go on even
/// while ffmpeg stands still.
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
    let file = temporary(out)?;
    let what = format!("encode {}", out.display());
    let arguments = settings.arguments("pipe:0".as_ref(), audio, file.path());
    let child = ffmpeg.run(&what, &arguments, Input::Pipe, Output::Progress)?;
    feed(child, compositor, timeline.frames(), progress)?;
    let found = probe(ffmpeg, file.path())?;
    check(&found, &expected(timeline))?;
    publish(file, out)?;
    Ok(found)
}

/// What a video made from `timeline` must be.
pub fn expected(timeline: &Timeline) -> Expected {
    let Timeline { width, height, fps, .. } = *timeline;
    Expected { frames: timeline.frames(), width, height, fps, audio: true }
}

/// Renders every frame, has it sent, and waits for ffmpeg to finish.
fn feed(
    mut child: Child,
    mut compositor: Compositor<'_>,
    total: u64,
    progress: OnProgress<'_>,
) -> Result<()> {
    let input = Frames::new(child.take_stdin());
    // Either channel holds every frame there is: to send one never waits.
    let (ready, to_send) = sync_channel(BUFFERS);
    let (sent, free) = sync_channel(BUFFERS);
    for _ in 0..BUFFERS {
        sent.send(compositor.buffer()).expect("the channel has room for every buffer");
    }
    std::thread::scope(|scope| {
        let sender = scope.spawn(move || input.send_all(to_send, sent));
        let told = |child: &Child| match progress(child.frames().min(total), total).is_break() {
            true => Err(MediaError::cancelled()),
            false => Ok(()),
        };
        let rendered = render_all(&mut compositor, total, &|| told(&child), (ready, free));
        if rendered.is_err() {
            // The sender may be waiting for a child that does not read; its death sets it free.
            child.kill();
        }
        rendered?;
        let last = sender.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        let what = format!("send every frame to {}", child.program());
        // A failed send mostly means that the child has ended, and its own words say why.
        child.wait_with(|frames| progress(frames.min(total), total))?;
        // The frame that may have been in the pipe until now was kept.
        last.map(drop).map_err(|error| MediaError::io(what, error))
    })
}

/// Renders and sends all frames, and waits until they are sent. Ends early, without an error, when
/// the sender does: then ffmpeg has ended, or reads no more.
fn render_all(
    compositor: &mut Compositor<'_>,
    total: u64,
    may_go_on: &dyn Fn() -> Result<()>,
    (ready, free): (SyncSender<Yuv420>, Receiver<Yuv420>),
) -> Result<()> {
    for frame in 0..total {
        may_go_on()?;
        let Some(mut buffer) = wait(&free, may_go_on)? else { return Ok(()) };
        compositor.render(frame, &mut buffer)?;
        if ready.send(buffer).is_err() {
            return Ok(());
        }
    }
    drop(ready);
    while wait(&free, may_go_on)?.is_some() {}
    Ok(())
}

/// A frame that was sent; none when the sender has ended.
fn wait(free: &Receiver<Yuv420>, may_go_on: &dyn Fn() -> Result<()>) -> Result<Option<Yuv420>> {
    loop {
        match free.recv_timeout(PATIENCE) {
            Ok(buffer) => return Ok(Some(buffer)),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
            Err(RecvTimeoutError::Timeout) => may_go_on()?,
        }
    }
}
