//! Text to speech.

pub mod mixture;

pub use mixture::Mixture;

use crate::cloning::CloneVoice;
use crate::{Control, Footprint, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A text to be spoken by one voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpeakRequest {
    /// What to say, as written: numbers, dates, money and abbreviations are the engine's to expand.
    pub text: String,
    /// A voice of the model, for example `af_heart`; or where the model can, a mixture of some with their shares,
    /// `af_heart:0.6+am_adam:0.4`.
    pub voice: String,
    /// Speaking rate; 1.0 is the voice's own. From 0.5 to 2.0.
    pub speed: f32,
}

/// Mono speech and where its words lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Speech {
    /// Samples in -1.0 ..= 1.0, one channel.
    pub samples: Vec<f32>,
    /// Samples a second, in Hz.
    pub sample_rate: u32,
    /// The words of the text in order, without overlap.
    pub words: Vec<SpokenWord>,
}

/// One written word and the stretch of sound that speaks it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpokenWord {
    /// As written in the request, with the punctuation that clings to it.
    pub text: String,
    /// Where it stands in the request's text, in bytes.
    pub range: Range<usize>,
    /// Start in the samples, in seconds.
    pub start: f64,
    /// End in the samples, in seconds; never before `start`, never after the next word's start.
    pub end: f64,
}

/// A voice that a model offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voice {
    /// Name used in requests.
    pub name: String,
    /// BCP 47 tag of the language it was trained on, for example `en-US`.
    pub language: String,
}

/// A loaded text-to-speech model.
pub trait Speak: Send {
    /// The voices it can speak with, sorted by name.
    fn voices(&self) -> Vec<Voice>;

    /// Bytes that [`Speak::speak`] will need for `request`.
    fn footprint(&self, request: &SpeakRequest) -> Footprint;

    /// Speaks the text. `control` is called before every run of the model, which speaks some sentences or
    /// a part of one. The same request gives the same samples on the same device.
    ///
    /// # Errors
    /// `InvalidRequest` for a text that is empty or longer than the engine takes, a number that nobody
    /// could follow or a speed out of range, `UnknownModel` for a voice it does not have (with the near
    /// matches), `OutOfMemory`, `Cancelled`, or `Engine`.
    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech>;

    /// The same, and `take` is handed the samples as they are made: in order, each once, so that together they are
    /// those of the answer. What comes first is kept short, so that it can be heard soon; so the sentences may be
    /// divided otherwise than by [`Speak::speak`] and sound a little different. A text that turns out too long is
    /// refused when that is known, which may be after some of it was handed out.
    ///
    /// # Errors
    /// As [`Speak::speak`].
    fn speak_to(
        &mut self,
        request: &SpeakRequest,
        take: &mut dyn FnMut(&[f32]),
        control: &dyn Control,
    ) -> Result<Speech> {
        let speech = self.speak(request, control)?;
        take(&speech.samples);
        Ok(speech)
    }

    /// Itself as a model that makes voices of samples, where it is one.
    fn cloner(&mut self) -> Option<&mut dyn CloneVoice> {
        None
    }
}
