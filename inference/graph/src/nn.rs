//! The layers that networks are made of. Shapes are given as in the networks' papers: N pictures or prompts, C
//! channels, H x W positions, S tokens.
//!
//! A layer takes its tensors by the names that PyTorch gives them (`weight`, `bias`). Linear layers work on a
//! matrix of (N*S, C): their published weights, (out, in), then go into a product as they lie in the file.

mod joined;
mod quantised;
mod scaled;

pub use joined::{Joined, linears};

use crate::builder::{Attribute, Graph, MICROSOFT, REELSMITH, Value};
use crate::target::Device;
use crate::weights::Layer;
use reelsmith_inference_core::Result;

/// Name of the fused normalisation in [`REELSMITH`]'s operators: inputs `x` of (N, C, ...), `scale` and `bias` of
/// (C); attributes `groups`, `epsilon`, and `silu` (0 or 1: whether the result goes through SiLU).
pub const GROUP_NORM: &str = "GroupNorm";

/// Name of the attention of new tokens to those before and to themselves in [`REELSMITH`]'s operators: inputs `query`
/// (texts * steps, width), scaled; `past_key` and `past_value` (kept, width); `places` (past, texts), int64: which of
/// the kept rows each text's earlier tokens are; `key` and `value` like `query`; attribute `heads`. Output as `query`.
pub const TEXT_ATTENTION: &str = "TextAttention";

/// Name of the attention of tokens to a sound in [`REELSMITH`]'s operators: inputs `query` (windows * texts, width),
/// scaled; `key` (windows, heads, head, frames) and `value` (windows, heads, frames, head). Outputs as `query`, and the
/// scores before softmax (windows, heads, texts, frames).
pub const SOUND_ATTENTION: &str = "SoundAttention";

/// Name of the operator that [`normalised`] is, in [`REELSMITH`]'s: inputs `x` of (N, C, ...), `centre`, `slope` and
/// `shift` of C numbers; attribute `silu` (0 or 1).
pub const AFFINE: &str = "Affine";

/// A square convolution.
#[derive(Debug, Clone, Copy)]
pub struct Conv {
    /// Channels in.
    pub from: usize,
    /// Channels out.
    pub to: usize,
    /// Side of the kernel.
    pub kernel: usize,
    /// Step.
    pub stride: usize,
    /// Zeros added at top, left, bottom and right.
    pub padding: [usize; 4],
}

impl Conv {
    /// A 3x3 convolution that keeps the size.
    pub fn same(from: usize, to: usize) -> Self {
        Self { from, to, kernel: 3, stride: 1, padding: [1; 4] }
    }

    /// A convolution of single positions.
    pub fn pointwise(from: usize, to: usize) -> Self {
        Self { from, to, kernel: 1, stride: 1, padding: [0; 4] }
    }
}

/// (N, from, H, W) → (N, to, H', W').
///
/// # Errors
/// `ModelCorrupt` if the layer's tensors are missing or of another shape.
pub fn conv2d(g: &mut Graph, layer: &Layer<'_>, x: Value, conv: Conv) -> Result<Value> {
    let Conv { from, to, kernel, stride, padding } = conv;
    let shape = [to, from, kernel, kernel];
    let (tensor, adapters) = layer.tensor("weight", &shape)?;
    let weight = g.weight(tensor, adapters, &shape.map(|extent| extent as i64));
    let inputs = [x, weight, vector(g, layer, "bias", to)?];
    let pads = padding.map(|extent| extent as i64).to_vec();
    let attributes = [
        ("kernel_shape", Attribute::Ints(vec![kernel as i64; 2])),
        ("strides", Attribute::Ints(vec![stride as i64; 2])),
        ("pads", Attribute::Ints(pads)),
    ];
    Ok(g.scoped(layer.name(), |g| g.node("Conv", &inputs, &attributes)))
}

