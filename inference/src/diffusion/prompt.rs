//! Prompts: text with weighted parts, to tokens in the pieces that a text encoder takes.
//!
//! The written form is that of AUTOMATIC1111's web UI, described at [`weights::parse`]; its words `BREAK` and
//! `AND` and its forms for changes on the way (`[a:b:0.5]`) are not taken up. How pieces are cut is told at
//! [`tokenise`], and what a weight does at [`weigh`].

mod blend;
mod chunks;
#[cfg(test)]
mod tests;
pub mod weights;

use super::tokenizer::Tokenizer;
use chunks::Chunker;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

pub use blend::weigh;
pub use chunks::Chunk;

/// Tokens of a chunk, the two around its text included: the positions that CLIP's text encoders were trained
/// with.
pub const CHUNK_TOKENS: usize = 77;

/// Most chunks of a prompt: 16, which hold 1200 tokens of text.
pub const MOST_CHUNKS: usize = 16;

/// Longest prompt, in bytes of UTF-8: 100,000.
pub const MOST_BYTES: usize = 100_000;

/// A prompt and its negative in the tokens of `N` encoders: chunks by encoder, of one number throughout.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenPair<const N: usize> {
    /// What to show.
    pub positive: [Vec<Chunk>; N],
    /// What not to show.
    pub negative: [Vec<Chunk>; N],
}

/// The tokens of `prompt` for each of the tokenisers, in chunks; the empty prompt has one.
///
/// A chunk is cut where the white space is, or behind a comma if there is one in its last 20 places; inside
/// what is written without a blank only if that is longer than 20 tokens, and inside a word only if the word
/// is. All encoders' chunks are cut at the same place of the text, even where they count differently, and a
/// chunk is full when it is so for one of them; only text of more than 20 tokens without a blank may lie in
/// them a little apart.
///
/// # Errors
/// `InvalidRequest` if the prompt has more than [`MOST_BYTES`] or needs more than [`MOST_CHUNKS`], or for a
/// weight that [`weights::parse`] refuses.
pub fn tokenise<const N: usize>(prompt: &str, tokenizers: [&Tokenizer; N]) -> Result<[Vec<Chunk>; N]> {
    if prompt.len() > MOST_BYTES {
        let message = format!("the prompt has {} bytes; at most {MOST_BYTES} are taken", prompt.len());
        return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    }
    let mut chunker = Chunker::new(tokenizers);
    for part in weights::parse(prompt)? {
        chunker.push(&part)?;
    }
    chunker.finish()
}

/// The tokens of a prompt and of its negative; the one with fewer chunks gets empty ones behind.
///
/// # Errors
/// As of [`tokenise`].
pub fn tokenise_pair<const N: usize>(
    positive: &str,
    negative: &str,
    tokenizers: [&Tokenizer; N],
) -> Result<TokenPair<N>> {
    let mut pair =
        TokenPair { positive: tokenise(positive, tokenizers)?, negative: tokenise(negative, tokenizers)? };
    for (n, tokenizer) in tokenizers.into_iter().enumerate() {
        let (one, other) = (&mut pair.positive[n], &mut pair.negative[n]);
        let most = one.len().max(other.len());
        one.resize_with(most, || Chunk::empty(tokenizer));
        other.resize_with(most, || Chunk::empty(tokenizer));
    }
    Ok(pair)
}
