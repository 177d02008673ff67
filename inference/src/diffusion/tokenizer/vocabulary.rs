//! The vocabulary and its merges, out of the files that people publish.

use super::alphabet::{self, WORD_END};
use super::bounded::{corrupt, read, read_gzip};
use super::merge::{self, Merge};
use super::{BEGIN, END};
use reelsmith_inference_core as core;
use serde::Deserialize;
use std::collections::HashMap;
use std::path::Path;

/// Most bytes of one file's text; CLIP's own have 0.5 to 4 MB.
const MOST_BYTES: u64 = 16 << 20;

/// Largest id and most merges; CLIP's own has 49,408 tokens.
const MOST_TOKENS: usize = 1 << 20;

/// Merges of OpenAI's file that count, after its first line: 49152 - 256 - 2. The others were learned, too,
/// and left out (`simple_tokenizer.py`).
const OPENAI_MERGES: usize = 48_894;

/// The bytes of a token.
#[derive(Debug)]
pub(super) struct Spelling {
    pub(super) bytes: Box<[u8]>,
    pub(super) ends_word: bool,
}

/// Tokens, and how bytes become them.
#[derive(Debug)]
pub(super) struct Vocabulary {
    /// The token of each byte inside a word.
    inner: Vec<u32>,
    /// The token of each byte at the end of a word.
    last: Vec<u32>,
    merges: HashMap<(u32, u32), Merge>,
    spellings: HashMap<u32, Spelling>,
    pub(super) begin: u32,
    pub(super) end: u32,
    /// One more than the largest id.
    pub(super) size: u32,
}

/// A vocabulary as it is written, before anything is checked.
struct Written {
    tokens: HashMap<String, u32>,
    merges: Vec<(String, String)>,
}

/// What is used of a `tokenizer.json`.
#[derive(Deserialize)]
struct TokenizerJson {
    model: BpeJson,
}

#[derive(Deserialize)]
struct BpeJson {
    end_of_word_suffix: Option<String>,
    vocab: HashMap<String, u32>,
    merges: Vec<PairJson>,
}

/// A merge is `"a b"` in older files and `["a", "b"]` in newer ones.
#[derive(Deserialize)]
#[serde(untagged)]
enum PairJson {
    Line(String),
    Pair(String, String),
}

impl Vocabulary {
    /// Opens a gzip file of merges or a folder.
    pub(super) fn open(path: &Path) -> core::Result<Self> {
        let json = path.join("tokenizer.json");
        let written = match path.is_dir() {
            false => openai(path),
            true if json.exists() && !path.join("vocab.json").exists() => tokenizer_json(&json),
            true => two_files(path),
        }?;
        written.check().map_err(|reason| corrupt(path, reason))
    }

    /// Appends the ids of one word.
    pub(super) fn encode_word(&self, word: &[u8], ids: &mut Vec<u32>) {
        let Some((last, inner)) = word.split_last() else { return };
        let mut bytes: Vec<u32> = inner.iter().map(|byte| self.inner[usize::from(*byte)]).collect();
        bytes.push(self.last[usize::from(*last)]);
        merge::merge(&bytes, &self.merges, ids);
    }

    pub(super) fn spelling(&self, id: u32) -> Option<&Spelling> {
        self.spellings.get(&id)
    }

    /// The token that is spelled `text` and ends no word, or the mark of that name.
    pub(super) fn find(&self, text: &str) -> Option<u32> {
        let is_it = |spelling: &Spelling| *spelling.bytes == *text.as_bytes() && !spelling.ends_word;
        match text {
            BEGIN => Some(self.begin),
            END => Some(self.end),
            _ => self.spellings.iter().find(|(_, spelling)| is_it(spelling)).map(|(id, _)| *id),
        }
    }
}

