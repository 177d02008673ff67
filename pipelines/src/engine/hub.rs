//! Events: stored ones through the rows, live ones to whoever listens.

use crate::error::Result;
use crate::events::{Event, JobEvent, StepKey};
use crate::runner::JobId;
use reelsmith_storage::{EventRecord, Jobs};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::broadcast;

/// Events that a slow listener may lag behind before it misses live progress.
const BACKLOG: usize = 256;

pub(super) struct Hub {
    jobs: Arc<dyn Jobs>,
    listeners: Mutex<HashMap<JobId, broadcast::Sender<JobEvent>>>,
    /// Stored events of every job.
    all: broadcast::Sender<JobEvent>,
}

impl Hub {
    pub(super) fn new(jobs: Arc<dyn Jobs>) -> Self {
        Self { jobs, listeners: Mutex::default(), all: broadcast::channel(BACKLOG).0 }
    }

    /// Stores an event and tells it.
    pub(super) async fn record(&self, job: &JobId, event: Event) -> Result<()> {
        let body = serde_json::to_value(&event).expect("events are always JSON");
        let seq = self.jobs.append_event(&job.0, event.kind(), body).await?;
        let event = JobEvent { seq: Some(seq), at: now(), job: job.clone(), event };
        // Nobody need be listening.
        let _ = self.all.send(event.clone());
        self.tell(event);
        Ok(())
    }

    /// Tells live progress, which is lost where nobody listens.
    pub(super) fn progress(&self, job: &JobId, step: &StepKey, done: u64, total: Option<u64>, unit: &str) {
        let event = Event::Progress { step: step.clone(), done, total, unit: unit.to_owned() };
        self.tell(JobEvent { seq: None, at: now(), job: job.clone(), event });
    }

    fn tell(&self, event: JobEvent) {
        let mut listeners = self.listeners();
        let Some(sender) = listeners.get(&event.job) else { return };
        let job = event.job.clone();
        if sender.send(event).is_err() {
            listeners.remove(&job);
        }
    }

    /// Everything told about a job from now on.
    pub(super) fn listen(&self, job: &JobId) -> broadcast::Receiver<JobEvent> {
        let mut listeners = self.listeners();
        listeners.retain(|_, sender| sender.receiver_count() > 0);
        listeners.entry(job.clone()).or_insert_with(|| broadcast::channel(BACKLOG).0).subscribe()
    }

    /// Stored events of every job from now on.
    pub(super) fn listen_to_all(&self) -> broadcast::Receiver<JobEvent> {
        self.all.subscribe()
    }

    /// Stored events after `seq`, in order; the first few hundred.
    pub(super) async fn stored(&self, job: &JobId, seq: u64) -> Result<Vec<JobEvent>> {
        let records = self.jobs.events_after(&job.0, seq, 0).await?;
        Ok(records.into_iter().filter_map(|record| read(job, record)).collect())
    }

    /// Nothing panics while this lock is held; the map would be whole even then.
    fn listeners(&self) -> MutexGuard<'_, HashMap<JobId, broadcast::Sender<JobEvent>>> {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event of a kind that this version does not know is left out.
fn read(job: &JobId, record: EventRecord) -> Option<JobEvent> {
    let event = serde_json::from_value(record.body).ok()?;
    Some(JobEvent { seq: Some(record.seq), at: stamp(record.at), job: job.clone(), event })
}

pub(super) fn now() -> String {
    stamp(OffsetDateTime::now_utc())
}

fn stamp(at: OffsetDateTime) -> String {
    at.format(&Rfc3339).expect("a year of four digits can be written")
}
