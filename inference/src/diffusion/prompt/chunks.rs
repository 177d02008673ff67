//! Tokens into chunks, for several encoders at once.

use super::weights::Part;
use super::{CHUNK_TOKENS, MOST_CHUNKS};
use crate::diffusion::tokenizer::{Tokenizer, units};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::array::from_fn;

/// Places for text in a chunk.
const TEXT_TOKENS: usize = CHUNK_TOKENS - 2;

/// How many places may be left empty for a better cut; the web UI's default
/// (`comma_padding_backtrack` of its `modules/shared_options.py`).
const LOOK_BACK: usize = 20;

/// One run of a text encoder: a begin token, up to 75 of text, an end token, and padding.
#[derive(Debug, Clone, PartialEq)]
pub struct Chunk {
    /// Token ids.
    pub ids: [u32; CHUNK_TOKENS],
    /// The weight of each; 1 for those that are no text.
    pub weights: [f32; CHUNK_TOKENS],
}

impl Chunk {
    /// The empty prompt.
    pub fn empty(tokenizer: &Tokenizer) -> Self {
        Self::of(&[], tokenizer)
    }

    /// At most [`TEXT_TOKENS`] of `text`.
    fn of(text: &[Token], tokenizer: &Tokenizer) -> Self {
        let mut chunk = Self { ids: [tokenizer.pad(); CHUNK_TOKENS], weights: [1.0; CHUNK_TOKENS] };
        let text = &text[..text.len().min(TEXT_TOKENS)];
        chunk.ids[0] = tokenizer.begin();
        for (n, token) in (1..).zip(text) {
            (chunk.ids[n], chunk.weights[n]) = (token.id, token.weight);
        }
        chunk.ids[text.len() + 1] = tokenizer.end();
        chunk
    }
}

#[derive(Clone, Copy)]
struct Token {
    id: u32,
    weight: f32,
}

/// The chunks so far and the one being filled, per encoder.
pub(super) struct Chunker<'a, const N: usize> {
    tokenizers: [&'a Tokenizer; N],
    done: [Vec<Chunk>; N],
    filling: [Vec<Token>; N],
    /// How full the chunk was behind its last comma.
    comma: Option<[usize; N]>,
}

impl<'a, const N: usize> Chunker<'a, N> {
    pub(super) fn new(tokenizers: [&'a Tokenizer; N]) -> Self {
        Self { tokenizers, done: from_fn(|_| Vec::new()), filling: from_fn(|_| Vec::new()), comma: None }
    }

    /// Adds the tokens of a part.
    pub(super) fn push(&mut self, part: &Part) -> Result<()> {
        for unit in units(&part.text) {
            let tokens: [Vec<Token>; N] = self.tokenizers.map(|tokenizer| {
                let ids = tokenizer.encode(unit).into_iter();
                ids.map(|id| Token { id, weight: part.weight }).collect()
            });
            match tokens.iter().all(|tokens| tokens.len() <= LOOK_BACK) {
                true => self.push_whole(tokens)?,
                false => self.push_in_pieces(tokens)?,
            }
            if unit.trim_end().ends_with(',') {
                self.comma = Some(from_fn(|n| self.filling[n].len()));
            }
        }
        Ok(())
    }

    /// The chunks, the last one filled up; one if there was no text.
    pub(super) fn finish(mut self) -> Result<[Vec<Chunk>; N]> {
        if self.done.iter().any(Vec::is_empty) || self.filling.iter().any(|tokens| !tokens.is_empty()) {
            self.close()?;
        }
        Ok(self.done)
    }

    /// Tokens that are kept together.
    fn push_whole(&mut self, tokens: [Vec<Token>; N]) -> Result<()> {
        if (0..N).any(|n| tokens[n].len() > self.room(n)) {
            self.cut()?;
        }
        for (filling, tokens) in self.filling.iter_mut().zip(tokens) {
            filling.extend(tokens);
        }
        Ok(())
    }

    /// Tokens too many to be kept together.
    fn push_in_pieces(&mut self, tokens: [Vec<Token>; N]) -> Result<()> {
        let mut rest: [&[Token]; N] = from_fn(|n| tokens[n].as_slice());
        loop {
            for (n, rest) in rest.iter_mut().enumerate() {
                let (piece, after) = rest.split_at(self.fitting(n, rest));
                self.filling[n].extend_from_slice(piece);
                *rest = after;
            }
            if rest.iter().all(|rest| rest.is_empty()) {
                return Ok(());
            }
            self.close()?;
        }
    }

    /// How many of `tokens` to put into the chunk: all, or up to the end of a word if there is one in its last
    /// places, or as many as there is room for. Never none in an empty chunk.
    fn fitting(&self, n: usize, tokens: &[Token]) -> usize {
        let room = self.room(n);
        if tokens.len() <= room {
            return tokens.len();
        }
        let least = room.saturating_sub(LOOK_BACK);
        let word_end = tokens[least..room].iter().rposition(|token| self.tokenizers[n].ends_word(token.id));
        match word_end {
            Some(at) => least + at + 1,
            None if room <= LOOK_BACK => 0,
            None => room,
        }
    }

    fn room(&self, n: usize) -> usize {
        TEXT_TOKENS - self.filling[n].len()
    }

    /// Closes the chunk behind its last comma if that is among its last places, else where it is; what is
    /// behind the comma begins the next one.
    fn cut(&mut self) -> Result<()> {
        let full: [usize; N] = from_fn(|n| self.filling[n].len());
        let is_near = |at: &[usize; N]| {
            at.iter().any(|at| at + LOOK_BACK >= TEXT_TOKENS)
                && at.iter().zip(full).all(|(at, full)| at + LOOK_BACK >= full)
        };
        let at = self.comma.filter(is_near).unwrap_or(full);
        let tail: [Vec<Token>; N] = from_fn(|n| self.filling[n].split_off(at[n]));
        self.close()?;
        self.filling = tail;
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        self.comma = None;
        for n in 0..N {
            if self.done[n].len() == MOST_CHUNKS {
                return Err(too_long());
            }
            self.done[n].push(Chunk::of(&self.filling[n], self.tokenizers[n]));
            self.filling[n].clear();
        }
        Ok(())
    }
}

fn too_long() -> InferenceError {
    let message = format!(
        "the prompt has more tokens than {MOST_CHUNKS} chunks of {TEXT_TOKENS} hold; shorten it to about {} words",
        MOST_CHUNKS * TEXT_TOKENS * 3 / 4
    );
    InferenceError::new(ErrorKind::InvalidRequest, message)
}