/// (N*S, from) → (N*S, to).
///
/// # Errors
/// `ModelCorrupt` if the layer's tensors are missing or of another shape.
pub fn linear(g: &mut Graph, layer: &Layer<'_>, x: Value, from: usize, to: usize) -> Result<Value> {
    let (weight, bias) = (matrix(g, layer, from, to)?, vector(g, layer, "bias", to)?);
    Ok(g.scoped(layer.name(), |g| product(g, x, weight, Some(bias))))
}

/// The same without bias.
///
/// # Errors
/// `ModelCorrupt` if the layer's weight is missing or of another shape.
pub fn unbiased(g: &mut Graph, layer: &Layer<'_>, x: Value, from: usize, to: usize) -> Result<Value> {
    let weight = matrix(g, layer, from, to)?;
    Ok(g.scoped(layer.name(), |g| product(g, x, weight, None)))
}

fn product(g: &mut Graph, x: Value, weight: Value, bias: Option<Value>) -> Value {
    if g.target().is_quantised {
        return quantised::product(g, x, weight, bias);
    }
    let inputs: Vec<Value> = [x, weight].into_iter().chain(bias).collect();
    g.node("Gemm", &inputs, &[("transB", Attribute::Int(1))])
}

/// The weight of a linear layer, (to, from).
fn matrix(g: &mut Graph, layer: &Layer<'_>, from: usize, to: usize) -> Result<Value> {
    // A checkpoint may keep a linear layer as a convolution of single positions: the bytes are the same.
    let convolution = [to, from, 1, 1];
    let shape: &[usize] =
        if layer.shape("weight") == Some(&convolution) { &convolution } else { &[to, from] };
    let (tensor, adapters) = layer.tensor("weight", shape)?;
    Ok(g.weight(tensor, adapters, &[to as i64, from as i64]))
}

/// The tensor `name` of `extent` numbers.
///
/// # Errors
/// `ModelCorrupt` if it is missing or of another shape.
pub fn vector(g: &mut Graph, layer: &Layer<'_>, name: &str, extent: usize) -> Result<Value> {
    let (tensor, adapters) = layer.tensor(name, &[extent])?;
    Ok(g.weight(tensor, adapters, &[extent as i64]))
}

/// Normalisation of groups of channels.
#[derive(Debug, Clone, Copy)]
pub struct GroupNorm {
    /// C.
    pub channels: usize,
    /// Into how many groups they are cut.
    pub groups: usize,
    /// Added to the variance.
    pub epsilon: f32,
    /// Whether the result goes through SiLU.
    pub silu: bool,
}

/// Group normalisation (Wu and He, 2018) of (N, C, H, W), and SiLU where asked.
///
/// # Errors
/// `ModelCorrupt` if the layer's tensors are missing or of another shape.
pub fn group_norm(g: &mut Graph, layer: &Layer<'_>, x: Value, norm: GroupNorm) -> Result<Value> {
    let (tensor, _) = layer.tensor("weight", &[norm.channels])?;
    let (bias, _) = layer.tensor("bias", &[norm.channels])?;
    let channels = norm.channels as i64;
    if g.target().is_fused && g.target().device == Device::Cpu {
        let inputs = [x, g.weight(tensor, &[], &[channels]), g.weight(bias, &[], &[channels])];
        let attributes = [
            ("groups", Attribute::Int(norm.groups as i64)),
            ("epsilon", Attribute::Float(norm.epsilon)),
            ("silu", Attribute::Int(i64::from(norm.silu))),
        ];
        return Ok(g.scoped(layer.name(), |g| g.node_of(REELSMITH, GROUP_NORM, &inputs, &attributes)));
    }
    let weight = g.weight(tensor, &[], &[channels, 1, 1]);
    let bias = g.weight(bias, &[], &[channels, 1, 1]);
    Ok(g.scoped(layer.name(), |g| {
        let groups = norm.groups as i64;
        let (ones, zeros) = (vec![1.0; norm.groups], vec![0.0; norm.groups]);
        let (ones, zeros) = (g.numbers(&[groups], &ones), g.numbers(&[groups], &zeros));
        let grouped = g.reshape(x, &[0, groups, -1]);
        let epsilon = [("epsilon", Attribute::Float(norm.epsilon))];
        let normal = g.node("InstanceNormalization", &[grouped, ones, zeros], &epsilon);
        let shape = g.node("Shape", &[x], &[]);
        let normal = g.node("Reshape", &[normal, shape], &[]);
        let scaled = g.mul(normal, weight);
        let shifted = g.add(scaled, bias);
        if norm.silu { g.silu(shifted) } else { shifted }
    }))
}

