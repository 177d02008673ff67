//! Whisper's two networks as graphs (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision",
//! 2022; tensors named as in transformers' `models/whisper/modeling_whisper.py`).
//!
//! The encoder also makes the keys and values that every decoder layer attends to, head by head, so that they are made
//! once for a window and lie as the decoder's products take them. The decoder takes what it made of earlier tokens
//! back in as rows, which a step adds its own to, and their places: when a text is followed twice or dropped, only
//! places change.

mod decoder;

pub use decoder::decoder;

use super::config::WhisperConfig;
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::nn::{attention, layer_norm, linear, unbiased, vector};
use reelsmith_graph::{Dim, Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Names of inputs and outputs.
pub const MEL: &str = "mel";
/// See [`encoder`].
pub const ENCODED: &str = "encoded";
/// See [`decoder`].
pub const TOKENS: &str = "tokens";
/// See [`decoder`].
pub const ROWS: &str = "rows";
/// See [`decoder`].
pub const PLACES: &str = "places";
/// See [`decoder`].
pub const LOGITS: &str = "logits";
/// See [`decoder`].
pub const ALIGNMENT: &str = "alignment";

/// Keys or values of a decoder layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// What is compared with a query.
    Key,
    /// What is mixed.
    Value,
}

impl Part {
    /// Both, keys first.
    pub const BOTH: [Self; 2] = [Self::Key, Self::Value];

    fn letter(self) -> char {
        match self {
            Self::Key => 'k',
            Self::Value => 'v',
        }
    }

    /// Of the sound: encoder's output, decoder's input.
    pub fn cross(self, layer: usize) -> String {
        format!("cross_{}_{layer}", self.letter())
    }

    fn cross_shape(self, config: &WhisperConfig) -> [Dim; 4] {
        let (heads, frames) = (config.decoder_attention_heads, config.max_source_positions);
        let head = config.d_model / heads;
        match self {
            Self::Key => ["windows".into(), heads.into(), head.into(), frames.into()],
            Self::Value => ["windows".into(), heads.into(), frames.into(), head.into()],
        }
    }

    /// How the axes (windows, frames, heads, head) are put there.
    fn cross_order(self) -> [i64; 4] {
        match self {
            Self::Key => [0, 2, 3, 1],
            Self::Value => [0, 2, 1, 3],
        }
    }

    /// Of earlier tokens: decoder's input.
    pub fn past(self, layer: usize) -> String {
        format!("past_{}_{layer}", self.letter())
    }

    /// Of the tokens given: decoder's output.
    pub fn added(self, layer: usize) -> String {
        format!("new_{}_{layer}", self.letter())
    }
}

/// Epsilon of the normalisations (PyTorch's own).
const EPSILON: f32 = 1e-5;

/// Writes the encoder.
///
/// Input: `mel` (A, bands, 2 E). Outputs: `encoded` (A, E, width), and for each decoder layer L `cross_k_L`, (A, heads,
/// head, E), and `cross_v_L`, (A, heads, E, head).
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn encoder(config: &WhisperConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("encoder", target);
    let (width, positions) = (config.d_model, config.max_source_positions);
    let root = weights.layer("encoder");
    let frames = Dim::Fixed(config.frames());
    let mel = g.input(MEL, Element::F32, &["windows".into(), config.num_mel_bins.into(), frames]);
    let x = conv(&mut g, &root.at("conv1"), mel, [config.num_mel_bins, width], 1)?;
    let x = conv(&mut g, &root.at("conv2"), x, [width, width], 2)?;
    let x = g.transpose(x, &[0, 2, 1]);
    let places = table(&mut g, &root.at("embed_positions"), [positions, width])?;
    let mut x = g.add(x, places);
    for n in 0..config.encoder_layers {
        x = encoder_layer(&mut g, config, &root.at("layers").at(n), x)?;
    }
    let x = layer_norm(&mut g, &root.at("layer_norm"), x, width, EPSILON)?;
    g.output(ENCODED, x, &["windows".into(), positions.into(), width.into()]);
    let rows = g.reshape(x, &[-1, width as i64]);
    for n in 0..config.decoder_layers {
        cross(&mut g, config, &weights.layer("decoder.layers").at(n).at("encoder_attn"), rows, n)?;
    }
    Ok(g.finish())
}

