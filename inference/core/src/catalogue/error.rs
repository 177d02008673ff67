//! Why a catalogue cannot be read.

use std::fmt::Display;

/// A catalogue file that cannot be read or says something impossible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("catalogue file {file}: {reason}")]
pub struct CatalogueError {
    file: String,
    reason: String,
}

impl CatalogueError {
    pub(super) fn new(file: impl Display, reason: impl Display) -> Self {
        Self { file: file.to_string(), reason: reason.to_string().trim_end().to_owned() }
    }

    /// The file at fault, as it was named to the parser.
    pub fn file(&self) -> &str {
        &self.file
    }
}
