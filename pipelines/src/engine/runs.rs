//! The jobs that this process works on, and how to stop them.

use super::GRACE;
use crate::runner::JobId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
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

    /// Stops its steps and waits until they have ended, for [`GRACE`] at most.
    pub(super) async fn stop(&self) {
        self.token.cancel();
        let mut active = self.active.subscribe();
        let ended = active.wait_for(|active| *active == 0);
        if tokio::time::timeout(GRACE, ended).await.is_err() {
            tracing::warn!(instance = self.instance, "a cancelled step has not ended yet");
        }
    }

    /// Makes the run look as if it had been quiet for `span` longer.
    #[cfg(test)]
    pub(super) fn age(&self, span: Duration) {
        *held(&self.touched) -= span;
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

pub(super) struct Runs {
    /// Runs at once.
    slots: usize,
    by_job: Mutex<HashMap<JobId, Run>>,
    /// Instances without a run, and since when.
    ended: Mutex<Vec<(String, Instant)>>,
    /// Told when the unfinished jobs are worth a look.
    stirred: Notify,
}

impl Runs {
    pub(super) fn new(slots: usize) -> Self {
        Self { slots, by_job: Mutex::default(), ended: Mutex::default(), stirred: Notify::new() }
    }

    /// Asks for a look at the unfinished jobs.
    pub(super) fn stir(&self) {
        self.stirred.notify_one();
    }

    /// Waits until somebody has asked for a look since the last one.
    pub(super) async fn stirred(&self) {
        self.stirred.notified().await;
    }

    /// Notes a new run, unless the job has one or every slot is taken.
    pub(super) fn begin(&self, job: &JobId, refed: u32, parent: &CancellationToken) -> Option<Run> {
        let mut runs = held(&self.by_job);
        if runs.contains_key(job) || runs.len() >= self.slots {
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

    /// Ends a run: what is left of it stops, its slot is for the next job, its instance can be removed.
    pub(super) fn end(&self, job: &JobId, instance: &str) {
        self.withdraw(job, instance);
        self.stir();
    }

    /// The same for a run that never started: nobody is told, since its job might be the next again.
    pub(super) fn withdraw(&self, job: &JobId, instance: &str) {
        let mut runs = held(&self.by_job);
        if runs.get(job).is_some_and(|run| run.instance == instance)
            && let Some(run) = runs.remove(job)
        {
            run.token.cancel();
            held(&self.ended).push((run.instance, Instant::now()));
        }
    }

    /// Ends the run that a job has, if any, and answers it: for a job that its row calls over.
    pub(super) fn discard(&self, job: &JobId) -> Option<Run> {
        let run = self.get(job)?;
        self.end(job, &run.instance);
        Some(run)
    }

    pub(super) async fn stop_all(&self) {
        let runs: Vec<Run> = held(&self.by_job).values().cloned().collect();
        futures::future::join_all(runs.iter().map(Run::stop)).await;
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

/// Nothing panics while these locks are held; the map would be whole even then.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
