//! Written text to what Kokoro reads, every phoneme with the written word that it speaks. English has rules and lexicons
//! here: numbers, money, dates and abbreviations become words, words become phonemes. The other languages are sounded
//! out by the program espeak-ng, where it is installed.

mod abbreviations;
mod align;
mod alphabet;
mod espeak;
mod foreign;
mod g2p;
mod letters;
mod line;
mod normalise;
mod numbers;
mod oov;
mod symbols;
mod tongue;
mod written;

pub use tongue::ESPEAK_VOICES;

pub(crate) use g2p::Accent;
pub(crate) use tongue::Language;

use espeak::Espeak;
use g2p::EnglishG2p;
use line::Line;
use oov::OovNet;
use reelsmith_inference_core::Result;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use written::Written;

/// One symbol for the model and the written word that it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Symbol {
    /// Number in the model's alphabet.
    pub(crate) number: u8,
    /// Index of the written word; `None` for punctuation and spaces.
    pub(crate) word: Option<usize>,
}

/// Turns text into symbols; holds the lexicons of the accents that were asked for.
pub(crate) struct Phonemizer {
    oov: PathBuf,
    us: Option<EnglishG2p>,
    gb: Option<EnglishG2p>,
    espeak: Espeak,
}

/// A text cut into words and sentences, not yet sounded out.
pub(crate) struct Document<'a> {
    words: Vec<Written<'a>>,
    sentences: Vec<Range<usize>>,
    language: Language,
}

impl<'a> Document<'a> {
    /// Cuts `text`, which is in `language`; cheap, and linear in its length.
    pub(crate) fn new(text: &'a str, language: Language) -> Self {
        let words = written::words(text);
        let sentences = written::sentences(&words, language);
        Self { words, sentences, language }
    }

    /// What it is in.
    pub(crate) fn language(&self) -> Language {
        self.language
    }

    /// Places of the written words in the text, in bytes.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.words.iter().map(|word| word.range.clone())
    }

    /// How many sentences there are.
    pub(crate) fn sentences(&self) -> usize {
        self.sentences.len()
    }

    /// Whether sentence `index` is the first of its paragraph.
    pub(crate) fn opens_paragraph(&self, index: usize) -> bool {
        self.words[self.sentences[index].start].opens_paragraph
    }
}

impl Phonemizer {
    /// Reads words that no lexicon holds with the network `oov` (American; an ONNX file with its
    /// alphabet beside it as `.json`) and, for British voices, with `<name>_gb.onnx` beside it.
    pub(crate) fn open(oov: &Path) -> Result<Self> {
        let espeak = Espeak::new(espeak::PROGRAM);
        let mut phonemizer = Self { oov: oov.to_owned(), us: None, gb: None, espeak };
        phonemizer.g2p(Accent::Us)?;
        Ok(phonemizer)
    }

    /// Takes the program at `program` for espeak-ng, not the one in the search path.
    pub(crate) fn with_espeak(self, program: PathBuf) -> Self {
        Self { espeak: Espeak::new(program), ..self }
    }

    /// The symbols of one sentence; empty if it says nothing that its language can read. `step` is told before
    /// each line of it how many symbols there are, and may end it with an error.
    pub(crate) fn sentence(
        &mut self,
        document: &Document<'_>,
        index: usize,
        step: &mut dyn FnMut(usize) -> Result<()>,
    ) -> Result<Vec<Symbol>> {
        let words = document.sentences[index].clone();
        let first = words.start;
        let accent = match document.language {
            Language::English(accent) => accent,
            Language::Other(tongue) => {
                return foreign::sentence(&document.words[words], first, tongue, &self.espeak, step);
            }
        };
        let g2p = self.g2p(accent)?;
        let lines = line::lines(&document.words[words], accent, &|word| g2p.knows(word));
        let mut symbols = Vec::new();
        for line in lines {
            step(symbols.len())?;
            sound_out(&line, g2p, first, &mut symbols)?;
        }
        while symbols.last().is_some_and(|s: &Symbol| s.word.is_none() && s.number == SPACE) {
            symbols.pop();
        }
        Ok(symbols)
    }

    /// What the model will read of `text`, in its own alphabet, a sentence a line.
    pub(crate) fn transcribe(&mut self, text: &str, language: Language) -> Result<String> {
        let document = Document::new(text, language);
        let mut lines = Vec::with_capacity(document.sentences());
        for index in 0..document.sentences() {
            let symbols = self.sentence(&document, index, &mut |_| Ok(()))?;
            lines.push(symbols.iter().filter_map(|s| alphabet::symbol(s.number)).collect::<String>());
        }
        Ok(lines.join("\n"))
    }

    fn g2p(&mut self, accent: Accent) -> Result<&EnglishG2p> {
        let (slot, path) = match accent {
            Accent::Us => (&mut self.us, self.oov.clone()),
            Accent::Gb => (&mut self.gb, british(&self.oov)),
        };
        if slot.is_none() {
            *slot = Some(EnglishG2p::new(accent, Arc::new(OovNet::open(&path)?)));
        }
        Ok(slot.as_ref().expect("it was just filled"))
    }
}

/// The British network beside the American one; the American one serves where there is none.
fn british(oov: &Path) -> PathBuf {
    let stem = oov.file_stem().unwrap_or_default().to_string_lossy();
    let path = oov.with_file_name(format!("{stem}_gb.onnx"));
    if path.is_file() { path } else { oov.to_owned() }
}

/// The number of the blank between words.
pub(crate) const SPACE: u8 = 16;

/// Adds the symbols of one line; its words count from `first`.
fn sound_out(line: &Line, g2p: &EnglishG2p, first: usize, symbols: &mut Vec<Symbol>) -> Result<()> {
    let mut spans = line.spans.iter().peekable();
    let mut current: Option<&line::Span> = None;
    for token in g2p.sound_out(&line.text)? {
        while let Some(span) = spans.next_if(|span| span.range.start <= token.range.start) {
            current = Some(span);
        }
        let span = current.filter(|span| span.range.contains(&token.range.start));
        // A stand-in is said once, however many tokens it was cut into.
        let is_head = span.is_some_and(|span| span.range.start == token.range.start);
        let phonemes = match span.and_then(|span| span.instead.as_ref()) {
            Some(_) if !is_head => String::new(),
            Some(line::Instead::Phonemes(phonemes)) => phonemes.clone(),
            Some(line::Instead::Foreign(word)) => g2p.read(word)?,
            None => token.phonemes,
        };
        for symbol in phonemes.chars() {
            let word = span.filter(|_| !alphabet::is_punctuation(symbol)).map(|span| first + span.word);
            symbols.extend(alphabet::number(symbol).map(|number| Symbol { number, word }));
        }
        if token.spaced && symbols.last().is_some_and(|s| s.number != SPACE) {
            symbols.push(Symbol { number: SPACE, word: None });
        }
    }
    if symbols.last().is_some_and(|s| s.number != SPACE) {
        symbols.push(Symbol { number: SPACE, word: None });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