/// A convolution over time with its activation.
fn conv(g: &mut Graph, layer: &Layer<'_>, x: Value, [from, to]: [usize; 2], stride: i64) -> Result<Value> {
    let shape = [to, from, 3];
    let (tensor, adapters) = layer.tensor("weight", &shape)?;
    let weight = g.weight(tensor, adapters, &shape.map(|extent| extent as i64));
    let inputs = [x, weight, vector(g, layer, "bias", to)?];
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![3])),
        ("strides", Attribute::Ints(vec![stride])),
        ("pads", Attribute::Ints(vec![1, 1])),
    ];
    let made = g.scoped(layer.name(), |g| g.node("Conv", &inputs, &attributes));
    Ok(g.gelu(made))
}

fn table(g: &mut Graph, layer: &Layer<'_>, shape: [usize; 2]) -> Result<Value> {
    let (tensor, adapters) = layer.tensor("weight", &shape)?;
    Ok(g.weight(tensor, adapters, &shape.map(|extent| extent as i64)))
}

fn encoder_layer(g: &mut Graph, config: &WhisperConfig, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let (width, heads) = (config.d_model, config.encoder_attention_heads);
    let normal = layer_norm(g, &layer.at("self_attn_layer_norm"), x, width, EPSILON)?;
    let rows = g.reshape(normal, &[-1, width as i64]);
    let itself = layer.at("self_attn");
    let mut project = |part: &str| -> Result<Value> {
        let made = projection(g, &itself, part, rows, width)?;
        Ok(g.reshape(made, &[-1, config.max_source_positions as i64, width as i64]))
    };
    let parts = [project("q_proj")?, project(KEYS)?, project("v_proj")?];
    let mixed = g.scoped(itself.name(), |g| attention(g, parts, heads, width / heads, false));
    let mixed = g.reshape(mixed, &[-1, width as i64]);
    let mixed = linear(g, &itself.at("out_proj"), mixed, width, width)?;
    let rows = g.reshape(x, &[-1, width as i64]);
    let rows = g.add(rows, mixed);
    let rows = feed_forward(g, layer, rows, [width, config.encoder_ffn_dim])?;
    Ok(g.reshape(rows, &[-1, config.max_source_positions as i64, width as i64]))
}

/// The layer that makes keys.
const KEYS: &str = "k_proj";

/// A projection before attention. Transformers' keys have no bias, CTranslate2's have zeros.
fn projection(g: &mut Graph, layer: &Layer<'_>, name: &str, rows: Value, width: usize) -> Result<Value> {
    let layer = layer.at(name);
    match name == KEYS && !layer.has("bias") {
        true => unbiased(g, &layer, rows, width, width),
        false => linear(g, &layer, rows, width, width),
    }
}

/// Rows of tokens or frames through the feed-forward layers, added to themselves.
fn feed_forward(g: &mut Graph, layer: &Layer<'_>, rows: Value, [width, inner]: [usize; 2]) -> Result<Value> {
    let normal = layer_norm(g, &layer.at("final_layer_norm"), rows, width, EPSILON)?;
    let fed = linear(g, &layer.at("fc1"), normal, width, inner)?;
    let fed = g.gelu(fed);
    let fed = linear(g, &layer.at("fc2"), fed, inner, width)?;
    Ok(g.add(rows, fed))
}

/// Keys and values of the sound for one decoder layer.
fn cross(g: &mut Graph, config: &WhisperConfig, layer: &Layer<'_>, rows: Value, n: usize) -> Result<()> {
    let (width, positions) = (config.d_model, config.max_source_positions);
    let heads = config.decoder_attention_heads;
    for (part, name) in Part::BOTH.iter().zip([KEYS, "v_proj"]) {
        let made = projection(g, layer, name, rows, width)?;
        let made = g.reshape(made, &[-1, positions as i64, heads as i64, (width / heads) as i64]);
        let made = g.transpose(made, &part.cross_order());
        g.output(&part.cross(n), made, &part.cross_shape(config));
    }
    Ok(())
}
