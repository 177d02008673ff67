//! Small files of a model's folder, read within bounds.

use crate::session::missing;
use reelsmith_graph::weights::open_regular;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::io::{self, Read};
use std::path::Path;

/// The bytes of the file at `path`.
///
/// # Errors
/// `ModelMissing` if there is none; `ModelCorrupt` if it cannot be read or has more than `most`.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => missing(path),
        _ => corrupt(format!("{} cannot be read", path.display())).with_source(error),
    };
    let mut bytes = Vec::new();
    let read = open_regular(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    match read.map_err(failed)? as u64 > most {
        true => Err(corrupt(format!("{} has more than {most} bytes", path.display()))),
        false => Ok(bytes),
    }
}

pub(crate) fn corrupt(message: String) -> InferenceError {
    InferenceError::new(ErrorKind::ModelCorrupt, message)
}
