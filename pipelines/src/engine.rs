//! Runs workflows durably: rows are the truth, `duroxide` is the clockwork, artifacts are the memory.
//!
//! A [`Workflow`] says which stages a job has and performs one step at a time. The engine feeds
//! unfinished jobs to `duroxide`, which calls steps back; each step's outputs go to the blob store
//! and its record to the rows, so that a step that is called again is answered from there. What
//! `duroxide` remembers is thrown away at start: every job that the rows call unfinished is fed anew,
//! the oldest first and without its finished steps (`docs/adr/0002-job-engine.md`).

mod clockwork;
mod context;
mod cpu;
mod feed;
mod follow;
mod harness;
mod hub;
mod runs;
mod serial;

#[cfg(test)]
mod tests;

pub use context::{Kept, Reporter, StepContext};

use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Event, JobEvent, Stage, StepKey};
use crate::faults::Faults;
use crate::runner::JobId;
use async_trait::async_trait;
use futures::Stream;
use hub::Hub;
use reelsmith_storage::{Artifact, Blobs, Created, ErrorKind as StorageKind, Job, JobState, Jobs, NewJob};
use runs::Runs;
use serial::Serial;
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

/// What a kind of job means: its stages, and how one step is performed.
#[async_trait]
pub trait Workflow: Send + Sync + 'static {
    /// The kind of job, for example `short`.
    fn kind(&self) -> &'static str;

    /// The stages of a job with this spec, in order.
    ///
    /// # Errors
    /// `InvalidInput` if this program cannot run such a spec; the job fails with it.
    fn stages(&self, spec: &serde_json::Value) -> Result<Vec<Stage>>;

    /// How many parts of a stage are given out at once, at least 1. The rest waits, so that a long job
    /// does not keep a later one from its first step.
    fn at_once(&self, _stage: &str) -> usize {
        4
    }

    /// Performs one step. It may be called again after it succeeded, failed or was cut off; the same
    /// step of the same spec must give the same artifacts.
    ///
    /// # Errors
    /// `Busy`, `Storage`, `ToolFailed` and `Verification` are tried again a few times; any other kind
    /// fails the job.
    async fn step(
        &self,
        step: &StepKey,
        spec: &serde_json::Value,
        context: &StepContext,
    ) -> Result<StepOutput>;
}

/// What a step made.
#[derive(Debug, Clone, PartialEq)]
pub struct StepOutput {
    /// Its artifacts, already in the store.
    pub artifacts: Vec<Artifact>,
    /// Measurements for the report.
    pub detail: serde_json::Value,
}

/// Where the engine keeps its own things and how much it does at once.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Database of the clockwork; a lock beside it lets one process at a time run its jobs.
    pub db: PathBuf,
    /// Directory for unfinished files; its folder `steps` is emptied at start.
    pub scratch: PathBuf,
    /// Jobs worked on at once, and steps at once, 1 to [`MAX_SLOTS`]. The other jobs wait, and the
    /// oldest goes first.
    pub slots: usize,
    /// How often unfinished jobs are looked for that nobody works on.
    pub reconcile_every: Duration,
    /// Faults to inject; none outside tests.
    pub faults: Faults,
}

/// More at once than this makes SQLite the bottleneck.
pub const MAX_SLOTS: usize = 16;

/// Where jobs and their outputs are kept.
#[derive(Clone)]
pub struct Stores {
    /// Rows.
    pub jobs: Arc<dyn Jobs>,
    /// Bytes.
    pub blobs: Blobs,
}

/// The engine. Cloning gives another handle.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    runtime: Arc<Mutex<Option<Arc<duroxide::runtime::Runtime>>>>,
}

struct Inner {
    stores: Stores,
    workflows: HashMap<&'static str, Arc<dyn Workflow>>,
    hub: Hub,
    store: Arc<Serial>,
    client: duroxide::Client,
    runs: Runs,
    faults: Faults,
    scratch: PathBuf,
    stopping: CancellationToken,
    reconcile_every: Duration,
    /// Held for as long as anything of the engine lives.
    _lock: File,
}

