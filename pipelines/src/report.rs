//! The report of a finished job: inputs, models, timings, loudness and every check with its figure.
//!
//! `docs/script.md` shows one. It is made from the rows and artifacts of the job alone, so that the
//! same job has the same report.

mod podcast;

pub use podcast::{PODCAST_REPORT_VERSION, PodcastReport, TurnFact};

use crate::images::Recipe;
use crate::runner::Versions;
use crate::spec::VoiceChoice;
use reelsmith_media::probe::{Check, Probe};
use reelsmith_media::sound::{LoudnessTarget, Mastered};
use serde::{Deserialize, Serialize};

/// Raised when a field changes its meaning.
pub const REPORT_VERSION: u32 = 1;

/// What was made, of what, by what, how long it took, and whether it is as ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The job's id.
    pub job: String,
    /// Title of the video.
    pub title: String,
    /// Preset by name, and its version.
    pub preset: String,
    /// Version of the preset.
    pub preset_version: u32,
    /// Seed of every random draw.
    pub seed: u64,
    /// Who spoke.
    pub voice: VoiceChoice,
    /// Music: `none`, `mood calm` or `file name`.
    pub music: String,
    /// Palette of cards, captions and thumbnail.
    pub palette: String,
    /// Length of the video, in seconds.
    pub seconds: f64,
    /// Files that were given.
    pub inputs: Vec<FileFact>,
    /// Models, voices, lexicons, fonts and libraries that took part.
    pub models: Vec<ModelFact>,
    /// The scenes in order.
    pub scenes: Vec<SceneFact>,
    /// Loudness of the decoded sound.
    pub loudness: Mastered,
    /// Loudness that was ordered.
    pub loudness_target: LoudnessTarget,
    /// What the video is, as ffprobe tells.
    pub video: Probe,
    /// Every check of the finished files.
    pub checks: Vec<Check>,
    /// The finished files, but for this report.
    pub outputs: Vec<FileFact>,
    /// What each step took.
    pub steps: Vec<StepFact>,
    /// Versions of what is not a model.
    pub versions: Versions,
}

/// One scene.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SceneFact {
    /// Title over the picture.
    pub heading: Option<String>,
    /// What is said.
    pub text: String,
    /// Start in the video, in seconds.
    pub start: f64,
    /// Length, in seconds.
    pub seconds: f64,
    /// Words spoken.
    pub words: usize,
    /// The picture.
    pub picture: PictureFact,
}

/// Where a scene's picture came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureFact {
    /// `given`, `model` or `card`.
    pub source: PictureMaker,
    /// Why this source.
    pub why: String,
    /// Hash of the picture.
    pub sha256: String,
    /// What a card shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motif: Option<String>,
    /// How a model made it: which one, seed, prompt, sampler, steps and all else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<Recipe>,
}

/// What makes a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PictureMaker {
    /// The picture was given with the script.
    Given,
    /// A text-to-image model.
    Model,
    /// A designed card.
    Card,
}

/// What a step took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepFact {
    /// The step, for example `voice/2`.
    pub step: String,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Processor time of this program and ffmpeg, in seconds; absent where other steps ran meanwhile.
    pub cpu_seconds: Option<f64>,
}

/// A model, voice, lexicon, font or library that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFact {
    /// Name in the catalogue, or of a person's own file.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What it does: `speak`, `text-to-image`, `upscale`, `voices`, `lexicon`, `font`, `runtime`.
    pub role: String,
    /// SPDX expression; `NOASSERTION` for a person's own file.
    pub licence: String,
    /// Whether its licence allows commercial use.
    pub commercial: bool,
    /// Its files.
    pub files: Vec<FileFact>,
}

/// A file and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileFact {
    /// Name.
    pub name: String,
    /// Hash of its bytes, in hex.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}
