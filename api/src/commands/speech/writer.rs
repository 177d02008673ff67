//! The thread that writes speech while the device makes more of it. ffmpeg's child is tied to it.

use super::sound::{Form, SPOKEN, Sound};
use crate::cli::speech::Sound as Args;
use crate::exit::{Failure, Outcome, blocking};
use reelsmith_media::ffmpeg::Ffmpeg;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

enum Piece {
    Samples(Vec<f32>),
    /// There is no more: what was written gets its name.
    End,
}

/// Sound on its way to a file or a pipe.
pub(super) struct Writer {
    pieces: UnboundedSender<Piece>,
    rate: u32,
    over: CancellationToken,
    thread: JoinHandle<Outcome>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(form: Form, args: Args, ffmpeg: Option<Ffmpeg>) -> Self {
        let (pieces, received) = unbounded_channel();
        let over = CancellationToken::new();
        let ending = over.clone().drop_guard();
        let thread = tokio::spawn(blocking(move || {
            let _ending = ending;
            write(Sound::open(form, &args, ffmpeg)?, received)
        }));
        Self { pieces, rate: form.rate(), over, thread }
    }

    /// Samples a second of what is written.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// Writes silence; returns its samples at the rate of speech.
    pub(super) fn pause(&self, seconds: f64) -> usize {
        let samples = (seconds * f64::from(SPOKEN)) as usize;
        if samples > 0 {
            self.taker()(&vec![0.0; samples]);
        }
        samples
    }

    /// Takes samples as they are spoken.
    pub(super) fn taker(&self) -> impl Fn(&[f32]) + Send + Sync + use<> {
        let pieces = self.pieces.clone();
        move |samples| {
            // Whether anybody still writes is told by `over`.
            let _ = pieces.send(Piece::Samples(samples.to_vec()));
        }
    }

    /// Comes when nothing more can be written: the reader has gone, or writing failed.
    pub(super) fn over(&self) -> CancellationToken {
        self.over.clone()
    }

    /// Ends the sound; a file gets its name.
    ///
    /// # Errors
    /// Whatever went wrong with the writing.
    pub(super) async fn finish(self) -> Outcome {
        // A thread that has ended tells below why.
        let _ = self.pieces.send(Piece::End);
        joined(self.thread).await
    }

    /// Leaves nothing behind.
    ///
    /// # Errors
    /// As [`Self::finish`].
    pub(super) async fn give_up(self) -> Outcome {
        drop(self.pieces);
        joined(self.thread).await
    }
}

async fn joined(thread: JoinHandle<Outcome>) -> Outcome {
    thread.await.unwrap_or_else(|panic| Err(Failure::failed(format!("the writing thread ended: {panic}"))))
}

fn write(mut sound: Sound, mut received: UnboundedReceiver<Piece>) -> Outcome {
    while let Some(piece) = received.blocking_recv() {
        match piece {
            Piece::Samples(samples) => sound.add(&samples)?,
            Piece::End => return sound.finish(),
        }
        if sound.is_over() {
            return sound.finish();
        }
    }
    Ok(())
}
