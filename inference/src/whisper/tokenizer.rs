//! Whisper's words: text to token ids and back, and the ids that steer the model. The vocabulary is GPT-2's
//! byte-level one or its multilingual sister, from a `tokenizer.json` (openai-whisper, `tokenizer.py`).

mod read;

use crate::diffusion::tokenizer::merge::{Merge, merge};
use regex::Regex;
use std::collections::HashMap;
use std::sync::LazyLock;

/// GPT-2's pieces; a run of blanks before a word is cut in [`pieces`], as this engine has no look-ahead.
static PIECE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+").expect("a constant")
});

/// The ids that steer the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Special {
    /// Ends a text.
    pub end: u32,
    /// Begins what is to be transcribed.
    pub start: u32,
    /// Asks for a transcription.
    pub transcribe: u32,
    /// Asks for a translation to English.
    pub translate: u32,
    /// Precedes what was said before.
    pub previous: u32,
    /// Says that nothing is spoken.
    pub no_speech: u32,
    /// Says that no times are wanted.
    pub no_timestamps: u32,
    /// 0.00 seconds; each following id is 0.02 more.
    pub first_timestamp: u32,
    /// Language codes, for example `en`, and their ids, in the order of the ids.
    pub languages: Vec<(String, u32)>,
}

impl Special {
    /// The largest id.
    pub fn largest(&self) -> u32 {
        let Self { end, start, transcribe, translate, previous, no_speech, .. } = *self;
        let languages = self.languages.iter().map(|(_, id)| *id);
        let others = [end, start, transcribe, translate, previous, no_speech, self.no_timestamps];
        others.into_iter().chain(languages).fold(self.first_timestamp, u32::max)
    }
}

/// A vocabulary.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    /// The bytes that each id below the special ones stands for.
    spellings: Vec<Box<[u8]>>,
    bytes: Vec<u32>,
    pairs: HashMap<(u32, u32), Merge>,
    special: Special,
}

impl Tokenizer {
    /// The ids that steer the model.
    pub fn special(&self) -> &Special {
        &self.special
    }

    /// The id of a language's code.
    pub fn language(&self, code: &str) -> Option<u32> {
        self.special.languages.iter().find(|(known, _)| known == code).map(|(_, id)| *id)
    }

    /// The ids of `text`; what looks like a special token is text.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        for piece in pieces(text) {
            let bytes: Vec<u32> = piece.bytes().map(|byte| self.bytes[usize::from(byte)]).collect();
            merge(&bytes, &self.pairs, &mut ids);
        }
        ids
    }

    /// The bytes of `ids`, special ones left out.
    pub fn bytes(&self, ids: &[u32]) -> Vec<u8> {
        ids.iter().filter_map(|id| self.spellings.get(*id as usize)).flatten().copied().collect()
    }

    /// The text of `ids`, special ones left out; what is no UTF-8 becomes U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> String {
        String::from_utf8_lossy(&self.bytes(ids)).into_owned()
    }

    /// Whether `id` is a time.
    pub fn is_timestamp(&self, id: u32) -> bool {
        id >= self.special.first_timestamp
    }
}

/// The pieces of `text` that are merged each by itself.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let found = PIECE.find_at(text, from)?;
        let last = found.as_str().chars().next_back().map_or(0, char::len_utf8);
        let is_blank = found.as_str().trim().is_empty();
        // The last blank of several belongs to the word after them.
        let cut = is_blank && found.len() > last && found.end() < text.len();
        let piece = &text[found.start()..if cut { found.end() - last } else { found.end() }];
        from = found.start() + piece.len();
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::pieces;
    use proptest::prelude::*;

    #[test]
    fn a_word_takes_the_blank_before_it() {
        let cut = |text: &'static str| pieces(text).collect::<Vec<_>>();
        assert_eq!(cut("It's  a\n\nday, 12 "), ["It", "'s", " ", " a", "\n", "\n", "day", ",", " 12", " "]);
        assert_eq!(cut("  "), ["  "]);
        assert!(cut("").is_empty());
    }

    proptest! {
        #[test]
        fn pieces_are_the_text(text in "\\PC{0,40}|[ \n\ta'1]{0,40}") {
            prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