impl Engine {
    /// Opens the engine, empties the scratch directory and takes up every unfinished job.
    ///
    /// # Errors
    /// `InUse` if another process runs the jobs of this database; `Storage` or `DiskFull`;
    /// `InvalidInput` for a number of slots out of range.
    pub async fn start(
        config: EngineConfig,
        stores: Stores,
        workflows: Vec<Arc<dyn Workflow>>,
    ) -> Result<Engine> {
        if !(1..=MAX_SLOTS).contains(&config.slots) {
            let message = format!("{} job slots: give 1 to {MAX_SLOTS}", config.slots);
            return Err(PipelineError::new(ErrorKind::InvalidInput, message));
        }
        let steps = config.scratch.join("steps");
        let db = config.db.clone();
        let lock = blocking(move || {
            let lock = lock(&db)?;
            empty(&steps)?;
            Ok(lock)
        })
        .await?;
        let store = Arc::new(clockwork::open(&config.db).await?);
        let inner = Arc::new(Inner {
            hub: Hub::new(stores.jobs.clone()),
            stores,
            workflows: workflows.into_iter().map(|w| (w.kind(), w)).collect(),
            client: duroxide::Client::new(store.clone()),
            store,
            runs: Runs::new(config.slots),
            faults: config.faults,
            scratch: config.scratch.join("steps"),
            stopping: CancellationToken::new(),
            reconcile_every: config.reconcile_every,
            _lock: lock,
        });
        let runtime = clockwork::start(&inner, config.slots).await;
        tokio::spawn(feed::keep_feeding(inner.clone()));
        Ok(Engine { inner, runtime: Arc::new(Mutex::new(Some(runtime))) })
    }

    /// Stores a job, which starts as soon as a slot is free. The same id again finds the job that is
    /// there: one that failed or was cancelled is resumed, one whose artifacts were lost is made again.
    /// Once polled, it goes on to its end even if it is dropped.
    ///
    /// # Errors
    /// `Interrupted` at shutdown; `InvalidInput` for an unknown kind; `Storage` or `DiskFull`.
    pub async fn submit(&self, kind: &str, id: &JobId, spec: serde_json::Value) -> Result<(bool, JobState)> {
        let inner = self.inner.clone();
        let new = NewJob { id: id.0.clone(), kind: kind.to_owned(), spec, tenant: None };
        to_its_end(async move { inner.submit(new).await }).await
    }

    /// The job's row.
    ///
    /// # Errors
    /// `NotFound` or `Storage`.
    pub async fn job(&self, id: &JobId) -> Result<Job> {
        self.inner.job(id).await
    }

    /// Stored events after `after` (all for `None`), then live ones, until the job is over.
    pub fn events(
        &self,
        id: &JobId,
        after: Option<u64>,
    ) -> impl Stream<Item = Result<JobEvent>> + Send + use<> {
        follow::events(self.inner.clone(), id.clone(), after.unwrap_or(0))
    }

    /// Stored events of every job from now on. A reader that lags far behind misses some.
    pub fn all_events(&self) -> impl Stream<Item = JobEvent> + Send + use<> {
        follow::all(self.inner.hub.listen_to_all())
    }

    /// Waits until the job is over.
    ///
    /// # Errors
    /// `NotFound` or `Storage`; `Interrupted` if the engine shuts down first.
    pub async fn wait(&self, id: &JobId) -> Result<Job> {
        follow::wait(&self.inner, id).await
    }

    /// Stops a job; returns when its steps have stopped, with the state in which the job is over:
    /// `Cancelled`, or `Succeeded` or `Failed` where it ended before it could be stopped. Once polled,
    /// it goes on to its end even if it is dropped.
    ///
    /// # Errors
    /// `NotFound`; `Storage` or `DiskFull`.
    pub async fn cancel(&self, id: &JobId) -> Result<JobState> {
        let (inner, id) = (self.inner.clone(), id.clone());
        to_its_end(async move { inner.cancel(&id).await }).await
    }

    /// Outputs of the steps finished so far, in the order in which they finished.
    ///
    /// # Errors
    /// `NotFound` or `Storage`.
    pub async fn artifacts(&self, id: &JobId) -> Result<Vec<Artifact>> {
        self.inner.job(id).await?;
        let steps = self.inner.stores.jobs.steps(&id.0).await?;
        Ok(steps.into_iter().flat_map(|step| step.outputs).collect())
    }

