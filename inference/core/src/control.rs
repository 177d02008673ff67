//! Steering of a computation while it runs: progress out, verdict in, once a step.

/// How far a computation has come, in its own unit (denoise steps, tokens, sentences, tiles, frames).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Units finished.
    pub done: u64,
    /// Units in all, where known beforehand.
    pub total: Option<u64>,
    /// What is counted, in the plural: "sentences", "frames".
    pub unit: &'static str,
}

/// What the computation shall do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Go on with the next step.
    Continue,
    /// Give up: return [`crate::ErrorKind::Cancelled`] and leave nothing behind.
    Cancel,
}

/// Called by an engine once a step, on the thread that computes and on no other.
///
/// A call may take long: other models of the device may be run within it. An engine holds no lock across it that
/// another model could want.
pub trait Control: Send + Sync {
    /// Takes note of `progress` and answers how to go on.
    fn step(&self, progress: Progress) -> Verdict;

    /// Is shown what a picture looks like so far, where the request asked for it.
    fn preview(&self, _image: crate::image::Image) {}

    /// Is shown the next piece of a text that is being written; the pieces make up the whole text.
    fn text(&self, _piece: &str) {}
}

/// Lets everything run to its end and reports to nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoControl;

impl Control for NoControl {
    fn step(&self, _: Progress) -> Verdict {
        Verdict::Continue
    }
}

impl<F: Fn(Progress) -> Verdict + Send + Sync> Control for F {
    fn step(&self, progress: Progress) -> Verdict {
        self(progress)
    }
}