/// The last step of a group normalisation whose statistics are known: (x - centre) slope + shift by channel, and SiLU
/// where asked. `x` is (N, C, H, W), the others (C, 1, 1); all are f32, and so is the result.
pub fn normalised(g: &mut Graph, x: Value, [centre, slope, shift]: [Value; 3], silu: bool) -> Value {
    if g.target().is_fused && g.target().device == Device::Cpu {
        let attributes = [("silu", Attribute::Int(i64::from(silu)))];
        return g.node_of(REELSMITH, AFFINE, &[x, centre, slope, shift], &attributes);
    }
    let centred = g.node("Sub", &[x, centre], &[]);
    let scaled = g.mul(centred, slope);
    let shifted = g.add(scaled, shift);
    if silu { g.silu(shifted) } else { shifted }
}

/// Layer normalisation (Ba et al., 2016) over the last axis, of `extent` numbers.
///
/// # Errors
/// `ModelCorrupt` if the layer's tensors are missing or of another shape.
pub fn layer_norm(g: &mut Graph, layer: &Layer<'_>, x: Value, extent: usize, epsilon: f32) -> Result<Value> {
    let inputs = [x, vector(g, layer, "weight", extent)?, vector(g, layer, "bias", extent)?];
    let attributes = [("axis", Attribute::Int(-1)), ("epsilon", Attribute::Float(epsilon))];
    Ok(g.scoped(layer.name(), |g| g.node("LayerNormalization", &inputs, &attributes)))
}

/// Scaled dot-product attention (Vaswani et al., 2017): `query` (N, S, C), `key` and `value` (N, T, C), cut into
/// `heads`; with `causal`, a token sees itself and those before it. Gives (N, S, C).
pub fn attention(
    g: &mut Graph,
    [query, key, value]: [Value; 3],
    heads: usize,
    head: usize,
    causal: bool,
) -> Value {
    if g.target().is_fused && !causal {
        let attributes = [("num_heads", Attribute::Int(heads as i64))];
        return g.node_of(MICROSOFT, "MultiHeadAttention", &[query, key, value], &attributes);
    }
    let (count, head_size) = (heads as i64, head as i64);
    let split = |g: &mut Graph, x, order: [i64; 4]| {
        let cut = g.reshape(x, &[0, 0, count, head_size]);
        g.transpose(cut, &order)
    };
    let query = split(g, query, [0, 2, 1, 3]);
    let key = split(g, key, [0, 2, 3, 1]);
    let value = split(g, value, [0, 2, 1, 3]);
    let scale = g.number(1.0 / (head as f32).sqrt());
    let query = g.mul(query, scale);
    let mut scores = g.node("MatMul", &[query, key], &[]);
    if causal {
        scores = causally(g, scores);
    }
    let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
    let mixed = g.node("MatMul", &[shares, value], &[]);
    let mixed = g.transpose(mixed, &[0, 2, 1, 3]);
    g.reshape(mixed, &[0, 0, count * head_size])
}

/// Takes from every token's scores what comes after it. The most negative f16 stands for minus infinity, as adding
/// that to a score must not leave f16's range and softmax makes both zero.
fn causally(g: &mut Graph, scores: Value) -> Value {
    let shape = g.node("Shape", &[scores], &[("start", Attribute::Int(-2))]);
    let lowest = g.numbers(&[1], &[-60000.0]);
    let full = g.node("Expand", &[lowest, shape], &[]);
    let after = g.ints(&[1]);
    let after = g.node("Squeeze", &[after], &[]);
    let above = g.node("Trilu", &[full, after], &[("upper", Attribute::Int(1))]);
    g.add(scores, above)
}

