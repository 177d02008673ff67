//! One owner of a folder at a time: a lock file that the system releases whatever becomes of its owner.

use crate::exit::Failure;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Who holds a lock, as written into its file for the others to tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id.
    pub pid: u32,
    /// What the process was started for, for example `make short`.
    pub command: String,
}

/// A held lock. Dropping it removes the file and lets the next one in.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    path: PathBuf,
}

/// What came of trying.
#[derive(Debug)]
pub enum Attempt {
    /// It is ours.
    Held(FolderLock),
    /// Somebody else has it; who, if the file tells.
    Taken(Option<Owner>),
}

impl FolderLock {
    /// Tries to become the owner of `path`, a file whose folder exists, without waiting.
    ///
    /// # Errors
    /// The file cannot be created, locked or written.
    pub fn attempt(path: &Path, command: &str) -> Result<Attempt, Failure> {
        let failed = |e: std::io::Error| Failure::io(format!("lock {}", path.display()), &e);
        loop {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Attempt::Taken(read_owner(&mut file))),
                Err(TryLockError::Error(e)) => return Err(failed(e)),
            }
            // The owner before us may have removed the file between our opening and our locking it.
            if !is_still(&file, path) {
                continue;
            }
            let owner = Owner { pid: std::process::id(), command: command.to_string() };
            write_owner(&mut file, &owner).map_err(failed)?;
            return Ok(Attempt::Held(Self { file, path: path.to_path_buf() }));
        }
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // Removed while still held, so that nobody can hold a file that is about to vanish unnoticed.
        let _ = std::fs::remove_file(&self.path);
        let _ = self.file.unlock();
    }
}

fn is_still(file: &File, path: &Path) -> bool {
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(held), Ok(named)) => (held.dev(), held.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn write_owner(file: &mut File, owner: &Owner) -> std::io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    file.write_all(serde_json::to_string(owner)?.as_bytes())
}

fn read_owner(file: &mut File) -> Option<Owner> {
    let mut text = String::new();
    file.take(4096).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_holds_it_and_gets_it_afterwards() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("lock");
        let Attempt::Held(first) = FolderLock::attempt(&path, "first").expect("free") else {
            panic!("nobody holds it")
        };
        match FolderLock::attempt(&path, "second").expect("answers") {
            Attempt::Taken(Some(owner)) => {
                assert_eq!(owner, Owner { pid: std::process::id(), command: "first".into() });
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        assert!(!path.exists());
        assert!(matches!(FolderLock::attempt(&path, "third").expect("free again"), Attempt::Held(_)));
    }

    #[test]
    fn only_one_of_many_gets_in_at_a_time() {
        let dir = tempfile::tempdir().expect("temp dir");
        let path = dir.path().join("lock");
        let inside = std::sync::atomic::AtomicU32::new(0);
        let entered = std::sync::atomic::AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        if let Attempt::Held(lock) = FolderLock::attempt(&path, "x").expect("answers") {
                            let others = inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            assert_eq!(others, 0, "two owners at once");
                            entered.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(lock);
                        }
                    }
                });
            }
        });
        assert!(entered.into_inner() > 0);
    }
}
