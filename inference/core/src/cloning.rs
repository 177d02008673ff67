//! Voices taken from a sample of somebody's speech, with that person's consent.
//!
//! A voice is a person's: no sample becomes a voice without a record of who agreed, when, and to what.

use crate::speech::Speech;
use crate::{Control, Footprint, Result};
use serde::{Deserialize, Serialize};

/// Sound of one channel in which one person speaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceSample {
    /// Samples in -1.0 ..= 1.0.
    pub samples: Vec<f32>,
    /// Samples a second, from 8000 to 192000 Hz.
    pub sample_rate: u32,
}

/// What the speaker agreed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Who agreed: the speaker, or who may speak for them.
    pub by: String,
    /// The day on which they did, as `2026-11-21`.
    pub on: String,
    /// What they said or signed, in their words.
    pub statement: String,
}

/// A voice to be made of a sample.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CloneRequest {
    /// The name that requests will use: 1 to 64 lower-case letters, digits, `-` or `_`, starting with a letter or
    /// digit.
    pub name: String,
    /// The language that the voice speaks where nobody says otherwise, for example `en` or `pt-BR`.
    pub language: String,
    /// 3 to 30 seconds of clear speech.
    pub sample: VoiceSample,
    /// Without it nothing is cloned.
    pub consent: Option<Consent>,
}

/// What is kept of a cloned voice beside its numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VoiceProfile {
    /// The name that requests use.
    pub name: String,
    /// The language that it speaks where nobody says otherwise.
    pub language: String,
    /// The model that it was made with, and the only one that it can be used with.
    pub model: String,
    /// SHA-256 of the sample's numbers, as 32-bit floats of little end, in hexadecimal.
    pub sample_sha256: String,
    /// How long the sample is, in seconds.
    pub sample_seconds: f64,
    /// When it was made, in seconds since 1970.
    pub created: u64,
    /// What the speaker agreed to.
    pub consent: Consent,
}

/// A text to be spoken by a cloned voice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClonedSpeechRequest {
    /// What to say.
    pub text: String,
    /// The name of a cloned voice.
    pub voice: String,
    /// The language of the text; the voice's own where it is left out.
    pub language: Option<String>,
    /// Speaking rate, from 0.5 to 2.0.
    pub speed: f32,
    /// Start of all random draws.
    pub seed: u64,
    /// How freely it speaks, from 0.05 to 2.0; the model's own where it is left out.
    pub temperature: Option<f32>,
}

/// Takes the samples of a chunk as soon as they are made.
pub type ChunkSink<'a> = dyn FnMut(&[f32]) + 'a;

/// A model that speaks as whoever it has heard.
pub trait CloneVoice: Send {
    /// Makes a voice and keeps it under its name.
    ///
    /// # Errors
    /// `InvalidRequest` without a consent, for a name that is taken or is none, an unknown language, or a sample that
    /// no voice can be made of, with the reason; `OutOfMemory`, `Cancelled`, `ModelCorrupt` or `Engine`.
    fn clone_voice(&mut self, request: &CloneRequest, control: &dyn Control) -> Result<VoiceProfile>;

    /// The voices that are kept, sorted by name.
    ///
    /// # Errors
    /// `Engine` if they cannot be read.
    fn profiles(&self) -> Result<Vec<VoiceProfile>>;

    /// Forgets a voice.
    ///
    /// # Errors
    /// `UnknownModel` if there is none of that name, `Engine` if its file cannot be removed.
    fn remove_profile(&mut self, name: &str) -> Result<()>;

    /// Bytes that [`CloneVoice::speak_as`] will need.
    fn footprint(&self, request: &ClonedSpeechRequest) -> Footprint;

    /// Speaks the text. With `chunks`, it is given every chunk of samples as soon as it is made; all of them together
    /// are the samples of the result. `control` is called once an audio code, some 46 milliseconds of speech. The same
    /// request gives the same samples on the same device, with chunks or without.
    ///
    /// # Errors
    /// `InvalidRequest` for what cannot be read or a setting out of range, `UnknownModel` for a voice that there is
    /// not, `OutOfMemory`, `Cancelled`, `ModelCorrupt` or `Engine`.
    fn speak_as(
        &mut self,
        request: &ClonedSpeechRequest,
        chunks: Option<&mut ChunkSink<'_>>,
        control: &dyn Control,
    ) -> Result<Speech>;
}
