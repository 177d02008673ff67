//! English spelling to Kokoro's phonemes: misaki's rules and lexicons, and the network of
//! [`super::oov`] for the words they lack.

use super::oov::{OovFallback, OovNet};
use misaki_rs::lexicon::PhonemeEntry;
use misaki_rs::{G2P, Language};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::ops::Range;
use std::sync::Arc;

/// Which English is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Accent {
    /// American.
    Us,
    /// British.
    Gb,
}

/// One spoken token and the phonemes that say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sounded {
    /// Place of the token in the line, in bytes.
    pub(crate) range: Range<usize>,
    /// Symbols of Kokoro's alphabet; empty for a token that says nothing.
    pub(crate) phonemes: String,
    /// Whitespace follows.
    pub(crate) spaced: bool,
}

/// Words that the lexicon has wrong: spelling, American, British.
const CORRECTIONS: &[(&str, &str, &str)] = &[("Garcia", "ɡɑɹsˈiə", "ɡɑːsˈiːə"), ("Marie", "məɹˈi", "məɹˈiː")];

/// Lexicons, rules and network of one accent. Takes some tens of megabytes.
pub(crate) struct EnglishG2p {
    misaki: G2P,
    net: Arc<OovNet>,
}

impl EnglishG2p {
    /// Parses the lexicons built into the program.
    pub(crate) fn new(accent: Accent, net: Arc<OovNet>) -> Self {
        let language = match accent {
            Accent::Us => Language::EnglishUS,
            Accent::Gb => Language::EnglishGB,
        };
        let fallback = OovFallback(Arc::clone(&net));
        let mut misaki = G2P::with_fallback(language, Some(Box::new(fallback)));
        for (word, us, gb) in CORRECTIONS {
            let phonemes = if accent == Accent::Us { us } else { gb };
            misaki.lexicon.golds.insert((*word).to_owned(), PhonemeEntry::Simple((*phonemes).to_owned()));
        }
        Self { misaki, net }
    }

    /// The phonemes of letters that no lexicon can hold.
    pub(crate) fn read(&self, letters: &str) -> Result<String> {
        self.net.read(letters)
    }

    /// Whether a lexicon holds `word` in exactly this spelling.
    pub(crate) fn knows(&self, word: &str) -> bool {
        let lexicon = &self.misaki.lexicon;
        lexicon.golds.contains_key(word) || lexicon.silvers.contains_key(word)
    }

    /// Sounds out one line of words and punctuation without digits, single-spaced.
    ///
    /// # Errors
    /// `Engine` if the pronunciation network fails.
    pub(crate) fn sound_out(&self, line: &str) -> Result<Vec<Sounded>> {
        let (_, tokens) = self.misaki.g2p(line).map_err(|error| {
            let message = format!("no pronunciation was found for {:?}", shorten(line));
            InferenceError::new(ErrorKind::Engine, message).with_source(error)
        })?;
        let mut sounded = Vec::with_capacity(tokens.len());
        let mut at = 0;
        for token in tokens {
            // The tokens concatenate to the line; searching heals a token whose whitespace was not kept.
            let start = line[at..].find(token.text.as_str()).map_or(at, |found| at + found);
            let end = (start + token.text.len()).min(line.len());
            at = end;
            let unknown = token.phonemes.as_deref().is_none_or(|p| p.contains(self.misaki.unk.as_str()));
            let phonemes = match token.phonemes {
                Some(phonemes) if !unknown => phonemes,
                _ => self.net.read(&token.text)?,
            };
            sounded.push(Sounded { range: start..end, phonemes, spaced: !token.whitespace.is_empty() });
        }
        Ok(sounded)
    }
}

fn shorten(line: &str) -> String {
    line.chars().take(60).collect()
}
