//! Sentences of other languages to symbols: phrases between marks go to espeak-ng, which also reads their numbers
//! and abbreviations; its IPA is brought to Kokoro's alphabet as upstream does it (`EspeakG2P` in
//! `misaki/espeak.py` of hexgrad/misaki), and the words' places are found again ([`super::align`]).

use super::align::align;
use super::espeak::{Espeak, TIE};
use super::tongue::Tongue;
use super::written::Written;
use super::{SPACE, Symbol, alphabet};
use reelsmith_inference_core::Result;
use std::ops::Range;

/// A phrase without a mark is cut after so many words, or bytes if it has more than one: bounds the work of finding
/// its words' places.
const MOST_WORDS: usize = 40;
const MOST_BYTES: usize = 400;

/// Bytes that espeak-ng is asked to read at once.
const MOST_AT_ONCE: usize = 4000;

/// Sounds that Kokoro has one symbol for. Source: `e2m` of misaki's `EspeakG2P`, in its order.
const ONE_SYMBOL: [(&str, &str); 11] = [
    ("a^ɪ", "I"),
    ("a^ʊ", "W"),
    ("d^z", "ʣ"),
    ("d^ʒ", "ʤ"),
    ("e^ɪ", "A"),
    ("o^ʊ", "O"),
    ("s^s", "S"),
    ("t^s", "ʦ"),
    ("t^ʃ", "ʧ"),
    ("ɔ^ɪ", "Y"),
    ("ə^ʊ", "Q"),
];

/// Words between two marks.
#[derive(Debug, PartialEq, Eq)]
struct Phrase {
    /// Indices into the sentence.
    words: Range<usize>,
    /// What espeak-ng reads.
    text: String,
    /// The marks before the first phrase and after each, with the blanks around them.
    before: String,
    after: String,
}

