//! Requests that wait, in order of arrival, at most so many.

use crate::policy::Waiting;
use crate::{CancelToken, ScheduleError};
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::{Control, Footprint, ModelId, Progress, Verdict};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{oneshot, watch};

/// A request on its way.
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) model: ModelId,
    pub(crate) request: Arc<SpeakRequest>,
    pub(crate) submitted: Instant,
    /// When its model began to be loaded or it began to run.
    pub(crate) started: Option<Instant>,
    /// What it needs, once the engine has said so; from the loaded model where `exact`.
    pub(crate) needs: Option<Footprint>,
    pub(crate) exact: bool,
    /// It met out-of-memory once already.
    pub(crate) retried: bool,
    pub(crate) line: Line,
}

/// The connection to whoever made the request.
pub(crate) struct Line {
    pub(crate) reply: oneshot::Sender<Result<Speech, ScheduleError>>,
    pub(crate) progress: watch::Sender<Option<Progress>>,
    /// The caller's wish.
    pub(crate) caller: CancelToken,
    /// The caller's wish, or the caller's absence, or a shutdown: a child of `caller`.
    pub(crate) stop: CancelToken,
}

impl Entry {
    pub(crate) fn control(&self) -> impl Control + use<> {
        let (progress, stop) = (self.line.progress.clone(), self.line.stop.clone());
        // A watch keeps the latest value only, so that a slow listener never holds up the device.
        move |now: Progress| {
            progress.send_replace(Some(now));
            if stop.is_cancelled() { Verdict::Cancel } else { Verdict::Continue }
        }
    }

    /// Answers the request; nobody may be listening any more.
    pub(crate) fn answer(self, result: Result<Speech, ScheduleError>) {
        let _ = self.line.reply.send(result);
    }
}

/// Waiting requests.
pub(crate) struct Queue {
    entries: VecDeque<Entry>,
    capacity: usize,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: VecDeque::new(), capacity }
    }

    /// Requests that nobody has begun to work on. The one whose model was just loaded goes back to
    /// the front for a moment, and must not take a place from others.
    pub(crate) fn waiting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.started.is_none()).count()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting() >= self.capacity
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    pub(crate) fn put_back(&mut self, entry: Entry) {
        self.entries.push_front(entry);
    }

    pub(crate) fn take(&mut self, id: u64) -> Option<Entry> {
        let at = self.entries.iter().position(|entry| entry.id == id)?;
        self.entries.remove(at)
    }

    pub(crate) fn drain(&mut self) -> Vec<Entry> {
        self.entries.drain(..).collect()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Entry> {
        self.entries.iter_mut()
    }

    /// What the policy sees: requests whose needs are known.
    pub(crate) fn view(&self) -> Vec<Waiting> {
        let known =
            |entry: &Entry| Some(Waiting { id: entry.id, model: entry.model.clone(), needs: entry.needs? });
        self.entries.iter().filter_map(known).collect()
    }
}
