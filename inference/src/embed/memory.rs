//! What a reader of texts takes of memory, worked out from the network's shape, with factors measured on x86-64 with
//! two threads.

use super::batches::POSITIONS;
use super::config::BertConfig;
use super::graph::{Head, bert};
use super::reader::WEIGHTS;
use reelsmith_graph::{Model, Target, Weights};
use reelsmith_inference_core::{Footprint, Result};
use std::path::Path;

/// Resident bytes beside those of the weights in the target's numbers. Of a file in f32 the table of words is mapped, and
/// comes in as words are met: all-MiniLM-L6-v2 has 60 of 91 MB after its first text.
const SESSION: f64 = 25e6;

/// Bytes that the engine takes for each byte of the values that must be there at one time, and for every run. Measured:
/// 0.6 to 1.0.
const ARENA: f64 = 1.1;
const RUN: f64 = 6e6;

const FLOAT: usize = size_of::<f32>();

/// What a network costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Costs {
    weights: u64,
    width: usize,
    inner: usize,
    heads: usize,
}

/// What the folder `model` takes when it is loaded, and at the worst while a batch goes through it.
///
/// # Errors
/// `ModelMissing` or `ModelCorrupt`, as loading it would give.
pub fn footprint(model: &Path, target: Target) -> Result<Footprint> {
    let config = BertConfig::read(model)?;
    let weights = Weights::open(&[model.join(WEIGHTS)])?;
    let head = if weights.has("classifier.weight") { Head::Classifier } else { Head::States };
    let costs = Costs::of(&config, &bert(&config, &weights, head, target)?);
    let longest = config.max_position_embeddings;
    Ok(costs.footprint(std::iter::repeat_n(longest, POSITIONS / longest + 1), longest, 0))
}

impl Costs {
    pub(super) fn of(config: &BertConfig, graph: &Model) -> Self {
        Self {
            weights: graph.computed_bytes + SESSION as u64,
            width: config.hidden_size,
            inner: config.intermediate_size,
            heads: config.num_attention_heads,
        }
    }

    /// For texts of these lengths in bytes, read up to `most_tokens`: a token has at least one byte.
    pub(super) fn footprint(
        &self,
        bytes: impl Iterator<Item = usize>,
        most_tokens: usize,
        made: usize,
    ) -> Footprint {
        let (mut all, mut longest) = (0usize, 0);
        for bytes in bytes {
            let tokens = bytes.saturating_add(3).min(most_tokens);
            all = all.saturating_add(tokens);
            longest = longest.max(tokens);
        }
        let positions = all.min(POSITIONS.max(longest));
        // Query, key, value, what is mixed and the sums beside it; the feed-forward layer before and after its
        // activation; scores and shares.
        let position = 6 * self.width + 2 * self.inner + 2 * self.heads * longest;
        let run = ARENA * (positions * position * FLOAT) as f64 + (positions * self.width * FLOAT) as f64;
        let ids = all.saturating_mul(FLOAT);
        Footprint { weights: self.weights, peak_activation: (run + RUN) as u64 + (ids + made) as u64 }
    }
}
