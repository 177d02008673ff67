//! What can be asked of a device: one variant per capability, each with its own kind of answer.

use crate::steering::Steering;
use crate::{MemoryUse, ScheduleError, Served};
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse, DEFAULT_MAX_TOKENS};
use reelsmith_inference_core::cloning::{CloneRequest, VoiceProfile};
use reelsmith_inference_core::embed::{EmbedRequest, Embedding, RerankRequest, Reranked};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::transcribe::{TranscribeRequest, Transcript};
use reelsmith_inference_core::{ErrorKind, Footprint, InferenceError, ModelId, Resident};
use std::sync::Arc;
use tokio::sync::oneshot;

/// Letters of a prompt that take about as long as one token of an answer: four make a token, and some ten tokens go
/// through the network in the time of one that is written.
const LETTERS_OF_A_STEP: f64 = 40.0;

/// A request, its answer once it is there, and the way to whoever waits for it.
pub(crate) enum Work {
    Speak(Task<SpeakRequest, Speech>),
    /// The same, with the sound handed out as it is made.
    SpeakTo(Task<SpeakRequest, Speech>),
    Clone(Task<CloneRequest, VoiceProfile>),
    Transcribe(Task<TranscribeRequest, Transcript>),
    Generate(Task<ImageRequest, Generated>),
    Upscale(Task<UpscaleRequest, Image>),
    Embed(Task<EmbedRequest, Vec<Embedding>>),
    Rerank(Task<RerankRequest, Reranked>),
    Chat(Task<ChatRequest, ChatResponse>),
    /// Nothing but to have the model loaded.
    Preload(Task<(), ()>),
}

/// The way to whoever waits for an answer.
pub(crate) type Reply<A> = oneshot::Sender<Result<Served<A>, ScheduleError>>;

/// A request of one capability.
pub(crate) struct Task<Q, A> {
    request: Arc<Q>,
    answer: Option<A>,
    reply: Reply<A>,
}

/// A request by itself, which can be priced while its entry is in the queue.
pub(crate) enum Request {
    Speak(Arc<SpeakRequest>),
    Clone(Arc<CloneRequest>),
    Transcribe(Arc<TranscribeRequest>),
    Generate(Arc<ImageRequest>),
    Upscale(Arc<UpscaleRequest>),
    Embed(Arc<EmbedRequest>),
    Rerank(Arc<RerankRequest>),
    Chat(Arc<ChatRequest>),
    Preload,
}

impl<Q, A> Task<Q, A> {
    pub(crate) fn new(request: Q, reply: Reply<A>) -> Self {
        Self { request: Arc::new(request), answer: None, reply }
    }

    /// Tells how it ended; nobody may be listening any more.
    fn settle(self, ended: Result<MemoryUse, ScheduleError>) {
        let ended = match (ended, self.answer) {
            (Err(error), _) => Err(error),
            (Ok(memory), Some(answer)) => Ok(Served { answer, memory }),
            // The sender is dropped: its waiter is told as if the device had ended.
            (Ok(_), None) => return,
        };
        let _ = self.reply.send(ended);
    }
}

impl Work {
    pub(crate) fn request(&self) -> Request {
        match self {
            Self::Speak(task) | Self::SpeakTo(task) => Request::Speak(Arc::clone(&task.request)),
            Self::Clone(task) => Request::Clone(Arc::clone(&task.request)),
            Self::Transcribe(task) => Request::Transcribe(Arc::clone(&task.request)),
            Self::Generate(task) => Request::Generate(Arc::clone(&task.request)),
            Self::Upscale(task) => Request::Upscale(Arc::clone(&task.request)),
            Self::Embed(task) => Request::Embed(Arc::clone(&task.request)),
            Self::Rerank(task) => Request::Rerank(Arc::clone(&task.request)),
            Self::Chat(task) => Request::Chat(Arc::clone(&task.request)),
            Self::Preload(_) => Request::Preload,
        }
    }

    /// Has the loaded model do it, and keeps the answer.
    pub(crate) fn perform(
        &mut self,
        model: &ModelId,
        resident: &mut Resident,
        control: &Steering<'_>,
    ) -> Result<(), ScheduleError> {
        match (&mut *self, resident) {
            (Self::Speak(task), Resident::Speak(voice)) => {
                task.answer = Some(voice.speak(&task.request, control)?);
            }
            (Self::SpeakTo(task), Resident::Speak(voice)) => {
                let take = &mut |samples: &[f32]| control.sound(samples);
                task.answer = Some(voice.speak_to(&task.request, take, control)?);
            }
            (Self::Clone(task), Resident::Speak(voice)) => {
                let cloner = voice.cloner().ok_or_else(|| clones_none(model))?;
                task.answer = Some(cloner.clone_voice(&task.request, control)?);
            }
            (Self::Transcribe(task), Resident::Transcribe(recogniser)) => {
                task.answer = Some(recogniser.transcribe(&task.request, control)?);
            }
            (Self::Generate(task), Resident::TextToImage(painter)) => {
                task.answer = Some(painter.generate(&task.request, control)?);
            }
            (Self::Upscale(task), Resident::Upscale(upscaler)) => {
                task.answer = Some(upscaler.upscale(&task.request, control)?);
            }
            (Self::Embed(task), Resident::Embed(reader)) => {
                task.answer = Some(reader.embed(&task.request, control)?);
            }
            (Self::Rerank(task), Resident::Rerank(reader)) => {
                task.answer = Some(reader.rerank(&task.request, control)?);
            }
            (Self::Chat(task), Resident::Chat(chat)) => {
                task.answer = Some(chat.chat(&task.request, control)?);
            }
            (Self::Preload(_), _) => {}
            (work, resident) => return Err(work.request().misplaced(model, resident)),
        }
        Ok(())
    }

