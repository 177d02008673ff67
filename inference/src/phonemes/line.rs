//! Lines for the lexicon: the words that a sentence says, with the marks that phrase it, every one
//! knowing its written word.

use super::normalise::{self, Context, Plain, Say, canonical};
use super::written::Written;
use super::{Accent, letters};
use std::ops::Range;

/// Spoken words of one line at most: keeps the tagger's work linear in the text.
const MOST_WORDS: usize = 80;

/// Marks at which a line that grew long is cut first.
const PHRASE_ENDS: [char; 5] = [',', ';', ':', '—', '…'];

/// Words and marks for the lexicon, single-spaced, without digits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    /// The spoken words in order.
    pub(crate) spans: Vec<Span>,
}

/// One spoken word of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Span {
    /// Place in the line, in bytes.
    pub(crate) range: Range<usize>,
    /// Index of the written word in its sentence.
    pub(crate) word: usize,
    /// What is said in place of the word at `range`, which only stands in for the grammar.
    pub(crate) instead: Option<Instead>,
}

/// What a stand-in stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Instead {
    /// Phonemes of Kokoro's alphabet.
    Phonemes(String),
    /// Letters for the network.
    Foreign(String),
}

/// The lines of one sentence. `knows` tells whether the lexicon holds a word.
pub(crate) fn lines(sentence: &[Written<'_>], accent: Accent, knows: &dyn Fn(&str) -> bool) -> Vec<Line> {
    let plain: Vec<Plain<'_>> = sentence
        .iter()
        .map(|word| Plain { lead: word.lead, body: canonical(word.body), tail: word.tail })
        .collect();
    let mut writer = Writer { lines: vec![Line::default()], word: 0 };
    for at in 0..plain.len() {
        writer.word = at;
        if plain[at].lead.contains(['(', '[']) {
            writer.open();
        }
        let context = Context { sentence: &plain, at, accent, knows };
        for say in normalise::say(&context) {
            writer.say(&say, accent);
        }
        writer.close(plain[at].tail, at + 1 == plain.len());
    }
    writer.lines.retain(|line| !line.spans.is_empty());
    writer.lines
}

struct Writer {
    lines: Vec<Line>,
    word: usize,
}

impl Writer {
    fn line(&mut self) -> &mut Line {
        self.lines.last_mut().expect("it begins with one line and none is taken away")
    }

    fn say(&mut self, say: &Say, accent: Accent) {
        match say {
            Say::Words(words) => words.split_whitespace().for_each(|word| self.push(word, None)),
            Say::Letters { text, plural } => {
                let phonemes = letters::spelled(text, *plural, accent);
                let begins_with_vowel =
                    phonemes.trim_start_matches(['ˈ', 'ˌ']).starts_with(['A', 'I', 'O', 'Q', 'ɛ', 'i', 'ɑ']);
                // The words around it see a noun that begins with the same kind of sound ("the FBI").
                let stand_in = if begins_with_vowel { "Ohio" } else { "Boston" };
                self.push(stand_in, Some(Instead::Phonemes(phonemes)));
            }
            Say::Foreign(word) => self.push("Boston", Some(Instead::Foreign(word.clone()))),
            Say::Break => self.mark(","),
        }
    }

    fn push(&mut self, said: &str, instead: Option<Instead>) {
        let word = self.word;
        let line = self.line();
        let is_full = line.spans.len() >= MOST_WORDS
            || (line.spans.len() * 2 >= MOST_WORDS && line.text.ends_with(PHRASE_ENDS));
        if is_full {
            self.lines.push(Line::default());
        }
        let line = self.line();
        if !line.text.is_empty() && !line.text.ends_with(['(', ' ']) {
            line.text.push(' ');
        }
        let start = line.text.len();
        line.text.push_str(said);
        line.spans.push(Span { range: start..line.text.len(), word, instead });
    }

    fn open(&mut self) {
        let line = self.line();
        if !line.text.is_empty() {
            line.text.push(' ');
        }
        line.text.push('(');
    }

    /// Puts a mark after the last word, unless one is there.
    fn mark(&mut self, mark: &str) {
        let line = self.line();
        if line.text.ends_with(|c: char| c.is_alphanumeric() || c == ')' || c == '\'') {
            line.text.push_str(mark);
        }
    }

    /// The marks after a written word, brought to those that the model knows.
    fn close(&mut self, tail: &str, is_last: bool) {
        if tail.contains([')', ']']) && self.line().text.contains('(') {
            self.line().text.push(')');
        }
        let mark = if tail.contains('?') {
            "?"
        } else if tail.contains('!') {
            "!"
        } else if tail.contains('…') || tail.contains("...") {
            "…"
        } else if tail.contains(['—', '–']) || tail.contains("--") || tail.contains(" -") {
            " —"
        } else {
            [";", ":", ","].into_iter().find(|mark| tail.contains(mark)).unwrap_or_default()
        };
        if !mark.is_empty() {
            self.mark(mark);
        }
        // A full stop inside a sentence belongs to an abbreviation; a sentence without an end gets one.
        if is_last && !self.line().text.ends_with(['?', '!', '…', ':', '—', ';']) {
            let line = self.line();
            line.text.truncate(line.text.trim_end_matches(',').len());
            self.mark(".");
        }
    }
}
