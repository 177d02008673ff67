//! Reading a small file that may be damaged or not small at all.

use flate2::read::MultiGzDecoder;
use reelsmith_graph::weights::open_regular;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::fs::File;
use std::io::{ErrorKind as IoKind, Read};
use std::path::Path;

/// The text of a file of at most `limit` bytes.
///
/// # Errors
/// `ModelMissing` if it is not there, `ModelCorrupt` if it is longer, unreadable or no UTF-8.
pub(super) fn read(path: &Path, limit: u64) -> Result<String> {
    read_all(path, open(path)?, limit)
}

/// The same of a gzip file, `limit` being for the unpacked text.
pub(super) fn read_gzip(path: &Path, limit: u64) -> Result<String> {
    read_all(path, MultiGzDecoder::new(open(path)?), limit)
}

/// `path` cannot be used because of `reason`.
pub(super) fn corrupt(path: &Path, reason: impl std::fmt::Display) -> InferenceError {
    let message =
        format!("{} is no CLIP vocabulary: {reason}; fetch it again or name another", path.display());
    InferenceError::new(ErrorKind::ModelCorrupt, message)
}

fn open(path: &Path) -> Result<File> {
    open_regular(path).map_err(|error| match error.kind() {
        IoKind::NotFound => {
            let message = format!("{} is not there; fetch it with `reelsmith models pull`", path.display());
            InferenceError::new(ErrorKind::ModelMissing, message).with_source(error)
        }
        _ => corrupt(path, &error).with_source(error),
    })
}

fn read_all(path: &Path, file: impl Read, limit: u64) -> Result<String> {
    let mut text = String::new();
    let read = file.take(limit + 1).read_to_string(&mut text);
    read.map_err(|error| corrupt(path, &error).with_source(error))?;
    match text.len() as u64 <= limit {
        true => Ok(text),
        false => Err(corrupt(path, format_args!("it has more than {limit} bytes"))),
    }
}
