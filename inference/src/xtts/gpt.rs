//! The GPT that turns a voice and a text into audio codes: GPT-2's blocks (Radford et al., 2019; names as
//! transformers' `models/gpt2/modeling_gpt2.py`) without its embeddings of places, over learned ones for text and
//! audio (`TTS/tts/layers/xtts/gpt.py`), with a cache of keys and values.

use super::config::XttsConfig;
use super::layers::{conv1d, slice};
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::nn::{layer_norm, linear};
use reelsmith_graph::weights::Tensor;
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// Names of the graph's input and outputs.
pub const EMBEDDED: &str = "embedded";
/// See [`EMBEDDED`].
pub const LATENT: &str = "latent";
/// See [`EMBEDDED`].
pub const LOGITS: &str = "logits";

/// Epsilon of GPT-2's normalisations and PyTorch's own.
const EPSILON: f32 = 1e-5;

/// Names of the cache: what a run takes, or what it gives.
pub fn cache(direction: &str, layers: usize) -> Vec<String> {
    (0..layers).flat_map(|n| ["key", "value"].map(|part| format!("{direction}_{part}_{n}"))).collect()
}

/// Writes the GPT.
///
/// Inputs: `embedded` (S, width), what comes after the P tokens in the cache; `past_key_n` and `past_value_n` (heads,
/// P, width / heads) of every layer. Outputs, for the last token: `latent` (1, width), which the vocoder takes, and
/// `logits` (1, audio tokens); `now_key_n` and `now_value_n` (heads, P + S, width / heads).
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn gpt(config: &XttsConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("gpt", target);
    let (root, width) = (weights.layer("gpt"), config.width);
    let embedded = g.input(EMBEDDED, Element::F32, &["s".into(), width.into()]);
    let head = [config.heads.into(), "p".into(), (width / config.heads).into()];
    let past: Vec<Value> =
        cache("past", config.layers).iter().map(|name| g.input(name, Element::F32, &head)).collect();
    let mask = mask(&mut g, embedded, past[0]);
    let (mut x, mut now) = (embedded, Vec::new());
    for (n, past) in past.as_chunks().0.iter().enumerate() {
        let made = block(&mut g, config, &root.at("gpt.h").at(n), (x, mask), *past)?;
        x = made.0;
        now.extend(made.1);
    }
    let last = slice(&mut g, x, 0, -1, i64::MAX);
    let last = layer_norm(&mut g, &root.at("gpt.ln_f"), last, width, EPSILON)?;
    let latent = layer_norm(&mut g, &root.at("final_norm"), last, width, EPSILON)?;
    let logits = linear(&mut g, &root.at("mel_head"), latent, width, config.audio_tokens)?;
    g.output(LATENT, latent, &[1.into(), width.into()]);
    g.output(LOGITS, logits, &[1.into(), config.audio_tokens.into()]);
    let whole = [config.heads.into(), "t".into(), (width / config.heads).into()];
    for (name, value) in cache("now", config.layers).iter().zip(now) {
        g.output(name, value, &whole);
    }
    Ok(g.finish())
}

/// (S, P + S): nothing where a token sees another, and what takes all from its score where that comes later.
fn mask(g: &mut Graph, embedded: Value, past: Value) -> Value {
    let one = [("start", Attribute::Int(0)), ("end", Attribute::Int(1))];
    let new = g.node("Shape", &[embedded], &one);
    let old = g.node("Shape", &[past], &[("start", Attribute::Int(1)), ("end", Attribute::Int(2))]);
    let all = g.node("Add", &[old, new], &[]);
    let shape = g.concat(&[new, all], 0);
    let lowest = g.numbers(&[1], &[-60000.0]);
    let full = g.node("Expand", &[lowest, shape], &[]);
    let next = g.ints(&[1]);
    let first = g.node("Add", &[old, next], &[]);
    let first = g.node("Squeeze", &[first], &[]);
    g.node("Trilu", &[full, first], &[("upper", Attribute::Int(1))])
}

