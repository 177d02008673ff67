//! BERT's encoder as a graph (names as in transformers' `models/bert/modeling_bert.py`).

use super::config::BertConfig;
use reelsmith_graph::builder::{Attribute, MICROSOFT};
use reelsmith_graph::nn::{layer_norm, linear};
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Inputs, all int64 of (N, S): token numbers, the text each belongs to (0 or 1), and 1 where there is a token.
pub const IDS: &str = "ids";
/// See [`IDS`].
pub const TYPES: &str = "types";
/// See [`IDS`].
pub const MASK: &str = "mask";
/// Output of [`Head::States`]: (N, S, C).
pub const STATES: &str = "states";
/// Output of [`Head::Classifier`]: (N, 1).
pub const SCORES: &str = "scores";

/// Added to the scores of what is no token; its share is then 0 in f32 and in f16.
const NEVER: f32 = -10_000.0;

/// What is made of the last layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// Nothing: the states of all tokens.
    States,
    /// A logit from the state of the first token (`BertForSequenceClassification` with one label).
    Classifier,
}

/// Writes the network; see [`IDS`] for its inputs and [`Head`] for what it gives.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing, of another shape, or of no layer.
pub fn bert(config: &BertConfig, weights: &Weights, head: Head, target: Target) -> Result<Model> {
    let weights = &modern(weights, head);
    let mut g = Graph::new("bert", target);
    let mut input = |name| g.input(name, Element::I64, &["n".into(), "s".into()]);
    let (ids, types, mask) = (input(IDS), input(TYPES), input(MASK));
    let root = weights.layer("");
    let mask = masked(&mut g, mask);
    let mut x = embedded(&mut g, config, &root.at("embeddings"), ids, types)?;
    for n in 0..config.num_hidden_layers {
        x = layer(&mut g, config, &root.at("encoder.layer").at(n), x, mask)?;
    }
    match head {
        Head::States => g.output(STATES, x, &["n".into(), "s".into(), config.hidden_size.into()]),
        Head::Classifier => {
            let scores = classified(&mut g, config, &root, x)?;
            g.output(SCORES, scores, &["n".into(), 1.into()]);
        }
    }
    weights.all_used()?;
    Ok(g.finish())
}

/// The tensors under the names that transformers gives them today, without those of heads that are not asked for.
fn modern(weights: &Weights, head: Head) -> Weights {
    weights.renamed(|name| {
        let name = name.strip_prefix("bert.").unwrap_or(name);
        let (stem, last) = name.rsplit_once('.').unwrap_or(("", name));
        // TensorFlow's names of a normalisation, which conversions of 2019 kept.
        let last = match last {
            "gamma" => "weight",
            "beta" => "bias",
            other => other,
        };
        let is_head = stem.starts_with("pooler") || stem == "classifier" || stem.starts_with("cls");
        let is_wanted = !is_head || (head == Head::Classifier && !stem.starts_with("cls"));
        is_wanted.then(|| format!("{stem}.{last}").trim_start_matches('.').to_owned())
    })
}

/// (N, S) of 1 and 0 → what [`attention`] takes: the same in int32 for the fused operator, else (N, 1, 1, S) of 0 and
/// [`NEVER`].
fn masked(g: &mut Graph, mask: Value) -> Value {
    const INT32: i64 = 6;
    if g.target().is_fused {
        return g.node("Cast", &[mask], &[("to", Attribute::Int(INT32))]);
    }
    let (one, never) = (g.ints(&[1]), g.number(NEVER));
    let gone = g.node("Sub", &[one, mask], &[]);
    // From int64 to what the target computes with.
    let gone = g.node("CastLike", &[gone, never], &[]);
    let added = g.mul(gone, never);
    let axes = g.ints(&[1, 2]);
    g.node("Unsqueeze", &[added, axes], &[])
}

