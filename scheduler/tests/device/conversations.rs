//! Conversations on a device: every piece of text once and in order, before the answer.

#![expect(clippy::disallowed_methods, reason = "a model that takes its time")]

use reelsmith_inference_core::chat::{Chat, ChatRequest, ChatResponse, Finish, Usage};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, ModelId, Progress, Resident, Result, Verdict,
};
use reelsmith_scheduler::{CancelToken, DeviceConfig, ScheduleError, Scheduler};
use std::sync::{Arc, Mutex};

const PIECES: usize = 200;

/// Writes so many pieces, and fails after some of them if it is asked to.
struct Talker;

impl Chat for Talker {
    fn context_length(&self) -> Option<u32> {
        None
    }

    fn footprint(&self, _: &ChatRequest) -> Footprint {
        Footprint { weights: 10, peak_activation: 1 }
    }

    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        let mut text = String::new();
        for n in 0..PIECES {
            let at = Progress { done: n as u64, total: None, unit: "tokens" };
            if control.step(at) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
            if request.messages[0].content == "fail" && n == 3 {
                return Err(InferenceError::new(ErrorKind::OutOfMemory, "full"));
            }
            let piece = format!("{n}é ");
            control.text(&piece);
            text += &piece;
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
        let usage = Usage::default();
        Ok(ChatResponse { text, finish: Finish::Stop, usage, answered_by: "talker".into() })
    }
}

struct Talkers;

impl Engine for Talkers {
    fn footprint(&self, _: &ModelId) -> Result<Footprint> {
        Ok(Footprint { weights: 10, peak_activation: 1 })
    }

    fn load(&mut self, _: &ModelId, _: &dyn Control) -> Result<Resident> {
        Ok(Resident::Chat(Box::new(Talker)))
    }
}

fn device() -> Scheduler {
    Scheduler::start(DeviceConfig::new("test", 1000), Box::new(Talkers)).expect("a device")
}

async fn ask(
    device: &Scheduler,
    model: &str,
    question: &str,
) -> (std::result::Result<ChatResponse, ScheduleError>, Vec<String>) {
    let shown = Arc::new(Mutex::new(Vec::new()));
    let show = Arc::clone(&shown);
    let write = move |piece: &str| show.lock().unwrap().push(piece.to_owned());
    let request = ChatRequest::new(question);
    let answer = device.chat(&ModelId(model.into()), request, |_| {}, write, CancelToken::new()).await;
    let shown = shown.lock().unwrap().clone();
    (answer, shown)
}

#[tokio::test]
async fn text_is_passed_on_once_and_in_order() {
    let device = device();
    for _ in 0..3 {
        let (answer, shown) = ask(&device, "talker", "hello").await;
        let answer = answer.expect("an answer");
        assert_eq!(shown.concat(), answer.text);
        assert!(answer.text.starts_with("0é 1é ") && answer.text.ends_with("199é "));
    }
}

#[tokio::test]
async fn what_was_shown_is_not_begun_anew_when_memory_runs_out() {
    let device = device();
    ask(&device, "other", "hello").await.0.expect("another model is loaded");
    let (answer, shown) = ask(&device, "talker", "fail").await;
    assert!(matches!(answer, Err(ScheduleError::Inference(error)) if error.kind() == ErrorKind::OutOfMemory));
    assert_eq!(shown.concat(), "0é 1é 2é ");
}

#[tokio::test]
async fn a_cancelled_conversation_ends() {
    let device = device();
    let cancel = CancelToken::new();
    let stop = cancel.clone();
    let write = move |_: &str| stop.cancel();
    let asked = device.chat(&ModelId("talker".into()), ChatRequest::new("hello"), |_| {}, write, cancel);
    assert!(matches!(asked.await, Err(ScheduleError::Cancelled)));
}
