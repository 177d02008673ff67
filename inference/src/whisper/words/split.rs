//! Tokens to words: at blanks, or at every character in languages that put none between words (openai-whisper,
//! `tokenizer.py`).

use crate::whisper::tokenizer::Tokenizer;

/// Languages that put no blanks between words.
const UNSPACED: [&str; 6] = ["zh", "ja", "th", "lo", "my", "yue"];

/// The words of `tokens`, which are of `language`, and how many tokens each has.
pub(super) fn split(tokenizer: &Tokenizer, tokens: &[u32], language: &str) -> Vec<(String, usize)> {
    let characters = characters(tokenizer, tokens);
    if UNSPACED.contains(&language) {
        return characters;
    }
    let mut words: Vec<(String, usize)> = Vec::new();
    for (text, count) in characters {
        let begins = text.starts_with(' ') || is_punctuation(text.trim());
        match words.last_mut().filter(|_| !begins) {
            Some((word, tokens)) => {
                word.push_str(&text);
                *tokens += count;
            }
            None => words.push((text, count)),
        }
    }
    words
}

/// The shortest runs of tokens that are whole characters.
fn characters(tokenizer: &Tokenizer, tokens: &[u32]) -> Vec<(String, usize)> {
    let (mut parts, mut from) = (Vec::new(), 0);
    for to in 1..=tokens.len() {
        let bytes = tokenizer.bytes(&tokens[from..to]);
        let text = match std::str::from_utf8(&bytes) {
            // The tokens to come may hold the rest of a character.
            Err(error) if error.error_len().is_none() && to < tokens.len() => continue,
            _ => String::from_utf8_lossy(&bytes).into_owned(),
        };
        parts.push((text, to - from));
        from = to;
    }
    parts
}

/// One mark, or none: as `in string.punctuation` has it in Python.
fn is_punctuation(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_none_or(|c| c.is_ascii_punctuation()) && characters.next().is_none()
}