/// The symbols of one sentence, whose words count from `first`. `step` is told before each run of the program how many
/// symbols there are, and may end it with an error.
pub(super) fn sentence(
    sentence: &[Written<'_>],
    first: usize,
    tongue: Tongue,
    espeak: &Espeak,
    step: &mut dyn FnMut(usize) -> Result<()>,
) -> Result<Vec<Symbol>> {
    let phrases = phrases(sentence);
    let mut symbols = Vec::new();
    for range in runs(&phrases) {
        step(symbols.len())?;
        let phrases = &phrases[range];
        let mut texts = Vec::new();
        for phrase in phrases {
            texts.push(phrase.text.clone());
            if phrase.words.len() > 1 {
                texts.extend(phrase.words.clone().map(|at| said(sentence, at)));
            }
        }
        let read = espeak.read(tongue, &texts)?;
        let mut read = read.iter().map(|ipa| sounds(ipa));
        for phrase in phrases {
            let together = read.next().unwrap_or_default();
            let alone: Vec<Vec<char>> = match phrase.words.len() {
                1 => vec![together.clone()],
                count => read.by_ref().take(count).collect(),
            };
            mark(&phrase.before, &mut symbols);
            for (sound, word) in together.iter().zip(align(&together, &alone)) {
                let word = word.map(|word| first + phrase.words.start + word);
                symbols.extend(alphabet::number(*sound).map(|number| Symbol { number, word }));
            }
            mark(&phrase.after, &mut symbols);
        }
    }
    match symbols.iter().any(|symbol| symbol.word.is_some()) {
        true => Ok(symbols),
        false => Ok(Vec::new()),
    }
}

/// Phrases that are read in one run of the program.
fn runs(phrases: &[Phrase]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let mut bytes = 0;
    for (at, phrase) in phrases.iter().enumerate() {
        match runs.last_mut().filter(|_| bytes + phrase.text.len() <= MOST_AT_ONCE) {
            Some(run) => run.end = at + 1,
            None => {
                runs.push(at..at + 1);
                bytes = 0;
            }
        }
        bytes += phrase.text.len();
    }
    runs
}

fn phrases(sentence: &[Written<'_>]) -> Vec<Phrase> {
    let mut phrases: Vec<Phrase> = Vec::new();
    let mut before = sentence.first().map(|word| marks(word.lead)).unwrap_or_default();
    for (at, word) in sentence.iter().enumerate() {
        let said = said(sentence, at);
        let open = phrases.last_mut().filter(|phrase| {
            let is_full = phrase.words.len() >= MOST_WORDS || phrase.text.len() + said.len() + 1 > MOST_BYTES;
            phrase.after.trim().is_empty() && !is_full
        });
        let after = match sentence.get(at + 1) {
            Some(next) => between(word.tail, next.lead),
            None => ending(word.tail),
        };
        match open {
            Some(phrase) => {
                phrase.text.push(' ');
                phrase.text.push_str(&said);
                phrase.words.end = at + 1;
                phrase.after = after;
            }
            None => {
                let before = std::mem::take(&mut before);
                phrases.push(Phrase { words: at..at + 1, text: said, before, after });
            }
        }
    }
    phrases
}

/// What espeak-ng reads of a word: its body, with an apostrophe that shortens it ("un po'") and the full stop of an
/// abbreviation ("Sr."), unless it ends the sentence too.
fn said(sentence: &[Written<'_>], at: usize) -> String {
    let word = &sentence[at];
    let is_last = at + 1 == sentence.len();
    let mut said = word.body.to_owned();
    let quoted = word.lead.ends_with(['\'', '‘', '’']);
    match word.tail.chars().next() {
        Some('\'' | '’') if !quoted => said.push('\''),
        Some('.') if !word.tail.starts_with("..") && !is_last => said.push('.'),
        _ => {}
    }
    said
}

/// The marks between two words of a sentence: a full stop there is an abbreviation's.
fn between(tail: &str, lead: &str) -> String {
    let tail = match tail.strip_prefix('.') {
        Some(rest) if !rest.starts_with('.') => rest,
        _ => tail,
    };
    let marks = marks(&format!("{tail} {lead}"));
    if marks.is_empty() { " ".to_owned() } else { marks }
}

/// The marks after the last word; one that ends the sentence is set where there is none.
fn ending(tail: &str) -> String {
    let mut marks = marks(tail);
    marks.truncate(marks.trim_end().len());
    if !marks.contains(['.', '!', '?', '…', ':', ';', '—']) {
        marks.push('.');
    }
    marks
}

/// Marks in the model's alphabet, blanks single; other characters are left out.
fn marks(text: &str) -> String {
    let mut marks = String::new();
    let text = text.replace("--", "—").replace(" - ", "—");
    for c in text.chars() {
        let mark = match c {
            '«' => '“',
            '»' => '”',
            '[' | '{' => '(',
            ']' | '}' => ')',
            '–' | '―' | '‒' => '—',
            '।' | '॥' => '.',
            c if alphabet::is_punctuation(c) => c,
            c if c.is_whitespace() && !marks.ends_with(' ') => ' ',
            _ => continue,
        };
        marks.push(mark);
    }
    marks
}

fn mark(marks: &str, symbols: &mut Vec<Symbol>) {
    for mark in marks.chars() {
        let is_twice = mark == ' ' && symbols.last().is_none_or(|symbol| symbol.number == SPACE);
        if !is_twice {
            symbols.extend(alphabet::number(mark).map(|number| Symbol { number, word: None }));
        }
    }
}

/// espeak's IPA in Kokoro's alphabet: without the marks of words read in another language ("(en)"), ties, hyphens and
/// what the alphabet lacks.
fn sounds(ipa: &str) -> Vec<char> {
    let mut text = String::new();
    let mut rest = ipa;
    while let Some((before, after)) = rest.split_once('(') {
        text.push_str(before);
        rest = after.split_once(')').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    for (many, one) in ONE_SYMBOL {
        text = text.replace(many, one);
    }
    let mut sounds: Vec<char> = Vec::new();
    let is_sound = |c: &char| alphabet::number(*c).is_some() && !alphabet::is_punctuation(*c);
    for c in text.chars().filter(|c| *c != TIE && is_sound(c)) {
        if c != ' ' || sounds.last().is_some_and(|last| *last != ' ') {
            sounds.push(c);
        }
    }
    while sounds.last() == Some(&' ') {
        sounds.pop();
    }
    sounds
}

#[cfg(test)]
mod tests;
