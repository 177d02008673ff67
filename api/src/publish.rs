//! The output folder: claimed by one run at a time, filled all at once under final names.

use crate::exit::{Failure, Outcome};
use crate::lock::{Attempt, FolderLock};
use std::fs::File;
use std::future::Future;
use std::path::{Path, PathBuf};

/// An output folder that belongs to this run.
#[derive(Debug)]
pub struct OutputFolder {
    dir: PathBuf,
    _lock: FolderLock,
}

/// Name of the lock file in the folder.
const LOCK: &str = ".reelsmith.lock";

impl OutputFolder {
    /// Creates `dir` where needed and claims it.
    ///
    /// # Errors
    /// It cannot be created or written, or another run has it.
    pub fn claim(dir: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(dir)
            .map_err(|e| Failure::io(format!("create the output folder {}", dir.display()), &e))?;
        match FolderLock::attempt(&dir.join(LOCK), "make short")? {
            Attempt::Held(lock) => Ok(Self { dir: dir.to_path_buf(), _lock: lock }),
            Attempt::Taken(owner) => {
                let who = owner.map_or(String::new(), |owner| format!(" (process {})", owner.pid));
                Err(Failure::failed(format!(
                    "another run is writing into {}{who}; wait until it ends, or choose another folder with --out",
                    dir.display()
                )))
            }
        }
    }

    /// The folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Fills the folder: every file is first fetched whole under a temporary name and forced to
    /// disk, then all are renamed, so that no file is ever half-made under its final name. Returns
    /// the final paths in order.
    ///
    /// # Errors
    /// The first failure; the temporary files are removed then.
    pub async fn publish<S, F>(
        &self,
        files: &[(S, String)],
        fetch: impl Fn(&S, PathBuf) -> F,
    ) -> Outcome<Vec<PathBuf>>
    where
        F: Future<Output = Outcome>,
    {
        let staged: Vec<Staged> = files.iter().map(|(_, name)| Staged::new(&self.dir, name)).collect();
        for ((source, _), staged) in files.iter().zip(&staged) {
            fetch(source, staged.temporary.clone()).await?;
        }
        tokio::task::spawn_blocking(move || rename_all(&staged))
            .await
            .map_err(|e| Failure::failed(format!("writing the finished files was interrupted: {e}")))?
    }
}

/// A file on its way; what is left of the temporary one is removed on drop.
#[derive(Debug)]
struct Staged {
    temporary: PathBuf,
    last: PathBuf,
}

impl Staged {
    fn new(dir: &Path, name: &str) -> Self {
        Self { temporary: dir.join(format!(".{name}.{}.part", std::process::id())), last: dir.join(name) }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.temporary);
    }
}

fn rename_all(staged: &[Staged]) -> Outcome<Vec<PathBuf>> {
    for file in staged {
        File::open(&file.temporary)
            .and_then(|open| open.sync_all())
            .map_err(|e| Failure::io(format!("write {}", file.last.display()), &e))?;
    }
    for file in staged {
        std::fs::rename(&file.temporary, &file.last)
            .map_err(|e| Failure::io(format!("write {}", file.last.display()), &e))?;
    }
    if let Some(dir) = staged.first().and_then(|file| file.last.parent()) {
        File::open(dir)
            .and_then(|open| open.sync_all())
            .map_err(|e| Failure::io(format!("write {}", dir.display()), &e))?;
    }
    Ok(staged.iter().map(|file| file.last.clone()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(dir)
            .expect("folder")
            .map(|entry| entry.expect("entry").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    async fn write(content: &'static str, path: PathBuf) -> Outcome {
        std::fs::write(&path, content).map_err(|e| Failure::io("write", &e))
    }

    #[tokio::test]
    async fn all_files_appear_under_their_names_and_nothing_else_stays() {
        let dir = tempfile::tempdir().expect("temp dir");
        let folder = OutputFolder::claim(&dir.path().join("out")).expect("free");
        let files = [("video", "a.mp4".to_string()), ("text", "a.srt".to_string())];
        let paths = folder.publish(&files, |content, path| write(content, path)).await.expect("published");
        assert_eq!(paths, [folder.dir().join("a.mp4"), folder.dir().join("a.srt")]);
        assert_eq!(std::fs::read_to_string(&paths[1]).expect("file"), "text");
        let out = folder.dir().to_path_buf();
        drop(folder);
        assert_eq!(names(&out), ["a.mp4", "a.srt"]);
    }

    #[tokio::test]
    async fn a_failure_half_way_leaves_the_older_files_as_they_were() {
        let dir = tempfile::tempdir().expect("temp dir");
        std::fs::write(dir.path().join("a.mp4"), "older").expect("older file");
        let folder = OutputFolder::claim(dir.path()).expect("free");
        let files = [(true, "a.mp4".to_string()), (false, "a.srt".to_string())];
        let failed = folder
            .publish(&files, |works, path| {
                let works = *works;
                async move {
                    write("newer", path).await?;
                    if works { Ok(()) } else { Err(Failure::failed("full")) }
                }
            })
            .await;
        assert_eq!(failed.expect_err("second fails").message, "full");
        drop(folder);
        assert_eq!(names(dir.path()), ["a.mp4"]);
        assert_eq!(std::fs::read_to_string(dir.path().join("a.mp4")).expect("file"), "older");
    }

    #[test]
    fn the_second_run_on_a_folder_is_refused() {
        let dir = tempfile::tempdir().expect("temp dir");
        let _first = OutputFolder::claim(dir.path()).expect("free");
        let refused = OutputFolder::claim(dir.path()).expect_err("taken");
        assert!(refused.message.contains("another run is writing into"), "{}", refused.message);
        assert!(refused.message.contains("--out"), "{}", refused.message);
    }
}
