//! The written text, cut into words and sentences, every word keeping its place.

use super::Language;
use std::ops::Range;

/// A word as it stands in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written<'a> {
    /// Place in the text in bytes: the body and the punctuation that clings to it.
    pub(crate) range: Range<usize>,
    /// Opening marks before the body.
    pub(crate) lead: &'a str,
    /// What is spoken: neither begins nor ends with the marks of `lead` and `tail`.
    pub(crate) body: &'a str,
    /// Closing marks after the body, and marks that stand alone after the word ("word — next").
    pub(crate) tail: &'a str,
    /// A blank line stands before the word.
    pub(crate) opens_paragraph: bool,
}

const OPENING: &str = "\"'“”‘’([{«¿¡*_~`|";
const CLOSING: &str = "\"'“”’‘)]}»,.;:!?…*_~`|—–।॥";

/// The words of `text` in order. Marks that stand alone join the word before them; symbols that are
/// spoken (`&`, `+`, `=` …) are words; pictographs are none.
pub(crate) fn words(text: &str) -> Vec<Written<'_>> {
    words_between(text, &mut ends_of_lines)
}

/// The same; `ends` counts the line ends of the gaps between stretches, and is shown each of them once.
pub(super) fn words_between<'a>(text: &'a str, ends: &mut dyn FnMut(&str) -> usize) -> Vec<Written<'a>> {
    let mut words: Vec<Written<'a>> = Vec::new();
    // Line ends since the last word.
    let (mut previous_end, mut line_ends) = (0, 0);
    for piece in pieces(text) {
        line_ends += ends(&text[previous_end..piece.start]);
        let opens_paragraph = words.is_empty() || line_ends > 1;
        previous_end = piece.end;
        match word(text, piece.clone()) {
            Some(word) => words.push(Written { opens_paragraph, ..word }),
            None if is_loose_mark(&text[piece.clone()]) && !opens_paragraph => {
                if let Some(last) = words.last_mut() {
                    let body_end = last.range.end - last.tail.len();
                    last.tail = &text[body_end..piece.end];
                    last.range.end = piece.end;
                }
            }
            None => continue,
        }
        line_ends = 0;
    }
    words
}

/// Stretches without whitespace, split once more at dashes that join two words ("word—word").
fn pieces(text: &str) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices() {
        if c.is_whitespace() || c.is_control() {
            if let Some(start) = start.take() {
                pieces.push(start..at);
            }
            continue;
        }
        let start_now = *start.get_or_insert(at);
        let after = at + c.len_utf8();
        if c == '—'
            || text[start_now..after].ends_with("--")
            || text[start_now..after].ends_with("...")
            || c == '…'
        {
            let rest = text[after..].chars().next();
            if rest.is_some_and(char::is_alphanumeric)
                && text[start_now..at].chars().any(char::is_alphanumeric)
            {
                pieces.push(start_now..after);
                start = None;
            }
        }
    }
    pieces.extend(start.map(|start| start..text.len()));
    pieces
}

/// The line ends of a gap; a mark that ends a paragraph counts for two, as a blank line does.
fn ends_of_lines(gap: &str) -> usize {
    let ends = |c| match c {
        '\n' => 1,
        '\u{2029}' => 2,
        _ => 0,
    };
    gap.chars().map(ends).sum()
}

fn word(text: &str, piece: Range<usize>) -> Option<Written<'_>> {
    let whole = &text[piece.clone()];
    if let Some(end) = ["w/", "w/o", "b/c"].iter().find(|w| **w == whole).map(|w| w.len()) {
        let range = piece.start..piece.start + end;
        return Some(Written { lead: "", body: whole, tail: "", range, opens_paragraph: false });
    }
    let kept = whole.trim_start_matches(|c| !OPENING.contains(c) && !is_spoken(c));
    // A minus is no hyphen that dangles.
    let sign = whole[..whole.len() - kept.len()].chars().next_back().filter(|c| matches!(c, '-' | '−'));
    let is_negative = kept.starts_with(|c: char| c.is_ascii_digit() || "$£€¥.".contains(c));
    let sign = sign.filter(|_| is_negative).map_or(0, char::len_utf8);
    let kept = &whole[whole.len() - kept.len() - sign..];
    let start = piece.end - kept.len();
    let kept = kept.trim_end_matches(|c| !CLOSING.contains(c) && !is_spoken(c));
    let range = start..start + kept.len();
    let body_start = range.start + (kept.len() - kept.trim_start_matches(|c| OPENING.contains(c)).len());
    let body = text[body_start..range.end].trim_end_matches(|c| CLOSING.contains(c) || !is_spoken(c));
    let body_end = body_start + body.len();
    body.chars().any(is_spoken).then(|| Written {
        lead: &text[range.start..body_start],
        body,
        tail: &text[body_end..range.end],
        range,
        opens_paragraph: false,
    })
}

fn is_loose_mark(piece: &str) -> bool {
    piece.chars().all(|c| CLOSING.contains(c) || OPENING.contains(c) || matches!(c, '-' | '‒' | '―'))
}

/// Whether `c` alone gives the reader something to say, or as a sign of Devanagari that is no letter changes the one
/// before it (nukta and virama).
pub(crate) fn is_spoken(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '\u{93c}' | '\u{94d}') || super::symbols::name(c).is_some()
}

/// Runs of words that are spoken in one breath, as ranges of indices into `words`.
pub(crate) fn sentences(words: &[Written<'_>], language: Language) -> Vec<Range<usize>> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for next in 1..=words.len() {
        let ends = next == words.len()
            || words[next].opens_paragraph
            || ends_sentence(&words[next - 1], &words[next], language);
        if ends {
            sentences.push(start..next);
            start = next;
        }
    }
    sentences
}

/// Whether a sentence ends between these neighbours.
fn ends_sentence(word: &Written<'_>, next: &Written<'_>, language: Language) -> bool {
    let marks = word.tail.trim_end_matches(|c: char| !",;:.!?…—–।॥".contains(c));
    if next.body.starts_with(char::is_lowercase) {
        return false;
    }
    if marks.ends_with(['!', '?', '…', '।', '॥']) || marks.ends_with("...") {
        return true;
    }
    marks.ends_with('.') && !language.continues(word.body, next.body)
}