impl Written {
    fn check(self) -> Result<Vocabulary, String> {
        let token = |text: &str| {
            self.tokens.get(text).copied().ok_or_else(|| format!("the token `{}` is missing", brief(text)))
        };
        let byte_tokens = |end: &str| {
            (0..=u8::MAX)
                .map(|byte| token(&format!("{}{end}", alphabet::letter(byte))))
                .collect::<Result<_, _>>()
        };
        let (inner, last) = (byte_tokens("")?, byte_tokens(WORD_END)?);
        let spellings: HashMap<u32, Spelling> =
            self.tokens.iter().map(|(text, id)| (*id, Spelling::of(text))).collect();
        if spellings.len() != self.tokens.len() {
            return Err("two tokens have one number".to_owned());
        }
        let largest = self.tokens.values().copied().max().unwrap_or_default();
        if largest as usize >= MOST_TOKENS || self.merges.len() > MOST_TOKENS {
            return Err(format!("it has more than {MOST_TOKENS} tokens or merges"));
        }
        let mut merges = HashMap::with_capacity(self.merges.len());
        for (rank, (left, right)) in (0..).zip(&self.merges) {
            let merge = Merge { rank, id: token(&format!("{left}{right}"))? };
            merges.insert((token(left)?, token(right)?), merge);
        }
        Ok(Vocabulary {
            inner,
            last,
            merges,
            spellings,
            begin: token(BEGIN)?,
            end: token(END)?,
            size: largest + 1,
        })
    }
}

impl Spelling {
    /// Characters that stand for no byte are left as they are; no text becomes such a token.
    fn of(token: &str) -> Self {
        let plain = token.strip_suffix(WORD_END);
        let mut bytes = Vec::new();
        for c in plain.unwrap_or(token).chars() {
            match alphabet::byte(c) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        Self { bytes: bytes.into(), ends_word: plain.is_some() }
    }
}

/// OpenAI's file holds merges only: the vocabulary is the bytes, the bytes at the end of a word, what the merges
/// make, and the two marks, in this order.
fn openai(path: &Path) -> core::Result<Written> {
    let text = read_gzip(path, MOST_BYTES)?;
    let lines = text.lines().skip(1).take(OPENAI_MERGES);
    let merges: Vec<_> = lines.map(|line| pair(path, line)).collect::<core::Result<_>>()?;
    if merges.len() < OPENAI_MERGES {
        let reason = format!("it has {} merges of {OPENAI_MERGES}", merges.len());
        return Err(corrupt(path, reason));
    }
    let bytes = || alphabet::bytes().map(alphabet::letter);
    let tokens = (bytes().map(String::from))
        .chain(bytes().map(|letter| format!("{letter}{WORD_END}")))
        .chain(merges.iter().map(|(left, right)| format!("{left}{right}")))
        .chain([BEGIN.to_owned(), END.to_owned()]);
    Ok(Written { tokens: tokens.zip(0..).collect(), merges })
}

/// `vocab.json` (token to number) and `merges.txt` (a version line, then one merge a line).
fn two_files(folder: &Path) -> core::Result<Written> {
    let (vocab, list) = (folder.join("vocab.json"), folder.join("merges.txt"));
    let tokens = serde_json::from_str(&read(&vocab, MOST_BYTES)?).map_err(|error| corrupt(&vocab, error))?;
    let text = read(&list, MOST_BYTES)?;
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("#version"));
    Ok(Written { tokens, merges: lines.map(|line| pair(&list, line)).collect::<core::Result<_>>()? })
}

fn tokenizer_json(path: &Path) -> core::Result<Written> {
    let json: TokenizerJson =
        serde_json::from_str(&read(path, MOST_BYTES)?).map_err(|error| corrupt(path, error))?;
    if json.model.end_of_word_suffix.as_deref() != Some(WORD_END) {
        return Err(corrupt(path, format_args!("its words do not end in `{WORD_END}`")));
    }
    let merges = json.model.merges.into_iter().map(|merge| match merge {
        PairJson::Line(line) => pair(path, &line),
        PairJson::Pair(left, right) => Ok((left, right)),
    });
    Ok(Written { tokens: json.model.vocab, merges: merges.collect::<core::Result<_>>()? })
}

fn pair(path: &Path, line: &str) -> core::Result<(String, String)> {
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        [left, right] => Ok(((*left).to_owned(), (*right).to_owned())),
        _ => Err(corrupt(path, format_args!("`{}` is no pair of tokens", brief(line)))),
    }
}

/// The beginning of what may be a long text.
fn brief(text: &str) -> String {
    text.chars().take(40).collect()
}
