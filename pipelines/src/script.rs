//! What a person writes: a script in Markdown, or the same thing as JSON.
//!
//! [`parse_markdown`] and [`parse_json`] give a [`Document`]: the [`Script`] and where each of its
//! values stands in the text, so that what turns out wrong later (a picture that cannot be read, a
//! voice that does not exist) is still named by line and column. `docs/script.md` is the reference.

mod error;
mod front_matter;
mod inline;
mod json;
pub mod limits;
mod lines;
mod markdown;
mod node;
mod place;
pub mod podcast;
mod render;
mod values;

#[cfg(test)]
mod tests;

pub use error::{Mistake, ScriptError};
pub use json::parse_json;
pub use markdown::parse_markdown;
pub use place::{Document, Field, Position};
pub use podcast::{Episode, EpisodeDocument, EpisodeField, parse_episode};
pub(crate) use values::music_expected;

use crate::error::{ErrorKind, PipelineError};
use crate::names;
use serde::{Deserialize, Serialize};

/// A script: settings and scenes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Title of the video; at most [`limits::TITLE_CHARS`] characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Preset to use where the command names none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<String>,
    /// Voice, for example `af_heart`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// Speaking rate, from 0.5 to 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Seed of every random draw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Music under the voice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub music: Option<Music>,
    /// Palette of cards, captions and thumbnail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Silence after each scene that sets none itself, in seconds, from 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<f64>,
    /// The scenes in order; at least one.
    pub scenes: Vec<Scene>,
}

/// One scene: what is said while one picture is shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    /// Shown as a title over the picture; not spoken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// What is said: plain text, paragraphs parted by an empty line.
    pub text: String,
    /// The picture wished for; a designed card if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub picture: Option<PictureWish>,
    /// Silence after the last word, in seconds, from 0 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pause: Option<f64>,
}

/// The picture that a scene asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum PictureWish {
    /// A JPEG, PNG or WebP file; a relative path starts at the script's own directory.
    File(String),
    /// A description for a text-to-image model.
    Prompt(String),
}

/// Music under the voice. In text: a path, a mood's name, or `none`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum Music {
    /// No music.
    None,
    /// A built-in mood ([`MOODS`]).
    Mood(String),
    /// A sound file; a relative path starts at the script's own directory.
    File(String),
}

/// The moods that are built in.
pub const MOODS: &[&str] = &["calm", "curious", "bright", "tense"];

impl From<String> for Music {
    /// `none` and the moods are words; anything else is a path.
    fn from(text: String) -> Self {
        match text.as_str() {
            "none" => Self::None,
            mood if MOODS.contains(&mood) => Self::Mood(text),
            _ => Self::File(text),
        }
    }
}

impl Music {
    /// Whether a file can be called so: a bare word is a mistyped mood, and nothing is fetched from the
    /// network. A file in the script's own directory without a dot in its name is written `./name`.
    ///
    /// # Errors
    /// `UnknownName` for a bare word, with the near moods; `InvalidInput` for an address.
    pub fn check(&self) -> crate::Result<()> {
        let Self::File(path) = self else { return Ok(()) };
        if let Some(problem) = values::not_a_path(path) {
            return Err(PipelineError::new(ErrorKind::InvalidInput, problem));
        }
        match path.contains(['/', '\\', '.']) {
            true => Ok(()),
            false => {
                let known = MOODS.iter().copied().chain(["none"]);
                let problem = format!("unknown mood `{path}`; {}", names::hint(path, known));
                Err(PipelineError::new(ErrorKind::UnknownName, problem))
            }
        }
    }
}

impl From<Music> for String {
    fn from(music: Music) -> Self {
        match music {
            Music::None => "none".to_owned(),
            Music::Mood(text) | Music::File(text) => text,
        }
    }
}

impl Script {
    /// Words that will be spoken.
    pub fn words(&self) -> usize {
        self.scenes.iter().map(|scene| count_words(&scene.text)).sum()
    }

    /// What they take to speak, in words; more than there are where they are long or not parted by
    /// spaces.
    pub fn spoken_words(&self) -> usize {
        self.scenes.iter().map(|scene| spoken_words(&scene.text)).sum()
    }

    /// The script as Markdown that parses to the same script.
    pub fn to_markdown(&self) -> String {
        render::markdown(self)
    }

    /// The script as JSON that parses to the same script.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("strings, numbers and lists are always JSON")
    }
}

/// What a text takes to speak, in words: one for each [`limits::WORD_CHARS`] characters at least.
pub(crate) fn spoken_words(text: &str) -> usize {
    count_words(text).max(text.chars().count() / limits::WORD_CHARS)
}

/// Words of a text: runs between white space that hold a letter or a digit.
pub(crate) fn count_words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}
