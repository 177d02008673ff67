//! The handle through which requests are made.

mod residency;

use crate::device;
use crate::learned::Learned;
use crate::state::Shared;
use crate::ticket::{Ticket, Told};
use crate::work::{Reply, Task, Work};
use crate::{Asked, CancelToken, DeviceConfig, ScheduleError, Served, Snapshot};
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse};
use reelsmith_inference_core::cloning::{CloneRequest, VoiceProfile};
use reelsmith_inference_core::embed::{EmbedRequest, Embedding, RerankRequest, Reranked};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::transcribe::{TranscribeRequest, Transcript};
use reelsmith_inference_core::{Engine, ModelId, Progress};
use std::sync::Arc;
use tokio::sync::oneshot;

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
    asked: Arc<Asked>,
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
        Self::start_with(config, engine, Learned::default())
    }

    /// The same, with what was learned in an earlier run ([`Scheduler::learned`]) of the same device.
    ///
    /// # Errors
    /// `InvalidConfig` if the settings cannot work or the system gives no thread.
    pub fn start_with(
        config: DeviceConfig,
        engine: Box<dyn Engine>,
        learned: Learned,
    ) -> Result<Self, ScheduleError> {
        config.check()?;
        let shared = Arc::new(Shared::new(config, learned));
        device::start(Arc::clone(&shared), engine)?;
        Ok(Self { owner: Arc::new(Owner(shared)), asked: Arc::default() })
    }

    /// A handle to the same device whose requests are made with `asked`.
    pub fn as_asked(&self, asked: Asked) -> Self {
        Self { owner: Arc::clone(&self.owner), asked: Arc::new(asked) }
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
        self.ask(model, |reply| Work::Speak(Task::new(request, reply)), only(progress), cancel).await
    }

    /// The same, and `take` is handed every sample in order as often as this future is polled, and all of them before
    /// the result. Once there were some, a run that meets out-of-memory is not tried again.
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn speak_to(
        &self,
        model: &ModelId,
        request: SpeakRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        take: impl Fn(&[f32]) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Speech, ScheduleError> {
        let listener = move |told: Told<'_>| match told {
            Told::Progress(at) => progress(at),
            Told::Sound(samples) => take(samples),
            _ => {}
        };
        self.ask(model, |reply| Work::SpeakTo(Task::new(request, reply)), listener, cancel).await
    }

    /// Makes a voice of a sample once it is its turn; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn clone_voice(
        &self,
        model: &ModelId,
        request: CloneRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<VoiceProfile, ScheduleError> {
        self.ask(model, |reply| Work::Clone(Task::new(request, reply)), only(progress), cancel).await
    }

    /// Continues a conversation once it is its turn. `text` is shown every piece of the answer, as [`Scheduler::speak_to`]
    /// hands out samples; otherwise as [`Scheduler::speak`].
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
        let listener = move |told: Told<'_>| match told {
            Told::Progress(at) => progress(at),
            Told::Text(piece) => text(piece),
            _ => {}
        };
        self.ask(model, |reply| Work::Chat(Task::new(request, reply)), listener, cancel).await
    }

    /// Transcribes a sound once it is its turn; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn transcribe(
        &self,
        model: &ModelId,
        request: TranscribeRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Transcript, ScheduleError> {
        self.ask(model, |reply| Work::Transcribe(Task::new(request, reply)), only(progress), cancel).await
    }

    /// Makes pictures once it is their turn. `preview` is shown the latest one that the model has
    /// handed out, where the request asks for previews; the reply says what memory it took. Otherwise as
    /// [`Scheduler::speak`].
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
    ) -> Result<Served<Generated>, ScheduleError> {
        let listener = move |told: Told<'_>| match told {
            Told::Progress(at) => progress(at),
            Told::Preview(image) => preview(image),
            _ => {}
        };
        self.serve(model, |reply| Work::Generate(Task::new(request, reply)), listener, cancel).await
    }

    /// Enlarges a picture once it is its turn; otherwise as [`Scheduler::generate`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn upscale(
        &self,
        model: &ModelId,
        request: UpscaleRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Served<Image>, ScheduleError> {
        self.serve(model, |reply| Work::Upscale(Task::new(request, reply)), only(progress), cancel).await
    }

    /// Embeds texts once it is their turn; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn embed(
        &self,
        model: &ModelId,
        request: EmbedRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Vec<Embedding>, ScheduleError> {
        self.ask(model, |reply| Work::Embed(Task::new(request, reply)), only(progress), cancel).await
    }

    /// Judges documents by a query once it is their turn; otherwise as [`Scheduler::speak`].
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn rerank(
        &self,
        model: &ModelId,
        request: RerankRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Reranked, ScheduleError> {
        self.ask(model, |reply| Work::Rerank(Task::new(request, reply)), only(progress), cancel).await
    }

    /// As [`Self::serve`], for the answer alone.
    async fn ask<A>(
        &self,
        model: &ModelId,
        work: impl FnOnce(Reply<A>) -> Work,
        listener: impl Fn(Told<'_>),
        cancel: CancelToken,
    ) -> Result<A, ScheduleError> {
        Ok(self.serve(model, work, listener, cancel).await?.answer)
    }

    async fn serve<A>(
        &self,
        model: &ModelId,
        work: impl FnOnce(Reply<A>) -> Work,
        listener: impl Fn(Told<'_>),
        cancel: CancelToken,
    ) -> Result<Served<A>, ScheduleError> {
        if cancel.is_cancelled() {
            return Err(ScheduleError::Cancelled);
        }
        let (reply, answered) = oneshot::channel();
        let ticket = Ticket::submit(&self.owner.0, model, work(reply), &self.asked, &cancel)?;
        ticket.wait(answered, listener, cancel).await
    }

    /// What the device is doing.
    pub fn snapshot(&self) -> Snapshot {
        self.owner.0.snapshot()
    }

    /// What loads and runs have taken so far, to be stored and given to [`Scheduler::start_with`] later.
    pub fn learned(&self) -> Learned {
        self.owner.0.lock().learned.clone()
    }

    /// Takes no more requests, ends as `how` says, and returns once every model is unloaded and the
    /// device's thread has ended.
    pub async fn shutdown(&self, how: Shutdown) {
        self.owner.0.close(how);
        let ended = self.owner.0.stopped.subscribe().wait_for(|stopped| *stopped).await.is_ok();
        debug_assert!(ended, "the sender lives as long as this handle");
    }
}

/// A listener to progress alone.
fn only(progress: impl Fn(Progress)) -> impl Fn(Told<'_>) {
    move |told| {
        if let Told::Progress(at) = told {
            progress(at);
        }
    }
}
