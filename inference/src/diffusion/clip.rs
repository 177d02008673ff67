//! CLIP's text encoders: tokens to what the UNet attends to (Radford et al., 2021; names as transformers'
//! `models/clip/modeling_clip.py`). SDXL has two: OpenAI's ViT-L and OpenCLIP's bigG, which also gives the pooled
//! text.

use super::config::{EXTENTS, parse, unusable, within};
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::nn::{attention, layer_norm, linear, unbiased};
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;
use serde::Deserialize;

/// Names of the graph's inputs and outputs.
pub(super) const IDS: &str = "ids";
pub(super) const ENDS: &str = "ends";
pub(super) const HIDDEN: &str = "hidden";
pub(super) const POOLED: &str = "pooled";

/// The shape of a text encoder, from its `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ClipConfig {
    /// Width of a token.
    pub hidden_size: usize,
    /// Width inside the feed-forward layers.
    pub intermediate_size: usize,
    /// Layers.
    pub num_hidden_layers: usize,
    /// Heads of the attention.
    pub num_attention_heads: usize,
    /// `quick_gelu` or `gelu`.
    pub hidden_act: String,
    /// Tokens of the vocabulary.
    pub vocab_size: usize,
    /// Tokens of the longest text.
    #[serde(default = "seventy_seven")]
    pub max_position_embeddings: usize,
    /// Width of the pooled text.
    #[serde(default)]
    pub projection_dim: usize,
    /// Epsilon of the normalisations.
    #[serde(default = "epsilon")]
    pub layer_norm_eps: f32,
}

fn seventy_seven() -> usize {
    77
}

fn epsilon() -> f32 {
    1e-5
}

impl ClipConfig {
    /// ViT-L, SDXL's first.
    pub fn vit_l() -> Self {
        Self {
            hidden_size: 768,
            intermediate_size: 3072,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            hidden_act: "quick_gelu".into(),
            vocab_size: 49408,
            max_position_embeddings: 77,
            projection_dim: 768,
            layer_norm_eps: 1e-5,
        }
    }

    /// bigG, SDXL's second.
    pub fn big_g() -> Self {
        Self {
            hidden_size: 1280,
            intermediate_size: 5120,
            num_hidden_layers: 32,
            num_attention_heads: 20,
            hidden_act: "gelu".into(),
            projection_dim: 1280,
            ..Self::vit_l()
        }
    }

    /// Reads the `config.json` of a `CLIPTextModel` or `CLIPTextModelWithProjection`.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the key that is missing or wrong.
    pub fn parse(json: &str, title: &str) -> Result<Self> {
        let config: Self = parse("text encoder of CLIP", json, title)?;
        if !matches!(config.hidden_act.as_str(), "quick_gelu" | "gelu") {
            return Err(unusable(title, &format!("`hidden_act` {} is not known", config.hidden_act)));
        }
        config.checked(title)
    }

    /// The same, refused where no text encoder is like it.
    pub(super) fn checked(self, title: &str) -> Result<Self> {
        let bounded = || {
            within("hidden_size", self.hidden_size, EXTENTS)?;
            within("intermediate_size", self.intermediate_size, EXTENTS)?;
            // The last layer is never used, so there must be another.
            within("num_hidden_layers", self.num_hidden_layers, 2..=128)?;
            within("num_attention_heads", self.num_attention_heads, 1..=self.hidden_size)?;
            within("max_position_embeddings", self.max_position_embeddings, 77..=1 << 16)?;
            within("projection_dim", self.projection_dim, 0..=1 << 16)
        };
        bounded().map_err(|why: String| unusable(title, &why))?;
        match self.hidden_size.is_multiple_of(self.num_attention_heads) {
            true => Ok(self),
            false => Err(unusable(title, "`hidden_size` is no multiple of `num_attention_heads`")),
        }
    }
}

/// Name of the output after `layers` layers.
pub(super) fn hidden(layers: usize) -> String {
    format!("{HIDDEN}_{layers}")
}

