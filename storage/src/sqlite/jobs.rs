//! The table of jobs.

use super::rows::{JOB, JobRow, LISTED, now};
use super::{SqliteStore, no_such_job};
use crate::jobs::{Created, Job, JobPage, JobState, ListJobs, NewJob};
use crate::{ErrorKind, Result, StorageError, check};
use sqlx::{QueryBuilder, Sqlite, SqlitePool};

/// Jobs of a page where the caller names no number.
const PAGE_DEFAULT: u32 = 50;

impl SqliteStore {
    pub(super) async fn create_job(&self, job: NewJob) -> Result<Created> {
        let spec = check::new_job(&job)?;
        let insert = format!(
            "INSERT INTO jobs (id, kind, spec, tenant, state, created_us, updated_us) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) \
             ON CONFLICT (id) DO NOTHING RETURNING {JOB}"
        );
        let failed = || self.failed(format!("create job {}", job.id));
        // Outside a transaction the commit would come after the row is answered, and its failure be lost.
        let mut transaction = self.begin().await?;
        let inserted = sqlx::query_as::<_, JobRow>(&insert)
            .bind(&job.id)
            .bind(&job.kind)
            .bind(spec)
            .bind(&job.tenant)
            .bind(JobState::Queued.name())
            .bind(now())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed())?;
        transaction.commit().await.map_err(failed())?;
        match inserted {
            Some(row) => Ok(Created::New(row.into_job()?)),
            // Jobs are never removed, so the one that was in the way is still there.
            None => Ok(Created::Existing(
                self.job(&self.writer, &job.id).await?.ok_or_else(|| no_such_job(&job.id))?,
            )),
        }
    }

    pub(super) async fn job(&self, pool: &SqlitePool, id: &str) -> Result<Option<Job>> {
        let row = sqlx::query_as::<_, JobRow>(&format!("SELECT {JOB} FROM jobs WHERE id = ?1"))
            .bind(id)
            .fetch_optional(pool)
            .await
            .map_err(self.failed(format_args!("read job {id}")))?;
        row.map(JobRow::into_job).transpose()
    }

    pub(super) async fn page(&self, which: ListJobs) -> Result<JobPage> {
        let limit = check::rows(which.limit, PAGE_DEFAULT) as usize;
        let mut query = QueryBuilder::<Sqlite>::new(format!("SELECT {LISTED} FROM jobs WHERE seq < "));
        query.push_bind(before(which.cursor.as_deref())?);
        if let Some(tenant) = which.tenant {
            query.push(" AND tenant = ").push_bind(tenant);
        }
        if let Some(state) = which.state {
            query.push(" AND state = ").push_bind(state.name());
        }
        // One more than asked for tells whether there is a next page.
        query.push(" ORDER BY seq DESC LIMIT ").push_bind(limit as i64 + 1);
        let rows = query.build_query_as::<JobRow>().fetch_all(&self.readers).await;
        let mut rows = rows.map_err(self.failed("list jobs"))?;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| more).map(|row| row.seq.to_string());
        let jobs = rows.into_iter().map(JobRow::into_job).collect::<Result<_>>()?;
        Ok(JobPage { jobs, next })
    }

    pub(super) async fn change_state(&self, id: &str, to: JobState, error: Option<&str>) -> Result<Job> {
        if error.is_some() && !matches!(to, JobState::Failed | JobState::Cancelled) {
            let message =
                format!("job {id}: an error message belongs to a failed or cancelled job, not to a {to} one");
            return Err(StorageError::new(ErrorKind::InvalidInput, message));
        }
        let mut transaction = self.begin().await?;
        let found = sqlx::query_as::<_, JobRow>(&format!("SELECT {JOB} FROM jobs WHERE id = ?1"))
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await
            .map_err(self.failed(format_args!("read job {id}")))?;
        let row = found.ok_or_else(|| no_such_job(id))?;
        let from = row.state()?;
        if from == to {
            return row.into_job();
        }
        if !from.may_become(to) {
            let message = format!("job {id} is {from} and cannot become {to}");
            return Err(StorageError::new(ErrorKind::Conflict, message));
        }
        let update = format!(
            "UPDATE jobs SET state = ?2, error = ?3, updated_us = max(?4, updated_us) WHERE seq = ?1 RETURNING {JOB}"
        );
        let updated = sqlx::query_as::<_, JobRow>(&update)
            .bind(row.seq)
            .bind(to.name())
            .bind(error.map(check::message))
            .bind(now())
            .fetch_one(&mut *transaction)
            .await
            .map_err(self.failed(format_args!("change job {id}")))?;
        transaction.commit().await.map_err(self.failed(format_args!("change job {id}")))?;
        updated.into_job()
    }

    pub(super) async fn waiting_or_running(&self) -> Result<Vec<Job>> {
        let select = format!("SELECT {JOB} FROM jobs WHERE state IN (?1, ?2) ORDER BY seq");
        let rows = sqlx::query_as::<_, JobRow>(&select)
            .bind(JobState::Queued.name())
            .bind(JobState::Running.name())
            .fetch_all(&self.readers)
            .await
            .map_err(self.failed("list unfinished jobs"))?;
        rows.into_iter().map(JobRow::into_job).collect()
    }

    pub(super) async fn number_in(&self, state: JobState) -> Result<u64> {
        let number: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = ?1")
            .bind(state.name())
            .fetch_one(&self.readers)
            .await
            .map_err(self.failed("count jobs"))?;
        Ok(number.unsigned_abs())
    }
}

/// The number before which a page starts.
fn before(cursor: Option<&str>) -> Result<i64> {
    let Some(cursor) = cursor else { return Ok(i64::MAX) };
    cursor.parse().ok().filter(|seq| *seq > 0).ok_or_else(|| {
        let message = format!("{cursor:?} is no cursor: give the `next` of the page before");
        StorageError::new(ErrorKind::InvalidInput, message)
    })
}
