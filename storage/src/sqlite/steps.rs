//! The tables of finished steps and of what they made.

use super::rows::{StepRow, now};
use super::{SqliteStore, no_such_job};
use crate::jobs::{Artifact, NewStep, StepRecord};
use crate::{Result, check};
use sqlx::{QueryBuilder, Sqlite};

const SELECT: &str = "SELECT s.seq, s.name, s.seconds, s.detail, s.finished_us, \
    a.digest, a.bytes, a.media_type, a.name AS output_name, a.recipe \
    FROM jobs j JOIN steps s ON s.job = j.seq LEFT JOIN artifacts a ON a.step = s.seq WHERE j.id = ";
const INSERT_STEP: &str = "INSERT INTO steps (job, name, seconds, detail, finished_us) VALUES (?1, ?2, ?3, ?4, ?5) \
    ON CONFLICT (job, name) DO NOTHING RETURNING seq";
const INSERT_ARTIFACT: &str = "INSERT INTO artifacts (step, position, digest, bytes, media_type, name, recipe) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

impl SqliteStore {
    pub(super) async fn insert_step(&self, job: &str, step: NewStep) -> Result<StepRecord> {
        let detail = check::new_step(&step)?;
        let checked = step.outputs.iter().map(check::artifact).collect::<Result<Vec<_>>>()?;
        let failed = || self.failed(format!("record step {} of job {job}", step.name));
        let mut transaction = self.begin().await?;
        let found = sqlx::query_scalar("SELECT seq FROM jobs WHERE id = ?1").bind(job);
        let owner: Option<i64> = found.fetch_optional(&mut *transaction).await.map_err(failed())?;
        let inserted: Option<i64> = sqlx::query_scalar(INSERT_STEP)
            .bind(owner.ok_or_else(|| no_such_job(job))?)
            .bind(&step.name)
            .bind(step.seconds)
            .bind(detail)
            .bind(now())
            .fetch_optional(&mut *transaction)
            .await
            .map_err(failed())?;
        let outputs = step.outputs.iter().zip(checked).enumerate();
        for (position, (Artifact { digest, media_type, name, .. }, (bytes, recipe))) in outputs {
            let Some(seq) = inserted else { break };
            let insert = sqlx::query(INSERT_ARTIFACT)
                .bind(seq)
                .bind(position as i64)
                .bind(digest.as_bytes().as_slice())
                .bind(bytes)
                .bind(media_type)
                .bind(name)
                .bind(recipe);
            insert.execute(&mut *transaction).await.map_err(failed())?;
        }
        let mut records =
            select(&mut transaction, job, Some(&step.name)).await.map_err(failed())?.into_records()?;
        transaction.commit().await.map_err(failed())?;
        Ok(records.pop().expect("the step was inserted or was in the way"))
    }

    pub(super) async fn records(&self, job: &str, name: Option<&str>) -> Result<Vec<StepRecord>> {
        let failed = || self.failed(format!("read the steps of job {job}"));
        let mut connection = self.readers.acquire().await.map_err(failed())?;
        select(&mut connection, job, name).await.map_err(failed())?.into_records()
    }

    pub(super) async fn delete_step(&self, job: &str, name: &str) -> Result<bool> {
        let delete = "DELETE FROM steps WHERE name = ?2 AND job = (SELECT seq FROM jobs WHERE id = ?1)";
        let done = sqlx::query(delete).bind(job).bind(name).execute(&self.writer).await;
        let done = done.map_err(self.failed(format_args!("forget step {name} of job {job}")))?;
        Ok(done.rows_affected() > 0)
    }
}

/// Rows ordered by step, then by output.
struct Rows(Vec<StepRow>);

async fn select(
    connection: &mut sqlx::SqliteConnection,
    job: &str,
    name: Option<&str>,
) -> sqlx::Result<Rows> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push_bind(job);
    if let Some(name) = name {
        query.push(" AND s.name = ").push_bind(name);
    }
    query.push(" ORDER BY s.seq, a.position");
    query.build_query_as().fetch_all(connection).await.map(Rows)
}

impl Rows {
    fn into_records(self) -> Result<Vec<StepRecord>> {
        let mut records: Vec<StepRecord> = Vec::new();
        let mut current = None;
        for row in self.0 {
            let seq = row.seq;
            let (step, output) = row.split()?;
            if current.replace(seq) != Some(seq) {
                records.push(step);
            }
            let record = records.last_mut().expect("the first row has started a record");
            record.outputs.extend(output);
        }
        Ok(records)
    }
}