/// Tokens, their places and their texts: (N, S) → (N, S, C).
fn embedded(
    g: &mut Graph,
    config: &BertConfig,
    layer: &Layer<'_>,
    ids: Value,
    types: Value,
) -> Result<Value> {
    let width = config.hidden_size;
    let table = |g: &mut Graph, name: &str, rows: usize| -> Result<Value> {
        let (tensor, adapters) = layer.at(name).tensor("weight", &[rows, width])?;
        Ok(g.weight(tensor, adapters, &[rows as i64, width as i64]))
    };
    let words = table(g, "word_embeddings", config.vocab_size)?;
    let kinds = table(g, "token_type_embeddings", config.type_vocab_size)?;
    let places = table(g, "position_embeddings", config.max_position_embeddings)?;
    let words = g.node("Gather", &[words, ids], &[]);
    let kinds = g.node("Gather", &[kinds, types], &[]);
    let length = g.node("Shape", &[ids], &[("start", Attribute::Int(1))]);
    let start = g.ints(&[0]);
    let places = g.node("Slice", &[places, start, length], &[]);
    let sum = g.add(words, kinds);
    let sum = g.add(sum, places);
    layer_norm(g, &layer.at("LayerNorm"), sum, width, config.layer_norm_eps)
}

/// One layer: (N, S, C) → (N, S, C).
fn layer(g: &mut Graph, config: &BertConfig, layer: &Layer<'_>, x: Value, mask: Value) -> Result<Value> {
    let (width, inner, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    let shape = g.node("Shape", &[x], &[]);
    let rows = g.reshape(x, &[-1, width as i64]);
    let itself = layer.at("attention.self");
    let mut project = |name| -> Result<Value> {
        let rows = linear(g, &itself.at(name), rows, width, width)?;
        Ok(g.node("Reshape", &[rows, shape], &[]))
    };
    let parts = [project("query")?, project("key")?, project("value")?];
    let mixed = g.scoped(itself.name(), |g| attention(g, parts, config.num_attention_heads, width, mask));
    let mixed = g.reshape(mixed, &[-1, width as i64]);
    let out = layer.at("attention.output");
    let mixed = linear(g, &out.at("dense"), mixed, width, width)?;
    let sum = g.add(mixed, rows);
    let rows = layer_norm(g, &out.at("LayerNorm"), sum, width, epsilon)?;
    let fed = linear(g, &layer.at("intermediate.dense"), rows, width, inner)?;
    let fed = g.gelu(fed);
    let fed = linear(g, &layer.at("output.dense"), fed, inner, width)?;
    let sum = g.add(fed, rows);
    let rows = layer_norm(g, &layer.at("output.LayerNorm"), sum, width, epsilon)?;
    Ok(g.node("Reshape", &[rows, shape], &[]))
}

/// Attention among the tokens that `mask` lets be seen: `query`, `key` and `value` of (N, S, C) → (N, S, C).
fn attention(
    g: &mut Graph,
    [query, key, value]: [Value; 3],
    heads: usize,
    width: usize,
    mask: Value,
) -> Value {
    let count = heads as i64;
    if g.target().is_fused {
        let none = g.nothing();
        let attributes =
            [("num_heads", Attribute::Int(count)), ("mask_filter_value", Attribute::Float(NEVER))];
        return g.node_of(MICROSOFT, "MultiHeadAttention", &[query, key, value, none, mask], &attributes);
    }
    let head = (width / heads) as i64;
    let split = |g: &mut Graph, x, order: [i64; 4]| {
        let cut = g.reshape(x, &[0, 0, count, head]);
        g.transpose(cut, &order)
    };
    let query = split(g, query, [0, 2, 1, 3]);
    let key = split(g, key, [0, 2, 3, 1]);
    let value = split(g, value, [0, 2, 1, 3]);
    let scale = g.number(1.0 / (head as f32).sqrt());
    let query = g.mul(query, scale);
    let scores = g.node("MatMul", &[query, key], &[]);
    let scores = g.add(scores, mask);
    let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
    let mixed = g.node("MatMul", &[shares, value], &[]);
    let mixed = g.transpose(mixed, &[0, 2, 1, 3]);
    g.reshape(mixed, &[0, 0, width as i64])
}

/// The first token's state through the pooler, to a logit: (N, S, C) → (N, 1).
fn classified(g: &mut Graph, config: &BertConfig, root: &Layer<'_>, x: Value) -> Result<Value> {
    let width = config.hidden_size;
    let first = g.ints(&[0]);
    let first = g.node("Squeeze", &[first], &[]);
    let first = g.node("Gather", &[x, first], &[("axis", Attribute::Int(1))]);
    let pooled = linear(g, &root.at("pooler.dense"), first, width, width)?;
    let pooled = g.node("Tanh", &[pooled], &[]);
    linear(g, &root.at("classifier"), pooled, width, 1)
}
