//! The handle through which requests are made.

use crate::device;
use crate::queue::Line;
use crate::state::Shared;
use crate::{CancelToken, DeviceConfig, ScheduleError, Snapshot};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::{Engine, ModelId, Progress};
use std::sync::Arc;
use tokio::sync::{oneshot, watch};

/// What becomes of waiting requests at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shutdown {
    /// Everything taken is served first.
    Drain,
    /// Waiting requests are answered [`ScheduleError::ShuttingDown`], the running one is cancelled.
    Cancel,
}

/// Serves requests on one device. Cloning gives another handle to the same device; when the last one
/// is dropped, it shuts down as with [`Shutdown::Cancel`].
#[derive(Clone)]
pub struct Scheduler {
    owner: Arc<Owner>,
}

/// Closes the device when the last handle goes.
struct Owner(Arc<Shared>);

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.close(Shutdown::Cancel);
    }
}

impl Scheduler {
    /// Starts the thread that owns the device and the engine.
    ///
    /// # Errors
    /// `InvalidConfig` if the settings cannot work or the system gives no thread.
    pub fn start(config: DeviceConfig, engine: Box<dyn Engine>) -> Result<Self, ScheduleError> {
        config.check()?;
        let shared = Arc::new(Shared::new(config));
        device::start(Arc::clone(&shared), engine)?;
        Ok(Self { owner: Arc::new(Owner(shared)) })
    }

    /// Speaks a text once it is its turn. `progress` is told the latest state as often as this future
    /// is polled, and the last one before the result; it never holds up the device. Cancelling, or
    /// dropping the future, takes a waiting request out of the queue at once and ends a running one
    /// at its next step.
    ///
    /// # Errors
    /// Any [`ScheduleError`]; `Busy` at once if as many wait as may.
    pub async fn speak(
        &self,
        model: &ModelId,
        request: SpeakRequest,
        progress: impl Fn(Progress) + Send + Sync + 'static,
        cancel: CancelToken,
    ) -> Result<Speech, ScheduleError> {
        if cancel.is_cancelled() {
            return Err(ScheduleError::Cancelled);
        }
        let mut ticket = Ticket::submit(&self.owner.0, model, request, &cancel)?;
        let mut withdrawn = false;
        loop {
            tokio::select! {
                biased;
                reply = &mut ticket.reply => {
                    ticket.tell(&progress);
                    // A reply is dropped unsent only if the device's thread has ended.
                    return reply.unwrap_or(Err(ScheduleError::ShuttingDown));
                }
                () = cancel.cancelled(), if !withdrawn => {
                    withdrawn = true;
                    if ticket.shared.withdraw(ticket.id) {
                        return Err(ScheduleError::Cancelled);
                    }
                }
                Ok(()) = ticket.progress.changed() => ticket.tell(&progress),
            }
        }
    }

    /// What the device is doing.
    pub fn snapshot(&self) -> Snapshot {
        self.owner.0.snapshot()
    }

    /// Takes no more requests, ends as `how` says, and returns once every model is unloaded and the
    /// device's thread has ended.
    pub async fn shutdown(&self, how: Shutdown) {
        self.owner.0.close(how);
        let ended = self.owner.0.stopped.subscribe().wait_for(|stopped| *stopped).await.is_ok();
        debug_assert!(ended, "the sender lives as long as this handle");
    }
}

/// A request that was taken; dropping it gives the request up.
struct Ticket {
    shared: Arc<Shared>,
    id: u64,
    reply: oneshot::Receiver<Result<Speech, ScheduleError>>,
    progress: watch::Receiver<Option<Progress>>,
    told: Option<Progress>,
    stop: CancelToken,
}

impl Ticket {
    fn submit(
        shared: &Arc<Shared>,
        model: &ModelId,
        request: SpeakRequest,
        cancel: &CancelToken,
    ) -> Result<Self, ScheduleError> {
        let (reply, answered) = oneshot::channel();
        let (progress, reported) = watch::channel(None);
        let stop = cancel.child_token();
        let line = Line { reply, progress, caller: cancel.clone(), stop: stop.clone() };
        let id = shared.admit(model, request, line)?;
        Ok(Self { shared: Arc::clone(shared), id, reply: answered, progress: reported, told: None, stop })
    }

    /// Passes on the latest progress, if it has not been.
    fn tell(&mut self, progress: &impl Fn(Progress)) {
        let latest = *self.progress.borrow_and_update();
        if latest != self.told {
            self.told = latest;
            latest.into_iter().for_each(progress);
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.stop.cancel();
        self.shared.withdraw(self.id);
    }
}
