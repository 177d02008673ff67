//! Answers that come in pieces: every piece of a text or a sound once and in order, before the whole.

#![expect(clippy::disallowed_methods, reason = "a model that takes its time")]

use reelsmith_inference_core::chat::{Chat, ChatRequest, ChatResponse, Finish, Usage};
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, Voice};
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
        // Who waits to be cancelled is, long before so many.
        let pieces = if request.messages[0].content == "wait" { 100 * PIECES } else { PIECES };
        for n in 0..pieces {
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

impl Speak for Talker {
    fn voices(&self) -> Vec<Voice> {
        Vec::new()
    }

    fn footprint(&self, _: &SpeakRequest) -> Footprint {
        Footprint { weights: 10, peak_activation: 1 }
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        self.speak_to(request, &mut |_| {}, control)
    }

    fn speak_to(
        &mut self,
        _: &SpeakRequest,
        take: &mut dyn FnMut(&[f32]),
        control: &dyn Control,
    ) -> Result<Speech> {
        let mut samples = Vec::new();
        for n in 0..PIECES {
            control.step(Progress { done: n as u64, total: None, unit: "sentences" });
            let piece = [n as f32, -(n as f32)];
            take(&piece);
            samples.extend(piece);
        }
        Ok(Speech { samples, sample_rate: 24_000, words: Vec::new() })
    }
}

struct Talkers;

impl Engine for Talkers {
    fn footprint(&self, _: &ModelId) -> Result<Footprint> {
        Ok(Footprint { weights: 10, peak_activation: 1 })
    }

    fn load(&mut self, model: &ModelId, _: &dyn Control) -> Result<Resident> {
        Ok(match model.0.as_str() {
            "voice" => Resident::Speak(Box::new(Talker)),
            _ => Resident::Chat(Box::new(Talker)),
        })
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
async fn sound_is_handed_out_once_and_in_order() {
    let device = device();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let hear = Arc::clone(&heard);
    let take = move |samples: &[f32]| hear.lock().unwrap().extend_from_slice(samples);
    let request = SpeakRequest { text: "hello".into(), voice: "a".into(), speed: 1.0 };
    let model = ModelId("voice".into());
    let speech = device.speak_to(&model, request, |_| {}, take, CancelToken::new()).await.expect("a speech");
    assert_eq!(speech.samples.len(), 2 * PIECES);
    assert_eq!(*heard.lock().unwrap(), speech.samples);
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
    let model = ModelId("talker".into());
    let asked = device.chat(&model, ChatRequest::new("wait"), |_| {}, write, cancel);
    assert!(matches!(asked.await, Err(ScheduleError::Cancelled)));
}
