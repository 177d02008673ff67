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
    /// Creates `dir` where needed and claims it; removes what a run that was killed left half-made.
    ///
    /// # Errors
    /// It cannot be created or written, or another run has it.
    pub fn claim(dir: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(dir)
            .map_err(|e| Failure::io(format!("create the output folder {}", dir.display()), &e))?;
        match FolderLock::attempt(&dir.join(LOCK), "make")? {
            Attempt::Held(lock) => {
                sweep(dir);
                Ok(Self { dir: dir.to_path_buf(), _lock: lock })
            }
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
        Self { temporary: dir.join(format!(".{name}.{}{PART}", std::process::id())), last: dir.join(name) }
    }
}

/// The end of a staged file's name, after a process id.
const PART: &str = ".part";
/// The begin of the name under which the blob store writes a copy, before [`INCOMING_RANDOM`] letters
/// and digits.
const INCOMING: &str = ".incoming-";
const INCOMING_RANDOM: usize = 6;

/// Removes what is left of runs that were killed. The folder is ours alone, so nobody writes these.
fn sweep(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let left_over = name.to_str().is_some_and(is_left_over);
        if left_over
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(%error, path = %entry.path().display(), "a left-over file stays");
        }
    }
}

fn is_left_over(name: &str) -> bool {
    let staged = name.strip_suffix(PART).and_then(|name| name.rsplit_once('.')).is_some_and(|(name, pid)| {
        name.len() > 1 && name.starts_with('.') && !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit())
    });
    let incoming = name.strip_prefix(INCOMING).is_some_and(|random| {
        random.len() == INCOMING_RANDOM && random.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    staged || incoming
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
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().expect("temp dir");
        let keep = [".a.part", ".a.12x.part", "a.mp4.12.part", ".incoming-mail", ".hidden", "a.mp4"];
        for name in [".a.mp4.4711.part", ".b.c.json.1.part", ".incoming-aB3xY9"].iter().chain(&keep) {
            std::fs::write(dir.path().join(name), "x").expect("file");
        }
        std::fs::create_dir(dir.path().join(".d.1.part")).expect("folder");
        drop(OutputFolder::claim(dir.path()).expect("free"));
        let mut expected = keep.to_vec();
        expected.push(".d.1.part");
        expected.sort_unstable();
        assert_eq!(names(dir.path()), expected);
    }

    #[test]
    fn a_run_that_is_refused_leaves_the_files_of_the_other_alone() {
        let dir = tempfile::tempdir().expect("temp dir");
        let _other = OutputFolder::claim(dir.path()).expect("free");
        let staged = dir.path().join(".a.mp4.4711.part");
        std::fs::write(&staged, "x").expect("file");
        assert!(OutputFolder::claim(dir.path()).is_err() && staged.exists());
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