    /// It is served once its model is loaded.
    pub(crate) fn is_preload(&self) -> bool {
        matches!(self, Self::Preload(_))
    }

    /// Answers with what was performed.
    pub(crate) fn answer(self, memory: MemoryUse) {
        self.settle(Ok(memory));
    }

    /// Answers with an error.
    pub(crate) fn refuse(self, error: ScheduleError) {
        self.settle(Err(error));
    }

    fn settle(self, ended: Result<MemoryUse, ScheduleError>) {
        match self {
            Self::Speak(task) | Self::SpeakTo(task) => task.settle(ended),
            Self::Clone(task) => task.settle(ended),
            Self::Transcribe(task) => task.settle(ended),
            Self::Generate(task) => task.settle(ended),
            Self::Upscale(task) => task.settle(ended),
            Self::Embed(task) => task.settle(ended),
            Self::Rerank(task) => task.settle(ended),
            Self::Chat(task) => task.settle(ended),
            Self::Preload(task) => Task { answer: Some(()), ..task }.settle(ended),
        }
    }
}

impl Request {
    /// What the request needs, as the loaded model says.
    pub(crate) fn footprint(&self, model: &ModelId, resident: &Resident) -> Result<Footprint, ScheduleError> {
        match (self, resident) {
            (Self::Speak(request), Resident::Speak(voice)) => Ok(voice.footprint(request)),
            // To hear a voice takes less than to speak with it.
            (Self::Clone(_), Resident::Speak(voice)) => {
                let nothing = SpeakRequest { text: String::new(), voice: String::new(), speed: 1.0 };
                Ok(voice.footprint(&nothing))
            }
            (Self::Transcribe(request), Resident::Transcribe(recogniser)) => {
                Ok(recogniser.footprint(request))
            }
            (Self::Generate(request), Resident::TextToImage(painter)) => Ok(painter.footprint(request)),
            (Self::Upscale(request), Resident::Upscale(upscaler)) => Ok(upscaler.footprint(request)),
            (Self::Embed(request), Resident::Embed(reader)) => Ok(reader.footprint(request)),
            (Self::Rerank(request), Resident::Rerank(reader)) => Ok(reader.footprint(request)),
            (Self::Chat(request), Resident::Chat(chat)) => Ok(chat.footprint(request)),
            // What it holds is said by the first request that it serves.
            (Self::Preload, _) => Ok(Footprint::default()),
            (request, resident) => Err(request.misplaced(model, resident)),
        }
    }

    /// What the time of the run grows with, in a unit of the capability's own.
    pub(crate) fn effort(&self) -> f64 {
        let pixels = |width: u32, height: u32| f64::from(width) * f64::from(height);
        let letters = |texts: &[String]| texts.iter().map(|text| text.len() as f64).sum();
        match self {
            // Who asks for no speed or a negative one is told by the engine.
            Self::Speak(request) => request.text.len() as f64 / f64::from(request.speed).clamp(0.1, 10.0),
            Self::Clone(request) => {
                request.sample.samples.len() as f64 / f64::from(request.sample.sample_rate.max(1))
            }
            // How long the sound is shows only as it is read.
            Self::Transcribe(_) => 1.0,
            Self::Generate(request) => {
                let runs = f64::from(request.steps) * f64::from(request.count);
                pixels(request.width, request.height) * runs
            }
            Self::Upscale(request) => pixels(request.image.width, request.image.height),
            Self::Embed(request) => letters(&request.texts),
            Self::Rerank(request) => letters(&request.documents),
            Self::Chat(request) => {
                let prompt: usize = request.messages.iter().map(|message| message.content.len()).sum();
                let answer = request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS);
                f64::from(answer) + prompt as f64 / LETTERS_OF_A_STEP
            }
            Self::Preload => 0.0,
        }
    }

    /// What the model must be able to do; nothing in particular to be loaded.
    fn capability(&self) -> Option<Capability> {
        Some(match self {
            Self::Speak(_) | Self::Clone(_) => Capability::Speak,
            Self::Transcribe(_) => Capability::Transcribe,
            Self::Generate(_) => Capability::TextToImage,
            Self::Upscale(_) => Capability::Upscale,
            Self::Embed(_) => Capability::Embed,
            Self::Rerank(_) => Capability::Rerank,
            Self::Chat(_) => Capability::Chat,
            Self::Preload => return None,
        })
    }

    fn misplaced(&self, model: &ModelId, resident: &Resident) -> ScheduleError {
        ScheduleError::WrongCapability {
            model: model.clone(),
            asked: self.capability().unwrap_or(resident.capability()),
            able: resident.capability(),
        }
    }
}

fn clones_none(model: &ModelId) -> InferenceError {
    let message = format!("{} makes no voices of samples; name a model that does, such as xtts-v2", model.0);
    InferenceError::new(ErrorKind::InvalidRequest, message)
}
