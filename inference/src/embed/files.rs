//! Small files of a model's folder, which may be damaged or not small at all.

use reelsmith_graph::weights::open_regular;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::de::DeserializeOwned;
use std::io::{ErrorKind as IoKind, Read};
use std::path::Path;

/// The longest file of JSON that is read, in bytes: vocabularies of a million words fit.
const MOST: u64 = 64 << 20;

/// What the JSON file `name` in `folder` holds; `None` if there is no such file.
///
/// # Errors
/// `ModelCorrupt` if it cannot be read, is too long, or is something else.
pub(super) fn optional<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<Option<T>> {
    let path = folder.join(name);
    let file = match open_regular(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == IoKind::NotFound => return Ok(None),
        Err(error) => return Err(corrupt(&path, "it cannot be read").with_source(error)),
    };
    let mut bytes = Vec::new();
    file.take(MOST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| corrupt(&path, "it cannot be read").with_source(error))?;
    if bytes.len() as u64 > MOST {
        return Err(corrupt(&path, &format!("it has more than {MOST} bytes")));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| corrupt(&path, &error.to_string()))
}

/// The same for a file that must be there.
///
/// # Errors
/// As [`optional`], and `ModelMissing`.
pub(super) fn required<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T> {
    optional(folder, name)?.ok_or_else(|| {
        let message = format!(
            "{} is not there: a model for texts is a folder with config.json, tokenizer.json and model.safetensors",
            folder.join(name).display()
        );
        InferenceError::new(ErrorKind::ModelMissing, message)
    })
}

pub(super) fn corrupt(path: &Path, why: &str) -> InferenceError {
    InferenceError::new(ErrorKind::ModelCorrupt, format!("{}: {why}", path.display()))
}
