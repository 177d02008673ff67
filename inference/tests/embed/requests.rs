use crate::{cosine, embedder};
use proptest::prelude::*;
use reelsmith_inference::embed::{MOST_BYTES, MOST_TEXTS};
use reelsmith_inference_core::embed::{Embed, EmbedRequest, Embedding};
use reelsmith_inference_core::{Control, ErrorKind, InferenceError, NoControl, Progress, Verdict};
use std::sync::Mutex;

fn request(texts: &[&str]) -> EmbedRequest {
    EmbedRequest { texts: texts.iter().map(|text| (*text).to_owned()).collect() }
}

fn embed(texts: &[&str]) -> Vec<Embedding> {
    embedder().embed(&request(texts), &NoControl).expect("they are read")
}

fn refused(request: &EmbedRequest) -> InferenceError {
    embedder().embed(request, &NoControl).expect_err("it is refused")
}

#[test]
fn every_text_has_a_direction_of_length_one_whatever_is_in_it() {
    let long = "the quick brown fox ".repeat(52_000);
    let texts = ["", " \n\t", "\u{0}", "😀👍🏽", "!!!", "[SEP][CLS]", "\u{301}\u{301}", "你好", &long, "x"];
    let made = embed(&texts);
    assert_eq!(made.len(), texts.len());
    for (text, embedding) in texts.iter().zip(&made) {
        let length: f64 = embedding.vector.iter().map(|n| f64::from(*n).powi(2)).sum();
        assert!((length - 1.0).abs() < 1e-5, "{text:.20?}: {length}");
        assert_eq!(embedding.truncated, text.len() > 1000);
        assert!((2..=256).contains(&embedding.tokens));
    }
    assert_eq!((made[0].tokens, made[8].tokens), (2, 256));
    assert_eq!(made[0].vector, made[1].vector, "blanks say nothing");
    assert_eq!(made[0].vector, made[2].vector, "nor does NUL");
}

#[test]
fn no_texts_and_too_many_are_refused() {
    let none = refused(&EmbedRequest::default());
    assert_eq!(none.kind(), ErrorKind::InvalidRequest);
    assert!(none.to_string().contains("there are no texts"), "{none}");
    let many = refused(&EmbedRequest { texts: vec![String::new(); MOST_TEXTS + 1] });
    assert_eq!(many.kind(), ErrorKind::InvalidRequest);
    let large = refused(&EmbedRequest { texts: vec!["x".repeat(MOST_BYTES / 2 + 1); 2] });
    assert!(large.to_string().contains("split it"), "{large}");
}

#[test]
fn the_order_of_the_texts_changes_nothing() {
    let texts: Vec<String> =
        (1..60).map(|n| "word and other words ".repeat(n % 17 + 1) + &n.to_string()).collect();
    let forward: Vec<&str> = texts.iter().map(String::as_str).collect();
    let backward: Vec<&str> = forward.iter().rev().copied().collect();
    let (first, second) = (embed(&forward), embed(&backward));
    for (a, b) in first.iter().zip(second.iter().rev()) {
        assert!(cosine(&a.vector, &b.vector) > 0.999_999);
    }
    assert_eq!(embed(&forward), first, "the same request gives the same bits");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn a_text_means_the_same_alone_and_among_others(texts in prop::collection::vec("\\PC{0,80}", 1..12)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let together = embed(&texts);
        for (text, among) in texts.iter().zip(&together) {
            let alone = &embed(&[text])[0];
            prop_assert!(cosine(&alone.vector, &among.vector) > 0.999_99);
            prop_assert_eq!(alone.tokens, among.tokens);
        }
    }
}

/// Cancels once so many texts are done, and remembers what it was told.
struct CancelAt(u64, Mutex<Vec<Progress>>);

impl Control for CancelAt {
    fn step(&self, progress: Progress) -> Verdict {
        self.1.lock().expect("no test panics with it").push(progress);
        if progress.done >= self.0 { Verdict::Cancel } else { Verdict::Continue }
    }
}

#[test]
fn it_can_be_cancelled_between_batches_and_tells_how_far_it_is() {
    let texts: Vec<String> = (0..300).map(|n| "some words ".repeat(n % 20 + 1)).collect();
    let control = CancelAt(100, Mutex::default());
    let request = EmbedRequest { texts };
    let error = embedder().embed(&request, &control).expect_err("it is cancelled");
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let control_of_all = CancelAt(u64::MAX, Mutex::default());
    embedder().embed(&request, &control_of_all).expect("it is read");
    let steps = control_of_all.1.into_inner().expect("no test panics with it");
    assert!(steps.is_sorted_by_key(|step| step.done) && steps.len() > 5, "{steps:?}");
    assert!(steps.iter().all(|step| step.total == Some(300) && step.unit == "texts"));
    assert_eq!((steps[0].done, steps[steps.len() - 1].done), (0, 300));
    let cut = control.1.into_inner().expect("no test panics with it");
    assert_eq!(cut.iter().filter(|step| step.done >= 100).count(), 1, "nothing ran after it");
}

#[test]
fn a_request_that_is_refused_or_large_is_priced() {
    let embedder = embedder();
    let price = |texts: &[&str]| embedder.footprint(&request(texts)).peak_activation;
    let (none, one, many) = (price(&[]), price(&["x"]), price(&["some words"; 5000]));
    assert!(none <= one && one < many);
    let long = "x".repeat(1 << 20);
    let long = long.as_str();
    assert!(price(&[long; 60]) < 1 << 30, "a batch has a limit");
}
