//! A request that was taken, seen by whoever waits for it.

use crate::queue::{Line, Piece};
use crate::state::Shared;
use crate::work::Work;
use crate::{Asked, CancelToken, ScheduleError, Served};
use reelsmith_inference_core::image::Image;
use reelsmith_inference_core::{ModelId, Progress};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

/// What is told of a request while it goes on: of progress and previews the latest, of an answer every piece in order.
pub(crate) enum Told<'a> {
    Progress(Progress),
    Preview(&'a Image),
    Text(&'a str),
    Sound(&'a [f32]),
}

/// Dropping it gives the request up.
pub(crate) struct Ticket {
    shared: Arc<Shared>,
    id: u64,
    deadline: Option<Instant>,
    progress: watch::Receiver<Option<Progress>>,
    told: Option<Progress>,
    preview: watch::Receiver<Option<Arc<Image>>>,
    shown: Option<Arc<Image>>,
    pieces: mpsc::UnboundedReceiver<Piece>,
    stop: CancelToken,
}

impl Ticket {
    /// Puts `work` into the queue.
    pub(crate) fn submit(
        shared: &Arc<Shared>,
        model: &ModelId,
        work: Work,
        asked: &Arc<Asked>,
        cancel: &CancelToken,
    ) -> Result<Self, ScheduleError> {
        let (progress, reported) = watch::channel(None);
        let (preview, painted) = watch::channel(None);
        let (pieces, handed_out) = mpsc::unbounded_channel();
        let stop = cancel.child_token();
        let line = Line {
            progress,
            preview,
            pieces,
            handed_out: AtomicBool::new(false),
            caller: cancel.clone(),
            stop: stop.clone(),
        };
        let id = shared.admit(model, work, Arc::clone(asked), line)?;
        Ok(Self {
            shared: Arc::clone(shared),
            id,
            deadline: asked.deadline.and_then(|deadline| Instant::now().checked_add(deadline)),
            progress: reported,
            told: None,
            preview: painted,
            shown: None,
            pieces: handed_out,
            stop,
        })
    }

    /// Waits for the answer, and tells `listener` all that was told before it.
    pub(crate) async fn wait<A>(
        mut self,
        mut answered: oneshot::Receiver<Result<Served<A>, ScheduleError>>,
        listener: impl Fn(Told<'_>),
        cancel: CancelToken,
    ) -> Result<Served<A>, ScheduleError> {
        let (mut withdrawn, mut passed) = (false, false);
        let deadline = self.deadline;
        let passes = async {
            match deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(passes);
        loop {
            tokio::select! {
                biased;
                reply = &mut answered => {
                    self.progress(&listener);
                    self.preview(&listener);
                    while let Ok(piece) = self.pieces.try_recv() {
                        tell(&piece, &listener);
                    }
                    // A reply is dropped unsent only if the device's thread has ended.
                    return reply.unwrap_or(Err(ScheduleError::ShuttingDown));
                }
                () = cancel.cancelled(), if !withdrawn => {
                    withdrawn = true;
                    if self.shared.withdraw(self.id) {
                        return Err(ScheduleError::Cancelled);
                    }
                }
                // The device may be in the middle of something long; who runs by now goes on.
                () = &mut passes, if !passed => {
                    passed = true;
                    if let Some(late) = self.shared.expire(self.id) {
                        return Err(late);
                    }
                }
                Some(piece) = self.pieces.recv() => tell(&piece, &listener),
                Ok(()) = self.progress.changed() => self.progress(&listener),
                Ok(()) = self.preview.changed() => self.preview(&listener),
            }
        }
    }

    /// Passes on the latest progress, if it has not been.
    fn progress(&mut self, listener: &impl Fn(Told<'_>)) {
        let latest = *self.progress.borrow_and_update();
        if latest != self.told {
            self.told = latest;
            latest.into_iter().for_each(|at| listener(Told::Progress(at)));
        }
    }

    /// Passes on the latest preview, if it has not been.
    fn preview(&mut self, listener: &impl Fn(Told<'_>)) {
        let latest = self.preview.borrow_and_update().clone();
        if let Some(image) = latest.filter(|image| !self.seen(image)) {
            listener(Told::Preview(&image));
            self.shown = Some(image);
        }
    }

    fn seen(&self, image: &Arc<Image>) -> bool {
        self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, image))
    }
}

fn tell(piece: &Piece, listener: &impl Fn(Told<'_>)) {
    match piece {
        Piece::Text(text) => listener(Told::Text(text)),
        Piece::Sound(samples) => listener(Told::Sound(samples)),
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.withdraw(self.id);
    }
}
