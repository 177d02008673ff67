//! BERT (Devlin et al., 2019) as a reader of texts: sentence embeddings (Reimers and Gurevych, "Sentence-BERT", 2019)
//! and cross-encoders that judge a document by a query, from the folders that transformers and sentence-transformers
//! publish: `config.json`, `tokenizer.json`, `model.safetensors` and, where there are, `sentence_bert_config.json`,
//! `modules.json` and `1_Pooling/config.json`.
//!
//! Texts are cut into tokens ([`wordpiece`]), sorted by their number and read in batches of nearly equal length, so
//! that little is computed for padding and a batch takes no more than so much memory however long the texts are.

mod batches;
mod config;
mod files;
mod graph;
mod memory;
mod pooling;
mod reader;
pub mod wordpiece;

pub use config::{BertConfig, Pooling, recognise};
pub use graph::{Head, IDS, MASK, SCORES, STATES, TYPES, bert};
pub use memory::footprint;

use crate::network::Processor;
use config::{Labels, Sentences};
use reader::{Reader, Sequence};
use reelsmith_graph::Target;
use reelsmith_inference_core::embed::{Embed, EmbedRequest, Embedding, Rerank, RerankRequest, Reranked};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Result};
use std::path::Path;

/// The most texts or documents of one request.
pub const MOST_TEXTS: usize = 1 << 16;
/// The most bytes of text in one request.
pub const MOST_BYTES: usize = 1 << 27;

/// A loaded embedding model.
pub struct Embedder {
    reader: Reader,
    pooling: Pooling,
}

impl Embedder {
    /// Loads the folder `model` for `target`, run by `processor`, which must be the target's device.
    ///
    /// # Errors
    /// `ModelMissing` if a file is absent; `ModelCorrupt` naming what in a file is damaged or not supported;
    /// `RuntimeMissing` before ONNX Runtime was loaded, `OutOfMemory`, or `Engine`.
    pub fn open(model: &Path, target: Target, processor: impl Into<Processor>) -> Result<Self> {
        let sentences = Sentences::read(model)?;
        let reader = Reader::open(model, sentences.most_tokens, Head::States, target, processor.into())?;
        Ok(Self { reader, pooling: sentences.pooling })
    }
}

impl Embed for Embedder {
    fn width(&self) -> usize {
        self.reader.config.hidden_size
    }

    fn most_tokens(&self) -> usize {
        self.reader.most_tokens
    }

    fn footprint(&self, request: &EmbedRequest) -> Footprint {
        let made = request.texts.len() * self.width() * size_of::<f32>();
        self.reader.footprint(request.texts.iter().map(String::len), made)
    }

    fn embed(&mut self, request: &EmbedRequest, control: &dyn Control) -> Result<Vec<Embedding>> {
        check("texts", &request.texts, 0)?;
        let sequences: Vec<Sequence> = request.texts.iter().map(|text| self.reader.single(text)).collect();
        let mut vectors: Vec<Vec<f32>> = vec![Vec::new(); sequences.len()];
        let pooling = self.pooling;
        self.reader.read(&sequences, "texts", control, &mut |index, states, width| {
            vectors[index] = pooling::direction(pooling, states, width)?;
            Ok(())
        })?;
        let made = vectors.into_iter().zip(&sequences);
        Ok(made
            .map(|(vector, sequence)| Embedding {
                vector,
                tokens: sequence.ids.len(),
                truncated: sequence.is_cut,
            })
            .collect())
    }
}

/// A loaded cross-encoder.
pub struct Reranker {
    reader: Reader,
    labels: Labels,
}

impl Reranker {
    /// Loads the folder `model`: a classifier of one label.
    ///
    /// # Errors
    /// As [`Embedder::open`].
    pub fn open(model: &Path, target: Target, processor: impl Into<Processor>) -> Result<Self> {
        let labels = Labels::read(model)?;
        let reader = Reader::open(model, None, Head::Classifier, target, processor.into())?;
        Ok(Self { reader, labels })
    }
}

impl Rerank for Reranker {
    fn footprint(&self, request: &RerankRequest) -> Footprint {
        let query = request.query.len();
        let made = request.documents.len() * size_of::<f32>();
        self.reader.footprint(request.documents.iter().map(|document| query + document.len()), made)
    }

    fn rerank(&mut self, request: &RerankRequest, control: &dyn Control) -> Result<Reranked> {
        check("documents", &request.documents, request.query.len())?;
        let query = self.reader.words(&request.query);
        let documents = request.documents.iter();
        let sequences: Vec<Sequence> = documents.map(|document| self.reader.pair(&query, document)).collect();
        let mut scores = vec![0.0; sequences.len()];
        let labels = self.labels;
        self.reader.read(&sequences, "documents", control, &mut |index, logits, _| {
            scores[index] = labels.score(logits[0]);
            Ok(())
        })?;
        Ok(Reranked { scores })
    }
}

/// Refuses what nobody can want to be read at once.
fn check(what: &str, texts: &[String], more: usize) -> Result<()> {
    let invalid = |message: String| Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    if texts.is_empty() {
        return invalid(format!("there are no {what}; give at least one"));
    }
    if texts.len() > MOST_TEXTS {
        return invalid(format!("{} {what}; one request takes {MOST_TEXTS}: split it", texts.len()));
    }
    let bytes = texts.iter().fold(more, |sum, text| sum.saturating_add(text.len()));
    if bytes > MOST_BYTES {
        return invalid(format!("the {what} have {bytes} bytes; one request takes {MOST_BYTES}: split it"));
    }
    Ok(())
}
