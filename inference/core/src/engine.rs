//! How a scheduler brings a model onto a device without knowing what performs it.

use crate::catalogue::Capability;
use crate::chat::Chat;
use crate::embed::{Embed, Rerank};
use crate::image::{TextToImage, Upscale};
use crate::speech::Speak;
use crate::transcribe::Transcribe;
use crate::{Control, Footprint, ModelId, Result};

/// A loaded model, by what it can do. A capability is a variant, so that asking a voice for a
/// picture cannot be expressed.
pub enum Resident {
    /// Text to speech.
    Speak(Box<dyn Speak>),
    /// Speech to text.
    Transcribe(Box<dyn Transcribe>),
    /// Text to image.
    TextToImage(Box<dyn TextToImage>),
    /// Enlarging of images.
    Upscale(Box<dyn Upscale>),
    /// Texts to vectors.
    Embed(Box<dyn Embed>),
    /// Ordering of documents by a query.
    Rerank(Box<dyn Rerank>),
    /// Conversations.
    Chat(Box<dyn Chat>),
}

impl Resident {
    /// What it can do.
    pub fn capability(&self) -> Capability {
        match self {
            Self::Speak(_) => Capability::Speak,
            Self::Transcribe(_) => Capability::Transcribe,
            Self::TextToImage(_) => Capability::TextToImage,
            Self::Upscale(_) => Capability::Upscale,
            Self::Embed(_) => Capability::Embed,
            Self::Rerank(_) => Capability::Rerank,
            Self::Chat(_) => Capability::Chat,
        }
    }
}

/// Loads models on one device: those of the catalogue by their ids, and those that a person has by
/// their absolute paths. Called only from the thread that owns the device.
pub trait Engine: Send {
    /// Bytes that loading `model` will take; asked before it is loaded.
    ///
    /// # Errors
    /// `UnknownModel` if there is none of that name or path.
    fn footprint(&self, model: &ModelId) -> Result<Footprint>;

    /// Loads `model` from files that are on this machine and verified. Dropping the resident frees
    /// all that it took.
    ///
    /// # Errors
    /// `UnknownModel`, `ModelMissing`, `ModelCorrupt`, `RuntimeMissing`, `OutOfMemory`,
    /// `Cancelled` or `Engine`.
    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident>;

    /// The process that its models take their memory in, where that is not this one.
    fn process(&self) -> Option<u32> {
        None
    }
}
