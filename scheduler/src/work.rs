//! What can be asked of a device: one variant per capability, each with its own kind of answer.

use crate::ScheduleError;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::{Control, Footprint, ModelId, Resident};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A request, its answer once it is there, and the way to whoever waits for it.
pub(crate) enum Work {
    Speak(Task<SpeakRequest, Speech>),
    Generate(Task<ImageRequest, Generated>),
    Upscale(Task<UpscaleRequest, Image>),
    Chat(Task<ChatRequest, ChatResponse>),
}

/// A request of one capability.
pub(crate) struct Task<Q, A> {
    request: Arc<Q>,
    answer: Option<A>,
    reply: oneshot::Sender<Result<A, ScheduleError>>,
}

/// A request by itself, which can be priced while its entry is in the queue.
pub(crate) enum Request {
    Speak(Arc<SpeakRequest>),
    Generate(Arc<ImageRequest>),
    Upscale(Arc<UpscaleRequest>),
    Chat(Arc<ChatRequest>),
}

impl<Q, A> Task<Q, A> {
    pub(crate) fn new(request: Q, reply: oneshot::Sender<Result<A, ScheduleError>>) -> Self {
        Self { request: Arc::new(request), answer: None, reply }
    }

    /// Tells how it ended; nobody may be listening any more.
    fn settle(self, error: Option<ScheduleError>) {
        let ended = match (error, self.answer) {
            (Some(error), _) => Err(error),
            (None, Some(answer)) => Ok(answer),
            // The sender is dropped: its waiter is told as if the device had ended.
            (None, None) => return,
        };
        let _ = self.reply.send(ended);
    }
}

impl Work {
    pub(crate) fn request(&self) -> Request {
        match self {
            Self::Speak(task) => Request::Speak(Arc::clone(&task.request)),
            Self::Generate(task) => Request::Generate(Arc::clone(&task.request)),
            Self::Upscale(task) => Request::Upscale(Arc::clone(&task.request)),
            Self::Chat(task) => Request::Chat(Arc::clone(&task.request)),
        }
    }

    /// Has the loaded model do it, and keeps the answer.
    pub(crate) fn perform(
        &mut self,
        model: &ModelId,
        resident: &mut Resident,
        control: &dyn Control,
    ) -> Result<(), ScheduleError> {
        match (&mut *self, resident) {
            (Self::Speak(task), Resident::Speak(voice)) => {
                task.answer = Some(voice.speak(&task.request, control)?);
            }
            (Self::Generate(task), Resident::TextToImage(painter)) => {
                task.answer = Some(painter.generate(&task.request, control)?);
            }
            (Self::Upscale(task), Resident::Upscale(upscaler)) => {
                task.answer = Some(upscaler.upscale(&task.request, control)?);
            }
            (Self::Chat(task), Resident::Chat(chat)) => {
                task.answer = Some(chat.chat(&task.request, control)?);
            }
            (work, resident) => return Err(work.request().misplaced(model, resident)),
        }
        Ok(())
    }

    /// Answers with what was performed.
    pub(crate) fn answer(self) {
        self.settle(None);
    }

    /// Answers with an error.
    pub(crate) fn refuse(self, error: ScheduleError) {
        self.settle(Some(error));
    }

    fn settle(self, error: Option<ScheduleError>) {
        match self {
            Self::Speak(task) => task.settle(error),
            Self::Generate(task) => task.settle(error),
            Self::Upscale(task) => task.settle(error),
            Self::Chat(task) => task.settle(error),
        }
    }
}

impl Request {
    /// What the request needs, as the loaded model says.
    pub(crate) fn footprint(&self, model: &ModelId, resident: &Resident) -> Result<Footprint, ScheduleError> {
        match (self, resident) {
            (Self::Speak(request), Resident::Speak(voice)) => Ok(voice.footprint(request)),
            (Self::Generate(request), Resident::TextToImage(painter)) => Ok(painter.footprint(request)),
            (Self::Upscale(request), Resident::Upscale(upscaler)) => Ok(upscaler.footprint(request)),
            (Self::Chat(request), Resident::Chat(chat)) => Ok(chat.footprint(request)),
            (request, resident) => Err(request.misplaced(model, resident)),
        }
    }

    fn capability(&self) -> Capability {
        match self {
            Self::Speak(_) => Capability::Speak,
            Self::Generate(_) => Capability::TextToImage,
            Self::Upscale(_) => Capability::Upscale,
            Self::Chat(_) => Capability::Chat,
        }
    }

    fn misplaced(&self, model: &ModelId, resident: &Resident) -> ScheduleError {
        ScheduleError::WrongCapability {
            model: model.clone(),
            asked: self.capability(),
            able: resident.capability(),
        }
    }
}
