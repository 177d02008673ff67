//! Following a job: what happened, then what happens, until it is over.
//!
//! The rows are read when there is something new in them: after a stored event was told, after one may
//! have been missed, and every [`LOOK`]. Progress, which is told many times a second, costs no query.

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
use tokio::time::Instant;

/// How often the rows are looked at though nothing was told: another process may have changed them.
const LOOK: Duration = Duration::from_secs(30);
/// Stands for the last stored event where it is not known which one that is.
const UNKNOWN: u64 = u64::MAX;

struct Follower {
    inner: Arc<Inner>,
    job: JobId,
    live: broadcast::Receiver<JobEvent>,
    /// The last stored event that was handed out.
    seq: u64,
    /// The last stored event that there is.
    told: u64,
    ready: VecDeque<JobEvent>,
    /// Whether the last event handed out ended the job.
    final_seen: bool,
    /// Whether the job may be over.
    unsure: bool,
    /// When the rows are looked at next, whatever is told.
    look_at: Instant,
    over: bool,
}

pub(super) fn events(
    inner: Arc<Inner>,
    job: JobId,
    after: u64,
) -> impl Stream<Item = Result<JobEvent>> + Send {
    let live = inner.hub.listen(&job);
    let follower = Follower {
        inner,
        job,
        live,
        seq: after,
        told: UNKNOWN,
        ready: VecDeque::new(),
        final_seen: false,
        unsure: true,
        look_at: Instant::now() + LOOK,
        over: false,
    };
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
                self.unsure |= self.final_seen;
                return Ok(Some(event));
            }
            if self.told > self.seq {
                self.read().await?;
            } else if self.unsure {
                self.unsure = false;
                if let Some(last) = self.ended().await? {
                    return Ok(last);
                }
            } else if let Some(progress) = self.listen().await {
                return Ok(Some(progress));
            }
        }
    }

    /// Reads the next stored events.
    async fn read(&mut self) -> Result<()> {
        self.ready = self.inner.hub.stored(&self.job, self.seq).await?.into();
        if self.ready.is_empty() {
            self.told = self.seq;
        }
        Ok(())
    }

    /// If the job is over and all its events were handed out, the last thing to hand out: nothing, or
    /// the state that a process which ended too early did not tell.
    async fn ended(&mut self) -> Result<Option<Option<JobEvent>>> {
        let job = self.inner.job(&self.job).await?;
        if !job.state.is_final() {
            return Ok(None);
        }
        // An event may have been stored since the last look, before the row was read.
        self.read().await?;
        if !self.ready.is_empty() {
            self.unsure = true;
            return Ok(None);
        }
        self.over = true;
        let event = Event::State { state: job.state, message: job.error };
        let untold = JobEvent { seq: None, at: super::hub::now(), job: self.job.clone(), event };
        Ok(Some((!self.final_seen).then_some(untold)))
    }

    /// Waits for progress to hand out, or until the rows are worth a look.
    async fn listen(&mut self) -> Option<JobEvent> {
        match tokio::time::timeout_at(self.look_at, self.live.recv()).await {
            Ok(Ok(event)) => match event.seq {
                None => return Some(event),
                Some(seq) => self.told = self.told.max(seq),
            },
            Ok(Err(RecvError::Lagged(_))) => self.doubt(),
            Ok(Err(RecvError::Closed)) => {
                self.live = self.inner.hub.listen(&self.job);
                self.doubt();
            }
            Err(_) => self.doubt(),
        }
        None
    }

    /// Something may have happened that was not told.
    fn doubt(&mut self) {
        self.told = UNKNOWN;
        self.unsure = true;
        self.look_at = Instant::now() + LOOK;
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
