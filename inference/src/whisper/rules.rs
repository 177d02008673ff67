//! Which token may come next (openai-whisper, `decoding.py`, the logit filters).

use super::tokenizer::Tokenizer;
use crate::operators::exponential;

/// Times within which a window's first text must begin: one second, in steps of 0.02 s.
const LATEST_START: u32 = 50;

/// What keeps a text well-formed.
#[derive(Debug, Clone)]
pub struct Rules {
    end: u32,
    first_timestamp: u32,
    no_timestamps: u32,
    /// What is never said.
    never: Vec<u32>,
    /// What is not said first.
    not_first: Vec<u32>,
}

/// Symbols that mark noises and the like rather than speech, each by itself or in a row.
const SYMBOLS: &str = "\"#()*+/:;<=>@[\\]^_`{|}~「」『』";
const ROWS: [&str; 20] = [
    "<<",
    ">>",
    "<<<",
    ">>>",
    "--",
    "---",
    "-(",
    "-[",
    "('",
    "(\"",
    "((",
    "))",
    "(((",
    ")))",
    "[[",
    "]]",
    "{{",
    "}}",
    "♪♪",
    "♪♪♪",
];
/// Of these the first token alone marks them.
const NOTES: &str = "♩♪♫♬♭♮♯";

impl Rules {
    /// For a vocabulary, with `never` beside the steering tokens; where that is empty, what openai-whisper never says.
    pub fn new(tokenizer: &Tokenizer, never: &[u32]) -> Self {
        let special = tokenizer.special();
        let mut never = if never.is_empty() { symbols(tokenizer) } else { never.to_vec() };
        never.retain(|id| *id != special.end);
        never.extend(special.start..=special.no_timestamps);
        let mut not_first = tokenizer.encode(" ");
        not_first.push(special.end);
        Self {
            end: special.end,
            first_timestamp: special.first_timestamp,
            no_timestamps: special.no_timestamps,
            never,
            not_first,
        }
    }

    /// Takes out of `logits`, one for every token, what may not follow `said`.
    pub fn apply(&self, logits: &mut [f32], said: &[u32]) {
        for id in &self.never {
            forbid(logits, *id..id + 1);
        }
        let last = u32::try_from(logits.len()).unwrap_or(u32::MAX);
        if said.is_empty() {
            for id in &self.not_first {
                forbid(logits, *id..id + 1);
            }
            forbid(logits, 0..self.first_timestamp);
            forbid(logits, self.first_timestamp + LATEST_START + 1..last);
        }
        let is_time = |at: usize| said.len().checked_sub(at).is_some_and(|n| said[n] >= self.first_timestamp);
        let (ends_in_time, is_second_time) = (is_time(1), said.len() < 2 || is_time(2));
        if ends_in_time && is_second_time {
            forbid(logits, self.first_timestamp..last);
        } else if ends_in_time {
            forbid(logits, 0..self.end);
        }
        if let Some(time) = said.iter().rev().find(|id| **id >= self.first_timestamp) {
            // A pair of times may be equal; a text between them takes time.
            let earliest = if ends_in_time && !is_second_time { *time } else { time + 1 };
            forbid(logits, self.first_timestamp..earliest);
        }
        self.prefer_times(logits);
    }

    /// Where some time is likelier than any one word, a time comes.
    fn prefer_times(&self, logits: &mut [f32]) {
        let (words, times) = logits.split_at(self.first_timestamp as usize);
        let (word, time) = (exponential::most(words), exponential::most(times));
        if time == f32::NEG_INFINITY {
            return;
        }
        if time + exponential::sum(times, time).ln() > word {
            forbid(logits, 0..self.first_timestamp);
        }
    }

    /// Where to look for the end of a text.
    pub fn end(&self) -> u32 {
        self.end
    }

    /// The token for texts without times.
    pub fn no_timestamps(&self) -> u32 {
        self.no_timestamps
    }
}

fn forbid(logits: &mut [f32], ids: std::ops::Range<u32>) {
    let end = logits.len().min(ids.end as usize);
    let start = end.min(ids.start as usize);
    logits[start..end].fill(f32::NEG_INFINITY);
}

/// `Tokenizer.non_speech_tokens` of openai-whisper's `tokenizer.py`.
fn symbols(tokenizer: &Tokenizer) -> Vec<u32> {
    // Between and before words these two are speech.
    let mut found = vec![tokenizer.encode(" -")[0], tokenizer.encode(" '")[0]];
    let letters = |text: &str| text.chars().map(String::from).collect::<Vec<_>>();
    let rows = ROWS.iter().map(|row| (*row).to_owned());
    for symbol in letters(SYMBOLS).into_iter().chain(rows).chain(letters(NOTES)) {
        for text in [symbol.clone(), format!(" {symbol}")] {
            let ids = tokenizer.encode(&text);
            if ids.len() == 1 || NOTES.contains(&symbol) {
                found.push(ids[0]);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
