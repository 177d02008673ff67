//! The validated job: every name resolved, every file hashed and stored, nothing left to guess.

mod podcast;

pub use podcast::{Podcast, PodcastChapter, PodcastMusic, PodcastOptions, PodcastTurn};

use crate::error::{ErrorKind, PipelineError, Result};
use crate::images::ModelNote;
use crate::preset::Preset;
use crate::report::ModelFact;
use crate::runner::JobId;
use crate::script::Music;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::image::Sampler;
use reelsmith_storage::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Raised when the same spec would give other files; part of a job's identity.
pub const SPEC_VERSION: u32 = 1;

/// What a command may set beside the script. Each goes before the script's own setting.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ShortOptions {
    /// Preset by name.
    pub preset: Option<String>,
    /// Voice by name.
    pub voice: Option<String>,
    /// Speaking rate, 0.5 to 2.0.
    pub speed: Option<f32>,
    /// Seed of every random draw.
    pub seed: Option<u64>,
    /// Music: `none`, a mood or a path.
    pub music: Option<Music>,
    /// Palette by name.
    pub style: Option<String>,
    /// Longest video to accept, in seconds; up to the platform's limit.
    pub max_seconds: Option<f64>,
    /// Speed of x264, from `ultrafast` to `veryslow`.
    pub encoder_speed: Option<String>,
}

/// What a kind of job is given: everything that it needs, so that the same spec is the same job.
pub trait JobSpec: Serialize + DeserializeOwned + Send {
    /// The kind of job.
    const KIND: &'static str;
    /// Raised when the same spec would give other files; part of a job's identity.
    const VERSION: u32;

    /// The job's identity: the same spec is the same job.
    fn id(&self) -> JobId {
        let bytes = serde_json::to_vec(self).expect("strings, numbers and lists are always JSON");
        let digest = Digest::of(&bytes).to_string();
        JobId(format!("{}-{}", Self::KIND, &digest[..32]))
    }

    /// Reads a stored spec.
    ///
    /// # Errors
    /// `InvalidInput` if this program did not write it.
    fn from_value(spec: &serde_json::Value) -> Result<Self> {
        let stale = |why: String| {
            let message =
                format!("the stored job cannot be run by this version ({why}); submit its script again");
            PipelineError::new(ErrorKind::InvalidInput, message)
        };
        let (version, own) = (spec["version"].as_u64().unwrap_or(0), Self::VERSION);
        if version != u64::from(own) {
            return Err(stale(format!("its spec has version {version}, this program writes {own}")));
        }
        Self::deserialize(spec).map_err(|e| stale(e.to_string()))
    }

    /// The spec as it is stored.
    fn to_value(&self) -> serde_json::Value {
        serde_json::to_value(self).expect("strings, numbers and lists are always JSON")
    }
}

impl JobSpec for Short {
    const KIND: &'static str = crate::workflows::short::KIND;
    const VERSION: u32 = SPEC_VERSION;
}

/// Which files a script may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Files {
    /// Any file; a relative path starts at this directory (the script's own).
    Beside(PathBuf),
    /// Files inside this directory only, links resolved.
    Within(PathBuf),
    /// None: for scripts that come from somewhere else.
    Refused,
}

/// A job of kind `short`: validated and self-contained. Its identity is [`JobSpec::id`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Short {
    /// [`SPEC_VERSION`] of the program that made it.
    pub version: u32,
    /// Title; from the script, else its first heading, else its first words.
    pub title: String,
    /// The preset as it stood.
    pub preset: Preset,
    /// Who speaks.
    pub voice: VoiceChoice,
    /// Seed of every random draw; from the text where none was set.
    pub seed: u64,
    /// Music under the voice.
    pub music: MusicChoice,
    /// Palette of cards, captions and thumbnail.
    pub palette: String,
    /// Longest video to accept, in seconds.
    pub max_seconds: f64,
    /// The scenes in order.
    pub scenes: Vec<ShortScene>,
    /// Every model, voice, lexicon and font that takes part.
    pub models: Vec<ModelFact>,
    /// What paints the described scenes; absent where none is described or no model for it is configured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub painter: Option<PainterChoice>,
}

/// What paints, and how. Models are named by hash, not by place: the runner that has them knows where they lie.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PainterChoice {
    /// The text-to-image model.
    pub model: ModelNote,
    /// Denoise steps.
    pub steps: u32,
    /// How closely to follow the prompt.
    pub guidance_scale: f32,
    /// How noise is taken off.
    pub sampler: Sampler,
    /// What enlarges a picture that is smaller than the frame; without one it is only resized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upscaler: Option<ModelNote>,
}

/// Who speaks, and how fast.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VoiceChoice {
    /// The model.
    pub model: ModelId,
    /// One of its voices.
    pub voice: String,
    /// Speaking rate, 0.5 to 2.0.
    pub speed: f32,
}

/// Music under the voice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum MusicChoice {
    /// None.
    None,
    /// A built-in mood.
    Mood(String),
    /// A given sound file.
    File(GivenFile),
}

impl MusicChoice {
    /// The file, where it is one.
    pub fn file(&self) -> Option<&GivenFile> {
        match self {
            Self::File(file) => Some(file),
            _ => None,
        }
    }
}

/// A file that was given with the job; its bytes are in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenFile {
    /// As the script names it.
    pub name: String,
    /// Hash of its bytes, and its key in the store.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// One scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShortScene {
    /// Title over the picture.
    pub heading: Option<String>,
    /// What is said.
    pub text: String,
    /// The picture given.
    pub picture: Option<GivenFile>,
    /// The picture described.
    pub prompt: Option<String>,
    /// Silence after the last word, in seconds.
    pub pause: f64,
}
