//! Who is asked, and who is not.

use super::*;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::chat::{Finish, Usage};
use std::sync::{Arc, Mutex};

/// Answers or fails as it is told, and notes that it was asked.
struct Somebody {
    name: &'static str,
    shows: &'static str,
    fails: Option<ErrorKind>,
    asked: Arc<Mutex<Vec<&'static str>>>,
}

impl Chat for Somebody {
    fn context_length(&self) -> Option<u32> {
        Some(self.name.len() as u32)
    }

    fn footprint(&self, _: &ChatRequest) -> Footprint {
        Footprint { weights: self.name.len() as u64, peak_activation: 0 }
    }

    fn chat(&mut self, _: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        self.asked.lock().unwrap().push(self.name);
        if !self.shows.is_empty() {
            control.text(self.shows);
        }
        match self.fails {
            Some(kind) => Err(InferenceError::new(kind, format!("{} failed", self.name))),
            None => Ok(ChatResponse {
                text: self.shows.to_owned(),
                finish: Finish::Stop,
                usage: Usage::default(),
                answered_by: self.name.to_owned(),
            }),
        }
    }
}

/// Asks these, each of which shows something and fails or not.
fn ask(of: &[(&'static str, &'static str, Option<ErrorKind>)]) -> (Result<ChatResponse>, Vec<&'static str>) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let answerers = of.iter().map(|(name, shows, fails)| -> Box<dyn Chat> {
        Box::new(Somebody { name, shows, fails: *fails, asked: Arc::clone(&asked) })
    });
    let mut router = Router::new(answerers.collect()).unwrap();
    let answer = router.chat(&ChatRequest::new("Why?"), &NoControl);
    let asked = asked.lock().unwrap().clone();
    (answer, asked)
}

#[test]
fn the_first_who_can_answers_and_is_named() {
    let (answer, asked) =
        ask(&[("a", "", Some(ErrorKind::Unavailable)), ("b", "yes", None), ("c", "no", None)]);
    assert_eq!(answer.unwrap().answered_by, "b");
    assert_eq!(asked, ["a", "b"]);
}

#[test]
fn a_fault_of_the_request_or_a_cancellation_is_passed_to_nobody() {
    for kind in [ErrorKind::InvalidRequest, ErrorKind::Cancelled, ErrorKind::Unfinished] {
        let (answer, asked) = ask(&[("a", "", Some(kind)), ("b", "yes", None)]);
        assert_eq!((answer.unwrap_err().kind(), asked), (kind, vec!["a"]));
    }
}

#[test]
fn after_text_was_shown_nobody_else_begins() {
    let (answer, asked) = ask(&[("a", "half", Some(ErrorKind::Unavailable)), ("b", "yes", None)]);
    assert_eq!((answer.unwrap_err().kind(), asked), (ErrorKind::Unavailable, vec!["a"]));
}

#[test]
fn if_nobody_can_the_error_has_what_each_said() {
    let (answer, asked) = ask(&[("a", "", Some(ErrorKind::OutOfMemory)), ("b", "", Some(ErrorKind::Denied))]);
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), asked), (ErrorKind::Denied, vec!["a", "b"]));
    assert!(error.to_string().contains("a failed") && error.to_string().contains("b failed"), "{error}");
    assert!(Router::new(Vec::new()).is_err());
}
