//! Feeding unfinished jobs to the clockwork: as many at once as there are slots, the oldest first.
//!
//! One task does it all: when a job is submitted, when a run has ended, and every so often for jobs
//! that nobody works on. So no request that is dropped half-way can leave a job half fed.

use super::Inner;
use super::clockwork::{Program, encode};
use super::runs::Run;
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Event, Stage, StepKey};
use crate::runner::JobId;
use duroxide::OrchestrationStatus;
use reelsmith_storage::{Job, JobState, StepRecord};
use std::sync::Arc;
use std::time::Duration;

/// How long after its run an instance is removed: the clockwork writes down its end a moment after
/// the rows have it.
const SETTLING: Duration = Duration::from_secs(30);
/// How long a run may be quiet before the clockwork, which does not know it, is taken to have lost it:
/// it writes down a new instance a moment after it was given it.
const UNKNOWN_FOR: Duration = Duration::from_secs(30);
/// How often a job is fed again after the clockwork gave it up, before it fails.
const REFEEDS: u32 = 5;

/// Takes up unfinished jobs, now and every so often, until the engine stops.
pub(super) async fn keep_feeding(inner: Arc<Inner>) {
    while !inner.stopping.is_cancelled() {
        if let Err(error) = inner.reconcile().await {
            tracing::warn!(%error, "could not look for unfinished jobs");
        }
        tokio::select! {
            () = inner.stopping.cancelled() => return,
            () = inner.runs.stirred() => {}
            () = tokio::time::sleep(inner.reconcile_every) => {}
        }
    }
}

impl Inner {
    /// One look at all unfinished jobs.
    async fn reconcile(self: &Arc<Self>) -> Result<()> {
        for job in self.stores.jobs.unfinished().await? {
            if self.stopping.is_cancelled() {
                return Ok(());
            }
            let id = JobId(job.id.clone());
            let outcome = match self.runs.get(&id) {
                None => self.feed(&job).await,
                Some(run) if run.quiet_for(self.reconcile_every) => self.look_after(&id, run).await,
                Some(_) => Ok(()),
            };
            if let Err(error) = outcome {
                tracing::warn!(job = job.id, %error, "could not take up a job; it is tried again later");
            }
        }
        let ended = self.runs.take_ended(SETTLING);
        if let Err(error) = self.store.forget(&ended).await {
            self.runs.put_back(ended);
            return Err(error.into());
        }
        Ok(())
    }

    /// Feeds a job again whose run has ended without an end in the rows.
    async fn look_after(self: &Arc<Self>, id: &JobId, run: Run) -> Result<()> {
        let status = self.client.get_orchestration_status(&run.instance).await;
        let why = match status.map_err(|e| PipelineError::new(ErrorKind::Storage, e.to_string()))? {
            OrchestrationStatus::Failed { details, .. } => details.display_message(),
            OrchestrationStatus::Completed { .. } => "it ended early".to_owned(),
            OrchestrationStatus::NotFound if run.quiet_for(UNKNOWN_FOR) => "it was lost".to_owned(),
            OrchestrationStatus::Running { .. } | OrchestrationStatus::NotFound => return Ok(()),
        };
        let job = self.job(id).await?;
        if job.state.is_final() {
            self.runs.end(id, &run.instance);
            return Ok(());
        }
        tracing::warn!(job = id.0, why, "the engine gave a job up; feeding it again");
        self.runs.end(id, &run.instance);
        if run.refed >= REFEEDS {
            let message =
                format!("the job engine gave the job up {REFEEDS} times, the last time because: {why}");
            return self.fail(id, &message).await;
        }
        self.feed_again(&job, run.refed + 1).await
    }

    /// Feeds a job, unless it has a run, is over or finds every slot taken.
    pub(super) async fn feed(self: &Arc<Self>, job: &Job) -> Result<()> {
        self.feed_again(job, 0).await
    }

    async fn feed_again(self: &Arc<Self>, job: &Job, refed: u32) -> Result<()> {
        let id = JobId(job.id.clone());
        let Some(run) = self.runs.begin(&id, refed, &self.stopping) else { return Ok(()) };
        let started = self.start(job, &id, &run).await;
        if !matches!(started, Ok(true)) {
            self.runs.withdraw(&id, &run.instance);
        }
        started.map(drop)
    }

    /// Starts a run; answers whether there was anything to start.
    async fn start(self: &Arc<Self>, job: &Job, id: &JobId, run: &Run) -> Result<bool> {
        // Its row may have changed since `job` was read, for as long as it had no run.
        if self.job(id).await?.state.is_final() {
            return Ok(false);
        }
        let stages = match self.workflow(&job.kind).and_then(|workflow| workflow.stages(&job.spec)) {
            Ok(stages) => stages,
            Err(error) => return self.fail(id, &error.to_string()).await.map(|()| false),
        };
        let finished = self.finished(job).await?;
        self.hub.record(id, Event::Planned { stages: stages.clone(), finished: finished.clone() }).await?;
        let workflow = self.workflow(&job.kind)?;
        let width = |stage: Stage| {
            let at_once = workflow.at_once(&stage.name);
            (stage, at_once)
        };
        let stages = stages.into_iter().map(width).collect();
        let program = Program { job: id.clone(), stages, finished };
        let started = self.client.start_orchestration(&run.instance, &job.kind, encode(&program)).await;
        started.map(|()| true).map_err(|e| {
            PipelineError::new(ErrorKind::Storage, format!("could not start the job {}: {e}", id.0))
                .with_source(e)
        })
    }

    /// Steps that are finished and whose artifacts are all there; the record of any other is
    /// forgotten, so that it is done again.
    async fn finished(&self, job: &Job) -> Result<Vec<StepKey>> {
        let mut finished = Vec::new();
        for record in self.stores.jobs.steps(&job.id).await? {
            if self.whole(&record).await? {
                finished.extend(record.name.parse());
            } else {
                tracing::warn!(
                    job = job.id,
                    step = record.name,
                    "an artifact is gone; the step is done again"
                );
                self.stores.jobs.forget_step(&job.id, &record.name).await?;
            }
        }
        Ok(finished)
    }

    async fn whole(&self, record: &StepRecord) -> Result<bool> {
        for artifact in &record.outputs {
            if self.stores.blobs.size(&artifact.digest).await? != Some(artifact.bytes) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every step of a finished job has its record, and every artifact is still there.
    pub(super) async fn complete(&self, job: &Job) -> Result<bool> {
        let records = self.stores.jobs.steps(&job.id).await?;
        let stages = self.workflow(&job.kind)?.stages(&job.spec)?;
        for step in stages.iter().flat_map(Stage::steps) {
            let name = step.to_string();
            let Some(record) = records.iter().find(|record| record.name == name) else { return Ok(false) };
            if !self.whole(record).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Ends a job for good, unless it is over already.
    pub(super) async fn fail(&self, id: &JobId, message: &str) -> Result<()> {
        let state = JobState::Failed;
        match self.stores.jobs.set_state(&id.0, state, Some(message)).await {
            Ok(_) => self.hub.record(id, Event::State { state, message: Some(message.to_owned()) }).await,
            Err(error) if error.kind() == reelsmith_storage::ErrorKind::Conflict => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}