impl Graph {
    /// Elementwise sum, broadcast.
    pub fn add(&mut self, a: Value, b: Value) -> Value {
        self.node("Add", &[a, b], &[])
    }

    /// Elementwise product, broadcast.
    pub fn mul(&mut self, a: Value, b: Value) -> Value {
        self.node("Mul", &[a, b], &[])
    }

    /// x * sigmoid(x).
    pub fn silu(&mut self, x: Value) -> Value {
        let gate = self.node("Sigmoid", &[x], &[]);
        self.mul(x, gate)
    }

    /// x * sigmoid(1.702 x), the activation of the first CLIP text encoders.
    pub fn quick_gelu(&mut self, x: Value) -> Value {
        let slope = self.number(1.702);
        let scaled = self.mul(x, slope);
        let gate = self.node("Sigmoid", &[scaled], &[]);
        self.mul(x, gate)
    }

    /// The Gaussian error linear unit, exact (with the error function).
    pub fn gelu(&mut self, x: Value) -> Value {
        match self.target().is_fused {
            true => self.node_of(MICROSOFT, "Gelu", &[x], &[]),
            false => self.node("Gelu", &[x], &[]),
        }
    }

    /// In ONNX's terms: 0 keeps the extent at its place, -1 is what is left.
    pub fn reshape(&mut self, x: Value, shape: &[i64]) -> Value {
        let shape = self.ints(shape);
        self.node("Reshape", &[x, shape], &[])
    }

    /// The axes in another order.
    pub fn transpose(&mut self, x: Value, order: &[i64]) -> Value {
        self.node("Transpose", &[x], &[("perm", Attribute::Ints(order.to_vec()))])
    }

    /// Side by side along `axis`.
    pub fn concat(&mut self, parts: &[Value], axis: i64) -> Value {
        self.node("Concat", parts, &[("axis", Attribute::Int(axis))])
    }

    /// Rows `top ..` of (N, C, H, W) without the last `bottom`.
    pub fn rows_within(&mut self, x: Value, top: usize, bottom: usize) -> Value {
        if (top, bottom) == (0, 0) {
            return x;
        }
        let end = if bottom == 0 { i64::MAX } else { -(bottom as i64) };
        let (start, end, axis) = (self.ints(&[top as i64]), self.ints(&[end]), self.ints(&[2]));
        self.node("Slice", &[x, start, end, axis], &[])
    }

    /// (N, C, H, W) → (N, C, factor H, factor W), every pixel repeated.
    pub fn enlarge(&mut self, x: Value, factor: f32) -> Value {
        let (none, scales) = (self.nothing(), self.floats(&[1.0, 1.0, factor, factor]));
        self.node("Resize", &[x, none, scales], &NEAREST)
    }

    /// (N, C, H, W) → (N, C, H', W') of the height and width of `like`, which are twice H and W or one less; every
    /// pixel repeated, as PyTorch does it for those sizes. (A `Resize` to sizes that are known only when it runs is
    /// refused by ONNX Runtime's shape inference.)
    pub fn enlarge_to(&mut self, x: Value, like: Value) -> Value {
        let doubled = self.enlarge(x, 2.0);
        let (start, axes) = (self.ints(&[0, 0]), self.ints(&[2, 3]));
        let end = self.node("Shape", &[like], &[("start", Attribute::Int(2))]);
        self.node("Slice", &[doubled, start, end, axes], &[])
    }
}

/// As `torch.nn.functional.interpolate(mode="nearest")` finds a pixel.
const NEAREST: [(&str, Attribute); 3] = [
    ("mode", Attribute::Text("nearest")),
    ("coordinate_transformation_mode", Attribute::Text("asymmetric")),
    ("nearest_mode", Attribute::Text("floor")),
];
