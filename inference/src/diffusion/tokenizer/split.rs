//! Text to words, as the fast `CLIPTokenizer` does: NFC, lower case, then a regular expression.

use super::{BEGIN, END};
use regex::Regex;
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization;

/// Contractions, runs of letters, single digits, runs of the rest. The two marks get here only where their
/// capitals have just been made small.
static WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")
        .expect("a constant")
});

/// A place where a text can be cut without a change to its tokens: before the last character of a match.
static CUT: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\s\S|,[\p{L}\p{N}]").expect("a constant"));

/// Characters that Unicode 9 does not have, as which the reference's NFC (`unicode-normalization-alignments`)
/// takes them: they stay where and what they are.
static NEWER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[^\p{Age:9.0}]+").expect("a constant"));

/// NFC, every run of white space one blank, lower case of each character by itself (so a final `Σ` is `σ`).
pub(super) fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut from = 0;
    for newer in NEWER.find_iter(text) {
        small(text[from..newer.start()].nfc(), &mut normal);
        small(newer.as_str().chars(), &mut normal);
        from = newer.end();
    }
    small(text[from..].nfc(), &mut normal);
    normal
}

/// Appends `text` in lower case, with no blank after a blank.
fn small(text: impl Iterator<Item = char>, normal: &mut String) {
    for c in text {
        if !c.is_whitespace() {
            normal.extend(c.to_lowercase());
        } else if !normal.ends_with(' ') {
            normal.push(' ');
        }
    }
}

/// The words of a normalised text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    WORD.find_iter(text).flat_map(|found| match found.as_str() {
        // The expression keeps them whole, and the byte-level splitter behind it does not.
        mark @ (BEGIN | END) => [&mark[..2], &mark[2..mark.len() - 2], &mark[mark.len() - 2..]],
        word => [word, "", ""],
    })
}

/// `text` in pieces that begin after white space or after a comma that stands before a letter or digit.
/// Together they are `text`, and together their tokens are its tokens, with any marks.
pub(in crate::diffusion) fn units(text: &str) -> impl Iterator<Item = &str> {
    let mut from = 0;
    let cuts = CUT.find_iter(text).map(|found| {
        let last = found.as_str().chars().next_back().map_or(0, char::len_utf8);
        found.end() - last
    });
    cuts.chain([text.len()]).filter_map(move |to| {
        let unit = &text[from..to];
        from = to;
        (!unit.is_empty()).then_some(unit)
    })
}
