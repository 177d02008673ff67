//! Loaded models of another process, as the contract has them.

use super::link::{Asking, Link};
use super::wire::{About, Answer, Ask, Call, Request};
use reelsmith_inference_core::chat::{Chat, ChatRequest, ChatResponse};
use reelsmith_inference_core::cloning::{
    ChunkSink, CloneRequest, CloneVoice, ClonedSpeechRequest, VoiceProfile,
};
use reelsmith_inference_core::embed::{Embed, EmbedRequest, Embedding, Rerank, RerankRequest, Reranked};
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, TextToImage, Upscale, UpscaleRequest};
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
use reelsmith_inference_core::transcribe::{Transcribe, TranscribeRequest, Transcript};
use reelsmith_inference_core::{Control, Footprint, Resident, Result};
use std::borrow::Cow;
use std::sync::Arc;

/// The answer of one kind, or the error of another.
macro_rules! only {
    ($answer:expr, $kind:ident) => {
        match $answer? {
            Answer::$kind(answer) => Ok(answer),
            other => Err(other.misplaced()),
        }
    };
}

/// The model of that number, which the other process has loaded.
pub(super) fn resident(link: Arc<Link>, id: u32, about: About) -> Resident {
    let model = Model { link, id };
    match about {
        About::Speak { clones } => Resident::Speak(Box::new(Speaker { model, clones })),
        About::Transcribe { languages } => Resident::Transcribe(Box::new(Recogniser { model, languages })),
        About::TextToImage => Resident::TextToImage(Box::new(model)),
        About::Upscale { factor } => Resident::Upscale(Box::new(Upscaler { model, factor })),
        About::Embed { width, most_tokens } => {
            Resident::Embed(Box::new(Embedder { model, width, most_tokens }))
        }
        About::Rerank => Resident::Rerank(Box::new(model)),
        About::Chat { context_length } => Resident::Chat(Box::new(Speaking { model, context_length })),
    }
}

/// A model of the other process. Dropping it unloads it there.
struct Model {
    link: Arc<Link>,
    id: u32,
}

impl Drop for Model {
    fn drop(&mut self) {
        // Where the process is lost, so is the model.
        let _ = self.link.call(&Call::Unload(self.id), Asking::default());
    }
}

impl Model {
    fn ask(&self, ask: Ask<'_>, asking: Asking<'_>) -> Result<Answer> {
        self.link.call(&Call::Ask(self.id, ask), asking)
    }

    /// Nothing where the process is lost, which the run then tells.
    fn needs(&self, request: Request) -> Footprint {
        match self.ask(Ask::Footprint(Cow::Owned(request)), Asking::default()) {
            Ok(Answer::Footprint(footprint)) => footprint,
            _ => Footprint::default(),
        }
    }

    fn perform(&self, request: Request, asking: Asking<'_>) -> Result<Answer> {
        self.ask(Ask::Perform(Cow::Owned(request), false), asking)
    }

    fn perform_in_pieces(&self, request: Request, asking: Asking<'_>) -> Result<Answer> {
        self.ask(Ask::Perform(Cow::Owned(request), true), asking)
    }
}

struct Speaker {
    model: Model,
    clones: bool,
}

impl Speak for Speaker {
    fn voices(&self) -> Vec<Voice> {
        match self.model.ask(Ask::Voices, Asking::default()) {
            Ok(Answer::Voices(voices)) => voices,
            _ => Vec::new(),
        }
    }

    fn footprint(&self, request: &SpeakRequest) -> Footprint {
        self.model.needs(Request::Speak(request.clone()))
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        only!(self.model.perform(Request::Speak(request.clone()), Asking::steered(control)), Speech)
    }

    fn speak_to(
        &mut self,
        request: &SpeakRequest,
        take: &mut dyn FnMut(&[f32]),
        control: &dyn Control,
    ) -> Result<Speech> {
        let asking = Asking::steered(control).taking(take);
        only!(self.model.perform_in_pieces(Request::Speak(request.clone()), asking), Speech)
    }

    fn cloner(&mut self) -> Option<&mut dyn CloneVoice> {
        if self.clones { Some(self) } else { None }
    }
}

