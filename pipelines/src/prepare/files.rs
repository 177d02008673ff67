//! Files that scripts name: found, decoded once so that a fault shows here, hashed and stored.

use crate::engine::blocking;
use crate::error::{ErrorKind, PipelineError, Result};
use crate::runner::Parts;
use crate::spec::{Files, GivenFile};
use reelsmith_media::picture::{self, Picture};
use reelsmith_media::sound::check_music;
use reelsmith_media::{ErrorKind as MediaKind, MediaError};
use std::path::{Path, PathBuf};
use tokio::sync::Semaphore;

/// Given files that are decoded at once, whoever submits them: a picture of 64 megapixels takes 200 MB.
static DECODING: Semaphore = Semaphore::const_new(2);
/// Bytes of a given picture.
const PICTURE_BYTES: u64 = 256 << 20;
/// Bytes of a given sound file.
const MUSIC_BYTES: u64 = 1 << 30;

/// A given picture; `check` says why it cannot be used, if so.
pub(super) async fn picture(
    parts: &Parts,
    files: &Files,
    name: &str,
    check: impl FnOnce(&Picture) -> Result<()> + Send + 'static,
) -> Result<GivenFile> {
    let located = locate(files, name, PICTURE_BYTES);
    let checked = decoding(move || {
        let path = located?;
        check(&picture::load(&path)?)?;
        Ok(path)
    });
    store(parts, name, &checked.await?).await
}

/// A given sound file, of which at most so many seconds will be heard: all of them are decoded, as what cannot be
/// used would otherwise show after everything is spoken.
pub(super) async fn music(parts: &Parts, files: &Files, name: &str, seconds: f64) -> Result<GivenFile> {
    let located = locate(files, name, MUSIC_BYTES);
    let (ffmpeg, named) = (parts.ffmpeg.clone(), name.to_owned());
    let checked = decoding(move || {
        let path = located?;
        check_music(&ffmpeg, &path, seconds).map_err(|error| unusable(&named, error))?;
        Ok(path)
    });
    store(parts, name, &checked.await?).await
}

/// The file is what is wrong, and not the program that cannot decode it.
fn unusable(name: &str, error: MediaError) -> PipelineError {
    match error.kind() {
        MediaKind::InvalidInput | MediaKind::ToolFailed => {
            let message = format!("`{name}` cannot be used as music: {error}");
            PipelineError::new(ErrorKind::InvalidInput, message).with_source(error)
        }
        _ => error.into(),
    }
}

/// Decodes a file in its turn. The turn lasts as long as the work, even if nobody waits for it any more.
async fn decoding<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let turn = DECODING.acquire().await.expect("the semaphore is never closed");
    blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

/// The file of that name, if the scripts of this caller may name it and it is not too large.
fn locate(files: &Files, name: &str, most: u64) -> Result<PathBuf> {
    let refused = |why: String| PipelineError::new(ErrorKind::InvalidInput, why);
    let path = match files {
        Files::Refused => {
            return Err(refused(format!(
                "`{name}` cannot be used: this service takes no files (server.assets_dir is not set)"
            )));
        }
        Files::Beside(dir) => dir.join(name),
        Files::Within(dir) => within(dir, name)?,
    };
    let found = std::fs::metadata(&path).map_err(|e| refused(format!("`{name}` cannot be read: {e}")))?;
    match found.len() {
        _ if !found.is_file() => Err(refused(format!("`{name}` is not a file"))),
        bytes if bytes > most => {
            let message = format!("`{name}` has {bytes} bytes; at most {most} are taken");
            Err(PipelineError::new(ErrorKind::Limit, message))
        }
        _ => Ok(path),
    }
}

/// A name that leads outside the directory is answered like one that does not exist, so that nothing
/// can be learnt about the rest of the machine.
fn within(dir: &Path, name: &str) -> Result<PathBuf> {
    let inside = dir.canonicalize().and_then(|dir| Ok((dir.join(name).canonicalize()?, dir)));
    match inside {
        Ok((path, dir)) if path.starts_with(&dir) => Ok(path),
        _ => {
            let message = format!("`{name}` is not among the files that this service may use");
            Err(PipelineError::new(ErrorKind::InvalidInput, message))
        }
    }
}

async fn store(parts: &Parts, name: &str, path: &Path) -> Result<GivenFile> {
    let (digest, bytes) = parts.blobs.put_file(path).await?;
    Ok(GivenFile { name: name.to_owned(), sha256: digest.to_string(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[tokio::test(flavor = "multi_thread")]
    async fn two_files_are_decoded_at_once_and_a_turn_outlives_who_waited_for_it() {
        let barrier = Arc::new(Barrier::new(3));
        let (begun, mut told) = tokio::sync::mpsc::channel(2);
        let decode = || {
            let (barrier, begun) = (barrier.clone(), begun.clone());
            tokio::spawn(decoding(move || {
                begun.blocking_send(()).expect("the test listens");
                barrier.wait();
                Ok(())
            }))
        };
        let both = [decode(), decode()];
        for _ in &both {
            told.recv().await.expect("it begins");
        }
        both.iter().for_each(|task| task.abort());
        assert!(DECODING.try_acquire().is_err(), "a third would have begun");
        blocking(move || {
            barrier.wait();
            Ok(())
        })
        .await
        .unwrap();
        decoding(|| Ok(())).await.unwrap();
    }
}
