//! Rows about jobs: what was asked for, how far it came, what it made, what happened.

use crate::{Digest, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use time::OffsetDateTime;

/// Where a job stands.
///
/// ```text
///            ┌──────────── given back, resumed, run again ────────────┐
///            ▼                                                        │
///         Queued ───────► Running ───────► Succeeded ─────────────────┤
///            │               ├───────────► Failed ────────────────────┤
///            │               └───────────► Cancelled ─────────────────┘
///            └─► Failed, Cancelled
/// ```
///
/// `Queued → Running → Succeeded | Failed | Cancelled` is the usual life. `Running → Queued` gives a
/// job back at shutdown. The three ends may return to `Queued`: a failed job is tried again, a
/// cancelled one resumed, a succeeded one whose artifacts were lost made again. A job that never ran
/// may fail or be cancelled, but not succeed. Staying in the same state is always allowed, and is how
/// a repeated step stays harmless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Accepted, waiting to be run.
    Queued,
    /// Being worked on.
    Running,
    /// All steps are finished.
    Succeeded,
    /// Given up with an error.
    Failed,
    /// Stopped on request.
    Cancelled,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];

    /// The name in rows, JSON and URLs: `queued`, `running`, `succeeded`, `failed`, `cancelled`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that [`JobState::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Nothing more will happen by itself.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    /// A job in this state may be put into state `to`.
    pub fn may_become(self, to: Self) -> bool {
        match (self, to) {
            (from, to) if from == to => true,
            (Self::Queued, to) => to != Self::Succeeded,
            (Self::Running, _) => true,
            (_, to) => to == Self::Queued,
        }
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A job to be remembered.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Unique name; the same id is the same job. 1 to 128 of `A-Z a-z 0-9 . _ -`.
    pub id: String,
    /// What kind of job, for example `short`.
    pub kind: String,
    /// Everything needed to run it again; at most [`crate::limits::SPEC_BYTES`] as JSON.
    pub spec: Value,
    /// Whose job it is, where there are several.
    pub tenant: Option<String>,
}

/// A job as it stands in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Unique name.
    pub id: String,
    /// What kind of job.
    pub kind: String,
    /// Everything needed to run it again.
    pub spec: Value,
    /// Whose job it is.
    pub tenant: Option<String>,
    /// Where it stands.
    pub state: JobState,
    /// Why it failed or was cancelled.
    pub error: Option<String>,
    /// When it was first created.
    #[serde(with = "time::serde::rfc3339")]
    pub created: OffsetDateTime,
    /// When its state last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated: OffsetDateTime,
}

/// What [`Jobs::create`] found.
#[derive(Debug, Clone, PartialEq)]
pub enum Created {
    /// There was none of that id.
    New(Job),
    /// The job that already has the id; nothing was changed, whatever the new spec says.
    Existing(Job),
}

impl Created {
    /// The job, new or not.
    pub fn into_job(self) -> Job {
        match self {
            Self::New(job) | Self::Existing(job) => job,
        }
    }
}

/// Immutable bytes that a step made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Artifact {
    /// The name of the bytes in [`crate::Blobs`].
    pub digest: Digest,
    /// How many they are.
    pub bytes: u64,
    /// IANA media type, for example `video/mp4`.
    pub media_type: String,
    /// What the artifact is to its job, for example `video.mp4`. 1 to 128 characters.
    pub name: String,
    /// What made it: step, inputs by digest, models, seed, settings. At most
    /// [`crate::limits::RECIPE_BYTES`] as JSON.
    pub recipe: Value,
}

/// A step that has come to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct NewStep {
    /// The step's name, unique in its job: `voice/3`.
    pub name: String,
    /// What it made, in order.
    pub outputs: Vec<Artifact>,
    /// How long it worked, in seconds of wall time.
    pub seconds: f64,
    /// Measurements for the report (CPU seconds, loudness …); `Value::Null` for none. At most
    /// [`crate::limits::RECIPE_BYTES`] as JSON.
    pub detail: Value,
}

