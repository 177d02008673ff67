//! BERT's tokeniser: a text is cleaned and cut at blanks and punctuation ([`normalise`]), and each word is spelled with
//! the longest pieces of the vocabulary (Wu et al., "Google's Neural Machine Translation System", 2016, as BERT uses
//! it). It gives the very numbers that transformers' `BertTokenizerFast` gives, its treatment of every code point
//! included (`tests/reference/embed.py`).

mod categories;
mod normalise;

use super::files::{corrupt, required};
use normalise::Normaliser;
use reelsmith_inference_core::Result;
use serde::Deserialize;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

/// The file that tokenisers are published in.
const FILE: &str = "tokenizer.json";

/// A vocabulary that texts are spelled with.
#[derive(Debug, Clone)]
pub struct WordPiece {
    vocabulary: HashMap<String, u32>,
    /// What stands before a piece that begins no word.
    prefix: String,
    /// Bytes of the longest piece, the prefix included.
    longest: usize,
    /// A word of more characters is unknown as a whole.
    most_characters: usize,
    unknown: u32,
    marks: Marks,
    normaliser: Normaliser,
    /// Tokens that are taken out of the text as they stand, before it is cleaned.
    special: Vec<(String, u32)>,
}

/// The tokens that stand for no word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marks {
    /// `[CLS]`, before a text.
    pub begin: u32,
    /// `[SEP]`, after a text.
    pub end: u32,
    /// `[PAD]`, where there is no token.
    pub pad: u32,
}

/// Tokens of a text, the marks not included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// Their numbers.
    pub ids: Vec<u32>,
    /// Whether the text has more of them.
    pub is_cut: bool,
}

#[derive(Deserialize)]
struct TokenizerFile {
    model: ModelPart,
    normalizer: Normaliser,
    pre_tokenizer: Kind,
    #[serde(default)]
    added_tokens: Vec<Added>,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct ModelPart {
    #[serde(rename = "type")]
    kind: Option<String>,
    unk_token: String,
    continuing_subword_prefix: String,
    max_input_chars_per_word: usize,
    vocab: HashMap<String, u32>,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
    single_word: bool,
    lstrip: bool,
    rstrip: bool,
    normalized: bool,
}

impl WordPiece {
    /// Reads the `tokenizer.json` in `folder`.
    ///
    /// # Errors
    /// `ModelMissing`, or `ModelCorrupt` if it is damaged or a tokeniser of another kind.
    pub fn open(folder: &Path) -> Result<Self> {
        let file: TokenizerFile = required(folder, FILE)?;
        Self::of(file).map_err(|why| corrupt(&folder.join(FILE), &why))
    }

    fn of(file: TokenizerFile) -> std::result::Result<Self, String> {
        let TokenizerFile { model, normalizer, pre_tokenizer, added_tokens } = file;
        let kinds = [
            ("model", model.kind.as_deref().unwrap_or("WordPiece"), "WordPiece"),
            ("normalizer", normalizer.kind.as_str(), "BertNormalizer"),
            ("pre_tokenizer", pre_tokenizer.kind.as_str(), "BertPreTokenizer"),
        ];
        if let Some((part, found, wanted)) = kinds.into_iter().find(|(_, found, wanted)| found != wanted) {
            return Err(format!("its {part} is {found}; only BERT's {wanted} is supported"));
        }
        let odd = |token: &&Added| {
            token.single_word || token.lstrip || token.rstrip || token.normalized || token.content.is_empty()
        };
        if let Some(token) = added_tokens.iter().find(odd) {
            return Err(format!(
                "the added token {:?} is matched in a way that is not supported",
                token.content
            ));
        }
        let number = |token: &str| {
            let found = model.vocab.get(token).copied();
            found.ok_or_else(|| format!("its vocabulary has no {token}"))
        };
        let marks = Marks { begin: number("[CLS]")?, end: number("[SEP]")?, pad: number("[PAD]")? };
        Ok(Self {
            unknown: number(&model.unk_token)?,
            marks,
            longest: model.vocab.keys().map(String::len).max().unwrap_or_default(),
            most_characters: model.max_input_chars_per_word,
            prefix: model.continuing_subword_prefix,
            vocabulary: model.vocab,
            normaliser: normalizer,
            special: added_tokens.into_iter().map(|token| (token.content, token.id)).collect(),
        })
    }

