//! The vocabulary of XTTS: byte-pair encoding (Sennrich et al., 2016) of characters, in the JSON of the `tokenizers`
//! library.

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Most bytes of a vocabulary.
const MOST_BYTES: u64 = 16 << 20;
/// Stands for a character that the vocabulary does not have.
const UNKNOWN: &str = "[UNK]";

#[derive(Deserialize)]
struct File {
    added_tokens: Vec<Added>,
    normalizer: Option<serde_json::Value>,
    pre_tokenizer: Option<Kind>,
    model: Model,
}

#[derive(Deserialize)]
struct Added {
    id: u32,
    content: String,
}

#[derive(Deserialize)]
struct Kind {
    r#type: String,
}

#[derive(Deserialize)]
struct Model {
    vocab: HashMap<String, u32>,
    merges: Vec<Merge>,
}

/// In the library's older form, or in its newer one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Line(String),
    Pair([String; 2]),
}

/// A vocabulary that is ready to use.
#[derive(Debug, Clone)]
pub struct Vocabulary {
    tokens: HashMap<String, u32>,
    /// Rank of a pair of tokens and what it becomes.
    merges: HashMap<(u32, u32), (usize, u32)>,
    /// Tokens that stand for themselves wherever they are, the longest first.
    marks: Vec<(String, u32)>,
    unknown: u32,
}

impl Vocabulary {
    /// Reads `vocab.json`.
    ///
    /// # Errors
    /// `ModelMissing` if there is none; `ModelCorrupt` if it is not such a file or longer than one can be.
    pub fn open(path: &Path) -> Result<Self> {
        let title = path.display().to_string();
        let failed = |error: std::io::Error| {
            let kind = match error.kind() {
                std::io::ErrorKind::NotFound => ErrorKind::ModelMissing,
                _ => ErrorKind::ModelCorrupt,
            };
            InferenceError::new(kind, format!("{title} cannot be read")).with_source(error)
        };
        if std::fs::metadata(path).map_err(failed)?.len() > MOST_BYTES {
            return Err(unusable(&title, "it is longer than 16 MiB"));
        }
        Self::parse(&std::fs::read_to_string(path).map_err(failed)?, &title)
    }

    /// The same from text, called `title` in errors.
    ///
    /// # Errors
    /// `ModelCorrupt` naming what is wrong.
    pub fn parse(json: &str, title: &str) -> Result<Self> {
        let file: File = serde_json::from_str(json).map_err(|error| unusable(title, &error.to_string()))?;
        if file.normalizer.is_some() || file.pre_tokenizer.is_none_or(|kind| kind.r#type != "Whitespace") {
            return Err(unusable(title, "it splits text in another way than XTTS does"));
        }
        let mut tokens = file.model.vocab;
        let mut marks: Vec<(String, u32)> =
            file.added_tokens.into_iter().map(|mark| (mark.content, mark.id)).collect();
        marks.retain(|(mark, _)| !mark.is_empty());
        marks.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.len()));
        tokens.extend(marks.iter().cloned());
        let mut merges = HashMap::new();
        for (rank, merge) in file.model.merges.into_iter().enumerate() {
            let [left, right] = match merge {
                Merge::Pair(pair) => pair,
                Merge::Line(line) => line
                    .split_once(' ')
                    .map(|(left, right)| [left.to_owned(), right.to_owned()])
                    .ok_or_else(|| unusable(title, &format!("the merge `{line}` is no pair")))?,
            };
            let find = |token: &str| {
                let unknown = || unusable(title, &format!("a merge names `{token}`, which it has not"));
                tokens.get(token).copied().ok_or_else(unknown)
            };
            merges.insert((find(&left)?, find(&right)?), (rank, find(&format!("{left}{right}"))?));
        }
        let unknown = *tokens.get(UNKNOWN).ok_or_else(|| unusable(title, "it has no [UNK]"))?;
        Ok(Self { tokens, merges, marks, unknown })
    }

    /// The id of a token.
    pub fn find(&self, token: &str) -> Option<u32> {
        self.tokens.get(token).copied()
    }

    /// The greatest id.
    pub fn greatest(&self) -> u32 {
        self.tokens.values().copied().max().unwrap_or(0)
    }

    /// Tokens of `text`.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        let mut rest = text;
        let mut plain = 0;
        while plain < rest.len() {
            match self.marks.iter().find(|(mark, _)| rest[plain..].starts_with(&**mark)) {
                Some((mark, id)) => {
                    self.pieces(&rest[..plain], &mut ids);
                    ids.push(*id);
                    rest = &rest[plain + mark.len()..];
                    plain = 0;
                }
                None => plain += rest[plain..].chars().next().map_or(1, char::len_utf8),
            }
        }
        self.pieces(rest, &mut ids);
        ids
    }

    /// Runs of letters and figures, and runs of what is neither; blanks fall away.
    fn pieces(&self, text: &str, ids: &mut Vec<u32>) {
        let mut piece: Vec<char> = Vec::new();
        let mut kind = None;
        for c in text.chars() {
            let next = (!c.is_whitespace()).then(|| is_word(c));
            if next != kind {
                self.merged(&piece, ids);
                piece.clear();
                kind = next;
            }
            if next.is_some() {
                piece.push(c);
            }
        }
        self.merged(&piece, ids);
    }

    /// One piece: of all neighbours that may merge the pair of lowest rank does, until none may.
    fn merged(&self, piece: &[char], ids: &mut Vec<u32>) {
        let mut buffer = [0; 4];
        let id = |c: &char| self.tokens.get(&*c.encode_utf8(&mut buffer)).copied().unwrap_or(self.unknown);
        let mut tokens: Vec<u32> = piece.iter().map(id).collect();
        loop {
            let merge = |at: usize| {
                self.merges.get(&(tokens[at], tokens[at + 1])).map(|(rank, made)| (*rank, at, *made))
            };
            let Some((_, at, made)) = (0..tokens.len().saturating_sub(1)).filter_map(merge).min() else {
                break;
            };
            tokens[at] = made;
            tokens.remove(at + 1);
        }
        ids.extend(tokens);
    }
}

/// What `\w` is to the library: letters, marks, decimal figures, connectors and joiners (Unicode TR 18, annex C).
fn is_word(c: char) -> bool {
    use std::sync::LazyLock;
    static WORD: LazyLock<regex::Regex> =
        LazyLock::new(|| regex::Regex::new(r"^\w$").expect("it is a pattern"));
    match c.is_ascii() {
        true => c.is_ascii_alphanumeric() || c == '_',
        false => WORD.is_match(c.encode_utf8(&mut [0; 4])),
    }
}

fn unusable(title: &str, why: &str) -> InferenceError {
    InferenceError::new(ErrorKind::ModelCorrupt, format!("{title} is no vocabulary of XTTS: {why}"))
}
