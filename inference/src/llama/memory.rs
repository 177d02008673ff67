//! What a model takes, by its header.

use super::gguf::{Facts, Header};
use super::run::BATCH;
use reelsmith_inference_core::Footprint;

/// What a schema and its automaton may take.
pub(super) const GRAMMAR: u64 = 64 << 20;
/// Numbers of single precision per token of a batch that llama.cpp keeps at once inside of a layer, beside the widest.
const WIDTHS: u64 = 8;
/// Vocabulary, tokens by their bytes, graphs.
const BESIDE: u64 = 64 << 20;

/// Bytes of a model with a context of `room` tokens. Weights are mapped, but all of them are read for every token.
pub(super) fn footprint(header: &Header, facts: &Facts, room: usize) -> Footprint {
    let per_token = facts.inner.max(facts.vocabulary) + WIDTHS * facts.width;
    let buffers = BATCH as u64 * per_token * 4;
    let cache = facts.cache_per_token * room as u64;
    let tokens = facts.vocabulary * 100;
    Footprint {
        weights: header.bytes().saturating_add(cache).saturating_add(tokens).saturating_add(BESIDE),
        peak_activation: buffers,
    }
}
