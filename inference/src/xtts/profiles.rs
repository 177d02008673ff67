//! Cloned voices on disk: a safetensors file each, named after the voice, whose metadata is its profile.

use super::clone::Voiceprint;
use super::condition::COUNT;
use super::speaker::EXTENT;
use reelsmith_graph::Weights;
use reelsmith_inference_core::cloning::{Consent, VoiceProfile};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use std::collections::HashMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Where the metadata has the profile.
const KEY: &str = "reelsmith.voice";
/// Names of the tensors.
const LATENTS: &str = "latents";
const SPEAKER: &str = "speaker";
/// Most characters of a consent's parts.
const MOST_NAME: usize = 200;
const MOST_STATEMENT: usize = 4000;

/// The folder of all voices.
#[derive(Debug, Clone)]
pub struct Profiles {
    folder: PathBuf,
}

impl Profiles {
    /// Of a folder, which is made when the first voice is kept.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// Whether there is a voice of this name.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_ok_and(|path| path.exists())
    }

    /// Keeps a voice.
    ///
    /// # Errors
    /// `InvalidRequest` for a name that is taken or is none, `Engine` if the file cannot be written.
    pub fn keep(&self, profile: &VoiceProfile, voice: &Voiceprint) -> Result<()> {
        let path = self.file(&profile.name)?;
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(&profile.name),
            _ => {
                let message = format!("the voice cannot be written to {}", path.display());
                InferenceError::new(ErrorKind::Engine, message).with_source(error)
            }
        };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).map_err(failed)?;
        file.write_all(&bytes(profile, voice)?).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist_noclobber(&path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    /// A voice by its name.
    ///
    /// # Errors
    /// `UnknownModel` if there is none, with those that there are; `ModelCorrupt` if its file is damaged.
    pub fn get(&self, name: &str) -> Result<(VoiceProfile, Voiceprint)> {
        match self.file(name) {
            Ok(path) if path.exists() => read(&path),
            _ => Err(self.unknown(name)),
        }
    }

    /// All profiles, sorted by name. One whose file is damaged is left out, and noted in the log; to speak with it says
    /// what is wrong.
    ///
    /// # Errors
    /// `Engine` if the folder cannot be read.
    pub fn all(&self) -> Result<Vec<VoiceProfile>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => {
                let message = format!("{} cannot be read", self.folder.display());
                return Err(InferenceError::new(ErrorKind::Engine, message).with_source(error));
            }
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut paths: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "safetensors")).collect();
        paths.sort();
        let good = |path: &PathBuf| {
            let profile = read(path).map(|(profile, _)| profile);
            profile.inspect_err(|error| tracing::warn!(file = %path.display(), %error, "a cloned voice")).ok()
        };
        Ok(paths.iter().filter_map(good).collect())
    }

    /// Forgets a voice.
    ///
    /// # Errors
    /// `UnknownModel` if there is none of that name, `Engine` if its file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<()> {
        if !self.has(name) {
            return Err(self.unknown(name));
        }
        let path = self.file(name)?;
        std::fs::remove_file(&path).map_err(|error| {
            let message = format!("{} cannot be removed", path.display());
            InferenceError::new(ErrorKind::Engine, message).with_source(error)
        })
    }

    fn file(&self, name: &str) -> Result<PathBuf> {
        check_name(name)?;
        Ok(self.folder.join(format!("{name}.safetensors")))
    }

    fn unknown(&self, name: &str) -> InferenceError {
        let known: Vec<String> =
            self.all().unwrap_or_default().into_iter().map(|profile| profile.name).collect();
        let message = match known.as_slice() {
            [] => format!("there is no voice `{name}`, nor any other; clone one from a sample first"),
            known => format!("there is no voice `{name}`; there are {}", known.join(", ")),
        };
        InferenceError::new(ErrorKind::UnknownModel, message)
    }
}

/// A voice whose name is taken.
pub(super) fn taken(name: &str) -> InferenceError {
    let message = format!("there is a voice `{name}` already; choose another name, or remove that one");
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

/// Refuses what cannot be a file's name.
///
/// # Errors
/// `InvalidRequest`.
pub(super) fn check_name(name: &str) -> Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let good = (1..=64).contains(&name.len())
        && name.chars().all(allowed)
        && name.starts_with(|c: char| c.is_ascii_alphanumeric());
    match good {
        true => Ok(()),
        false => {
            let shown: String = name.chars().take(80).collect();
            let message = format!(
                "the name `{shown}` is not 1 to 64 lower-case letters, digits, `-` or `_`, starting with a letter or digit"
            );
            Err(InferenceError::new(ErrorKind::InvalidRequest, message))
        }
    }
}

