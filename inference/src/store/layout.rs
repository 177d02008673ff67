//! Where everything lies in the cache directory.
//!
//! ```text
//! <dir>/<id>/<path>                  a finished file; its name appears only when it is whole and verified
//! <dir>/.store/stamps/<id>.json      what the finished files looked like when their sha256 was last computed
//! <dir>/.store/partial/<id>/<path>   a file being fetched; the next pull resumes it
//! <dir>/.store/archives/<name>       a registry archive whose members are still needed
//! <dir>/.store/tmp/<name>/           the private directory of a registry client that is running
//! <dir>/.store/locks/<name>.lock     held by the process that works on an entry or an archive
//! ```

use super::error::{Result, StoreError};
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::RelativePath;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone)]
pub(super) struct Layout {
    dir: PathBuf,
}

impl Layout {
    pub(super) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn model(&self, id: &ModelId) -> PathBuf {
        self.dir.join(&id.0)
    }

    pub(super) fn file(&self, id: &ModelId, path: &RelativePath) -> PathBuf {
        path.under(&self.model(id))
    }

    pub(super) fn stamps(&self, id: &ModelId) -> PathBuf {
        self.own("stamps").join(format!("{id}.json"))
    }

    pub(super) fn partials(&self, id: &ModelId) -> PathBuf {
        self.own("partial").join(&id.0)
    }

    pub(super) fn partial(&self, id: &ModelId, path: &RelativePath) -> PathBuf {
        path.under(&self.partials(id))
    }

    pub(super) fn archive(&self, name: &str) -> PathBuf {
        self.own("archives").join(name)
    }

    pub(super) fn tmp(&self, name: &str) -> PathBuf {
        self.own("tmp").join(name)
    }

    pub(super) fn lock(&self, name: &str) -> PathBuf {
        self.own("locks").join(format!("{name}.lock"))
    }

    fn own(&self, part: &str) -> PathBuf {
        self.dir.join(".store").join(part)
    }
}

/// Creates the directory that `path` lies in.
pub(super) fn make_parent(path: &Path) -> Result<&Path> {
    let parent = path.parent().unwrap_or(path);
    make_dir(parent)?;
    Ok(parent)
}

pub(super) fn make_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|error| StoreError::io("create the directory", dir, error))
}

/// Removes a file; one that is not there is as good as removed.
pub(super) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory with all in it; one that is not there is as good as removed.
pub(super) fn remove_dir(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::io("remove", path, error))
        }
        _ => Ok(()),
    }
}
