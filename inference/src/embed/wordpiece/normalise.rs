//! Cleaning of a text before it is cut into words (`BertNormalizer` of the tokenizers library,
//! `normalizers/bert.rs`).

use super::categories;
use serde::Deserialize;
use std::iter;
use unicode_normalization::UnicodeNormalization;

/// What is done to a text, in the order of the fields.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Normaliser {
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Control characters are left out, and all white space becomes a blank.
    clean_text: bool,
    /// Every ideograph becomes a word of its own.
    handle_chinese_chars: bool,
    /// Marks on letters are taken off; where nothing is said, with `lowercase`.
    strip_accents: Option<bool>,
    lowercase: bool,
}

impl Normaliser {
    /// The cleaned text, made as it is asked for.
    pub(super) fn characters<'a>(&'a self, text: &'a str) -> Box<dyn Iterator<Item = char> + 'a> {
        let mut made: Box<dyn Iterator<Item = char> + 'a> = Box::new(text.chars());
        if self.clean_text {
            made = Box::new(made.filter(|c| !categories::is_control(*c)).map(blank));
        }
        if self.handle_chinese_chars {
            made = Box::new(made.flat_map(apart));
        }
        if self.strip_accents.unwrap_or(self.lowercase) {
            made = Box::new(made.nfd().filter(|c| !categories::is_mark(*c)));
        }
        if self.lowercase {
            made = Box::new(made.flat_map(char::to_lowercase));
        }
        made
    }
}

fn blank(c: char) -> char {
    if c.is_whitespace() { ' ' } else { c }
}

/// An ideograph between blanks, anything else alone.
fn apart(c: char) -> impl Iterator<Item = char> {
    let around = categories::is_ideograph(c).then_some(' ');
    around.into_iter().chain(iter::once(c)).chain(around)
}
