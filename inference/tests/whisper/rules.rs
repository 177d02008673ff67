//! Which token may come next, against openai-whisper (`tests/reference/listening.py`).

use crate::support::cases::cases;
use crate::support::checkpoint::model_file;
use crate::support::fill::uniform;
use reelsmith_inference::whisper::rules::Rules;
use reelsmith_inference::whisper::tokenizer::Tokenizer;
use sha2::{Digest, Sha256};

#[test]
fn the_same_tokens_may_follow_as_in_the_reference() {
    let tokenizer = Tokenizer::open(&model_file("whisper-base-ct2/tokenizer.json")).unwrap();
    // Without a list of what is never said, it is worked out from the vocabulary.
    let rules = Rules::new(&tokenizer, &[]);
    let first = tokenizer.special().first_timestamp as usize;
    for case in cases("whisper-rules") {
        for (n, expected) in case.json["cases"].as_array().unwrap().iter().enumerate() {
            let said: Vec<u32> = serde_json::from_value(expected["said"].clone()).unwrap();
            let mut logits = uniform(&format!("logits-{n}"), case.seed(), 51865);
            logits.iter_mut().for_each(|logit| *logit *= 10.0);
            logits[first..].iter_mut().for_each(|logit| *logit += 4.0 * (n % 2) as f32);
            rules.apply(&mut logits, &said);
            let allowed: Vec<u8> = logits.iter().map(|logit| u8::from(logit.is_finite())).collect();
            let count = allowed.iter().map(|one| u64::from(*one)).sum::<u64>();
            assert_eq!(count, expected["count"].as_u64().unwrap(), "{n}: {said:?}");
            let sum: String = Sha256::digest(&allowed).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(sum, expected["allowed"].as_str().unwrap(), "{n}: {said:?}");
        }
    }
}
