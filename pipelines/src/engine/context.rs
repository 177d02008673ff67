//! What a step is given: where to report, when to stop, where its inputs and outputs are.

use super::{Inner, Stores};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::StepKey;
use crate::runner::JobId;
use bytes::Bytes;
use reelsmith_storage::{Artifact, Blobs, Digest, StepRecord};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Progress is told at most so often, a step.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// Takes a step's progress and tells it when to stop. Cloning gives another handle.
#[derive(Clone)]
pub struct Reporter {
    inner: Arc<Inner>,
    job: JobId,
    step: StepKey,
    token: CancellationToken,
    told: Arc<Mutex<Told>>,
}

#[derive(Default)]
struct Told {
    at: Option<Instant>,
    fault: Option<PipelineError>,
}

impl Reporter {
    pub(super) fn new(inner: Arc<Inner>, job: JobId, step: StepKey, token: CancellationToken) -> Self {
        Self { inner, job, step, token, told: Arc::default() }
    }

    /// Notes that `done` of `total` units are finished; answers whether to go on. May be called on any
    /// thread, as often as one likes.
    pub fn tell(&self, done: u64, total: Option<u64>, unit: &str) -> ControlFlow<()> {
        if let Err(fault) = self.inner.faults.during(&self.job, &self.step, done) {
            self.told.lock().unwrap_or_else(PoisonError::into_inner).fault = Some(fault);
            return ControlFlow::Break(());
        }
        if self.is_due(total == Some(done)) {
            self.inner.hub.progress(&self.job, &self.step, done, total, unit);
        }
        match self.token.is_cancelled() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn is_due(&self, last: bool) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let due = last || told.at.is_none_or(|at| at.elapsed() >= TELL_EVERY);
        if due {
            told.at = Some(Instant::now());
        }
        due
    }

    /// The fault that was ordered to happen during the step.
    pub(super) fn fault(&self) -> Option<PipelineError> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).fault.take()
    }
}

/// What a step is given.
pub struct StepContext {
    stores: Stores,
    reporter: Reporter,
    dir: PathBuf,
}

impl StepContext {
    pub(super) fn new(stores: Stores, reporter: Reporter, dir: PathBuf) -> Self {
        Self { stores, reporter, dir }
    }

    /// The job.
    pub fn job(&self) -> &JobId {
        &self.reporter.job
    }

    /// An empty directory of the step's own, removed afterwards.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Cancelled when the step shall stop.
    pub fn token(&self) -> &CancellationToken {
        &self.reporter.token
    }

    /// For progress from other threads.
    pub fn reporter(&self) -> Reporter {
        self.reporter.clone()
    }

    /// The bytes.
    pub fn blobs(&self) -> &Blobs {
        &self.stores.blobs
    }

    /// Notes progress.
    ///
    /// # Errors
    /// `Cancelled` if the step shall stop.
    pub fn progress(&self, done: u64, total: u64, unit: &str) -> Result<()> {
        match self.reporter.tell(done, Some(total), unit) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(PipelineError::new(ErrorKind::Cancelled, "cancelled")),
        }
    }

    /// Runs work that blocks or computes on a thread made for it.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        super::blocking(work).await
    }

    /// All finished steps of the job.
    ///
    /// # Errors
    /// `Storage`.
    pub async fn records(&self) -> Result<Vec<StepRecord>> {
        Ok(self.stores.jobs.steps(&self.job().0).await?)
    }

    /// The record of a step that ran before this one.
    ///
    /// # Errors
    /// `Internal` if it is not finished; `Storage`.
    pub async fn record(&self, step: &StepKey) -> Result<StepRecord> {
        let record = self.stores.jobs.step(&self.job().0, &step.to_string()).await?;
        record.ok_or_else(|| {
            PipelineError::new(
                ErrorKind::Internal,
                format!("step {step} has not finished, though it comes before"),
            )
        })
    }

    /// Reads an output of an earlier step as JSON.
    ///
    /// # Errors
    /// `Storage`; `Internal` if it is not what was asked for.
    pub async fn read_json<T: serde::de::DeserializeOwned>(&self, artifact: &Artifact) -> Result<T> {
        let bytes = self.stores.blobs.get_bytes(&artifact.digest).await?;
        serde_json::from_slice(&bytes).map_err(|e| {
            let message = format!("the artifact {} is not what was expected: {e}", artifact.name);
            PipelineError::new(ErrorKind::Internal, message).with_source(e)
        })
    }

    /// Brings bytes from the store to a file of this name in the step's directory.
    ///
    /// # Errors
    /// `Storage` or `DiskFull`.
    pub async fn fetch(&self, digest: &Digest, name: &str) -> Result<PathBuf> {
        let path = self.dir.join(name);
        self.stores.blobs.get_to_file(digest, &path).await?;
        Ok(path)
    }

    /// Stores a file of the step's directory as an artifact.
    ///
    /// # Errors
    /// `Storage` or `DiskFull`.
    pub async fn keep_file(&self, path: &Path, kept: Kept<'_>) -> Result<Artifact> {
        let (digest, bytes) = self.stores.blobs.put_file(path).await?;
        Ok(kept.artifact(digest, bytes))
    }

    /// Stores bytes as an artifact.
    ///
    /// # Errors
    /// `Storage` or `DiskFull`.
    pub async fn keep_bytes(&self, bytes: impl Into<Bytes>, kept: Kept<'_>) -> Result<Artifact> {
        let bytes = bytes.into();
        let length = bytes.len() as u64;
        let digest = self.stores.blobs.put_bytes(bytes).await?;
        Ok(kept.artifact(digest, length))
    }
}

/// What an artifact is and how it was made.
#[derive(Debug, Clone)]
pub struct Kept<'a> {
    /// Its name in the job, for example `video.mp4`.
    pub name: String,
    /// IANA media type.
    pub media_type: &'a str,
    /// Step and version, inputs by digest, models, parameters.
    pub recipe: &'a serde_json::Value,
}

impl Kept<'_> {
    fn artifact(self, digest: Digest, bytes: u64) -> Artifact {
        let Self { name, media_type, recipe } = self;
        Artifact { digest, bytes, media_type: media_type.to_owned(), name, recipe: recipe.clone() }
    }
}
