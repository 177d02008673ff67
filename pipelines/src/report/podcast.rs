//! The report of a finished episode.

use super::{FileFact, ModelFact, PictureFact, StepFact};
use crate::runner::Versions;
use reelsmith_media::probe::Check;
use reelsmith_media::probe::sound::SoundProbe;
use reelsmith_media::sound::{Chapter, LoudnessTarget, Mastered};
use serde::{Deserialize, Serialize};

/// Raised when a field changes its meaning.
pub const PODCAST_REPORT_VERSION: u32 = 1;

/// What was made, of what, by what, how long it took, and whether it is as ordered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodcastReport {
    /// [`PODCAST_REPORT_VERSION`].
    pub version: u32,
    /// The job's id.
    pub job: String,
    /// Title of the episode.
    pub title: String,
    /// Who made it.
    pub author: Option<String>,
    /// The show that it belongs to.
    pub show: Option<String>,
    /// BCP 47 tag.
    pub language: String,
    /// Seed of every random draw.
    pub seed: u64,
    /// Music before the first word: `none`, `mood calm` or `file name`.
    pub intro: String,
    /// Music under the voices.
    pub bed: String,
    /// Music after the last word.
    pub outro: String,
    /// Length, in seconds.
    pub seconds: f64,
    /// Files that were given.
    pub inputs: Vec<FileFact>,
    /// Models, voices, lexicons, fonts and libraries that took part.
    pub models: Vec<ModelFact>,
    /// The chapters in order.
    pub chapters: Vec<Chapter>,
    /// The turns in order.
    pub turns: Vec<TurnFact>,
    /// The cover.
    pub cover: PictureFact,
    /// Loudness of the decoded file.
    pub loudness: Mastered,
    /// Loudness that was ordered.
    pub loudness_target: LoudnessTarget,
    /// What the sound file is, as ffprobe tells.
    pub sound: SoundProbe,
    /// Every check of the finished files.
    pub checks: Vec<Check>,
    /// The finished files, but for this report.
    pub outputs: Vec<FileFact>,
    /// What each step took.
    pub steps: Vec<StepFact>,
    /// Versions of what is not a model.
    pub versions: Versions,
}

/// What somebody says at a stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnFact {
    /// Who.
    pub speaker: String,
    /// In which voice.
    pub voice: String,
    /// What.
    pub text: String,
    /// When the first word begins, in seconds.
    pub start: f64,
    /// When the last word ends, in seconds.
    pub end: f64,
}
