//! Locks between processes: advisory, on a file each, freed by the system when the holder dies.

use super::error::{Result, StoreError};
use super::layout::make_parent;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often a lock held elsewhere is asked for again. The system's own wait could not be cancelled.
const POLL: Duration = Duration::from_millis(100);

/// Held until it is dropped.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock if nobody holds it.
    pub(super) fn try_take(path: &Path) -> Result<Option<Self>> {
        make_parent(path)?;
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|error| StoreError::io("open the lock", path, error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::io("lock", path, error)),
        }
    }

    /// Waits for the lock; `waiting` is called once if it is held elsewhere.
    pub(super) async fn take(
        path: &Path,
        cancel: &CancellationToken,
        waiting: impl FnOnce(),
    ) -> Result<Self> {
        let mut waiting = Some(waiting);
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            if let Some(tell) = waiting.take() {
                tell();
            }
            tokio::select! {
                () = cancel.cancelled() => return Err(StoreError::cancelled()),
                () = tokio::time::sleep(POLL) => {}
            }
        }
    }
}
