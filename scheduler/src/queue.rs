//! Requests that wait, in order of arrival, at most so many.

use crate::policy::Waiting;
use crate::work::Work;
use crate::{CancelToken, ScheduleError};
use reelsmith_inference_core::image::Image;
use reelsmith_inference_core::{Control, Footprint, ModelId, Progress, Verdict};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;

/// A request on its way.
pub(crate) struct Entry {
    pub(crate) id: u64,
    pub(crate) model: ModelId,
    pub(crate) work: Work,
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
    pub(crate) progress: watch::Sender<Option<Progress>>,
    pub(crate) preview: watch::Sender<Option<Arc<Image>>>,
    /// All that was written so far: pieces must not be lost, and an answer is bounded by its tokens.
    pub(crate) text: watch::Sender<String>,
    /// The caller's wish.
    pub(crate) caller: CancelToken,
    /// The caller's wish, or the caller's absence, or a shutdown: a child of `caller`.
    pub(crate) stop: CancelToken,
}

/// What steers a run: it tells of the latest state, and stops where nobody wants it any more. A watch
/// keeps the latest value only, so that a slow listener never holds up the device.
struct Steering {
    progress: watch::Sender<Option<Progress>>,
    preview: watch::Sender<Option<Arc<Image>>>,
    text: watch::Sender<String>,
    stop: CancelToken,
}

impl Control for Steering {
    fn step(&self, progress: Progress) -> Verdict {
        self.progress.send_replace(Some(progress));
        if self.stop.is_cancelled() { Verdict::Cancel } else { Verdict::Continue }
    }

    fn preview(&self, image: Image) {
        self.preview.send_replace(Some(Arc::new(image)));
    }

    fn text(&self, piece: &str) {
        self.text.send_modify(|text| text.push_str(piece));
    }
}

impl Entry {
    pub(crate) fn control(&self) -> impl Control + use<> {
        let Line { progress, preview, text, stop, .. } = &self.line;
        Steering {
            progress: progress.clone(),
            preview: preview.clone(),
            text: text.clone(),
            stop: stop.clone(),
        }
    }

    /// Answers with what was performed.
    pub(crate) fn answer(self) {
        self.work.answer();
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
