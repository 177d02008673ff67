//! Several who can answer, asked in a configured order.

use reelsmith_inference_core::chat::{Chat, ChatRequest, ChatResponse};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Progress, Result, Verdict};
use std::sync::atomic::{AtomicBool, Ordering};

/// Asks the first; where it cannot answer, the next. The response says who did.
pub struct Router {
    answerers: Vec<Box<dyn Chat>>,
}

impl Router {
    /// The first is asked first.
    ///
    /// # Errors
    /// `InvalidRequest` if there is nobody.
    pub fn new(answerers: Vec<Box<dyn Chat>>) -> Result<Self> {
        match answerers.is_empty() {
            false => Ok(Self { answerers }),
            true => Err(InferenceError::new(ErrorKind::InvalidRequest, "there is nobody to answer")),
        }
    }
}

/// Whether somebody else may succeed: not where the request is at fault, or nobody wants the answer any more.
fn passes_on(error: &InferenceError) -> bool {
    !matches!(error.kind(), ErrorKind::InvalidRequest | ErrorKind::Cancelled | ErrorKind::Unfinished)
}

/// Notes whether text was shown.
struct Watched<'a> {
    control: &'a dyn Control,
    shown: AtomicBool,
}

impl Control for Watched<'_> {
    fn step(&self, progress: Progress) -> Verdict {
        self.control.step(progress)
    }

    fn text(&self, piece: &str) {
        self.shown.store(true, Ordering::Relaxed);
        self.control.text(piece);
    }
}

impl Chat for Router {
    fn context_length(&self) -> Option<u32> {
        self.answerers.iter().filter_map(|answerer| answerer.context_length()).min()
    }

    fn footprint(&self, request: &ChatRequest) -> Footprint {
        let all = self.answerers.iter().map(|answerer| answerer.footprint(request));
        all.max_by_key(|footprint| footprint.total()).unwrap_or_default()
    }

    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        let mut failures = Vec::new();
        for answerer in &mut self.answerers {
            let watched = Watched { control, shown: AtomicBool::new(false) };
            let error = match answerer.chat(request, &watched) {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            // What was shown cannot be taken back, so that nobody else can begin anew.
            if !passes_on(&error) || watched.shown.into_inner() {
                return Err(error);
            }
            tracing::warn!(%error, "asking the next one");
            failures.push(error);
        }
        Err(all_failed(failures))
    }
}

/// The last one's kind, and what each of them said.
fn all_failed(mut failures: Vec<InferenceError>) -> InferenceError {
    match failures.len() {
        1 => failures.remove(0),
        _ => {
            let said: Vec<String> = failures.iter().map(ToString::to_string).collect();
            let kind = failures.last().map_or(ErrorKind::Engine, InferenceError::kind);
            InferenceError::new(kind, format!("nobody could answer: {}", said.join("; ")))
        }
    }
}

#[cfg(test)]
mod tests;
