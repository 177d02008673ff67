//! What is read from the tables, and how it becomes the crate's own types.

use crate::jobs::{Artifact, EventRecord, Job, JobState, StepRecord};
use crate::{Digest, ErrorKind, Result, StorageError};
use serde_json::Value;
use sqlx::FromRow;
use time::OffsetDateTime;

/// The columns of [`JobRow`].
pub(super) const JOB: &str = "seq, id, kind, spec, tenant, state, error, created_us, updated_us";

/// The same for lists: of a spec, which may have a megabyte, the title alone.
pub(super) const LISTED: &str = "seq, id, kind, json_patch('{}', json_object('title', json_extract(spec, '$.title'))) \
     AS spec, tenant, state, error, created_us, updated_us";

#[derive(FromRow)]
pub(super) struct JobRow {
    pub(super) seq: i64,
    id: String,
    kind: String,
    spec: String,
    tenant: Option<String>,
    state: String,
    error: Option<String>,
    created_us: i64,
    updated_us: i64,
}

impl JobRow {
    pub(super) fn state(&self) -> Result<JobState> {
        JobState::from_name(&self.state)
            .ok_or_else(|| damaged(format_args!("job {} in state {:?}", self.id, self.state)))
    }

    pub(super) fn into_job(self) -> Result<Job> {
        Ok(Job {
            state: self.state()?,
            spec: json(&self.spec, "a job's spec")?,
            created: time(self.created_us)?,
            updated: time(self.updated_us)?,
            id: self.id,
            kind: self.kind,
            tenant: self.tenant,
            error: self.error,
        })
    }
}

/// One finished step beside one of its artifacts, or beside none.
#[derive(FromRow)]
pub(super) struct StepRow {
    pub(super) seq: i64,
    name: String,
    seconds: f64,
    detail: String,
    finished_us: i64,
    #[sqlx(flatten)]
    output: OutputRow,
}

#[derive(FromRow)]
struct OutputRow {
    digest: Option<Vec<u8>>,
    bytes: Option<i64>,
    media_type: Option<String>,
    output_name: Option<String>,
    recipe: Option<String>,
}

impl StepRow {
    /// The step without its outputs, and the output of this row.
    pub(super) fn split(self) -> Result<(StepRecord, Option<Artifact>)> {
        let step = StepRecord {
            name: self.name,
            outputs: Vec::new(),
            seconds: self.seconds,
            detail: json(&self.detail, "a step's detail")?,
            finished: time(self.finished_us)?,
        };
        Ok((step, self.output.into_artifact()?))
    }
}

impl OutputRow {
    fn into_artifact(self) -> Result<Option<Artifact>> {
        let (Some(digest), Some(bytes), Some(media_type), Some(name), Some(recipe)) =
            (self.digest, self.bytes, self.media_type, self.output_name, self.recipe)
        else {
            return Ok(None);
        };
        let digest: [u8; 32] = digest.try_into().map_err(|_| damaged("a digest that is no sha256"))?;
        let bytes = u64::try_from(bytes).map_err(|_| damaged("an artifact of negative size"))?;
        let recipe = json(&recipe, "an artifact's recipe")?;
        Ok(Some(Artifact { digest: Digest::from_bytes(digest), bytes, media_type, name, recipe }))
    }
}

#[derive(FromRow)]
pub(super) struct EventRow {
    seq: i64,
    kind: String,
    body: String,
    at_us: i64,
}

impl EventRow {
    pub(super) fn into_record(self) -> Result<EventRecord> {
        let seq = u64::try_from(self.seq).map_err(|_| damaged("an event of negative number"))?;
        Ok(EventRecord {
            seq,
            kind: self.kind,
            body: json(&self.body, "an event's body")?,
            at: time(self.at_us)?,
        })
    }
}

/// Now, in microseconds since 1970-01-01 UTC.
pub(super) fn now() -> i64 {
    let microseconds = OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000;
    i64::try_from(microseconds).expect("the year is before 292,000")
}

fn time(microseconds: i64) -> Result<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1000)
        .map_err(|_| damaged(format_args!("a time of {microseconds} microseconds")))
}

fn json(text: &str, what: &str) -> Result<Value> {
    serde_json::from_str(text)
        .map_err(|error| damaged(format_args!("{what} that is no JSON")).with_source(error))
}

fn damaged(what: impl std::fmt::Display) -> StorageError {
    let message = format!("the database holds {what}; restore it from a backup");
    StorageError::new(ErrorKind::Corrupt, message)
}
