//! Requests that wait, in order of arrival, at most so many.

use crate::policy::Reason;
use crate::work::Work;
use crate::{Asked, CancelToken, Measured, MemoryUse, ScheduleError};
use reelsmith_inference_core::image::Image;
use reelsmith_inference_core::{Footprint, ModelId, Progress};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;
use tokio::sync::{mpsc, watch};

/// A request on its way.
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) model: ModelId,
    pub(crate) work: Work,
    pub(crate) submitted: Instant,
    /// What its time grows with (see [`crate::learned::Learned::run_seconds`]).
    pub(crate) effort: f64,
    /// What was last decided of it.
    pub(crate) reason: Option<Reason>,
    /// When its model began to be loaded or it began to run.
    pub(crate) started: Option<Instant>,
    /// What it needs, once the engine has said so; from the loaded model where `exact`.
    pub(crate) needs: Option<Footprint>,
    pub(crate) exact: bool,
    /// Its model was loaded for it.
    pub(crate) loaded: bool,
    /// What its loading and running took so far.
    pub(crate) measured: Option<Measured>,
    /// It met out-of-memory once already, and is tried once more with nothing else on the device.
    pub(crate) alone: bool,
    /// It met the end of the engine's process once already.
    pub(crate) lost: bool,
    pub(crate) asked: Arc<Asked>,
    pub(crate) line: Line,
}

/// The connection to whoever made the request.
pub(crate) struct Line {
    pub(crate) progress: watch::Sender<Option<Progress>>,
    pub(crate) preview: watch::Sender<Option<Arc<Image>>>,
    pub(crate) pieces: mpsc::UnboundedSender<Piece>,
    /// A piece was handed out, so that to begin anew would hand it out twice.
    pub(crate) handed_out: AtomicBool,
    /// The caller's wish.
    pub(crate) caller: CancelToken,
    /// The caller's wish, or the caller's absence, or a shutdown: a child of `caller`.
    pub(crate) stop: CancelToken,
}

/// A part of an answer, handed out before the rest is there. Together they are no more than the answer, which is what
/// bounds those that nobody has taken yet.
pub(crate) enum Piece {
    Text(String),
    Sound(Vec<f32>),
}

impl Entry {
    /// Counts what a piece of work for it took; where one is not known, the whole is not.
    pub(crate) fn took(&mut self, measured: Option<Measured>) {
        self.measured = match (self.loaded, self.measured) {
            (true, earlier) => earlier.zip(measured).map(|(earlier, now)| earlier.then(now)),
            (false, _) => measured,
        };
    }

    /// Answers with what was performed.
    pub(crate) fn answer(self) {
        let Self { loaded, measured, needs, .. } = self;
        self.work.answer(MemoryUse { estimate: needs.unwrap_or_default(), loaded, measured });
    }

    /// Answers with an error.
    pub(crate) fn refuse(self, error: ScheduleError) {
        self.work.refuse(error);
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

    /// Requests that nobody has begun to work on, or that are to begin anew. The one whose model was just loaded is
    /// back for a moment, and must not take a place from others.
    pub(crate) fn waiting(&self) -> usize {
        self.entries.iter().filter(|entry| entry.started.is_none() || entry.alone).count()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting() >= self.capacity
    }

    /// Requests of a tenant among them.
    pub(crate) fn waiting_of(&self, tenant: &str) -> usize {
        let own = |entry: &&Entry| entry.started.is_none() && entry.asked.tenant() == tenant;
        self.entries.iter().filter(own).count()
    }

    pub(crate) fn find_mut(&mut self, id: u64) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    pub(crate) fn find(&self, id: u64) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn push(&mut self, entry: Entry) {
        self.entries.push_back(entry);
    }

    /// Puts a request back to its place.
    pub(crate) fn put_back(&mut self, entry: Entry) {
        let place = self.entries.partition_point(|waiting| waiting.id < entry.id);
        self.entries.insert(place, entry);
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
}
