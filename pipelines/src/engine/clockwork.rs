//! The part that `duroxide` plays: a program that goes through the stages and calls steps back.

use super::serial::Serial;
use super::{Inner, harness};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Stage, StepKey};
use crate::runner::JobId;
use duroxide::providers::ProviderError;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{ObservabilityConfig, Runtime, RuntimeOptions};
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// What the program of a job is given.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Program {
    pub(super) job: JobId,
    /// Each stage, and how many of its parts are given out at once.
    pub(super) stages: Vec<(Stage, usize)>,
    pub(super) finished: Vec<StepKey>,
}

/// What the program asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub(super) job: JobId,
    /// The step; `None` asks to settle the job, all steps being finished.
    pub(super) step: Option<StepKey>,
}

/// Opens the store, without what an earlier process left in it.
pub(super) async fn open(db: &Path) -> Result<Serial> {
    let failed = |e: String| {
        let message = format!("could not open the job engine's database {}: {e}", db.display());
        PipelineError::new(ErrorKind::Storage, message)
    };
    let path = db.to_str().ok_or_else(|| failed("its path is not UTF-8".into()))?;
    // SQLite reads `?`, `#` and `%` in a URL as its own.
    let path = path.replace('%', "%25").replace('?', "%3f").replace('#', "%23");
    let provider = SqliteProvider::new(&format!("sqlite:{path}?mode=rwc"), None)
        .await
        .map_err(|e| failed(e.to_string()))?;
    let serial = Serial::new(provider);
    let left = serial.instances().await.map_err(|e| failed(e.to_string()))?;
    serial.forget(&left).await.map_err(|e| failed(e.to_string()))?;
    Ok(serial)
}

/// Starts the dispatchers.
pub(super) async fn start(inner: &Arc<Inner>, slots: usize) -> Arc<Runtime> {
    let worker = inner.clone();
    let activities = ActivityRegistry::builder()
        .register("step", move |context: ActivityContext, order: String| {
            let inner = worker.clone();
            async move { harness::carry_out(&inner, context.instance_id(), &order).await }
        })
        .build();
    let mut programs = OrchestrationRegistry::builder();
    for kind in inner.workflows.keys() {
        programs = programs.register(*kind, run);
    }
    Runtime::start_with_options(inner.store.clone(), activities, programs.build(), options(slots)).await
}

fn options(slots: usize) -> RuntimeOptions {
    RuntimeOptions {
        orchestration_concurrency: 2,
        worker_concurrency: slots,
        // Fetching waits inside the store (`Serial::fetch`).
        dispatcher_min_poll_interval: Duration::from_millis(10),
        dispatcher_long_poll_timeout: Duration::from_secs(5),
        orchestrator_lock_timeout: Duration::from_secs(60),
        // No other process works on this store, so a lock need never run out; an hour lets a laptop
        // sleep in between.
        worker_lock_timeout: Duration::from_secs(3600),
        worker_lock_renewal_buffer: Duration::from_secs(300),
        session_idle_timeout: Duration::from_secs(2 * 3600),
        activity_cancellation_grace_period: super::GRACE,
        observability: ObservabilityConfig { log_level: "error".into(), ..Default::default() },
        ..Default::default()
    }
}

/// The program of every kind of job: stage after stage, the parts of each beside each other.
async fn run(context: OrchestrationContext, input: String) -> std::result::Result<String, String> {
    let program: Program = decode(&input)?;
    let order = |step: Option<&StepKey>| {
        let order = Order { job: program.job.clone(), step: step.cloned() };
        context.schedule_activity("step", encode(&order))
    };
    for (stage, at_once) in &program.stages {
        let steps: Vec<StepKey> = stage.steps().filter(|step| !program.finished.contains(step)).collect();
        for some in steps.chunks((*at_once).max(1)) {
            let tasks = some.iter().map(|step| order(Some(step))).collect();
            context.join(tasks).await.into_iter().collect::<std::result::Result<Vec<_>, _>>()?;
        }
    }
    order(None).await
}

pub(super) fn encode(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and numbers are always JSON")
}

pub(super) fn decode<T: for<'de> Deserialize<'de>>(text: &str) -> std::result::Result<T, String> {
    serde_json::from_str(text).map_err(|e| format!("the engine's message `{text}` is not understood: {e}"))
}

impl From<ProviderError> for PipelineError {
    fn from(error: ProviderError) -> Self {
        let message = format!("the job engine's database failed: {error}");
        Self::new(ErrorKind::Storage, message).with_source(error)
    }
}