/// A finished step as it stands in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The step's name, unique in its job.
    pub name: String,
    /// What it made, in order.
    pub outputs: Vec<Artifact>,
    /// How long it worked, in seconds of wall time.
    pub seconds: f64,
    /// Measurements for the report.
    pub detail: Value,
    /// When it was recorded.
    #[serde(with = "time::serde::rfc3339")]
    pub finished: OffsetDateTime,
}

/// Something that happened to a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Place among the job's events: 1, 2, 3 … without gaps.
    pub seq: u64,
    /// What kind of event, for example `step_finished`.
    pub kind: String,
    /// Its content.
    pub body: Value,
    /// When it was recorded.
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ListJobs {
    /// Only those of this tenant.
    pub tenant: Option<String>,
    /// Only those in this state.
    pub state: Option<JobState>,
    /// [`JobPage::next`] of the page before; none for the first page.
    pub cursor: Option<String>,
    /// At most this many, 1 to [`crate::limits::PAGE_ROWS`]; 0 stands for 50.
    pub limit: u32,
}

/// Some jobs, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobPage {
    /// The jobs; their specs hold `title` alone.
    pub jobs: Vec<Job>,
    /// Where the next page starts; none on the last page.
    pub next: Option<String>,
}

/// Remembers jobs. Whatever a method has answered `Ok` to survives `kill -9` and loss of power.
///
/// Every method may also fail with `Unavailable`, `DiskFull`, `Denied` or `Corrupt`, and with
/// `InvalidInput` or `TooLarge` for a value outside [`crate::limits`]; nothing is changed then.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Creates a job in state `Queued`, or finds the one of that id, in one atomic step.
    async fn create(&self, job: NewJob) -> Result<Created>;

    /// The job of that id.
    async fn get(&self, id: &str) -> Result<Option<Job>>;

    /// Some jobs, newest first, each with no more of its spec than `title`, where it has one. Jobs created while one pages through do not shift the pages.
    async fn list(&self, which: ListJobs) -> Result<JobPage>;

    /// Puts a job into another state. `error` belongs to `Failed` and `Cancelled`, and is forgotten
    /// when the job leaves them.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` where [`JobState::may_become`] says no.
    async fn set_state(&self, id: &str, state: JobState, error: Option<&str>) -> Result<Job>;

    /// Records that a step is finished, with all it made, or returns the record that is already
    /// there: the first one stays, so that a step which ran twice counts once.
    ///
    /// # Errors
    /// `NotFound` if there is no such job.
    async fn finish_step(&self, job: &str, step: NewStep) -> Result<StepRecord>;

    /// The record of one finished step.
    async fn step(&self, job: &str, name: &str) -> Result<Option<StepRecord>>;

    /// The finished steps of a job, in the order in which they finished; none for an unknown job.
    async fn steps(&self, job: &str) -> Result<Vec<StepRecord>>;

    /// Forgets that a step is finished, because its artifacts are lost; answers whether it was there.
    async fn forget_step(&self, job: &str, name: &str) -> Result<bool>;

    /// Appends an event and returns its `seq`.
    ///
    /// # Errors
    /// `NotFound` if there is no such job; `TooLarge` beyond [`crate::limits::EVENT_BYTES`].
    async fn append_event(&self, job: &str, kind: &str, body: Value) -> Result<u64>;

    /// The first `limit` events whose `seq` is greater than `seq`, in order (0 stands for
    /// [`crate::limits::PAGE_ROWS`], which is also the most); none for an unknown job.
    async fn events_after(&self, job: &str, seq: u64, limit: u32) -> Result<Vec<EventRecord>>;

    /// All jobs that are `Queued` or `Running`, oldest first.
    async fn unfinished(&self) -> Result<Vec<Job>>;

    /// How many jobs are in that state; takes time in proportion to the answer.
    async fn count(&self, state: JobState) -> Result<u64>;
}