    /// Stops the steps and the clockwork. Unfinished jobs stay so in the rows and go on at the next
    /// start. Calling it again is harmless.
    pub async fn shutdown(&self) {
        self.inner.stopping.cancel();
        self.inner.runs.stop_all().await;
        // Taken out first, so that two callers do not wait for each other's runtime.
        let runtime = self.runtime.lock().await.take();
        if let Some(runtime) = runtime {
            runtime.shutdown(Some(GRACE.as_millis() as u64)).await;
        }
    }
}

/// How long a stopped step may take to end before it is abandoned.
const GRACE: Duration = Duration::from_secs(15);

impl Inner {
    async fn submit(&self, new: NewJob) -> Result<(bool, JobState)> {
        if self.stopping.is_cancelled() {
            let message = "the runner is shutting down; submit the job again once it is back";
            return Err(PipelineError::new(ErrorKind::Interrupted, message));
        }
        self.workflow(&new.kind)?;
        let id = JobId(new.id.clone());
        let (new, mut job) = match self.stores.jobs.create(new).await? {
            Created::New(job) => (true, job),
            Created::Existing(job) => (false, job),
        };
        let lost = job.state == JobState::Succeeded && !self.complete(&job).await?;
        let again = lost || matches!(job.state, JobState::Failed | JobState::Cancelled);
        if again {
            // The run that ended the job may not have been put away yet.
            self.runs.discard(&id);
            job = self.stores.jobs.set_state(&id.0, JobState::Queued, None).await?;
        }
        if new || again {
            self.hub.record(&id, Event::State { state: job.state, message: None }).await?;
        }
        self.runs.stir();
        Ok((new, job.state))
    }

    async fn cancel(&self, id: &JobId) -> Result<JobState> {
        let before = self.job(id).await?.state;
        let state = JobState::Cancelled;
        let why = "cancelled on request; submit the same job again to resume it";
        match before {
            JobState::Succeeded | JobState::Failed => return Ok(before),
            JobState::Cancelled => {}
            JobState::Queued | JobState::Running => {
                match self.stores.jobs.set_state(&id.0, state, Some(why)).await {
                    Ok(_) => {}
                    // It has ended since it was looked at.
                    Err(e) if e.kind() == StorageKind::Conflict => return Ok(self.job(id).await?.state),
                    Err(e) => return Err(e.into()),
                }
            }
        }
        // Right after the row, so that no step of a cancelled job is given out. Should the job have been
        // resumed in between, it is fed again.
        let run = self.runs.discard(id);
        if before != state {
            self.hub.record(id, Event::State { state, message: Some(why.to_owned()) }).await?;
        }
        if let Some(run) = run {
            run.stop().await;
        }
        Ok(state)
    }

    fn workflow(&self, kind: &str) -> Result<&Arc<dyn Workflow>> {
        self.workflows.get(kind).ok_or_else(|| {
            PipelineError::new(ErrorKind::InvalidInput, format!("this program has no jobs of kind `{kind}`"))
        })
    }

    async fn job(&self, id: &JobId) -> Result<Job> {
        self.stores
            .jobs
            .get(&id.0)
            .await?
            .ok_or_else(|| PipelineError::new(ErrorKind::NotFound, format!("there is no job `{}`", id.0)))
    }
}

/// Runs work that is not cut off where its caller is, as a server drops a request whose client has gone.
async fn to_its_end<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    joined(tokio::spawn(work).await)
}

/// Runs work that blocks on a thread made for it.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    joined(tokio::task::spawn_blocking(work).await)
}

fn joined<T>(outcome: std::result::Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    match outcome {
        Ok(done) => done,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => {
            Err(PipelineError::new(ErrorKind::Interrupted, "the program is shutting down").with_source(error))
        }
    }
}

/// Takes the lock that makes this process the only one to run the jobs of `db`.
fn lock(db: &Path) -> Result<File> {
    let path = db.with_extension("lock");
    let failed = |e| PipelineError::io(format_args!("open {}", path.display()), e);
    if let Some(dir) = db.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    let file = File::create(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(PipelineError::new(
            ErrorKind::InUse,
            format!(
                "another process is running the jobs of {}; wait for it to end, or give this one a data \
                 directory of its own",
                db.display()
            ),
        )),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// Removes what an earlier process left unfinished, and makes the directory.
fn empty(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(PipelineError::io(format_args!("empty {}", dir.display()), error));
        }
        _ => {}
    }
    std::fs::create_dir_all(dir).map_err(|e| PipelineError::io(format_args!("create {}", dir.display()), e))
}
