//! Written English to what Kokoro reads: numbers, money, dates and abbreviations become words, words
//! become phonemes, and every phoneme remembers the written word that it speaks.

mod abbreviations;
mod alphabet;
mod g2p;
mod oov;
mod symbols;
mod written;

pub(crate) use g2p::Accent;

use g2p::EnglishG2p;
use oov::OovNet;
use reelsmith_inference_core::Result;
use std::ops::Range;
use std::path::Path;
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
    net: Arc<OovNet>,
    us: Option<EnglishG2p>,
    gb: Option<EnglishG2p>,
}

/// A text cut into words and sentences, not yet sounded out.
pub(crate) struct Document<'a> {
    words: Vec<Written<'a>>,
    sentences: Vec<Range<usize>>,
}

impl<'a> Document<'a> {
    /// Cuts `text`; cheap, and linear in its length.
    pub(crate) fn new(text: &'a str) -> Self {
        let words = written::words(text);
        let sentences = written::sentences(&words);
        Self { words, sentences }
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
    /// Loads the network for unknown words from `oov` (`oov.onnx`, its alphabet beside it).
    pub(crate) fn open(oov: &Path) -> Result<Self> {
        Ok(Self { net: Arc::new(OovNet::open(oov)?), us: None, gb: None })
    }

    /// The symbols of one sentence.
    pub(crate) fn sentence(
        &mut self,
        document: &Document<'_>,
        index: usize,
        accent: Accent,
    ) -> Result<Vec<Symbol>> {
        let words = document.sentences[index].clone();
        let mut line = String::new();
        let mut spans = Vec::new();
        for at in words {
            let word = &document.words[at];
            let start = line.len();
            line.push_str(word.body);
            spans.push((start..line.len(), at));
            line.extend(word.tail.chars().filter(|c| alphabet::is_punctuation(*c)));
            line.push(' ');
        }
        let sounded = self.g2p(accent).sound_out(line.trim_end())?;
        let mut symbols = Vec::new();
        for token in sounded {
            let word = spans.iter().find(|(span, _)| span.contains(&token.range.start)).map(|(_, at)| *at);
            for symbol in token.phonemes.chars() {
                let word = word.filter(|_| !alphabet::is_punctuation(symbol));
                symbols.extend(alphabet::number(symbol).map(|number| Symbol { number, word }));
            }
            if token.spaced {
                symbols.extend(alphabet::number(' ').map(|number| Symbol { number, word: None }));
            }
        }
        Ok(symbols)
    }

    fn g2p(&mut self, accent: Accent) -> &EnglishG2p {
        let slot = match accent {
            Accent::Us => &mut self.us,
            Accent::Gb => &mut self.gb,
        };
        slot.get_or_insert_with(|| EnglishG2p::new(accent, Arc::clone(&self.net)))
    }
}
