//! CLIP's byte-pair tokeniser: text to token ids.
//!
//! The ids are those of `CLIPTokenizer` of transformers 5 (the fast one; its slow forerunner took control
//! characters and some dots above letters differently), which SDXL's pipelines in diffusers use; OpenAI's
//! `simple_tokenizer.py` is where the vocabulary comes from. One difference by choice: there, whether
//! `<|ENDOFTEXT|>` in capitals counts as the mark depends on how the folder's settings were written; here it is
//! text, as with the settings of the class itself.

pub(crate) mod alphabet;
mod bounded;
pub(crate) mod merge;
mod split;
#[cfg(test)]
pub(in crate::diffusion) mod tests;
mod vocabulary;

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use regex::Regex;
use std::path::Path;
use std::sync::Arc;
use vocabulary::Vocabulary;

pub(super) use split::units;

/// The token before every text.
const BEGIN: &str = "<|startoftext|>";
/// The token after every text.
const END: &str = "<|endoftext|>";

/// The tokeniser of one text encoder. Cheap to clone: the vocabulary is shared.
#[derive(Debug, Clone)]
pub struct Tokenizer {
    vocabulary: Arc<Vocabulary>,
    pad: u32,
    /// Texts that are one token wherever they stand, and their ids.
    marks: Vec<(String, u32)>,
    /// Any of `marks`.
    mark: Regex,
}

impl Tokenizer {
    /// Opens a vocabulary: OpenAI's `bpe_simple_vocab_16e6.txt.gz`, or a folder with `vocab.json` and
    /// `merges.txt`, or one with `tokenizer.json` only. The text is padded with the end mark, as SDXL's
    /// first encoder wants it.
    ///
    /// # Errors
    /// `ModelMissing` if there is no such file; `ModelCorrupt` if it is no CLIP vocabulary or longer than one
    /// can be. Not more than 16 MiB are read of any file.
    pub fn open(path: &Path) -> Result<Self> {
        let vocabulary = Arc::new(Vocabulary::open(path)?);
        let marks = vec![(BEGIN.to_owned(), vocabulary.begin), (END.to_owned(), vocabulary.end)];
        Ok(Self { pad: vocabulary.end, vocabulary, mark: any_of(&marks)?, marks })
    }

    /// The same with another pad token; SDXL's second encoder has `!`, number 0.
    ///
    /// A pad token is taken wherever it stands in a text: with `!`, "hi!!" ends in two tokens 0, where the
    /// first encoder has one token `!!`. OpenCLIP itself, with which the encoder was trained, does not do so,
    /// but transformers does, so that every picture made with diffusers has it (diffusers issue 4153).
    ///
    /// # Errors
    /// `InvalidRequest` if the vocabulary has no such token.
    pub fn padded_with(mut self, token: &str) -> Result<Self> {
        let unknown = || {
            let message = format!("`{token}` cannot be the pad token: the vocabulary does not have it");
            InferenceError::new(ErrorKind::InvalidRequest, message)
        };
        self.pad = self.vocabulary.find(token).ok_or_else(unknown)?;
        if !self.marks.iter().any(|(mark, _)| mark == token) {
            self.marks.push((token.to_owned(), self.pad));
            self.mark = any_of(&self.marks)?;
        }
        Ok(self)
    }

    /// The token before every text: 49406 in CLIP's vocabulary.
    pub fn begin(&self) -> u32 {
        self.vocabulary.begin
    }

    /// The token after every text: 49407 in CLIP's vocabulary.
    pub fn end(&self) -> u32 {
        self.vocabulary.end
    }

    /// The token that fills what is left.
    pub fn pad(&self) -> u32 {
        self.pad
    }

    /// One more than the largest id; the rows that an embedding needs. 49408 in CLIP's vocabulary.
    pub fn size(&self) -> u32 {
        self.vocabulary.size
    }

    /// The ids of `text`, without the tokens before and after it and without padding. Takes any text;
    /// time grows as n log n.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut from = 0;
        for found in self.mark.find_iter(text) {
            self.encode_plain(&text[from..found.start()], &mut ids);
            ids.extend(self.marks.iter().filter(|(mark, _)| mark == found.as_str()).map(|(_, id)| id));
            from = found.end();
        }
        self.encode_plain(&text[from..], &mut ids);
        ids
    }

    /// The text that `ids` stand for, lower case, with a blank after every word; bytes that are no UTF-8 are
    /// replaced by U+FFFD and unknown ids left out.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut bytes = Vec::new();
        for spelling in ids.iter().filter_map(|id| self.vocabulary.spelling(*id)) {
            bytes.extend_from_slice(&spelling.bytes);
            if spelling.ends_word {
                bytes.push(b' ');
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Whether a word ends with this token; so it does with a mark.
    pub(super) fn ends_word(&self, id: u32) -> bool {
        self.marks.iter().any(|(_, mark)| *mark == id)
            || self.vocabulary.spelling(id).is_none_or(|spelling| spelling.ends_word)
    }

    fn encode_plain(&self, text: &str, ids: &mut Vec<u32>) {
        let text = split::normalise(text);
        for word in split::words(&text) {
            self.vocabulary.encode_word(word.as_bytes(), ids);
        }
    }
}

/// An expression that finds any of `marks`.
fn any_of(marks: &[(String, u32)]) -> Result<Regex> {
    let texts: Vec<String> = marks.iter().map(|(mark, _)| regex::escape(mark)).collect();
    Regex::new(&texts.join("|")).map_err(|error| {
        let message = format!("the pad token cannot be searched for: {error}");
        InferenceError::new(ErrorKind::InvalidRequest, message).with_source(error)
    })
}
