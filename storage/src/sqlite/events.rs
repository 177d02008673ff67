//! The table of events.

use super::rows::{EventRow, now};
use super::{SqliteStore, no_such_job};
use crate::jobs::EventRecord;
use crate::limits::PAGE_ROWS;
use crate::{Result, check};
use serde_json::Value;

/// Numbers are given inside the write lock, hence once each even when two processes append to the same job.
const INSERT: &str = "INSERT INTO events (job, seq, kind, body, at_us) \
    SELECT j.seq, coalesce((SELECT max(e.seq) FROM events e WHERE e.job = j.seq), 0) + 1, ?2, ?3, ?4 \
    FROM jobs j WHERE j.id = ?1 RETURNING seq";
const SELECT: &str = "SELECT e.seq, e.kind, e.body, e.at_us FROM jobs j JOIN events e ON e.job = j.seq \
    WHERE j.id = ?1 AND e.seq > ?2 ORDER BY e.seq LIMIT ?3";

impl SqliteStore {
    pub(super) async fn insert_event(&self, job: &str, kind: &str, body: Value) -> Result<u64> {
        let body = check::event(kind, &body)?;
        let failed = || self.failed(format!("append an event to job {job}"));
        let mut transaction = self.begin().await?;
        let insert = sqlx::query_scalar::<_, i64>(INSERT).bind(job).bind(kind).bind(body).bind(now());
        let seq = insert.fetch_optional(&mut *transaction).await.map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        seq.map(|seq| seq as u64).ok_or_else(|| no_such_job(job))
    }

    pub(super) async fn events(&self, job: &str, after: u64, limit: u32) -> Result<Vec<EventRecord>> {
        let rows = sqlx::query_as::<_, EventRow>(SELECT)
            .bind(job)
            .bind(i64::try_from(after).unwrap_or(i64::MAX))
            .bind(i64::from(check::rows(limit, PAGE_ROWS)))
            .fetch_all(&self.readers)
            .await
            .map_err(self.failed(format_args!("read the events of job {job}")))?;
        rows.into_iter().map(EventRow::into_record).collect()
    }
}
