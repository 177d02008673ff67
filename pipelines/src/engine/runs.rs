//! The jobs that this process works on, and how to stop them.

use super::GRACE;
use crate::runner::JobId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// One feeding of a job to the clockwork.
#[derive(Clone)]
pub(super) struct Run {
    /// Its name in the clockwork.
    pub(super) instance: String,
    /// Stops its steps.
    pub(super) token: CancellationToken,
    /// How often the job was fed in this process before.
    pub(super) refed: u32,
    active: watch::Sender<usize>,
    touched: Arc<Mutex<Instant>>,
}

impl Run {
    /// Whether no step works or worked within `span`.
    pub(super) fn quiet_for(&self, span: Duration) -> bool {
        *self.active.borrow() == 0 && held(&self.touched).elapsed() >= span
    }
}

/// Counts a step as working until dropped.
pub(super) struct Working(Run);

impl Drop for Working {
    fn drop(&mut self) {
        *held(&self.0.touched) = Instant::now();
        self.0.active.send_modify(|active| *active -= 1);
    }
}

#[derive(Default)]
pub(super) struct Runs {
    by_job: Mutex<HashMap<JobId, Run>>,
    /// Instances without a run, and since when.
    ended: Mutex<Vec<(String, Instant)>>,
}

impl Runs {
    /// Notes a new run, unless the job has one.
    pub(super) fn begin(&self, job: &JobId, refed: u32, parent: &CancellationToken) -> Option<Run> {
        let mut runs = held(&self.by_job);
        if runs.contains_key(job) {
            return None;
        }
        let run = Run {
            instance: format!("{}.{}", job.0, ulid::Ulid::generate()),
            token: parent.child_token(),
            refed,
            active: watch::Sender::new(0),
            touched: Arc::new(Mutex::new(Instant::now())),
        };
        runs.insert(job.clone(), run.clone());
        Some(run)
    }

    pub(super) fn get(&self, job: &JobId) -> Option<Run> {
        held(&self.by_job).get(job).cloned()
    }

    /// Counts a step in, if `instance` is the job's present run and not stopped.
    pub(super) fn enter(&self, job: &JobId, instance: &str) -> Option<(CancellationToken, Working)> {
        let run = self.get(job).filter(|run| run.instance == instance && !run.token.is_cancelled())?;
        run.active.send_modify(|active| *active += 1);
        Some((run.token.clone(), Working(run)))
    }

    /// Ends a run: what is left of it stops, the job can have another, its instance can be removed.
    pub(super) fn end(&self, job: &JobId, instance: &str) {
        let mut runs = held(&self.by_job);
        if runs.get(job).is_some_and(|run| run.instance == instance)
            && let Some(run) = runs.remove(job)
        {
            run.token.cancel();
            held(&self.ended).push((run.instance, Instant::now()));
        }
    }

    /// Ends the run that a job has, if any: for a job that its row calls over.
    pub(super) fn discard(&self, job: &JobId) {
        if let Some(run) = self.get(job) {
            self.end(job, &run.instance);
        }
    }

    /// Ends a run and waits until its steps have ended, for [`GRACE`] at most.
    pub(super) async fn stop(&self, job: &JobId, run: &Run) {
        self.end(job, &run.instance);
        stop(run).await;
    }

    pub(super) async fn stop_all(&self) {
        let runs: Vec<Run> = held(&self.by_job).values().cloned().collect();
        futures::future::join_all(runs.iter().map(stop)).await;
    }

    /// Takes the instances whose runs ended at least `span` ago.
    pub(super) fn take_ended(&self, span: Duration) -> Vec<String> {
        held(&self.ended).extract_if(.., |(_, since)| since.elapsed() >= span).map(|(name, _)| name).collect()
    }

    /// Gives back instances that could not be removed.
    pub(super) fn put_back(&self, instances: Vec<String>) {
        held(&self.ended).extend(instances.into_iter().map(|name| (name, Instant::now())));
    }
}

async fn stop(run: &Run) {
    run.token.cancel();
    let mut active = run.active.subscribe();
    let ended = active.wait_for(|active| *active == 0);
    if tokio::time::timeout(GRACE, ended).await.is_err() {
        tracing::warn!(instance = run.instance, "a cancelled step has not ended yet");
    }
}

/// Nothing panics while these locks are held; the map would be whole even then.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
