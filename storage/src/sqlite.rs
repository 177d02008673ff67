//! Rows in one SQLite file.
//!
//! Write-ahead log with `synchronous=FULL`, so that what was answered survives loss of power; one
//! connection writes, so that no write waits for another's lock inside this process; four read. Write
//! transactions begin `IMMEDIATE`: a second process on the same file waits its turn instead of
//! failing half-way (sqlite.org/lang_transaction.html).

mod events;
mod jobs;
mod rows;
mod steps;

use crate::jobs::{
    Created, EventRecord, Job, JobPage, JobState, Jobs, ListJobs, NewJob, NewStep, StepRecord,
};
use crate::{ErrorKind, Result, StorageError};
use async_trait::async_trait;
use serde_json::Value;
use sqlx::error::DatabaseError;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");
const READERS: u32 = 4;
/// How long a write waits for another process, and a caller for a connection.
const PATIENCE: Duration = Duration::from_secs(15);

/// Rows in one SQLite file. Cloning shares the connections.
#[derive(Debug, Clone)]
pub struct SqliteStore {
    writer: SqlitePool,
    readers: SqlitePool,
    place: Arc<str>,
}

impl SqliteStore {
    /// Opens the file, creating it and its folder if need be, and brings its tables up to date.
    ///
    /// # Errors
    /// `Corrupt` if it is no database or a damaged one, `Incompatible` if a newer version of the
    /// program wrote it, `Denied`, `DiskFull` or `Unavailable`.
    pub async fn open(path: &Path) -> Result<Self> {
        let place: Arc<str> = path.display().to_string().into();
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            let made = tokio::fs::create_dir_all(folder).await;
            made.map_err(|error| StorageError::io(format_args!("create {}", folder.display()), error))?;
        }
        let base = SqliteConnectOptions::new().filename(path).foreign_keys(true).busy_timeout(PATIENCE);
        let writing = base
            .clone()
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("journal_size_limit", "67108864");
        let failed = |error| StorageError::sql(format_args!("open {place}"), error);
        let writer = connect_writer(writing).await.map_err(failed)?;
        migrate(&writer, &place).await?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(PATIENCE);
        let readers = readers.connect_with(base.read_only(true)).await.map_err(failed)?;
        Ok(Self { writer, readers, place })
    }

    /// Waits for writes under way, and closes the file. Later calls fail with `Unavailable`.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    async fn begin(&self) -> Result<Transaction<'static, Sqlite>> {
        self.writer.begin_with("BEGIN IMMEDIATE").await.map_err(self.failed("begin to write"))
    }

    /// Turns a database error into one that says what was being done, and where.
    fn failed(&self, doing: impl Display) -> impl FnOnce(sqlx::Error) -> StorageError {
        move |error| StorageError::sql(format_args!("{doing} in {}", self.place), error)
    }
}

/// SQLite's own waiting does not cover the change to a write-ahead log (sqlite.org/wal.html#busy), so
/// while another process opens the same new file, this asks again.
async fn connect_writer(options: SqliteConnectOptions) -> sqlx::Result<SqlitePool> {
    let give_up = Instant::now() + PATIENCE;
    loop {
        let pool = SqlitePoolOptions::new().max_connections(1).acquire_timeout(PATIENCE);
        match pool.idle_timeout(None).max_lifetime(None).connect_with(options.clone()).await {
            Err(sqlx::Error::Database(error)) if is_busy(&*error) && Instant::now() < give_up => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            done => return done,
        }
    }
}

/// Whether the primary result code, the low byte, is `SQLITE_BUSY`.
fn is_busy(error: &dyn DatabaseError) -> bool {
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Brings the tables up to date in one transaction that holds the write lock from its start: sqlx takes
/// no lock for SQLite, so two processes opening a new file would otherwise both apply a migration.
async fn migrate(writer: &SqlitePool, place: &str) -> Result<()> {
    let migrated = async {
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await?;
        MIGRATIONS.run_direct(&mut *transaction).await?;
        transaction.commit().await
    };
    migrated.await.map_err(|error| StorageError::sql(format_args!("prepare the tables of {place}"), error))
}

fn no_such_job(id: &str) -> StorageError {
    StorageError::new(ErrorKind::NotFound, format!("there is no job {id:?}"))
}

#[async_trait]
impl Jobs for SqliteStore {
    async fn create(&self, job: NewJob) -> Result<Created> {
        self.create_job(job).await
    }

    async fn get(&self, id: &str) -> Result<Option<Job>> {
        self.job(&self.readers, id).await
    }

    async fn list(&self, which: ListJobs) -> Result<JobPage> {
        self.page(which).await
    }

    async fn set_state(&self, id: &str, state: JobState, error: Option<&str>) -> Result<Job> {
        self.change_state(id, state, error).await
    }

    async fn finish_step(&self, job: &str, step: NewStep) -> Result<StepRecord> {
        self.insert_step(job, step).await
    }

    async fn step(&self, job: &str, name: &str) -> Result<Option<StepRecord>> {
        let mut found = self.records(job, Some(name)).await?;
        Ok(found.pop())
    }

    async fn steps(&self, job: &str) -> Result<Vec<StepRecord>> {
        self.records(job, None).await
    }

    async fn forget_step(&self, job: &str, name: &str) -> Result<bool> {
        self.delete_step(job, name).await
    }

    async fn append_event(&self, job: &str, kind: &str, body: Value) -> Result<u64> {
        self.insert_event(job, kind, body).await
    }

    async fn events_after(&self, job: &str, seq: u64, limit: u32) -> Result<Vec<EventRecord>> {
        self.events(job, seq, limit).await
    }

    async fn unfinished(&self) -> Result<Vec<Job>> {
        self.waiting_or_running().await
    }

    async fn count(&self, state: JobState) -> Result<u64> {
        self.number_in(state).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    async fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("rows.db")).await.unwrap();
        (folder, store)
    }

    fn new_job(id: &str) -> NewJob {
        NewJob { id: id.into(), kind: "short".into(), spec: json!("x".repeat(2000)), tenant: None }
    }

    #[tokio::test]
    async fn a_commit_waits_for_the_disk() {
        let (_folder, store) = store().await;
        let pragma = |name: &'static str| sqlx::query_scalar::<_, String>(name).fetch_one(&store.writer);
        assert_eq!(pragma("SELECT synchronous || '' FROM pragma_synchronous").await.unwrap(), "2", "FULL");
        assert_eq!(pragma("SELECT foreign_keys || '' FROM pragma_foreign_keys").await.unwrap(), "1");
        assert_eq!(pragma("SELECT journal_mode FROM pragma_journal_mode").await.unwrap(), "wal");
    }

    #[tokio::test]
    async fn a_full_disk_is_named_and_leaves_what_was_there() {
        let (_folder, store) = store().await;
        sqlx::query("PRAGMA max_page_count = 24").execute(&store.writer).await.unwrap();
        let mut kept = 0;
        let error = loop {
            match store.create(new_job(&format!("job-{kept}"))).await {
                Ok(_) => kept += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(error.kind(), ErrorKind::DiskFull, "{error}");
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(store.unfinished().await.unwrap().len(), kept);
        sqlx::query("PRAGMA max_page_count = 10000").execute(&store.writer).await.unwrap();
        store.create(new_job("afterwards")).await.unwrap();
    }
}
