//! The device of this machine as somebody who answers.

use reelsmith_inference_core::chat::{Chat, ChatRequest, ChatResponse};
use reelsmith_inference_core::{
    Control, ErrorKind, Footprint, InferenceError, ModelId, Progress, Result, Verdict,
};
use reelsmith_scheduler::{CancelToken, ScheduleError, Scheduler};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;

/// How often a waiting request asks whether to go on, and passes on what was written.
const GLANCE: Duration = Duration::from_millis(20);

/// Asks a device. Blocks the thread that asks.
pub(super) struct Local {
    scheduler: Scheduler,
    model: ModelId,
    handle: Handle,
}

/// What the device has told and nobody has seen.
#[derive(Default)]
struct Told {
    progress: Option<Progress>,
    text: String,
}

impl Local {
    /// Must be called on an async thread.
    pub(super) fn new(scheduler: Scheduler, model: ModelId) -> Self {
        Self { scheduler, model, handle: Handle::current() }
    }

    async fn ask(&self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        let told = Arc::new(Mutex::new(Told::default()));
        let (progress, text) = (Arc::clone(&told), Arc::clone(&told));
        let cancel = CancelToken::new();
        let asked = self.scheduler.chat(
            &self.model,
            request.clone(),
            move |at| lock(&progress).progress = Some(at),
            move |piece| lock(&text).text.push_str(piece),
            cancel.clone(),
        );
        tokio::pin!(asked);
        let mut at = Progress { done: 0, total: None, unit: "tokens" };
        loop {
            let answer = tokio::select! {
                answer = &mut asked => Some(answer),
                () = tokio::time::sleep(GLANCE) => None,
            };
            let Told { progress, text } = std::mem::take(&mut *lock(&told));
            if !text.is_empty() {
                control.text(&text);
            }
            if let Some(answer) = answer {
                return answer.map_err(converted);
            }
            at = progress.unwrap_or(at);
            if control.step(at) == Verdict::Cancel {
                cancel.cancel();
            }
        }
    }
}

fn lock(told: &Mutex<Told>) -> std::sync::MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

fn converted(error: ScheduleError) -> InferenceError {
    let kind = match error {
        ScheduleError::Inference(error) => return error,
        ScheduleError::Cancelled => ErrorKind::Cancelled,
        ScheduleError::TooLarge(_) => ErrorKind::OutOfMemory,
        ScheduleError::WrongCapability { .. } => ErrorKind::InvalidRequest,
        ScheduleError::Busy { .. } | ScheduleError::ShuttingDown => ErrorKind::Unavailable,
        _ => ErrorKind::Engine,
    };
    InferenceError::new(kind, error.to_string()).with_source(error)
}

impl Chat for Local {
    fn context_length(&self) -> Option<u32> {
        None
    }

    fn footprint(&self, _: &ChatRequest) -> Footprint {
        // The device reckons with its own.
        Footprint::default()
    }

    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        let handle = self.handle.clone();
        handle.block_on(self.ask(request, control))
    }
}