impl CloneVoice for Speaker {
    fn clone_voice(&mut self, request: &CloneRequest, control: &dyn Control) -> Result<VoiceProfile> {
        only!(self.model.perform(Request::CloneVoice(request.clone()), Asking::steered(control)), Profile)
    }

    fn profiles(&self) -> Result<Vec<VoiceProfile>> {
        only!(self.model.ask(Ask::Profiles, Asking::default()), Profiles)
    }

    fn remove_profile(&mut self, name: &str) -> Result<()> {
        self.model.ask(Ask::RemoveProfile(Cow::Borrowed(name)), Asking::default()).map(drop)
    }

    fn footprint(&self, request: &ClonedSpeechRequest) -> Footprint {
        self.model.needs(Request::SpeakAs(request.clone()))
    }

    fn speak_as(
        &mut self,
        request: &ClonedSpeechRequest,
        chunks: Option<&mut ChunkSink<'_>>,
        control: &dyn Control,
    ) -> Result<Speech> {
        let (request, asking) = (Request::SpeakAs(request.clone()), Asking::steered(control));
        match chunks {
            Some(take) => only!(self.model.perform_in_pieces(request, asking.taking(take)), Speech),
            None => only!(self.model.perform(request, asking), Speech),
        }
    }
}

struct Recogniser {
    model: Model,
    languages: Vec<String>,
}

impl Transcribe for Recogniser {
    fn languages(&self) -> Vec<String> {
        self.languages.clone()
    }

    fn footprint(&self, request: &TranscribeRequest) -> Footprint {
        self.model.needs(Request::Transcribe(request.options.clone()))
    }

    fn transcribe(&mut self, request: &TranscribeRequest, control: &dyn Control) -> Result<Transcript> {
        let asking = Asking::steered(control).hearing(&request.sound);
        only!(self.model.perform(Request::Transcribe(request.options.clone()), asking), Transcript)
    }
}

impl TextToImage for Model {
    fn footprint(&self, request: &ImageRequest) -> Footprint {
        self.needs(Request::Generate(request.clone()))
    }

    fn generate(&mut self, request: &ImageRequest, control: &dyn Control) -> Result<Generated> {
        only!(self.perform(Request::Generate(request.clone()), Asking::steered(control)), Generated)
    }
}

struct Upscaler {
    model: Model,
    factor: u32,
}

impl Upscale for Upscaler {
    fn factor(&self) -> u32 {
        self.factor
    }

    fn footprint(&self, request: &UpscaleRequest) -> Footprint {
        self.model.needs(Request::Upscale(request.clone()))
    }

    fn upscale(&mut self, request: &UpscaleRequest, control: &dyn Control) -> Result<Image> {
        only!(self.model.perform(Request::Upscale(request.clone()), Asking::steered(control)), Image)
    }
}

struct Embedder {
    model: Model,
    width: usize,
    most_tokens: usize,
}

impl Embed for Embedder {
    fn width(&self) -> usize {
        self.width
    }

    fn most_tokens(&self) -> usize {
        self.most_tokens
    }

    fn footprint(&self, request: &EmbedRequest) -> Footprint {
        self.model.needs(Request::Embed(request.clone()))
    }

    fn embed(&mut self, request: &EmbedRequest, control: &dyn Control) -> Result<Vec<Embedding>> {
        only!(self.model.perform(Request::Embed(request.clone()), Asking::steered(control)), Embeddings)
    }
}

impl Rerank for Model {
    fn footprint(&self, request: &RerankRequest) -> Footprint {
        self.needs(Request::Rerank(request.clone()))
    }

    fn rerank(&mut self, request: &RerankRequest, control: &dyn Control) -> Result<Reranked> {
        only!(self.perform(Request::Rerank(request.clone()), Asking::steered(control)), Reranked)
    }
}

struct Speaking {
    model: Model,
    context_length: Option<u32>,
}

impl Chat for Speaking {
    fn context_length(&self) -> Option<u32> {
        self.context_length
    }

    fn footprint(&self, request: &ChatRequest) -> Footprint {
        self.model.needs(Request::Chat(request.clone()))
    }

    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        only!(self.model.perform(Request::Chat(request.clone()), Asking::steered(control)), Chat)
    }
}
