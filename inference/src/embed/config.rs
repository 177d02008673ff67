//! What a folder says of its model: transformers' `config.json` and the files that sentence-transformers adds.

use super::files::{corrupt, optional, required};
use super::graph::Head;
use reelsmith_inference_core::Result;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// The file that says what network it is.
pub(super) const CONFIG: &str = "config.json";
const SENTENCES: &str = "sentence_bert_config.json";
const MODULES: &str = "modules.json";
const POOLING: &str = "1_Pooling/config.json";

/// The shape of a BERT, from its `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct BertConfig {
    /// C: width of a token.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of the attention.
    pub num_attention_heads: usize,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Tokens of the longest text.
    pub max_position_embeddings: usize,
    /// Kinds of text that a token may belong to: query or document.
    #[serde(default = "two")]
    pub type_vocab_size: usize,
    /// Epsilon of the normalisations.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
    #[serde(default)]
    hidden_act: Option<String>,
    #[serde(default)]
    model_type: Option<String>,
    #[serde(default)]
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

fn two() -> usize {
    2
}

fn epsilon() -> f32 {
    1e-12
}

impl BertConfig {
    /// Reads the `config.json` in `folder`.
    ///
    /// # Errors
    /// `ModelMissing`, or `ModelCorrupt` naming what is missing, out of range or not supported.
    pub fn read(folder: &Path) -> Result<Self> {
        let config: Self = required(folder, CONFIG)?;
        config.check().map_err(|why| corrupt(&folder.join(CONFIG), &why))?;
        Ok(config)
    }

    fn check(&self) -> std::result::Result<(), String> {
        let settings = [
            ("model_type", &self.model_type, "bert"),
            ("hidden_act", &self.hidden_act, "gelu"),
            ("position_embedding_type", &self.position_embedding_type, "absolute"),
        ];
        for (key, found, wanted) in settings {
            if let Some(found) = found.as_ref().filter(|found| *found != wanted) {
                return Err(format!("`{key}` is {found}; only {wanted} is supported"));
            }
        }
        if self.is_decoder {
            return Err("`is_decoder` is true; only encoders are supported".into());
        }
        let extents = [
            ("hidden_size", self.hidden_size, 1 << 14),
            ("intermediate_size", self.intermediate_size, 1 << 16),
            ("num_hidden_layers", self.num_hidden_layers, 128),
            ("num_attention_heads", self.num_attention_heads, self.hidden_size),
            ("vocab_size", self.vocab_size, 1 << 20),
            // Two marks stand around every text, three around a pair.
            ("max_position_embeddings", self.max_position_embeddings, 1 << 14),
            ("type_vocab_size", self.type_vocab_size, 1 << 10),
        ];
        for (key, value, most) in extents {
            let least = if key == "max_position_embeddings" { 5 } else { 1 };
            if !(least..=most).contains(&value) {
                return Err(format!("`{key}` is {value}; it goes from {least} to {most}"));
            }
        }
        match self.hidden_size.is_multiple_of(self.num_attention_heads) {
            true => Ok(()),
            false => Err("`hidden_size` is no multiple of `num_attention_heads`".into()),
        }
    }
}

#[derive(Deserialize)]
struct Architecture {
    model_type: Option<String>,
    #[serde(default)]
    architectures: Vec<String>,
}

/// What the folder at `model` reads texts for; `None` if it is no folder of transformers'.
///
/// # Errors
/// `ModelCorrupt` if its `config.json` is damaged.
pub fn recognise(model: &Path) -> Result<Option<Head>> {
    let found: Option<Architecture> = optional(model, CONFIG)?;
    let found = found.filter(|found| found.model_type.is_some() || !found.architectures.is_empty());
    let is_classifier = |found: &Architecture| {
        found.architectures.iter().any(|name| name.ends_with("ForSequenceClassification"))
    };
    Ok(found.map(|found| if is_classifier(&found) { Head::Classifier } else { Head::States }))
}

/// How the states of a text's tokens become one vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the mark at the beginning.
    First,
}

/// How an embedding model reads sentences.
#[derive(Debug)]
pub(super) struct Sentences {
    pub(super) pooling: Pooling,
    /// The most tokens of a text, where the folder says so.
    pub(super) most_tokens: Option<usize>,
}

#[derive(Deserialize)]
struct SentenceFile {
    max_seq_length: Option<usize>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(rename = "type")]
    kind: String,
}

impl Sentences {
    /// Reads what sentence-transformers writes beside the network; mean pooling where it wrote nothing.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let modules: Vec<Module> = optional(folder, MODULES)?.unwrap_or_default();
        let known = |module: &&Module| {
            let name = module.kind.rsplit('.').next().unwrap_or_default();
            !["Transformer", "Pooling", "Normalize"].contains(&name)
        };
        if let Some(module) = modules.iter().find(known) {
            let why = format!("it has a module {}, which is not supported", module.kind);
            return Err(corrupt(&folder.join(MODULES), &why));
        }
        let file: Option<SentenceFile> = optional(folder, SENTENCES)?;
        Ok(Self { pooling: pooling(folder)?, most_tokens: file.and_then(|file| file.max_seq_length) })
    }
}

/// sentence-transformers writes a flag for each mode, or since version 5.5 one name.
fn pooling(folder: &Path) -> Result<Pooling> {
    let settings: Map<String, Value> = optional(folder, POOLING)?.unwrap_or_default();
    let flag = |(key, on): (&String, &Value)| {
        let mode = key.strip_prefix("pooling_mode_")?;
        (*on == Value::Bool(true)).then(|| mode.to_owned())
    };
    let named = settings.get("pooling_mode").and_then(Value::as_str).map(str::to_owned);
    let modes: Vec<String> = named.into_iter().chain(settings.iter().filter_map(flag)).collect();
    match modes.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] | ["mean" | "mean_tokens"] => Ok(Pooling::Mean),
        ["cls" | "cls_token"] => Ok(Pooling::First),
        _ => {
            let why = format!("pooling by {} is not supported; mean or cls is", modes.join(" and "));
            Err(corrupt(&folder.join(POOLING), &why))
        }
    }
}

/// What is made of a classifier's logit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Labels {
    /// Nothing.
    Logit,
    /// The logistic function of it.
    Sigmoid,
}

#[derive(Deserialize)]
struct LabelsFile {
    sentence_transformers: Option<Map<String, Value>>,
    sbert_ce_default_activation_function: Option<String>,
}

impl Labels {
    /// As sentence-transformers' `CrossEncoder` scores with the `config.json` in `folder`: its own activation where
    /// one is named, else a sigmoid.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let file: LabelsFile = required(folder, CONFIG)?;
        let named = file.sentence_transformers.as_ref().and_then(|map| map.get("activation_fn"));
        let named = named.and_then(Value::as_str).or(file.sbert_ce_default_activation_function.as_deref());
        match named.map(|name| name.rsplit('.').next().unwrap_or_default()) {
            None | Some("Sigmoid") => Ok(Self::Sigmoid),
            Some("Identity") => Ok(Self::Logit),
            Some(other) => {
                let why = format!("the activation {other} is not supported; Identity or Sigmoid is");
                Err(corrupt(&folder.join(CONFIG), &why))
            }
        }
    }

    pub(super) fn score(self, logit: f32) -> f32 {
        match self {
            Self::Logit => logit,
            Self::Sigmoid => 1.0 / (1.0 + (-logit).exp()),
        }
    }
}
