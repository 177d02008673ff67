//! Whose voice it is, as 512 numbers: H/ASP, a residual network with squeeze and excitation over a mel spectrogram and
//! attentive statistics over time (Heo et al., "Clova baseline system", 2020; names as
//! `TTS/encoder/models/resnet.py`).

use super::layers::{Conv, batch_norm, conv};
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::nn::linear;
use reelsmith_graph::{Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Names of the graph's input and output.
pub const MEL: &str = "mel";
/// See [`MEL`].
pub const EMBEDDING: &str = "embedding";
/// Numbers of an embedding.
pub const EXTENT: usize = 512;
/// Bins of the mel spectrogram.
pub const BINS: usize = 64;

/// Blocks and channels of each stage, each but the first halving what it is given (`ResNetSpeakerEncoder`).
const STAGES: [(usize, usize); 4] = [(3, 32), (4, 64), (6, 128), (3, 256)];
/// How much narrower the excitation is (`SELayer`).
const REDUCTION: usize = 8;
/// Width of the attention over time.
const ATTENTION: usize = 128;

/// Writes the speaker encoder. Input: `mel` (1, 1, 64, T), each bin of mean 0 and variance 1; output: `embedding`
/// (1, 512), not yet of length 1.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn speaker_encoder(weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("speaker_encoder", target);
    let root = weights.layer("hifigan_decoder.speaker_encoder");
    let mel = g.input(MEL, Element::F32, &[1.into(), 1.into(), BINS.into(), "t".into()]);
    let mut width = STAGES[0].1;
    let first = Conv { bias: true, ..Conv::square(1, width, 3, 1) };
    let x = conv(&mut g, &root.at("conv1"), mel, &first)?;
    let x = g.node("Relu", &[x], &[]);
    let mut x = batch_norm(&mut g, &root.at("bn1"), x, width)?;
    for (stage, (blocks, to)) in STAGES.into_iter().enumerate() {
        for n in 0..blocks {
            let stride = if stage > 0 && n == 0 { 2 } else { 1 };
            let layer = root.at(format!("layer{}.{n}", stage + 1));
            x = block(&mut g, &layer, x, &Conv::square(width, to, 3, stride))?;
            width = to;
        }
    }
    let rows = width * BINS / 8;
    let x = g.reshape(x, &[1, rows as i64, -1]);
    let pooled = pooled(&mut g, &root.at("attention"), x, rows)?;
    let embedding = linear(&mut g, &root.at("fc"), pooled, 2 * rows, EXTENT)?;
    g.output(EMBEDDING, embedding, &[1.into(), EXTENT.into()]);
    Ok(g.finish())
}

/// Two convolutions, their channels weighed, and the input added.
fn block(g: &mut Graph, layer: &Layer<'_>, x: Value, shape: &Conv) -> Result<Value> {
    let to = shape.to;
    let hidden = conv(g, &layer.at("conv1"), x, shape)?;
    let hidden = g.node("Relu", &[hidden], &[]);
    let hidden = batch_norm(g, &layer.at("bn1"), hidden, to)?;
    let hidden = conv(g, &layer.at("conv2"), hidden, &Conv::square(to, to, 3, 1))?;
    let hidden = batch_norm(g, &layer.at("bn2"), hidden, to)?;
    let hidden = excited(g, &layer.at("se.fc"), hidden, to)?;
    let short = match shape.stride == 1 && shape.from == to {
        true => x,
        false => {
            let shape = Conv::square(shape.from, to, 1, shape.stride);
            let short = conv(g, &layer.at("downsample.0"), x, &shape)?;
            batch_norm(g, &layer.at("downsample.1"), short, to)?
        }
    };
    let sum = g.add(hidden, short);
    Ok(g.node("Relu", &[sum], &[]))
}

/// Channels weighed by what all of them hold together (Hu et al., "Squeeze-and-excitation networks", 2018).
fn excited(g: &mut Graph, layer: &Layer<'_>, x: Value, channels: usize) -> Result<Value> {
    let mean = g.node("GlobalAveragePool", &[x], &[]);
    let mean = g.reshape(mean, &[1, channels as i64]);
    let narrow = linear(g, &layer.at(0), mean, channels, channels / REDUCTION)?;
    let narrow = g.node("Relu", &[narrow], &[]);
    let wide = linear(g, &layer.at(2), narrow, channels / REDUCTION, channels)?;
    let shares = g.node("Sigmoid", &[wide], &[]);
    let shares = g.reshape(shares, &[1, channels as i64, 1, 1]);
    Ok(g.mul(x, shares))
}

/// Mean and deviation over time, weighed by attention (Okabe et al., 2018): (1, rows, T) → (1, 2 rows).
fn pooled(g: &mut Graph, layer: &Layer<'_>, x: Value, rows: usize) -> Result<Value> {
    let hidden = conv(g, &layer.at(0), x, &Conv::same(rows, ATTENTION, 1, 1))?;
    let hidden = g.node("Relu", &[hidden], &[]);
    let hidden = batch_norm(g, &layer.at(2), hidden, ATTENTION)?;
    let scores = conv(g, &layer.at(3), hidden, &Conv::same(ATTENTION, rows, 1, 1))?;
    let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(2))]);
    let over_time = g.ints(&[2]);
    let keep = [("keepdims", Attribute::Int(0))];
    let weighed = g.mul(x, shares);
    let mean = g.node("ReduceSum", &[weighed, over_time], &keep);
    let squares = g.mul(x, weighed);
    let square = g.node("ReduceSum", &[squares, over_time], &keep);
    let squared = g.mul(mean, mean);
    let variance = g.node("Sub", &[square, squared], &[]);
    let least = g.number(1e-5);
    let variance = g.node("Max", &[variance, least], &[]);
    let deviation = g.node("Sqrt", &[variance], &[]);
    Ok(g.concat(&[mean, deviation], 1))
}
