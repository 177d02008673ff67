//! The report of a finished job: inputs, models, timings, loudness and every check.

use serde::{Deserialize, Serialize};

/// A model, voice, lexicon, font or library that took part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFact {
    /// Name in the catalogue.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// What it does: `speak`, `voices`, `lexicon`, `font`, `runtime`.
    pub role: String,
    /// SPDX expression.
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
