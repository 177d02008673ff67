//! The validated episode.

use super::{GivenFile, JobSpec, MusicChoice};
use crate::report::ModelFact;
use crate::script::Music;
use reelsmith_inference_core::ModelId;
use reelsmith_media::sound::LoudnessTarget;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Raised when the same spec would give other files; part of a job's identity.
pub(crate) const VERSION: u32 = 2;

/// What a command may set beside the script. Each goes before the script's own setting.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PodcastOptions {
    /// Voices of speakers.
    pub voices: BTreeMap<String, String>,
    /// Speaking rate of turns that name none, 0.5 to 2.0.
    pub speed: Option<f32>,
    /// Music before the first word.
    pub intro: Option<Music>,
    /// Music under the voices.
    pub bed: Option<Music>,
    /// Music after the last word.
    pub outro: Option<Music>,
    /// A picture file.
    pub cover: Option<String>,
    /// Seed of every random draw.
    pub seed: Option<u64>,
}

/// A job of kind `podcast`: validated and self-contained. Its identity is [`JobSpec::id`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Podcast {
    /// Version of the spec that the program wrote which made it.
    pub version: u32,
    /// Title of the episode; from the script, else its first chapter, else its first words.
    pub title: String,
    /// Who made it.
    pub author: Option<String>,
    /// The show that it belongs to.
    pub show: Option<String>,
    /// What it is about.
    pub description: Option<String>,
    /// BCP 47 tag.
    pub language: String,
    /// What speaks.
    pub model: ModelId,
    /// What is said, in order.
    pub turns: Vec<PodcastTurn>,
    /// The chapters in order; may be none.
    pub chapters: Vec<PodcastChapter>,
    /// Music.
    pub music: PodcastMusic,
    /// The cover given; a designed one without.
    pub cover: Option<GivenFile>,
    /// Palette of a designed cover.
    pub palette: String,
    /// Seed of every random draw; from the text where none was set.
    pub seed: u64,
    /// What the decoded file must measure.
    pub loudness: LoudnessTarget,
    /// Every model, voice, lexicon and font that takes part.
    pub models: Vec<ModelFact>,
}

impl JobSpec for Podcast {
    const KIND: &'static str = crate::workflows::podcast::KIND;
    const VERSION: u32 = VERSION;
}

/// What somebody says at a stretch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodcastTurn {
    /// Who.
    pub speaker: String,
    /// In which voice.
    pub voice: String,
    /// Speaking rate, 0.5 to 2.0.
    pub speed: f32,
    /// What.
    pub text: String,
    /// Silence before it, in seconds.
    pub pause: f64,
    /// Line of the script, from 1.
    pub line: usize,
}

/// A part of the episode with a title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodcastChapter {
    /// What it is called.
    pub title: String,
    /// Its first turn, from 0.
    pub turn: usize,
}

/// Music before, under and after the voices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PodcastMusic {
    /// Before the first word.
    pub intro: MusicChoice,
    /// Under the voices.
    pub bed: MusicChoice,
    /// After the last word.
    pub outro: MusicChoice,
    /// Seconds for which the intro is heard before the first word, where it is as long.
    pub intro_seconds: f64,
    /// Seconds for which the outro is heard after the last word, where it is as long.
    pub outro_seconds: f64,
}

#[cfg(test)]
impl Podcast {
    /// An episode of so many turns, for tests.
    pub(crate) fn of_turns(turns: usize) -> Self {
        let turn = |n: usize| PodcastTurn {
            speaker: "Ada".into(),
            voice: "hum".into(),
            speed: 1.0,
            text: format!("Turn {n}."),
            pause: 0.0,
            line: n + 1,
        };
        let music = || MusicChoice::None;
        Self {
            version: VERSION,
            title: "All".into(),
            author: None,
            show: None,
            description: None,
            language: "en".into(),
            model: ModelId("hum".into()),
            turns: (0..turns).map(turn).collect(),
            chapters: Vec::new(),
            music: PodcastMusic {
                intro: music(),
                bed: music(),
                outro: music(),
                intro_seconds: 6.0,
                outro_seconds: 8.0,
            },
            cover: None,
            palette: "auto".into(),
            seed: 1,
            loudness: LoudnessTarget { lufs: -16.0, tolerance_lu: 0.1, true_peak_dbtp: -1.0 },
            models: Vec::new(),
        }
    }
}
