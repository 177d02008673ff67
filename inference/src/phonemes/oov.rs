//! Words that no lexicon holds: a small character network reads them.
//!
//! The network (`oov.onnx` with its alphabet in `oov.json`) takes the letters of one word as numbers
//! and answers one symbol per slot, CTC style: repeats collapse, zeros are blanks.

use misaki_rs::fallback::{Fallback, FallbackError};
use ort::session::Session;
use ort::value::Tensor;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;

/// Letters of one reading; longer words are read in pieces. `maxlen` of `oov.json`.
const DEFAULT_LETTERS: usize = 24;

#[derive(Deserialize)]
struct Alphabet {
    #[serde(rename = "in")]
    letters: Vec<char>,
    #[serde(rename = "out")]
    phonemes: Vec<char>,
    #[serde(default = "default_letters")]
    maxlen: usize,
}

fn default_letters() -> usize {
    DEFAULT_LETTERS
}

/// Spelling to sound for words outside the lexicon.
pub(crate) struct OovNet {
    session: Mutex<Session>,
    letters: HashMap<char, i64>,
    phonemes: Vec<char>,
    most_letters: usize,
}

impl OovNet {
    /// Loads the network and, next to it, its alphabet of the same name ending in `.json`.
    pub(crate) fn open(model: &Path) -> Result<Self> {
        let alphabet = read_alphabet(&model.with_extension("json"))?;
        let session = crate::session::small(model)?;
        Ok(Self {
            session: Mutex::new(session),
            letters: alphabet.letters.iter().copied().zip(1..).collect(),
            phonemes: alphabet.phonemes,
            most_letters: alphabet.maxlen.max(1),
        })
    }

    /// The phonemes of one word of letters and apostrophes; empty if none of its letters is known.
    pub(crate) fn read(&self, word: &str) -> Result<String> {
        let numbers: Vec<i64> = word.chars().filter_map(|c| self.letters.get(&c).copied()).collect();
        numbers.chunks(self.most_letters).map(|piece| self.read_piece(piece)).collect()
    }

    fn read_piece(&self, numbers: &[i64]) -> Result<String> {
        let input = Tensor::from_array(([1, numbers.len()], numbers.to_vec())).map_err(failed)?;
        let mut session = self.session.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let outputs = session.run(ort::inputs!["chars" => input]).map_err(failed)?;
        let (_, slots) = outputs[0].try_extract_tensor::<i64>().map_err(failed)?;
        Ok(self.collapse(slots))
    }

    fn collapse(&self, slots: &[i64]) -> String {
        let mut previous = 0;
        let mut phonemes = String::new();
        for &slot in slots {
            let symbol = usize::try_from(slot - 1).ok().and_then(|index| self.phonemes.get(index));
            if let Some(symbol) = symbol.filter(|_| slot != previous) {
                phonemes.push(*symbol);
            }
            previous = slot;
        }
        phonemes
    }
}

fn failed(error: ort::Error) -> InferenceError {
    crate::session::explain(error, || {
        InferenceError::new(ErrorKind::Engine, "the pronunciation network failed on a word")
    })
}

fn read_alphabet(path: &Path) -> Result<Alphabet> {
    let bad = |what: &str| {
        let message =
            format!("{}: {what}; fetch it again with `reelsmith models pull g2p-en`", path.display());
        InferenceError::new(ErrorKind::ModelMissing, message)
    };
    let text = std::fs::read_to_string(path).map_err(|e| bad("cannot be read").with_source(e))?;
    serde_json::from_str(&text)
        .map_err(|e| bad("is not the alphabet of a pronunciation network").with_source(e))
}

/// The hook that the lexicon calls for a word it lacks: pieces of letters go to the network one by one,
/// and a possessive keeps its ending.
pub(crate) struct OovFallback(pub(crate) std::sync::Arc<OovNet>);

impl Fallback for OovFallback {
    fn phonemize(&self, word: &str) -> std::result::Result<String, FallbackError> {
        let mut phonemes = String::new();
        for piece in word.split(|c: char| !c.is_alphabetic() && c != '\'') {
            let (base, possessive) = match piece.strip_suffix("'s").or_else(|| piece.strip_suffix("'S")) {
                Some(base) => (base, true),
                None => (piece, false),
            };
            let letters: String = base.chars().filter(|c| c.is_alphabetic()).collect();
            if letters.is_empty() {
                continue;
            }
            let read = self
                .0
                .read(&letters)
                .map_err(|error| FallbackError::NoPhonemes { word: format!("{word}: {error}") })?;
            phonemes.push_str(&read);
            if possessive {
                phonemes.push_str(possessive_ending(&read));
            }
        }
        Ok(phonemes)
    }
}

/// How `'s` sounds after these phonemes: voiceless, sibilant or voiced.
fn possessive_ending(phonemes: &str) -> &'static str {
    match phonemes.chars().last() {
        Some('p' | 't' | 'k' | 'f' | 'θ') => "s",
        Some('s' | 'z' | 'ʃ' | 'ʒ' | 'ʧ' | 'ʤ') => "ᵻz",
        _ => "z",
    }
}
