//! The handle through which requests are made.

use crate::device;
use crate::queue::Line;
use crate::state::Shared;
use crate::work::{Task, Work};
use crate::{CancelToken, DeviceConfig, ScheduleError, Snapshot};
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::{Engine, ModelId, Progress};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// What becomes of waiting requests at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Everything taken is served first.
    Drain,
    /// Waiting requests are answered [`ScheduleError::ShuttingDown`], the running one is cancelled.
    Cancel,
}

/// Serves requests on one device. Cloning gives another handle to the same device; when the last one
/// is dropped, it shuts down as with [`Shutdown::Cancel`].
#[derive(Clone)]
pub struct Scheduler {
    owner: Arc<Owner>,
}

/// Closes the device when the last handle goes.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close(Shutdown::Cancel);
    }
}

impl Scheduler {
    /// Starts the thread that owns the device and the engine.
    ///
    /// # Errors
    /// `InvalidConfig` if the settings cannot work or the system gives no thread.
    pub fn start(config: DeviceConfig, engine: Box<dyn Engine>) -> Result<Self, ScheduleError> {
        config.check()?;
        let shared = Arc::new(Shared::new(config));
        device::start(Arc::clone(&shared), engine)?;
        Ok(Self { owner: Arc::new(Owner(shared)) })
    }

    /// Speaks a text once it is its turn. `progress` is told the latest state as often as this future
    /// is polled, and the last one before the result; it never holds up the device. Cancelling, or
    /// dropping the future, takes a waiting request out of the queue at once and ends a running one
    /// at its next step.
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn speak(
        &self,
        model: &ModelId,
        request: SpeakRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Speech, ScheduleError> {
        let work = |reply| Work::Speak(Task::new(request, reply));
        self.ask(model, work, Listener::of(progress), cancel).await
    }

    /// Makes pictures once it is their turn. `preview` is shown the latest one that the model has
    /// handed out, where the request asks for previews; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn generate(
        &self,
        model: &ModelId,
        request: ImageRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        preview: impl Fn(&Image) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Generated, ScheduleError> {
        let listener = Listener { progress, preview, text: |_: &str| {} };
        self.ask(model, |reply| Work::Generate(Task::new(request, reply)), listener, cancel).await
    }

    /// Enlarges a picture once it is its turn; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn upscale(
        &self,
        model: &ModelId,
        request: UpscaleRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Image, ScheduleError> {
        let work = |reply| Work::Upscale(Task::new(request, reply));
        self.ask(model, work, Listener::of(progress), cancel).await
    }

    /// Continues a conversation once it is its turn. `text` is shown every piece of the answer in order, as often as
    /// this future is polled, and all of it before the result; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn chat(
        &self,
        model: &ModelId,
        request: ChatRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        text: impl Fn(&str) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<ChatResponse, ScheduleError> {
        let listener = Listener { progress, preview: |_: &Image| {}, text };
        self.ask(model, |reply| Work::Chat(Task::new(request, reply)), listener, cancel).await
    }

    async fn ask<A>(
        &self,
        model: &ModelId,
        work: impl FnOnce(oneshot::Sender<Result<A, ScheduleError>>) -> Work,
        listener: Listener<impl Fn(Progress), impl Fn(&Image), impl Fn(&str)>,
        cancel: CancelToken,
    ) -> Result<A, ScheduleError> {
        if cancel.is_cancelled() {
            return Err(ScheduleError::Cancelled);
        }
        let (reply, mut answered) = oneshot::channel();
        let mut ticket = Ticket::submit(&self.owner.0, model, work(reply), &cancel)?;
        let mut withdrawn = false;
        loop {
            tokio::select! {
                biased;
                reply = &mut answered => {
                    ticket.tell(&listener.progress);
                    ticket.show(&listener.preview);
                    ticket.write(&listener.text);
                    // A reply is dropped unsent only if the device's thread has ended.
                    return reply.unwrap_or(Err(ScheduleError::ShuttingDown));
                }
                () = cancel.cancelled(), if !withdrawn => {
                    withdrawn = true;
                    if ticket.shared.withdraw(ticket.id) {
                        return Err(ScheduleError::Cancelled);
                    }
                }
                Ok(()) = ticket.progress.changed() => ticket.tell(&listener.progress),
                Ok(()) = ticket.preview.changed() => ticket.show(&listener.preview),
                Ok(()) = ticket.text.changed() => ticket.write(&listener.text),
            }
        }
    }

    /// What the device is doing.
    pub fn snapshot(&self) -> Snapshot {
        self.owner.0.snapshot()
    }

    /// Takes no more requests, ends as `how` says, and returns once every model is unloaded and the
    /// device's thread has ended.
    pub async fn shutdown(&self, how: Shutdown) {
        self.owner.0.close(how);
        let ended = self.owner.0.stopped.subscribe().wait_for(|stopped| *stopped).await.is_ok();
        debug_assert!(ended, "the sender lives as long as this handle");
    }
}

/// Who is told of a request, and of what.
struct Listener<P, V, T> {
    progress: P,
    preview: V,
    text: T,
}

impl<P> Listener<P, fn(&Image), fn(&str)> {
    /// Of the progress alone.
    fn of(progress: P) -> Self {
        Self { progress, preview: |_| {}, text: |_| {} }
    }
}

/// A request that was taken; dropping it gives the request up.
struct Ticket {
    shared: Arc<Shared>,
    id: u64,
    progress: watch::Receiver<Option<Progress>>,
    told: Option<Progress>,
    preview: watch::Receiver<Option<Arc<Image>>>,
    shown: Option<Arc<Image>>,
    text: watch::Receiver<String>,
    /// Bytes of the text that were passed on.
    written: usize,
    stop: CancelToken,
}

impl Ticket {
    fn submit(
        shared: &Arc<Shared>,
        model: &ModelId,
        work: Work,
        cancel: &CancelToken,
    ) -> Result<Self, ScheduleError> {
        let (progress, reported) = watch::channel(None);
        let (preview, painted) = watch::channel(None);
        let (text, written) = watch::channel(String::new());
        let stop = cancel.child_token();
        let line = Line { progress, preview, text, caller: cancel.clone(), stop: stop.clone() };
        let id = shared.admit(model, work, line)?;
        let shared = Arc::clone(shared);
        Ok(Self {
            shared,
            id,
            progress: reported,
            told: None,
            preview: painted,
            shown: None,
            text: written,
            written: 0,
            stop,
        })
    }

    /// Passes on the latest progress, if it has not been.
    fn tell(&mut self, progress: &impl Fn(Progress)) {
        let latest = *self.progress.borrow_and_update();
        if latest != self.told {
            self.told = latest;
            latest.into_iter().for_each(progress);
        }
    }

    /// Passes on what was written since the last time.
    fn write(&mut self, text: &impl Fn(&str)) {
        let piece = self.text.borrow_and_update()[self.written..].to_owned();
        self.written += piece.len();
        if !piece.is_empty() {
            text(&piece);
        }
    }

    /// Passes on the latest preview, if it has not been.
    fn show(&mut self, preview: &impl Fn(&Image)) {
        let latest = self.preview.borrow_and_update().clone();
        if let Some(image) = latest.filter(|image| !self.seen(image)) {
            preview(&image);
            self.shown = Some(image);
        }
    }

    fn seen(&self, image: &Arc<Image>) -> bool {
        self.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, image))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.withdraw(self.id);
    }
}
