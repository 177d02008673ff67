//! Words, compared: what a script says and what a recogniser heard.

use std::path::Path;
use std::process::Command;

/// The words of `media` as Whisper hears them.
///
/// # Panics
/// When the recogniser cannot run; its message says what is missing.
pub fn read_back(media: &Path) -> String {
    let model = crate::cache().join("models/whisper-base-ct2");
    assert!(model.is_dir(), "{} is missing: run `make setup-test`", model.display());
    let script = crate::root().join("tests/readback.py");
    let output =
        Command::new(crate::python()).arg(script).arg(model).arg(media).output().expect("Python starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let heard: serde_json::Value = serde_json::from_slice(&output.stdout).expect("readback.py prints JSON");
    heard["text"].as_str().expect("readback.py prints the text").to_owned()
}

/// Lower-case words without punctuation; numbers up to ten as digits and `%` as a word, since a recogniser writes
/// either.
pub fn words(text: &str) -> Vec<String> {
    const DIGITS: [&str; 11] =
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];
    let text = text.replace('%', " percent ").to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    let as_digits =
        |word: &str| DIGITS.iter().position(|digit| *digit == word).map(|number| number.to_string());
    words.map(|word| as_digits(word).unwrap_or_else(|| word.to_owned())).collect()
}

/// Word error rate: the least number of words to substitute, insert or delete, over the words of `reference`.
pub fn word_error_rate(reference: &[String], heard: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, expected) in reference.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, found) in heard.iter().enumerate() {
            let substitute = diagonal + usize::from(expected != found);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / reference.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn word_error_rate_counts_each_kind_of_error_once() {
        let rate = |a: &str, b: &str| word_error_rate(&words(a), &words(b));
        assert_eq!(rate("the cat sat down", "The cat sat down."), 0.0);
        assert_eq!(rate("the cat sat down", "the cat sat"), 0.25);
        assert_eq!(rate("the cat sat down", "the big cat sat down"), 0.25);
        assert_eq!(rate("the cat sat down", "the dog sat down"), 0.25);
        assert_eq!(rate("the cat", ""), 1.0);
    }
}
