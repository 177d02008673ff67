//! The music that a job asks for: composed, or decoded from the file given.

use crate::engine::StepContext;
use crate::error::{ErrorKind, PipelineError, Result};
use crate::spec::MusicChoice;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::sound::{Again, Mood, Track, bed, long_bed};
use reelsmith_storage::{Artifact, Digest};
use serde_json::json;
use std::path::PathBuf;

/// Music whose file, where it is one, is here.
pub(super) enum Score {
    Silence,
    Composed(Mood),
    Given(PathBuf),
}

impl Score {
    /// Brings a given file here as `name`, and notes it in `inputs`.
    pub(super) async fn fetch(
        choice: &MusicChoice,
        name: &str,
        context: &StepContext,
        inputs: &mut Vec<Artifact>,
    ) -> Result<Self> {
        match choice {
            MusicChoice::None => Ok(Self::Silence),
            MusicChoice::Mood(name) => mood(name).map(Self::Composed),
            MusicChoice::File(file) => {
                let digest: Digest = file.sha256.parse()?;
                inputs.push(Artifact {
                    digest,
                    bytes: file.bytes,
                    media_type: "audio/*".into(),
                    name: file.name.clone(),
                    recipe: json!(null),
                });
                Ok(Self::Given(context.fetch(&digest, name).await?))
            }
        }
    }

    /// The music: as long as asked where it is composed, at most so long where it is a file.
    pub(super) fn play(&self, ffmpeg: &Ffmpeg, seed: u64, seconds: f64) -> Result<Option<Track>> {
        Ok(match self {
            Self::Silence => None,
            Self::Composed(mood) => Some(bed(seed, *mood, seconds)?),
            Self::Given(path) => Some(Track::decode(ffmpeg, path, seconds)?),
        })
    }
}

/// Music, and how it goes on for longer than it lasts.
pub(super) type Piece = (Track, Option<Again>);

impl Score {
    /// Music that lies under all that is said, for so many seconds: of a file the first `most`.
    pub(super) fn lie(
        &self,
        ffmpeg: &Ffmpeg,
        seed: u64,
        (seconds, most): (f64, f64),
    ) -> Result<Option<Piece>> {
        Ok(match self {
            Self::Silence => None,
            Self::Composed(mood) => {
                let (track, again) = long_bed(seed, *mood, seconds)?;
                Some((track, Some(again)))
            }
            Self::Given(path) => Some((Track::decode(ffmpeg, path, most)?, None)),
        })
    }
}

/// A choice in words: `none`, `mood calm` or `file name`.
pub(super) fn told(choice: &MusicChoice) -> String {
    match choice {
        MusicChoice::None => "none".into(),
        MusicChoice::Mood(mood) => format!("mood {mood}"),
        MusicChoice::File(file) => format!("file {}", file.name),
    }
}

fn mood(name: &str) -> Result<Mood> {
    Mood::ALL
        .into_iter()
        .find(|mood| mood.name() == name)
        .ok_or_else(|| PipelineError::new(ErrorKind::UnknownName, format!("there is no mood `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mood_of_a_script_can_be_composed() {
        for name in crate::script::MOODS {
            assert_eq!(mood(name).unwrap().name(), *name);
        }
    }
}
