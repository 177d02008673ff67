//! One entry: what a model is, what it may be used for, and what it costs.

use super::file::ModelFile;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fmt;

/// A model's name in the catalogue, for example `kokoro-82m-fp32`; or the absolute path of a person's own
/// file or folder.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ModelId(pub String);

/// Stands between a checkpoint and the VAE that takes the place of its own.
const WITH_VAE: &str = " with vae ";
/// Stands behind a model whose products are computed in 8 bits.
const IN_8_BITS: &str = " in 8 bits";

impl ModelId {
    /// This checkpoint with another VAE, as a model of its own: both are loaded together.
    pub fn with_vae(&self, vae: &ModelId) -> ModelId {
        ModelId(format!("{}{WITH_VAE}{}", self.0, vae.0))
    }

    /// The checkpoint, and the VAE in place of its own if there is one.
    pub fn parts(&self) -> (ModelId, Option<ModelId>) {
        match self.0.split_once(WITH_VAE) {
            Some((model, vae)) => (model.into(), Some(vae.into())),
            None => (self.clone(), None),
        }
    }

    /// The same weights with their products computed in whole numbers of 8 bits, as a model of its own: it takes
    /// less time.
    pub fn in_8_bits(&self) -> ModelId {
        ModelId(format!("{}{IN_8_BITS}", self.0))
    }

    /// The model, and whether its products are computed in 8 bits.
    pub fn precision(&self) -> (ModelId, bool) {
        match self.0.strip_suffix(IN_8_BITS) {
            Some(model) => (model.into(), true),
            None => (self.clone(), false),
        }
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for ModelId {
    fn from(id: &str) -> Self {
        Self(id.to_owned())
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Weights that perform a capability.
    Model,
    /// Speaker data that a speech model needs.
    Voices,
    /// Pronunciation data.
    Lexicon,
    /// A typeface.
    Font,
    /// Weights that a model takes beside or in place of its own: an autoencoder, a LoRA, a ControlNet.
    Component,
    /// An engine's shared library.
    Runtime,
}

/// What a model can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// Text to speech.
    Speak,
    /// Speech to text.
    Transcribe,
    /// Text to image.
    #[serde(rename = "text-to-image")]
    TextToImage,
    /// Enlarging of images.
    Upscale,
    /// Texts to vectors.
    Embed,
    /// Ordering of documents by a query.
    Rerank,
    /// Conversations.
    Chat,
}

impl Capability {
    /// The name used in catalogue files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Speak => "speak",
            Self::Transcribe => "transcribe",
            Self::TextToImage => "text-to-image",
            Self::Upscale => "upscale",
            Self::Embed => "embed",
            Self::Rerank => "rerank",
            Self::Chat => "chat",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the makers of the weights allow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// SPDX identifier, or `LicenseRef-…` where SPDX lists none.
    pub spdx: String,
    /// Whether commercial use is allowed.
    pub commercial: bool,
    /// What else a user must know, and where the statement is to be found.
    pub note: String,
}

/// Host memory that a loaded model takes, measured; bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Held as long as the model is loaded.
    pub weights_bytes: u64,
    /// Taken on top of that while the largest admissible request runs, and while it is being loaded.
    pub peak_bytes: u64,
}

/// One entry of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Model {
    /// Unique; lower-case letters, digits, `.` and `-`, so that it can be a directory's name.
    pub id: ModelId,
    /// What it is.
    pub kind: Kind,
    /// Its name for people.
    pub title: String,
    /// The upstream model it is a form of, for example `kokoro-82m`.
    pub family: String,
    /// What it can do; for `kind = "model"` only, and required there.
    pub capability: Option<Capability>,
    /// Number format of the weights, for example `fp32`.
    pub precision: Option<String>,
    /// What its makers allow.
    pub licence: Licence,
    /// What it costs loaded; required for `kind = "model"`.
    pub memory: Option<Memory>,
    /// Entries that must be present too.
    #[serde(default)]
    pub requires: Vec<ModelId>,
    /// Its files; at least one.
    pub files: Vec<ModelFile>,
}

impl Model {
    /// The files that belong on this machine.
    pub fn files_here(&self) -> impl Iterator<Item = &ModelFile> {
        self.files.iter().filter(|file| file.platform.as_ref().is_none_or(|platform| platform.is_here()))
    }

    /// Bytes of the files that belong on this machine.
    pub fn bytes_here(&self) -> u64 {
        self.files_here().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }

    pub(super) fn check(&self) -> Result<(), String> {
        check_id(&self.id.0)?;
        for (key, text) in
            [("title", &self.title), ("family", &self.family), ("licence.spdx", &self.licence.spdx)]
        {
            if text.trim().is_empty() {
                return Err(format!("`{key}` is empty"));
            }
        }
        if (self.kind == Kind::Model) != self.capability.is_some() {
            return Err("`capability` belongs to kind = \"model\", and every such entry needs one".into());
        }
        if self.kind == Kind::Model && self.memory.is_none() {
            return Err("kind = \"model\" needs [memory]: weights_bytes and peak_bytes".into());
        }
        if self.requires.iter().collect::<HashSet<_>>().len() != self.requires.len() {
            return Err("`requires` names an entry twice".into());
        }
        self.check_files()
    }

    fn check_files(&self) -> Result<(), String> {
        if self.files.is_empty() {
            return Err("there is no [[files]]".into());
        }
        for (n, file) in self.files.iter().enumerate() {
            file.check()?;
            let clashes = |other: &&ModelFile| {
                file.path.clashes(&other.path)
                    && (file.platform == other.platform
                        || file.platform.is_none()
                        || other.platform.is_none())
            };
            if self.files[..n].iter().find(clashes).is_some() {
                return Err(format!("two files of one platform would lie at `{}`", file.path));
            }
        }
        Ok(())
    }
}

fn check_id(id: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let good = (1..=64).contains(&id.len())
        && id.chars().all(allowed)
        && id.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !id.ends_with('.');
    match good {
        true => Ok(()),
        false => Err(format!(
            "the id `{id}` is not 1 to 64 lower-case letters, digits, `-` or `.`, starting with a letter or digit"
        )),
    }
}
