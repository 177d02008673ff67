//! Hashes of people's own model files, kept so that gigabytes are not read again for every picture.

use crate::exit::{Failure, Outcome};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Read at once; large enough that the hash, not the calls, sets the pace.
const PIECE: usize = 1 << 18;
/// Files of one model at most; a folder with more is something else.
const FILES: usize = 1000;

/// What is known of files, by path. A file that was changed is hashed anew.
#[derive(Debug)]
pub struct Hashes {
    file: PathBuf,
    known: BTreeMap<PathBuf, Known>,
}

/// A file as it was when it was hashed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    bytes: u64,
    /// Time of the last change, in nanoseconds since 1970.
    changed: u128,
    sha256: String,
}

impl Hashes {
    /// Those kept in `file`; none where it is absent or unreadable, for they can be found again.
    pub fn open(file: PathBuf) -> Self {
        let known = std::fs::read(&file).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self { file, known: known.unwrap_or_default() }
    }

    /// The hash of a file, or of the list of a folder's weights and settings.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(&mut self, path: &Path) -> Outcome<String> {
        if !path.is_dir() {
            return self.of_file(path);
        }
        let mut list = Vec::new();
        for name in weights(path)? {
            let sha256 = self.of_file(&path.join(&name))?;
            list.push((name, sha256));
        }
        Ok(of_list(&list))
    }

    /// The hash of one file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn of_file(&mut self, path: &Path) -> Outcome<String> {
        let failed = |e: std::io::Error| Failure::io(format!("read {}", path.display()), &e);
        let found = std::fs::metadata(path).map_err(failed)?;
        let (bytes, changed) = (found.len(), changed(&found));
        if let Some(known) =
            self.known.get(path).filter(|known| (known.bytes, known.changed) == (bytes, changed))
        {
            return Ok(known.sha256.clone());
        }
        let sha256 = hash(std::fs::File::open(path).map_err(failed)?).map_err(failed)?;
        self.known.insert(path.to_owned(), Known { bytes, changed, sha256: sha256.clone() });
        self.keep();
        Ok(sha256)
    }

    /// Kept for the next time, where that can be done; it is no reason to fail.
    fn keep(&self) {
        let temporary = self.file.with_extension(format!("{}.part", std::process::id()));
        let kept = self.file.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| {
            std::fs::write(&temporary, serde_json::to_vec_pretty(&self.known)?)?;
            std::fs::rename(&temporary, &self.file)
        });
        if let Err(error) = kept {
            tracing::warn!(%error, path = %self.file.display(), "hashes are not kept");
        }
    }
}

fn changed(found: &Metadata) -> u128 {
    let since = found.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    since.map_or(0, |since| since.as_nanos())
}

fn hash(mut from: impl Read) -> std::io::Result<String> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(hex(&hasher.finalize())),
            Ok(read) => hasher.update(&piece[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The hash of bytes that are in memory.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// One file's own hash; of several, the hash of what `sha256sum` prints for them.
pub(super) fn of_list(files: &[(String, String)]) -> String {
    match files {
        [(_, sha256)] => sha256.clone(),
        files => {
            let lines: String = files.iter().map(|(name, sha256)| format!("{sha256}  {name}\n")).collect();
            of_bytes(lines.as_bytes())
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Bytes of a file, or of a folder's weights and settings; 0 where they cannot be seen.
pub(super) fn bytes(path: &Path) -> u64 {
    let of = |path: &Path| std::fs::metadata(path).map_or(0, |found| found.len());
    match path.is_dir() {
        true => weights(path).unwrap_or_default().iter().map(|name| of(&path.join(name))).sum(),
        false => of(path),
    }
}

/// Whether a folder holds weights.
pub(super) fn has_weights(dir: &Path) -> bool {
    weights(dir).is_ok_and(|names| names.iter().any(|name| name.ends_with(".safetensors")))
}

/// The `.safetensors` and `.json` files of a diffusers folder, which has one level of folders, sorted.
fn weights(dir: &Path) -> Outcome<Vec<String>> {
    let mut names = Vec::new();
    collect(dir, "", &mut names)?;
    names.sort();
    match names.len() <= FILES {
        true => Ok(names),
        false => Err(Failure::usage(format!("{} has too many files for one model", dir.display()))),
    }
}

fn collect(dir: &Path, prefix: &str, names: &mut Vec<String>) -> Outcome {
    let failed = |e: std::io::Error| Failure::io(format!("read {}", dir.display()), &e);
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if path.is_dir() && prefix.is_empty() && !name.starts_with('.') {
            collect(&path, &format!("{name}/"), names)?;
        } else if path.is_file() && (name.ends_with(".safetensors") || name.ends_with(".json")) {
            names.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_read_again_and_outlives_the_process() {
        let dir = tempfile::tempdir().expect("temp dir");
        let (cache, file) = (dir.path().join("kept/hashes.json"), dir.path().join("a"));
        std::fs::write(&file, "abc").expect("file");
        let sha256 = Hashes::open(cache.clone()).of(&file).expect("readable");
        let mut again = Hashes::open(cache.clone());
        let known = again.known.get_mut(&file).expect("kept");
        assert_eq!(known.sha256, sha256);
        known.sha256 = "kept".into();
        assert_eq!(again.of(&file).expect("known"), "kept", "told from memory");
        std::fs::write(&cache, "no JSON").expect("file");
        assert_eq!(Hashes::open(cache).of(&file).expect("readable"), sha256, "a broken cache is no cache");
    }
}
