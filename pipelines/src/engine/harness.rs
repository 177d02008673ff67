//! What surrounds every step: answered from its record if it has one, started, stopped, tried again,
//! recorded.

use super::clockwork::{Order, decode};
use super::context::{Reporter, StepContext};
use super::{Inner, StepOutput, cpu};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Event, StepKey};
use crate::faults::Moment;
use crate::runner::JobId;
use futures::FutureExt;
use reelsmith_storage::{Job, JobState, NewStep, StorageError};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Tries of a step that fails in a way that may pass.
const TRIES: u32 = 3;
/// Tries of a step that finds every place taken.
const BUSY_TRIES: u32 = 30;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Answer to an order that nobody waits for any more.
const STOPPED: &str = "stopped";

/// Carries out an order of the clockwork. `Ok` means that the step's record is in the rows; `Err`
/// ends the run, after the rows were told if the job has failed.
pub(super) async fn carry_out(
    inner: &Arc<Inner>,
    instance: &str,
    order: &str,
) -> std::result::Result<String, String> {
    let Order { job, step } = decode(order)?;
    // An order of a run that was stopped, or of an earlier process.
    let Some((token, _working)) = inner.runs.enter(&job, instance) else {
        return Err(STOPPED.into());
    };
    // If this future is dropped, what it has going on other threads must end too.
    let token = token.child_token();
    let _stop = token.clone().drop_guard();
    let outcome = match &step {
        Some(step) => perform(inner, &job, step, &token).await,
        None => settle(inner, &job, instance).await.map_err(Failed::Around),
    };
    match outcome {
        Ok(()) => Ok(String::new()),
        Err(_) if token.is_cancelled() => Err(STOPPED.into()),
        Err(failed) if failed.is_infrastructure() => {
            // Where the row says that the job is over, whoever wrote that, its slot is free.
            if inner.job(&job).await.is_ok_and(|job| job.state.is_final()) {
                inner.runs.end(&job, instance);
            }
            Err(failed.error().to_string())
        }
        Err(failed) => {
            let error = failed.error();
            let told = inner.fail(&job, &error.to_string()).await;
            inner.runs.end(&job, instance);
            told.map_err(|e| e.to_string())?;
            Err(error.to_string())
        }
    }
}

/// Why an order was not carried out.
enum Failed {
    /// The step was given up after all its tries, which the rows were told.
    Step(PipelineError),
    /// The rows could not be read or written around it.
    Around(PipelineError),
}

impl From<PipelineError> for Failed {
    fn from(error: PipelineError) -> Self {
        Self::Around(error)
    }
}

impl From<StorageError> for Failed {
    fn from(error: StorageError) -> Self {
        Self::Around(error.into())
    }
}

impl Failed {
    fn error(&self) -> &PipelineError {
        let (Self::Step(error) | Self::Around(error)) = self;
        error
    }

    /// Failures of the rows themselves cannot be told to the rows: the run ends and the job is fed
    /// again. So does one that was stopped.
    fn is_infrastructure(&self) -> bool {
        match self.error().kind() {
            ErrorKind::Interrupted | ErrorKind::Cancelled | ErrorKind::Conflict => true,
            ErrorKind::Storage => matches!(self, Self::Around(_)),
            _ => false,
        }
    }
}

async fn settle(inner: &Arc<Inner>, id: &JobId, instance: &str) -> Result<()> {
    let state = JobState::Succeeded;
    inner.stores.jobs.set_state(&id.0, state, None).await?;
    inner.hub.record(id, Event::State { state, message: None }).await?;
    inner.runs.end(id, instance);
    Ok(())
}