/// One block, and its keys and values with the new ones.
fn block(
    g: &mut Graph,
    config: &XttsConfig,
    layer: &Layer<'_>,
    (x, mask): (Value, Value),
    past: [Value; 2],
) -> Result<(Value, [Value; 2])> {
    let width = config.width;
    let normal = layer_norm(g, &layer.at("ln_1"), x, width, EPSILON)?;
    let all = conv1d(g, &layer.at("attn.c_attn"), normal, width, 3 * width)?;
    let (mixed, now) = g.scoped(layer.name(), |g| attend(g, config, (all, mask), past));
    let mixed = conv1d(g, &layer.at("attn.c_proj"), mixed, width, width)?;
    let x = g.add(x, mixed);
    let normal = layer_norm(g, &layer.at("ln_2"), x, width, EPSILON)?;
    let inner = conv1d(g, &layer.at("mlp.c_fc"), normal, width, 4 * width)?;
    let inner = g.node("Gelu", &[inner], &[("approximate", Attribute::Text("tanh"))]);
    let fed = conv1d(g, &layer.at("mlp.c_proj"), inner, 4 * width, width)?;
    Ok((g.add(x, fed), now))
}

/// Attention of the new tokens to the cached ones and themselves: `all` (S, 3 width) → (S, width).
fn attend(
    g: &mut Graph,
    config: &XttsConfig,
    (all, mask): (Value, Value),
    past: [Value; 2],
) -> (Value, [Value; 2]) {
    let (width, heads) = (config.width as i64, config.heads as i64);
    let head = width / heads;
    let part = |g: &mut Graph, n: i64| {
        let part = slice(g, all, 1, n * width, (n + 1) * width);
        let part = g.reshape(part, &[-1, heads, head]);
        g.transpose(part, &[1, 0, 2])
    };
    let (query, key, value) = (part(g, 0), part(g, 1), part(g, 2));
    let key = g.concat(&[past[0], key], 1);
    let value = g.concat(&[past[1], value], 1);
    let scale = g.number(1.0 / (head as f32).sqrt());
    let query = g.mul(query, scale);
    let turned = g.transpose(key, &[0, 2, 1]);
    let scores = g.node("MatMul", &[query, turned], &[]);
    let scores = g.add(scores, mask);
    let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
    let mixed = g.node("MatMul", &[shares, value], &[]);
    let mixed = g.transpose(mixed, &[1, 0, 2]);
    (g.reshape(mixed, &[-1, width]), [key, value])
}

/// The tables that tokens and their places are looked up in, row by row where they lie in the file.
#[derive(Debug, Clone)]
pub struct Embeddings {
    text: [Tensor; 2],
    audio: [Tensor; 2],
}

impl Embeddings {
    /// Of the GPT's weights.
    ///
    /// # Errors
    /// `ModelCorrupt` naming a table that is missing or of another shape.
    pub fn open(config: &XttsConfig, weights: &Weights) -> Result<Self> {
        let root = weights.layer("gpt");
        let table = |name: &str, rows: usize| -> Result<Tensor> {
            Ok(root.at(name).tensor("weight", &[rows, config.width])?.0.clone())
        };
        Ok(Self {
            text: [
                table("text_embedding", config.text_tokens)?,
                table("text_pos_embedding.emb", config.text_places())?,
            ],
            audio: [
                table("mel_embedding", config.audio_tokens)?,
                table("mel_pos_embedding.emb", config.audio_places())?,
            ],
        })
    }

    /// Text tokens, the first at place 0: (tokens, width).
    ///
    /// # Errors
    /// `ModelCorrupt` if the file cannot be read, `InvalidRequest` for a token or a place that there is not.
    pub fn text(&self, tokens: &[u32]) -> Result<Vec<f32>> {
        let rows = tokens.iter().enumerate().map(|(place, token)| row(&self.text, *token, place));
        Ok(rows.collect::<Result<Vec<_>>>()?.concat())
    }

    /// One audio token at its place, the start token's being 0: (width).
    ///
    /// # Errors
    /// As [`Embeddings::text`].
    pub fn audio(&self, token: u32, place: usize) -> Result<Vec<f32>> {
        row(&self.audio, token, place)
    }
}

/// The sum of a token's row and its place's.
fn row([tokens, places]: &[Tensor; 2], token: u32, place: usize) -> Result<Vec<f32>> {
    let at = |table: &Tensor, index: usize, what: &str| match index < table.shape[0] {
        true => table.rows(index, 1).numbers(),
        false => {
            let message = format!("the model has no {what} {index}; it has {}", table.shape[0]);
            Err(InferenceError::new(ErrorKind::InvalidRequest, message))
        }
    };
    let mut sum = at(tokens, token as usize, "token")?;
    sum.iter_mut().zip(at(places, place, "place")?).for_each(|(sum, place)| *sum += place);
    Ok(sum)
}
