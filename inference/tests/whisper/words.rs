//! Times of words against openai-whisper (`tests/reference/listening.py`).

use crate::support::cases::cases;
use crate::support::checkpoint::model_file;
use reelsmith_inference::network::Array;
use reelsmith_inference::whisper::tokenizer::Tokenizer;
use reelsmith_inference::whisper::words::align;

#[test]
fn words_and_their_times_are_those_of_the_reference() {
    let tokenizer = Tokenizer::open(&model_file("whisper-base-ct2/tokenizer.json")).unwrap();
    for case in cases("whisper-words") {
        let list = |key: &str| -> Vec<f64> { serde_json::from_value(case.json[key].clone()).unwrap() };
        let tokens: Vec<u32> = list("tokens").into_iter().map(|id| id as u32).collect();
        let shape = [&[1], case.tensor("scores").shape.as_slice()].concat();
        let scores = Array::new(&shape, case.floats("scores"));
        let logs: Vec<f32> = (0..tokens.len()).map(|n| -(n as f32) / 10.0).collect();
        let language = case.json["language"].as_str().unwrap();
        let (before, heard) = (case.number("/before") as usize, case.number("/heard") as usize);
        let made = align(&tokenizer, language, (&tokens, &logs), &scores, before, heard);
        let texts: Vec<&str> = made.iter().map(|word| word.text.as_str()).collect();
        let expected: Vec<String> = serde_json::from_value(case.json["words"].clone()).unwrap();
        assert_eq!(texts, expected, "{}", case.name);
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        for ((word, start), end) in made.iter().zip(list("starts")).zip(list("ends")) {
            assert!(
                close(word.start, start) && close(word.end, end),
                "{}: {word:?} {start} {end}",
                case.name
            );
        }
        assert_eq!(made.iter().map(|word| word.tokens).sum::<usize>(), tokens.len());
        assert!(made[0].probability > made[made.len() - 1].probability);
    }
}
