//! Rows in one SQLite file.

use crate::Result;
use crate::jobs::*;
use async_trait::async_trait;
use serde_json::Value;
use std::path::Path;

/// Rows in one SQLite file.
#[derive(Debug, Clone)]
pub struct SqliteStore {}

impl SqliteStore {
    /// Opens or creates.
    ///
    /// # Errors
    /// x
    pub async fn open(path: &Path) -> Result<Self> {
        let _ = path;
        unimplemented!()
    }
}

#[async_trait]
impl Jobs for SqliteStore {
    async fn create(&self, _: NewJob) -> Result<Created> {
        unimplemented!()
    }
    async fn get(&self, _: &str) -> Result<Option<Job>> {
        unimplemented!()
    }
    async fn list(&self, _: ListJobs) -> Result<JobPage> {
        unimplemented!()
    }
    async fn set_state(&self, _: &str, _: JobState, _: Option<&str>) -> Result<Job> {
        unimplemented!()
    }
    async fn finish_step(&self, _: &str, _: NewStep) -> Result<StepRecord> {
        unimplemented!()
    }
    async fn step(&self, _: &str, _: &str) -> Result<Option<StepRecord>> {
        unimplemented!()
    }
    async fn steps(&self, _: &str) -> Result<Vec<StepRecord>> {
        unimplemented!()
    }
    async fn forget_step(&self, _: &str, _: &str) -> Result<bool> {
        unimplemented!()
    }
    async fn append_event(&self, _: &str, _: &str, _: Value) -> Result<u64> {
        unimplemented!()
    }
    async fn events_after(&self, _: &str, _: u64, _: u32) -> Result<Vec<EventRecord>> {
        unimplemented!()
    }
    async fn unfinished(&self) -> Result<Vec<Job>> {
        unimplemented!()
    }
}
