//! Following a job: what happened, then what happens, until it is over.

use super::Inner;
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Event, JobEvent};
use crate::runner::JobId;
use futures::Stream;
use reelsmith_storage::Job;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

/// How often the row is looked at while nothing is told, for changes made by another process.
const LOOK: Duration = Duration::from_secs(1);

struct Follower {
    inner: Arc<Inner>,
    job: JobId,
    live: broadcast::Receiver<JobEvent>,
    /// The last stored event that was handed out.
    seq: u64,
    ready: VecDeque<JobEvent>,
    /// Whether the last event handed out ended the job.
    final_seen: bool,
    over: bool,
}

pub(super) fn events(
    inner: Arc<Inner>,
    job: JobId,
    after: u64,
) -> impl Stream<Item = Result<JobEvent>> + Send {
    let live = inner.hub.listen(&job);
    let follower =
        Follower { inner, job, live, seq: after, ready: VecDeque::new(), final_seen: false, over: false };
    futures::stream::unfold(follower, |mut follower| async move {
        match follower.next().await {
            Ok(Some(event)) => Some((Ok(event), follower)),
            Ok(None) => None,
            Err(error) => {
                follower.over = true;
                Some((Err(error), follower))
            }
        }
    })
}

impl Follower {
    async fn next(&mut self) -> Result<Option<JobEvent>> {
        loop {
            if self.over {
                return Ok(None);
            }
            if let Some(event) = self.ready.pop_front() {
                self.seq = event.seq.unwrap_or(self.seq);
                self.final_seen = event.event.is_final();
                return Ok(Some(event));
            }
            // The rows come first: live events only say that there is something new in them.
            self.ready = self.inner.hub.stored(&self.job, self.seq).await?.into();
            if !self.ready.is_empty() {
                continue;
            }
            if let Some(last) = self.ended().await? {
                return Ok(last);
            }
            if let Some(progress) = self.listen().await {
                return Ok(Some(progress));
            }
        }
    }

    /// If the job is over and all its events were handed out, the last thing to hand out: nothing, or
    /// the state that a process which ended too early did not tell.
    async fn ended(&mut self) -> Result<Option<Option<JobEvent>>> {
        let job = self.inner.job(&self.job).await?;
        if !job.state.is_final() {
            return Ok(None);
        }
        // An event may have been stored since the last look, before the row was read.
        self.ready = self.inner.hub.stored(&self.job, self.seq).await?.into();
        if !self.ready.is_empty() {
            return Ok(None);
        }
        self.over = true;
        let event = Event::State { state: job.state, message: job.error };
        let untold = JobEvent { seq: None, at: super::hub::now(), job: self.job.clone(), event };
        Ok(Some((!self.final_seen).then_some(untold)))
    }

    /// Waits for progress to hand out, or until the rows are worth a look.
    async fn listen(&mut self) -> Option<JobEvent> {
        match tokio::time::timeout(LOOK, self.live.recv()).await {
            Ok(Ok(event)) if event.seq.is_none() => Some(event),
            Ok(Ok(_) | Err(RecvError::Lagged(_))) => None,
            Ok(Err(RecvError::Closed)) => {
                self.live = self.inner.hub.listen(&self.job);
                None
            }
            Err(_) => None,
        }
    }
}

/// What a receiver gets, without what it missed.
pub(super) fn all(live: broadcast::Receiver<JobEvent>) -> impl Stream<Item = JobEvent> + Send {
    futures::stream::unfold(live, |mut live| async move {
        loop {
            match live.recv().await {
                Ok(event) => return Some((event, live)),
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return None,
            }
        }
    })
}

pub(super) async fn wait(inner: &Arc<Inner>, id: &JobId) -> Result<Job> {
    let mut live = inner.hub.listen(id);
    loop {
        let job = inner.job(id).await?;
        if job.state.is_final() {
            return Ok(job);
        }
        tokio::select! {
            () = inner.stopping.cancelled() => {
                let message = "the runner is shutting down; the job goes on at its next start";
                return Err(PipelineError::new(ErrorKind::Interrupted, message));
            }
            () = next_state(&mut live) => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Returns at a new state, or when nothing more is told.
async fn next_state(live: &mut broadcast::Receiver<JobEvent>) {
    loop {
        match live.recv().await {
            Ok(JobEvent { event: Event::State { .. }, .. }) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}
