//! Layers of one dimension that the networks of XTTS share. Rows are (positions, channels).

use reelsmith_graph::builder::Attribute;
use reelsmith_graph::{Graph, Layer, Value};
use reelsmith_inference_core::Result;

/// A convolution over time, or over time and frequency where the kernel has two extents.
#[derive(Debug, Clone)]
pub(super) struct Conv {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) kernel: Vec<usize>,
    pub(super) stride: usize,
    pub(super) padding: usize,
    pub(super) dilation: usize,
    pub(super) bias: bool,
}

impl Conv {
    /// Over time, of odd kernel, keeping the length.
    pub(super) fn same(from: usize, to: usize, kernel: usize, dilation: usize) -> Self {
        let padding = dilation * (kernel - 1) / 2;
        Self { from, to, kernel: vec![kernel], stride: 1, padding, dilation, bias: true }
    }

    /// Over a picture, without bias.
    pub(super) fn square(from: usize, to: usize, kernel: usize, stride: usize) -> Self {
        let padding = kernel / 2;
        Self { from, to, kernel: vec![kernel; 2], stride, padding, dilation: 1, bias: false }
    }

    fn attributes(&self) -> Vec<(&'static str, Attribute)> {
        let each =
            |extent: usize, times: usize| Attribute::Ints(vec![extent as i64; times * self.kernel.len()]);
        vec![
            ("kernel_shape", Attribute::Ints(self.kernel.iter().map(|extent| *extent as i64).collect())),
            ("strides", each(self.stride, 1)),
            ("dilations", each(self.dilation, 1)),
            ("pads", each(self.padding, 2)),
        ]
    }
}

/// A convolution, (N, from, ...) → (N, to, ...).
///
/// # Errors
/// `ModelCorrupt` if a tensor is missing or of another shape.
pub(super) fn conv(g: &mut Graph, layer: &Layer<'_>, x: Value, conv: &Conv) -> Result<Value> {
    let shape: Vec<usize> = [&[conv.to, conv.from], &conv.kernel[..]].concat();
    let inputs = inputs(g, layer, x, &shape, (conv.to, conv.bias))?;
    Ok(g.scoped(layer.name(), |g| g.node("Conv", &inputs, &conv.attributes())))
}

/// A transposed convolution over time that makes it `conv.stride` times as long.
///
/// # Errors
/// `ModelCorrupt` if a tensor is missing or of another shape.
pub(super) fn transposed(g: &mut Graph, layer: &Layer<'_>, x: Value, conv: &Conv) -> Result<Value> {
    let shape: Vec<usize> = [&[conv.from, conv.to], &conv.kernel[..]].concat();
    let inputs = inputs(g, layer, x, &shape, (conv.to, conv.bias))?;
    Ok(g.scoped(layer.name(), |g| g.node("ConvTranspose", &inputs, &conv.attributes())))
}

fn inputs(
    g: &mut Graph,
    layer: &Layer<'_>,
    x: Value,
    shape: &[usize],
    (to, has_bias): (usize, bool),
) -> Result<Vec<Value>> {
    let mut inputs = vec![x, weight(g, layer, shape)?];
    if has_bias {
        inputs.push(tensor(g, layer, "bias", &[to])?);
    }
    Ok(inputs)
}

/// A convolution's weight, or the product of length and direction that it is published as (Salimans and Kingma,
/// "Weight normalization", 2016), under PyTorch's newer names or its older ones.
fn weight(g: &mut Graph, layer: &Layer<'_>, shape: &[usize]) -> Result<Value> {
    let forms = [
        ("parametrizations.weight.original0", "parametrizations.weight.original1"),
        ("weight_g", "weight_v"),
    ];
    let Some((length, direction)) = forms.into_iter().find(|(length, _)| layer.has(length)) else {
        return tensor(g, layer, "weight", shape);
    };
    let mut lengths = vec![1; shape.len()];
    lengths[0] = shape[0];
    let length = tensor(g, layer, length, &lengths)?;
    let direction = tensor(g, layer, direction, shape)?;
    let axes: Vec<i64> = (1..shape.len() as i64).collect();
    let axes = g.ints(&axes);
    let norm = g.node("ReduceL2", &[direction, axes], &[]);
    let factor = g.node("Div", &[length, norm], &[]);
    Ok(g.mul(direction, factor))
}

/// The tensor `name` in its own shape.
///
/// # Errors
/// `ModelCorrupt` if it is missing or of another shape.
pub(super) fn tensor(g: &mut Graph, layer: &Layer<'_>, name: &str, shape: &[usize]) -> Result<Value> {
    let (tensor, adapters) = layer.tensor(name, shape)?;
    let shape: Vec<i64> = shape.iter().map(|extent| *extent as i64).collect();
    Ok(g.weight(tensor, adapters, &shape))
}

/// A convolution of single positions on rows, (T, from) → (T, to), with bias.
///
/// # Errors
/// `ModelCorrupt` if a tensor is missing or of another shape.
pub(super) fn pointwise(g: &mut Graph, layer: &Layer<'_>, x: Value, from: usize, to: usize) -> Result<Value> {
    let (weight, adapters) = layer.tensor("weight", &[to, from, 1])?;
    let inputs = [x, g.weight(weight, adapters, &[to as i64, from as i64]), tensor(g, layer, "bias", &[to])?];
    Ok(g.scoped(layer.name(), |g| g.node("Gemm", &inputs, &[("transB", Attribute::Int(1))])))
}

/// A linear layer on rows whose weight is kept as (from, to), as GPT-2's are (`Conv1D` of transformers).
///
/// # Errors
/// `ModelCorrupt` if a tensor is missing or of another shape.
pub(super) fn conv1d(g: &mut Graph, layer: &Layer<'_>, x: Value, from: usize, to: usize) -> Result<Value> {
    let inputs = [x, tensor(g, layer, "weight", &[from, to])?, tensor(g, layer, "bias", &[to])?];
    Ok(g.scoped(layer.name(), |g| g.node("Gemm", &inputs, &[])))
}

/// Normalisation by the mean and variance of the training (Ioffe and Szegedy, 2015).
///
/// # Errors
/// `ModelCorrupt` if a tensor is missing or of another shape.
pub(super) fn batch_norm(g: &mut Graph, layer: &Layer<'_>, x: Value, channels: usize) -> Result<Value> {
    let mut inputs = vec![x];
    for name in ["weight", "bias", "running_mean", "running_var"] {
        inputs.push(tensor(g, layer, name, &[channels])?);
    }
    let epsilon = [("epsilon", Attribute::Float(1e-5))];
    Ok(g.scoped(layer.name(), |g| g.node("BatchNormalization", &inputs, &epsilon)))
}

/// `start .. end` of an axis.
pub(super) fn slice(g: &mut Graph, x: Value, axis: i64, start: i64, end: i64) -> Value {
    let inputs = [x, g.ints(&[start]), g.ints(&[end]), g.ints(&[axis])];
    g.node("Slice", &inputs, &[])
}

/// x where positive, else `slope` times x.
pub(super) fn leaky(g: &mut Graph, x: Value, slope: f32) -> Value {
    g.node("LeakyRelu", &[x], &[("alpha", Attribute::Float(slope))])
}