async fn perform(
    inner: &Arc<Inner>,
    id: &JobId,
    step: &StepKey,
    token: &CancellationToken,
) -> std::result::Result<(), Failed> {
    let job = inner.job(id).await?;
    if job.state.is_final() {
        let message = format!("the job {} is over: {}", id.0, job.state);
        return Err(PipelineError::new(ErrorKind::Conflict, message).into());
    }
    if job.state == JobState::Queued {
        let state = JobState::Running;
        inner.stores.jobs.set_state(&id.0, state, None).await?;
        inner.hub.record(id, Event::State { state, message: None }).await?;
    }
    let mut attempt = 0;
    loop {
        if inner.stores.jobs.step(&id.0, &step.to_string()).await?.is_some() {
            return Ok(());
        }
        attempt += 1;
        inner.hub.record(id, Event::StepStarted { step: step.clone(), attempt }).await?;
        let error = match attempt_once(inner, &job, id, step, token).await {
            Ok(seconds) => {
                return Ok(inner.hub.record(id, Event::StepFinished { step: step.clone(), seconds }).await?);
            }
            Err(error) => error,
        };
        if token.is_cancelled() {
            return Err(Failed::Step(error));
        }
        let wait = next_try(&error, attempt);
        let retry_in = wait.map(|wait| wait.as_secs_f64());
        tracing::warn!(job = id.0, %step, %error, retry_in, "a step failed");
        let failed = Event::StepFailed { step: step.clone(), message: error.to_string(), retry_in };
        inner.hub.record(id, failed).await?;
        let Some(wait) = wait else { return Err(Failed::Step(error)) };
        tokio::select! {
            () = token.cancelled() => return Err(Failed::Step(error)),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// How long to wait before the next try; `None` if there is to be none.
fn next_try(error: &PipelineError, attempt: u32) -> Option<Duration> {
    let tries = match error.kind() {
        ErrorKind::Busy => BUSY_TRIES,
        ErrorKind::Storage | ErrorKind::ToolFailed | ErrorKind::Verification => TRIES,
        _ => 1,
    };
    let backoff = Duration::from_millis(200) * 4u32.saturating_pow(attempt - 1);
    (attempt < tries).then(|| error.retry_after().unwrap_or(backoff).min(LONGEST_WAIT))
}

/// Steps begun in this process, to know whether one ran alone.
static BEGUN: AtomicU64 = AtomicU64::new(0);
static ENDED: AtomicU64 = AtomicU64::new(0);

/// Processor time since the start of a step, known only if no other step ran meanwhile.
struct Meter {
    begun: u64,
    alone: bool,
    cpu: Option<f64>,
}

impl Meter {
    fn start() -> Self {
        let begun = BEGUN.fetch_add(1, Ordering::SeqCst) + 1;
        let alone = ENDED.load(Ordering::SeqCst) + 1 == begun;
        Self { begun, alone, cpu: cpu::seconds() }
    }

    fn seconds(&self) -> Option<f64> {
        let alone = self.alone && BEGUN.load(Ordering::SeqCst) == self.begun;
        let spent = cpu::seconds()? - self.cpu?;
        alone.then_some((spent * 100.0).round() / 100.0)
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        ENDED.fetch_add(1, Ordering::SeqCst);
    }
}

/// Performs a step once and records it; answers the seconds that it took.
async fn attempt_once(
    inner: &Arc<Inner>,
    job: &Job,
    id: &JobId,
    step: &StepKey,
    token: &CancellationToken,
) -> Result<f64> {
    inner.faults.reach(id, step, Moment::Before)?;
    let started = Instant::now();
    let meter = Meter::start();
    let StepOutput { artifacts, detail } = work(inner, job, id, step, token).await?;
    let seconds = (started.elapsed().as_secs_f64() * 1000.0).round() / 1000.0;
    let detail = serde_json::json!({ "cpu_seconds": meter.seconds(), "found": detail });
    drop(meter);
    inner.faults.reach(id, step, Moment::Worked)?;
    let new = NewStep { name: step.to_string(), outputs: artifacts, seconds, detail };
    let record = inner.stores.jobs.finish_step(&id.0, new).await?;
    inner.faults.reach(id, step, Moment::Recorded)?;
    Ok(record.seconds)
}

async fn work(
    inner: &Arc<Inner>,
    job: &Job,
    id: &JobId,
    step: &StepKey,
    token: &CancellationToken,
) -> Result<StepOutput> {
    let scratch = inner.scratch.clone();
    let dir = super::blocking(move || {
        let made = tempfile::Builder::new().prefix("step-").tempdir_in(&scratch);
        made.map_err(|e| PipelineError::io(format_args!("create a directory in {}", scratch.display()), e))
    })
    .await?;
    let reporter = Reporter::new(inner.clone(), id.clone(), step.clone(), token.clone());
    let context = StepContext::new(inner.stores.clone(), reporter.clone(), dir.path().to_owned());
    let worked = AssertUnwindSafe(inner.workflow(&job.kind)?.step(step, &job.spec, &context));
    let outcome = match worked.catch_unwind().await {
        Ok(outcome) => outcome,
        Err(panic) => Err(panicked(step, panic.as_ref())),
    };
    match reporter.fault() {
        Some(fault) => Err(fault),
        None => outcome,
    }
}

fn panicked(step: &StepKey, panic: &(dyn std::any::Any + Send)) -> PipelineError {
    let said = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    let message =
        format!("step {step} met a bug in this program: {}; please report it", said.unwrap_or("no message"));
    PipelineError::new(ErrorKind::Internal, message)
}
