//! Text to tokens: cut into parts, cleaned, tagged with its language, and looked up.

pub mod bpe;
mod clean;
mod hangul;
pub mod language;
mod numbers;
pub mod split;
mod tables;

use bpe::Vocabulary;
use language::Language;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// Most bytes of a text.
pub const MOST_TEXT: usize = 100_000;

/// Tokens for one model.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    vocabulary: Vocabulary,
}

/// A part of a text that is said at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// As it was written.
    pub text: String,
    /// What the model is given.
    pub tokens: Vec<u32>,
}

impl Tokenizer {
    /// Opens `vocab.json`, of which a model knows the first `tokens`.
    ///
    /// # Errors
    /// `ModelMissing`, or `ModelCorrupt` for a file that is no vocabulary of XTTS or has more tokens.
    pub fn open(path: &Path, tokens: usize) -> Result<Self> {
        let vocabulary = Vocabulary::open(path)?;
        let greatest = vocabulary.greatest() as usize;
        if greatest >= tokens {
            let message =
                format!("{}: a token has number {greatest}, and the model {tokens} tokens", path.display());
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        Ok(Self { vocabulary })
    }

    /// Of a vocabulary.
    pub fn new(vocabulary: Vocabulary) -> Self {
        Self { vocabulary }
    }

    /// The text as it is read in a language: small letters, numbers and symbols in words.
    ///
    /// # Errors
    /// `InvalidRequest` naming what cannot be read.
    pub fn read(&self, text: &str, language: Language) -> Result<String> {
        clean::cleaned(text, language).map_err(invalid)
    }

    /// Tokens of one part (`VoiceBpeTokenizer.encode`).
    ///
    /// # Errors
    /// As [`Tokenizer::read`]; `ModelCorrupt` if the vocabulary does not have the language.
    pub fn encode(&self, text: &str, language: Language) -> Result<Vec<u32>> {
        let tag = format!("[{}]", language.code());
        if self.vocabulary.find(&tag).is_none() {
            let message = format!("the model's vocabulary has no {tag}: it was not trained on that language");
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        // Brackets of the text must not be taken for marks.
        let read = self.read(&text.replace(['[', ']'], " "), language)?;
        Ok(self.vocabulary.encode(&format!("{tag}{read}").replace(' ', "[SPACE]")))
    }

    /// The whole text in parts, each in fewer than `most` tokens.
    ///
    /// # Errors
    /// `InvalidRequest` for a text without a letter or figure, longer than [`MOST_TEXT`], or with a word that is too
    /// long once it is read; and as [`Tokenizer::encode`].
    pub fn parts(&self, text: &str, language: Language, most: usize) -> Result<Vec<Part>> {
        if text.len() > MOST_TEXT {
            return Err(invalid(format!(
                "the text has {} bytes; one request takes {MOST_TEXT}: split it",
                text.len()
            )));
        }
        let mut parts = Vec::new();
        for part in split::parts(text, language.limit()) {
            if part.chars().any(char::is_alphanumeric) {
                self.fitting(part, language, most, &mut parts)?;
            }
        }
        match parts.is_empty() {
            true => Err(invalid(
                "there is nothing to say: the text has no word or number; write some text".to_owned(),
            )),
            false => Ok(parts),
        }
    }

    /// A part that is too long once it is read (figures become words) is cut in the middle, again and again.
    fn fitting(&self, text: String, language: Language, most: usize, parts: &mut Vec<Part>) -> Result<()> {
        let tokens = self.encode(&text.to_lowercase(), language)?;
        if tokens.len() < most {
            parts.push(Part { text, tokens });
            return Ok(());
        }
        let blanks = text.match_indices(char::is_whitespace).map(|(at, _)| at);
        let Some(middle) = blanks.min_by_key(|at| at.abs_diff(text.len() / 2)) else {
            let (shown, count): (String, _) = (text.chars().take(20).collect(), tokens.len());
            return Err(invalid(format!(
                "the word {shown}… takes {count} tokens; the model takes {}",
                most - 1
            )));
        };
        let (first, second) = text.split_at(middle);
        self.fitting(first.trim().to_owned(), language, most, parts)?;
        self.fitting(second.trim().to_owned(), language, most, parts)
    }
}

fn invalid(message: String) -> InferenceError {
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests;
