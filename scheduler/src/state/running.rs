//! Requests that have the device.

use crate::queue::Entry;
use crate::snapshot::RunningRequest;
use crate::{Asked, CancelToken};
use reelsmith_inference_core::{ModelId, Progress};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// A request that has the device, or stands still for one that does.
pub(crate) struct Running {
    pub(super) id: u64,
    pub(super) model: ModelId,
    bytes: u64,
    pub(super) since: Instant,
    pub(super) submitted: Instant,
    pub(super) effort: f64,
    pub(super) asked: Arc<Asked>,
    /// Nothing else is let in beside it.
    pub(crate) alone: bool,
    reason: Option<String>,
    progress: watch::Receiver<Option<Progress>>,
    pub(super) stop: CancelToken,
}

impl Running {
    pub(crate) fn new(entry: &Entry, bytes: u64) -> Self {
        let progress = entry.line.progress.subscribe();
        let (model, stop, asked) = (entry.model.clone(), entry.line.stop.clone(), Arc::clone(&entry.asked));
        let reason = entry.reason.map(|reason| reason.to_string());
        let Entry { id, submitted, effort, alone, .. } = *entry;
        let since = Instant::now();
        Self { id, model, bytes, since, submitted, effort, asked, alone, reason, progress, stop }
    }

    /// Seconds that it is expected to go on for, of `service` in all: what is done is taken from what it reports.
    pub(super) fn remaining(&self, service: f64) -> f64 {
        let share = self.progress.borrow().and_then(|progress| {
            let total = progress.total.filter(|total| *total > 0)?;
            Some(1.0 - (progress.done as f64 / total as f64).min(1.0))
        });
        service * share.unwrap_or(1.0)
    }

    pub(super) fn shown(&self) -> RunningRequest {
        let progress = *self.progress.borrow();
        RunningRequest {
            id: self.id,
            model: self.model.0.clone(),
            bytes: self.bytes,
            seconds: self.since.elapsed().as_secs_f64(),
            done: progress.map_or(0, |progress| progress.done),
            total: progress.and_then(|progress| progress.total),
            unit: progress.map_or("", |progress| progress.unit),
            reason: self.reason.clone(),
        }
    }
}
