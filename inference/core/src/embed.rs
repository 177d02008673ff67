//! Texts to vectors, and documents ordered by how well they answer a query.

use crate::{Control, Footprint, Result};
use serde::{Deserialize, Serialize};

/// Texts to be embedded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedRequest {
    /// The texts, at least one. An empty one has an embedding too: that of no words.
    pub texts: Vec<String>,
}

/// What one text means, as a direction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// [`Embed::width`] numbers of Euclidean length 1, so that the cosine of two is their dot product.
    pub vector: Vec<f32>,
    /// Tokens that were read, the marks at both ends included.
    pub tokens: usize,
    /// Whether the text went on after them: what comes later had no effect.
    pub truncated: bool,
}

/// A loaded embedding model.
pub trait Embed: Send {
    /// Numbers of an embedding.
    fn width(&self) -> usize;

    /// The most tokens of a text that are read, the marks at both ends included.
    fn most_tokens(&self) -> usize;

    /// Bytes that [`Embed::embed`] will need for `request`.
    fn footprint(&self, request: &EmbedRequest) -> Footprint;

    /// Embeds the texts, in their order. `control` is called before every batch and at the end, with
    /// texts as its unit. A text's embedding does not depend on the texts beside it, but for the last bits of
    /// its numbers; the same request gives the same bits.
    ///
    /// # Errors
    /// `InvalidRequest` for no texts or more than one request may have, `OutOfMemory`, `Cancelled`, or `Engine`.
    fn embed(&mut self, request: &EmbedRequest, control: &dyn Control) -> Result<Vec<Embedding>>;
}

/// Documents to be judged by a query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerankRequest {
    /// What is looked for.
    pub query: String,
    /// Where it is looked for; at least one.
    pub documents: Vec<String>,
}

/// How well each document answers the query.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reranked {
    /// One for each document, in their order; the higher, the better. Their scale is the model's: some give
    /// unbounded logits, others 0 to 1.
    pub scores: Vec<f32>,
}

impl Reranked {
    /// Indices of the documents, the best first; of equal ones the earlier.
    pub fn ranking(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.scores.len()).collect();
        order.sort_by(|a, b| self.scores[*b].total_cmp(&self.scores[*a]));
        order
    }
}

/// A loaded cross-encoder: it reads query and document together, which tells more than comparing embeddings and
/// costs a run for each document.
pub trait Rerank: Send {
    /// Bytes that [`Rerank::rerank`] will need for `request`.
    fn footprint(&self, request: &RerankRequest) -> Footprint;

    /// Judges the documents. Where query and document are too long together, the longer one is cut.
    /// `control` is called before every batch and at the end, with documents as its unit.
    ///
    /// # Errors
    /// As [`Embed::embed`].
    fn rerank(&mut self, request: &RerankRequest, control: &dyn Control) -> Result<Reranked>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_comes_first_and_of_equals_the_earlier() {
        let ranked = Reranked { scores: vec![-1.0, 3.5, f32::NEG_INFINITY, 3.5, 0.0] };
        assert_eq!(ranked.ranking(), [1, 3, 4, 0, 2]);
    }
}
