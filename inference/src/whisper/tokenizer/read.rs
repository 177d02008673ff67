//! A vocabulary from a `tokenizer.json` of Hugging Face's tokenizers.

use super::{Special, Tokenizer};
use crate::diffusion::tokenizer::alphabet::{byte, letter};
use crate::diffusion::tokenizer::merge::Merge;
use crate::whisper::files::{corrupt, read};
use reelsmith_inference_core::Result;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// The longest file; the largest published one has 4 MB.
const MOST_BYTES: u64 = 1 << 25;
/// More tokens than any vocabulary of this kind has.
const MOST_TOKENS: u32 = 1 << 20;

#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Pair {
    Joined(String),
    Two(String, String),
}

impl Tokenizer {
    /// Reads the `tokenizer.json` at `path`.
    ///
    /// # Errors
    /// `ModelMissing`, or `ModelCorrupt` if it is no vocabulary of Whisper's.
    pub fn open(path: &Path) -> Result<Self> {
        let bytes = read(path, MOST_BYTES)?;
        let refused = |why: &str| corrupt(format!("{} is no vocabulary of Whisper: {why}", path.display()));
        let file: File = serde_json::from_slice(&bytes).map_err(|error| refused(&error.to_string()))?;
        Self::build(file).map_err(|why| refused(&why))
    }

    fn build(file: File) -> std::result::Result<Self, String> {
        let added: HashMap<&str, u32> =
            file.added_tokens.iter().map(|t| (t.content.as_str(), t.id)).collect();
        let special = special(&added)?;
        let mut vocab = file.model.vocab;
        vocab.retain(|token, _| !added.contains_key(token.as_str()));
        let size = vocab.values().copied().max().map_or(0, |id| id.saturating_add(1));
        if size > MOST_TOKENS {
            return Err(format!("it has an id {}", size - 1));
        }
        let mut spellings = vec![Box::default(); size as usize];
        for (token, id) in &vocab {
            let spelling: Option<Box<[u8]>> = token.chars().map(byte).collect();
            spellings[*id as usize] = spelling.ok_or_else(|| format!("`{token}` does not spell bytes"))?;
        }
        let id =
            |token: &str| vocab.get(token).copied().ok_or_else(|| format!("there is no token `{token}`"));
        let bytes = (0..=u8::MAX)
            .map(|byte| id(&letter(byte).to_string()))
            .collect::<std::result::Result<_, String>>()?;
        let mut pairs = HashMap::new();
        for (rank, pair) in file.model.merges.iter().enumerate() {
            let (left, right) = match pair {
                Pair::Two(left, right) => (left.as_str(), right.as_str()),
                Pair::Joined(both) => {
                    both.split_once(' ').ok_or_else(|| format!("`{both}` is no pair of tokens"))?
                }
            };
            let merge = Merge { rank: rank as u32, id: id(&format!("{left}{right}"))? };
            pairs.entry((id(left)?, id(right)?)).or_insert(merge);
        }
        Ok(Self { spellings, bytes, pairs, special })
    }
}

/// The steering tokens, by their names.
fn special(added: &HashMap<&str, u32>) -> std::result::Result<Special, String> {
    let find = |names: &[&str]| {
        let found = names.iter().find_map(|name| added.get(format!("<|{name}|>").as_str()).copied());
        found.ok_or_else(|| format!("there is no token `<|{}|>`", names[0]))
    };
    let (start, translate) = (find(&["startoftranscript"])?, find(&["translate"])?);
    // The languages stand between these two, each by its code.
    let mut languages: Vec<(String, u32)> = added
        .iter()
        .filter(|(_, id)| (start + 1..translate).contains(*id))
        .map(|(name, id)| (name.trim_start_matches("<|").trim_end_matches("|>").to_owned(), *id))
        .collect();
    languages.sort_by_key(|(_, id)| *id);
    let no_timestamps = find(&["notimestamps"])?;
    Ok(Special {
        end: find(&["endoftext"])?,
        start,
        transcribe: find(&["transcribe"])?,
        translate,
        previous: find(&["startofprev"])?,
        no_speech: find(&["nospeech", "nocaptions"])?,
        no_timestamps,
        first_timestamp: no_timestamps.checked_add(1).ok_or("an id out of range")?,
        languages,
    })
}
