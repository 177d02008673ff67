//! What of a voice the GPT attends to: a mel spectrogram through attention blocks (Tortoise's conditioning encoder,
//! `TTS/tts/layers/tortoise/autoregressive.py`, without its outer residual) and a resampler into 32 latents
//! (Alayrac et al., "Flamingo", 2022; `TTS/tts/layers/xtts/perceiver_encoder.py`).

use super::config::XttsConfig;
use super::layers::{pointwise, slice, tensor};
use reelsmith_graph::nn::{GroupNorm, attention, group_norm, linear, unbiased};
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Names of the graph's input and output.
pub const MEL: &str = "mel";
/// See [`MEL`].
pub const LATENTS: &str = "latents";
/// How many latents a voice has (`gpt.py`).
pub const COUNT: usize = 32;
/// Bins of the mel spectrogram.
pub const BINS: usize = 80;

/// Attention blocks of the encoder (`ConditioningEncoder`).
const BLOCKS: usize = 6;
/// Layers, heads and width of a head of the resampler (`gpt.py`).
const DEPTH: usize = 2;
const HEADS: usize = 8;
const HEAD: usize = 64;

/// Writes the conditioning network. Input: `mel` (T, 80), normalised; output: `latents` (32, width).
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn conditioning(config: &XttsConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("conditioning", target);
    let root = weights.layer("gpt");
    let width = config.width;
    let mel = g.input(MEL, Element::F32, &["t".into(), BINS.into()]);
    let encoder = root.at("conditioning_encoder");
    let mut x = pointwise(&mut g, &encoder.at("init"), mel, BINS, width)?;
    for n in 0..BLOCKS {
        x = block(&mut g, config, &encoder.at("attn").at(n), x)?;
    }
    let perceiver = root.at("conditioning_perceiver");
    let mut latents = tensor(&mut g, &perceiver, "latents", &[COUNT, width])?;
    for n in 0..DEPTH {
        let layer = perceiver.at("layers").at(n);
        latents = resample(&mut g, &layer, latents, x, width)?;
    }
    let normal = rms_norm(&mut g, &perceiver.at("norm"), latents, width)?;
    g.output(LATENTS, normal, &[COUNT.into(), width.into()]);
    Ok(g.finish())
}

/// How many groups a normalisation has (`normalization` of `arch_utils.py`).
fn groups(channels: usize) -> usize {
    let mut groups = match channels {
        ..=16 => 8,
        17..=64 => 16,
        _ => 32,
    };
    while !channels.is_multiple_of(groups) {
        groups /= 2;
    }
    groups
}

/// Attention of every frame to every other, added to the *normalised* input: (T, C) → (T, C).
fn block(g: &mut Graph, config: &XttsConfig, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let (width, heads) = (config.width, config.heads);
    let size = width as i64;
    let planes = g.transpose(x, &[1, 0]);
    let planes = g.reshape(planes, &[1, size, -1, 1]);
    let norm = GroupNorm { channels: width, groups: groups(width), epsilon: 1e-5, silu: false };
    let normal = group_norm(g, &layer.at("norm"), planes, norm)?;
    let normal = g.reshape(normal, &[size, -1]);
    let normal = g.transpose(normal, &[1, 0]);
    let mixed = pointwise(g, &layer.at("qkv"), normal, width, 3 * width)?;
    // Each head's query, key and value lie side by side.
    let mixed = g.reshape(mixed, &[-1, heads as i64, 3, (width / heads) as i64]);
    let part = |g: &mut Graph, n: i64| {
        let part = slice(g, mixed, 2, n, n + 1);
        g.reshape(part, &[1, -1, size])
    };
    let parts = [part(g, 0), part(g, 1), part(g, 2)];
    let mixed = g.scoped(layer.name(), |g| attention(g, parts, heads, width / heads, false));
    let mixed = g.reshape(mixed, &[-1, size]);
    let mixed = pointwise(g, &layer.at("proj_out"), mixed, width, width)?;
    Ok(g.add(normal, mixed))
}

/// One layer of the resampler: the latents attend to themselves and the frames, then a gated feed-forward layer.
fn resample(g: &mut Graph, layer: &Layer<'_>, latents: Value, frames: Value, width: usize) -> Result<Value> {
    let inner = HEADS * HEAD;
    let itself = layer.at(0);
    let all = g.concat(&[latents, frames], 0);
    let query = unbiased(g, &itself.at("to_q"), latents, width, inner)?;
    let both = unbiased(g, &itself.at("to_kv"), all, width, 2 * inner)?;
    let key = slice(g, both, 1, 0, inner as i64);
    let value = slice(g, both, 1, inner as i64, 2 * inner as i64);
    let parts = [query, key, value].map(|part| g.reshape(part, &[1, -1, inner as i64]));
    let mixed = g.scoped(itself.name(), |g| attention(g, parts, HEADS, HEAD, false));
    let mixed = g.reshape(mixed, &[-1, inner as i64]);
    let mixed = unbiased(g, &itself.at("to_out"), mixed, inner, width)?;
    let latents = g.add(mixed, latents);
    let fed = layer.at(1);
    // Four times the width, two thirds of it for the gate (Shazeer, 2020).
    let gated = width * 4 * 2 / 3;
    let both = linear(g, &fed.at(0), latents, width, 2 * gated)?;
    let value = slice(g, both, 1, 0, gated as i64);
    let gate = slice(g, both, 1, gated as i64, 2 * gated as i64);
    let gate = g.gelu(gate);
    let passed = g.mul(value, gate);
    let fed = linear(g, &fed.at(2), passed, gated, width)?;
    Ok(g.add(fed, latents))
}

/// Rows of length `sqrt(width)`, scaled channel by channel.
fn rms_norm(g: &mut Graph, layer: &Layer<'_>, x: Value, width: usize) -> Result<Value> {
    let gamma = tensor(g, layer, "gamma", &[width])?;
    let axes = g.ints(&[-1]);
    let length = g.node("ReduceL2", &[x, axes], &[]);
    let least = g.number(1e-12);
    let length = g.node("Max", &[length, least], &[]);
    let unit = g.node("Div", &[x, length], &[]);
    let scale = g.number((width as f32).sqrt());
    let scaled = g.mul(unit, scale);
    Ok(g.mul(scaled, gamma))
}