    /// The tokens that stand for no word.
    pub fn marks(&self) -> Marks {
        self.marks
    }

    /// One more than the largest number of a token.
    pub fn size(&self) -> usize {
        let added = self.special.iter().map(|(_, id)| id);
        self.vocabulary.values().chain(added).max().map_or(0, |id| *id as usize + 1)
    }

    /// The first `most` tokens of `text`. What comes after them is only searched for special tokens, so that a long text
    /// costs hardly more than a short one.
    pub fn words(&self, text: &str, most: usize) -> Words {
        let mut ids = Vec::new();
        let mut from = 0;
        let mut specials = Specials::new(&self.special, text);
        while from < text.len() && ids.len() <= most {
            let special = specials.next(from);
            let until = special.as_ref().map_or(text.len(), |(place, _)| place.start);
            self.plain(&text[from..until], most, &mut ids);
            ids.extend(special.as_ref().map(|(_, id)| *id));
            from = special.map_or(text.len(), |(place, _)| place.end);
        }
        let is_cut = ids.len() > most;
        ids.truncate(most);
        Words { ids, is_cut }
    }

    /// Adds the tokens of a text without special ones, until there are more than `most` in all.
    fn plain(&self, text: &str, most: usize, ids: &mut Vec<u32>) {
        let mut word = String::new();
        for c in self.normaliser.characters(text) {
            let is_mark = categories::is_punctuation(c);
            if !is_mark && !c.is_whitespace() {
                word.push(c);
                continue;
            }
            self.spell(&mut word, ids);
            if is_mark {
                word.push(c);
                self.spell(&mut word, ids);
            }
            if ids.len() > most {
                return;
            }
        }
        self.spell(&mut word, ids);
    }

    /// Adds the pieces of `word` and empties it: at every place the longest piece of the vocabulary; the unknown token
    /// alone where there is none.
    fn spell(&self, word: &mut String, ids: &mut Vec<u32>) {
        if word.is_empty() {
            return;
        }
        let start = ids.len();
        let is_short = word.chars().take(self.most_characters + 1).count() <= self.most_characters;
        if !is_short || !self.pieces(word, ids) {
            ids.truncate(start);
            ids.push(self.unknown);
        }
        word.clear();
    }

    /// Whether all of `word` could be spelled.
    fn pieces(&self, word: &str, ids: &mut Vec<u32>) -> bool {
        let mut left = word.to_owned();
        // Bytes of `left` that are the prefix.
        let mut inside = 0;
        while left.len() > inside {
            let mut end = left.floor_char_boundary(self.longest);
            let id = loop {
                if end <= inside {
                    return false;
                }
                match self.vocabulary.get(&left[..end]) {
                    Some(id) => break *id,
                    None => end = left.floor_char_boundary(end - 1),
                }
            };
            ids.push(id);
            left.replace_range(..end, &self.prefix);
            inside = self.prefix.len();
        }
        true
    }
}

/// Where the special tokens stand in a text. Each is searched for once over the whole of it.
struct Specials<'a> {
    text: &'a str,
    /// The token, its number, and where it stands next.
    next: Vec<(&'a str, u32, Option<usize>)>,
}

impl<'a> Specials<'a> {
    fn new(special: &'a [(String, u32)], text: &'a str) -> Self {
        let found = |(token, id): &'a (String, u32)| (token.as_str(), *id, text.find(token.as_str()));
        Self { text, next: special.iter().map(found).collect() }
    }

    /// The first at `from` or later, of those that begin at one place the longest.
    fn next(&mut self, from: usize) -> Option<(Range<usize>, u32)> {
        for (token, _, at) in &mut self.next {
            if at.is_some_and(|at| at < from) {
                *at = self.text[from..].find(*token).map(|at| from + at);
            }
        }
        let places = self.next.iter().filter_map(|(token, id, at)| Some(((*at)?, token.len(), *id)));
        let (at, length, id) = places.min_by_key(|(at, length, _)| (*at, std::cmp::Reverse(*length)))?;
        Some((at..at + length, id))
    }
}

#[cfg(test)]
mod tests;