/// Refuses a consent that says nothing.
///
/// # Errors
/// `InvalidRequest` naming what is missing.
pub(super) fn check_consent(consent: Option<&Consent>) -> Result<&Consent> {
    let invalid = |why: &str| {
        let message = format!("no voice is cloned without the speaker's consent: {why}");
        InferenceError::new(ErrorKind::InvalidRequest, message)
    };
    let consent = consent.ok_or_else(|| invalid("record who agreed, when, and to what"))?;
    if !(1..=MOST_NAME).contains(&consent.by.trim().chars().count()) {
        return Err(invalid("it does not say who agreed (1 to 200 characters)"));
    }
    if !is_day(&consent.on) {
        return Err(invalid("it does not say on which day, as 2026-11-21"));
    }
    if !(10..=MOST_STATEMENT).contains(&consent.statement.trim().chars().count()) {
        return Err(invalid("it does not say to what they agreed, in their words (10 to 4000 characters)"));
    }
    Ok(consent)
}

/// Whether it is a day of the Gregorian calendar (ISO 8601).
fn is_day(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts.as_slice() else { return false };
    let figures = |part: &str, count| part.len() == count && part.chars().all(|c| c.is_ascii_digit());
    if !(figures(year, 4) && figures(month, 2) && figures(day, 2)) {
        return false;
    }
    let number = |part: &str| part.parse::<u32>().unwrap_or(0);
    let (year, month, day) = (number(year), number(month), number(day));
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + u32::from(is_leap),
        _ => 0,
    };
    (1..=days).contains(&day)
}

fn bytes(profile: &VoiceProfile, voice: &Voiceprint) -> Result<Vec<u8>> {
    let raw = |numbers: &[f32]| numbers.iter().flat_map(|n| n.to_le_bytes()).collect::<Vec<u8>>();
    let (latents, speaker) = (raw(&voice.latents), raw(&voice.speaker));
    let failed = |what: &dyn std::fmt::Display| {
        InferenceError::new(ErrorKind::Engine, format!("the voice cannot be written: {what}"))
    };
    let view = |shape: Vec<usize>, data| TensorView::new(Dtype::F32, shape, data).map_err(|e| failed(&e));
    let tensors = [
        (LATENTS, view(vec![COUNT, voice.latents.len() / COUNT], &latents)?),
        (SPEAKER, view(vec![EXTENT], &speaker)?),
    ];
    let about = serde_json::to_string(profile).map_err(|error| failed(&error))?;
    let metadata = HashMap::from([(KEY.to_owned(), about)]);
    safetensors::serialize(tensors, Some(metadata)).map_err(|error| failed(&error))
}

fn read(path: &Path) -> Result<(VoiceProfile, Voiceprint)> {
    let damaged = |why: &str| {
        let message = format!("{} is no voice: {why}; remove it and clone the voice again", path.display());
        InferenceError::new(ErrorKind::ModelCorrupt, message)
    };
    let weights = Weights::open(&[path.to_path_buf()])?;
    let about = weights.metadata.get(KEY).ok_or_else(|| damaged("it has no profile"))?;
    let profile: VoiceProfile = serde_json::from_str(about).map_err(|error| damaged(&error.to_string()))?;
    if path.file_stem().is_none_or(|stem| stem != profile.name.as_str()) {
        return Err(damaged("it is named after another voice"));
    }
    check_consent(Some(&profile.consent)).map_err(|_| damaged("it has no consent of the speaker"))?;
    let numbers = |name: &str| {
        let numbers = weights.get(name).ok_or_else(|| damaged(&format!("it has no `{name}`")))?.numbers()?;
        match numbers.iter().all(|number| number.is_finite()) {
            true => Ok(numbers),
            false => Err(damaged(&format!("`{name}` has what is no number"))),
        }
    };
    let voice = Voiceprint { latents: numbers(LATENTS)?, speaker: numbers(SPEAKER)? };
    match voice.speaker.len() == EXTENT
        && voice.latents.len().is_multiple_of(COUNT)
        && !voice.latents.is_empty()
    {
        true => Ok((profile, voice)),
        false => Err(damaged("its tensors have other shapes")),
    }
}
