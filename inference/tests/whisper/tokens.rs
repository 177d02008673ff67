//! The vocabulary against transformers (`tests/reference/recogniser.py`).

use crate::support::cases::cases;
use crate::support::checkpoint::model_file;
use reelsmith_inference::whisper::tokenizer::Tokenizer;
use reelsmith_inference_core::ErrorKind;
use sha2::{Digest, Sha256};

fn tokenizer() -> Tokenizer {
    Tokenizer::open(&model_file("whisper-base-ct2/tokenizer.json")).expect("the published vocabulary loads")
}

fn ids(value: &serde_json::Value) -> Vec<u32> {
    serde_json::from_value(value.clone()).expect("ids")
}

#[test]
fn texts_become_the_ids_of_the_reference() {
    let tokenizer = tokenizer();
    for case in cases("whisper-tokens") {
        for entry in case.json["texts"].as_array().unwrap() {
            let text = entry["text"].as_str().unwrap();
            assert_eq!(tokenizer.encode(text), ids(&entry["ids"]), "{text:?}");
            assert_eq!(tokenizer.decode(&tokenizer.encode(text)), text);
        }
    }
}

#[test]
fn ids_become_the_texts_of_the_reference() {
    let tokenizer = tokenizer();
    for case in cases("whisper-tokens") {
        for entry in case.json["sequences"].as_array().unwrap() {
            assert_eq!(tokenizer.decode(&ids(&entry["ids"])), entry["text"].as_str().unwrap());
        }
        let every: Vec<String> = (0..50364).map(|id| tokenizer.decode(&[id])).collect();
        let sum: String = Sha256::digest(every.join("\0")).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(sum, case.json["every"].as_str().unwrap());
    }
}

#[test]
fn steering_tokens_are_found_by_their_names() {
    let tokenizer = tokenizer();
    let special = tokenizer.special();
    assert_eq!(
        (special.end, special.start, special.translate, special.transcribe),
        (50257, 50258, 50358, 50359)
    );
    assert_eq!((special.previous, special.no_speech, special.no_timestamps), (50361, 50362, 50363));
    assert_eq!(special.first_timestamp, 50364);
    assert_eq!(special.languages.len(), 99);
    assert_eq!((tokenizer.language("en"), tokenizer.language("su")), (Some(50259), Some(50357)));
    assert_eq!(tokenizer.language("xx"), None);
}

#[test]
fn a_text_that_looks_like_a_steering_token_is_text() {
    let tokenizer = tokenizer();
    let ids = tokenizer.encode("<|endoftext|>");
    assert!(ids.len() > 1 && ids.iter().all(|id| *id < 50257), "{ids:?}");
}

#[test]
fn a_file_that_is_no_vocabulary_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenizer.json");
    assert_eq!(Tokenizer::open(&path).unwrap_err().kind(), ErrorKind::ModelMissing);
    let huge = r#"{"added_tokens": [], "model": {"vocab": {"a": 4294967295}, "merges": []}}"#;
    let odd = r#"{"added_tokens": [], "model": {"vocab": {"日": 1}, "merges": ["x"]}}"#;
    for text in ["", "{}", "[1]", huge, odd] {
        std::fs::write(&path, text).unwrap();
        let error = Tokenizer::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{text}");
        assert!(error.to_string().contains("tokenizer.json"), "{error}");
    }
}