/// Writes a text encoder.
///
/// Inputs: `ids` (N, S), int64; where the weights have a text projection, `ends` (N), int64: which row of the N*S
/// ends each text. Outputs: `hidden_L` (N, S, width), the tokens after L layers, for every L that a clip-skip may
/// ask for; `pooled` (N, projection), the last layer's normalised end, projected.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing, of another shape, or of no layer.
pub fn text_encoder(config: &ClipConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("text_encoder", target);
    let (root, width) = (weights.layer(""), config.hidden_size);
    let model = root.at("text_model");
    let ids = g.input(IDS, Element::I64, &["n".into(), "s".into()]);
    let mut x = embedded(&mut g, config, &model.at("embeddings"), ids)?;
    for n in 0..config.num_hidden_layers {
        x = layer(&mut g, config, &model.at("encoder.layers").at(n), x)?;
        g.output(&hidden(n + 1), x, &["n".into(), "s".into(), width.into()]);
    }
    let last = layer_norm(&mut g, &model.at("final_layer_norm"), x, width, config.layer_norm_eps)?;
    if root.has_layer("text_projection") {
        let ends = g.input(ENDS, Element::I64, &["n".into()]);
        let rows = g.reshape(last, &[-1, width as i64]);
        let ends = g.node("Gather", &[rows, ends], &[]);
        let pooled = projected(&mut g, config, &root.at("text_projection"), ends)?;
        g.output(POOLED, pooled, &["n".into(), config.projection_dim.into()]);
    }
    weights.all_used()?;
    Ok(g.finish())
}

/// (N, width) → (N, projection). OpenCLIP keeps the matrix the other way round.
fn projected(g: &mut Graph, config: &ClipConfig, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let (from, to) = (config.hidden_size, config.projection_dim);
    if !layer.has("transposed") {
        return unbiased(g, layer, x, from, to);
    }
    let (tensor, adapters) = layer.tensor("transposed", &[from, to])?;
    let weight = g.weight(tensor, adapters, &[from as i64, to as i64]);
    Ok(g.node("Gemm", &[x, weight], &[]))
}

/// Tokens and their places: (N, S) → (N, S, width).
fn embedded(g: &mut Graph, config: &ClipConfig, layer: &Layer<'_>, ids: Value) -> Result<Value> {
    let width = config.hidden_size;
    let table = |g: &mut Graph, name: &str, rows: usize| -> Result<Value> {
        let (tensor, adapters) = layer.at(name).tensor("weight", &[rows, width])?;
        Ok(g.weight(tensor, adapters, &[rows as i64, width as i64]))
    };
    let words = table(g, "token_embedding", config.vocab_size)?;
    let places = table(g, "position_embedding", config.max_position_embeddings)?;
    let words = g.node("Gather", &[words, ids], &[]);
    let length = g.node("Shape", &[ids], &[("start", Attribute::Int(1))]);
    let start = g.ints(&[0]);
    let places = g.node("Slice", &[places, start, length], &[]);
    Ok(g.add(words, places))
}

fn layer(g: &mut Graph, config: &ClipConfig, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let (width, inner, epsilon) = (config.hidden_size, config.intermediate_size, config.layer_norm_eps);
    let heads = config.num_attention_heads;
    let normal = layer_norm(g, &layer.at("layer_norm1"), x, width, epsilon)?;
    let rows = g.reshape(normal, &[-1, width as i64]);
    let shape = g.node("Shape", &[x], &[]);
    let itself = layer.at("self_attn");
    let mut project = |name| -> Result<Value> {
        let rows = linear(g, &itself.at(name), rows, width, width)?;
        Ok(g.node("Reshape", &[rows, shape], &[]))
    };
    let parts = [project("q_proj")?, project("k_proj")?, project("v_proj")?];
    let mixed = g.scoped(itself.name(), |g| attention(g, parts, heads, width / heads, true));
    let mixed = g.reshape(mixed, &[-1, width as i64]);
    let mixed = linear(g, &itself.at("out_proj"), mixed, width, width)?;
    let mixed = g.node("Reshape", &[mixed, shape], &[]);
    let x = g.add(x, mixed);
    let normal = layer_norm(g, &layer.at("layer_norm2"), x, width, epsilon)?;
    let rows = g.reshape(normal, &[-1, width as i64]);
    let rows = linear(g, &layer.at("mlp.fc1"), rows, width, inner)?;
    let rows = match config.hidden_act.as_str() {
        "quick_gelu" => g.quick_gelu(rows),
        _ => g.gelu(rows),
    };
    let rows = linear(g, &layer.at("mlp.fc2"), rows, inner, width)?;
    let fed = g.node("Reshape", &[rows, shape], &[]);
    Ok(g.add(x, fed))
}
