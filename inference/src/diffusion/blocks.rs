//! The blocks that UNet, ControlNet and VAE share: residual blocks with an optional time embedding, and
//! transformers with cross-attention over the text. Names of the tensors are those of diffusers'
//! (`models/resnet.py`, `models/transformers/transformer_2d.py`, `models/attention.py`).

use reelsmith_graph::nn::{Conv, GroupNorm, attention, conv2d, group_norm, layer_norm, linear, unbiased};
use reelsmith_graph::{Graph, Layer, Value};
use reelsmith_inference_core::Result;

/// Epsilon of a transformer's group normalisation (`transformer_2d.py`).
const TRANSFORMER_EPSILON: f32 = 1e-6;
/// Epsilon of its layer normalisations (PyTorch's own).
const LAYER_EPSILON: f32 = 1e-5;

/// A residual block: twice normalisation, SiLU and convolution, the time embedding added between, and the
/// input added to the result.
pub(super) struct Resnet {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) groups: usize,
    pub(super) epsilon: f32,
}

impl Resnet {
    /// `x` (N, from, H, W) → (N, to, H, W). `time`: (N, extent) after SiLU, with its extent.
    pub(super) fn build(
        &self,
        g: &mut Graph,
        layer: &Layer<'_>,
        x: Value,
        time: Option<(Value, usize)>,
    ) -> Result<Value> {
        let norm = |channels| GroupNorm { channels, groups: self.groups, epsilon: self.epsilon, silu: true };
        let hidden = group_norm(g, &layer.at("norm1"), x, norm(self.from))?;
        let mut hidden = conv2d(g, &layer.at("conv1"), hidden, Conv::same(self.from, self.to))?;
        if let Some((time, extent)) = time {
            let shift = linear(g, &layer.at("time_emb_proj"), time, extent, self.to)?;
            let shift = g.reshape(shift, &[-1, self.to as i64, 1, 1]);
            hidden = g.add(hidden, shift);
        }
        let hidden = group_norm(g, &layer.at("norm2"), hidden, norm(self.to))?;
        let hidden = conv2d(g, &layer.at("conv2"), hidden, Conv::same(self.to, self.to))?;
        let short = match self.from == self.to {
            true => x,
            false => conv2d(g, &layer.at("conv_shortcut"), x, Conv::pointwise(self.from, self.to))?,
        };
        Ok(g.add(short, hidden))
    }
}

/// Pictures seen as rows of tokens, one a position.
pub(super) struct Tokens {
    batch: Value,
}

impl Tokens {
    /// For all that has as many pictures as `x`.
    pub(super) fn of(g: &mut Graph, x: Value) -> Self {
        use reelsmith_graph::builder::Attribute::Int;
        Self { batch: g.node("Shape", &[x], &[("start", Int(0)), ("end", Int(1))]) }
    }

    /// (N, C, H, W) → (N*H*W, C).
    pub(super) fn flat(g: &mut Graph, x: Value, channels: usize) -> Value {
        let rows = g.reshape(x, &[0, channels as i64, -1]);
        let rows = g.transpose(rows, &[0, 2, 1]);
        g.reshape(rows, &[-1, channels as i64])
    }

    /// (N*H*W, C) → (N, C, H, W) of `like`'s shape, whose C is the same.
    pub(super) fn picture(&self, g: &mut Graph, rows: Value, channels: usize, like: Value) -> Value {
        let rows = self.rows(g, rows, channels);
        let planes = g.transpose(rows, &[0, 2, 1]);
        let shape = g.node("Shape", &[like], &[]);
        g.node("Reshape", &[planes, shape], &[])
    }

    /// (N*S, C) → (N, S, C).
    pub(super) fn rows(&self, g: &mut Graph, rows: Value, channels: usize) -> Value {
        let rest = g.ints(&[-1, channels as i64]);
        let shape = g.concat(&[self.batch, rest], 0);
        g.node("Reshape", &[rows, shape], &[])
    }
}

/// What a transformer attends to.
#[derive(Clone, Copy)]
pub(super) struct Text {
    /// (N*T, width).
    pub(super) rows: Value,
    pub(super) width: usize,
}

/// Some transformer blocks between two projections, over the positions of a picture.
pub(super) struct Transformer {
    pub(super) channels: usize,
    pub(super) heads: usize,
    pub(super) depth: usize,
    pub(super) groups: usize,
}

impl Transformer {
    /// `x` (N, C, H, W) → the same shape.
    pub(super) fn build(
        &self,
        g: &mut Graph,
        layer: &Layer<'_>,
        x: Value,
        tokens: &Tokens,
        text: Text,
    ) -> Result<Value> {
        let (channels, epsilon) = (self.channels, TRANSFORMER_EPSILON);
        let norm = GroupNorm { channels, groups: self.groups, epsilon, silu: false };
        let hidden = group_norm(g, &layer.at("norm"), x, norm)?;
        let hidden = Tokens::flat(g, hidden, channels);
        let mut hidden = linear(g, &layer.at("proj_in"), hidden, channels, channels)?;
        for n in 0..self.depth {
            hidden = self.block(g, &layer.at("transformer_blocks").at(n), hidden, tokens, text)?;
        }
        let hidden = linear(g, &layer.at("proj_out"), hidden, channels, channels)?;
        let hidden = tokens.picture(g, hidden, channels, x);
        Ok(g.add(hidden, x))
    }

    fn block(
        &self,
        g: &mut Graph,
        layer: &Layer<'_>,
        x: Value,
        tokens: &Tokens,
        text: Text,
    ) -> Result<Value> {
        let channels = self.channels;
        let norm = |g: &mut Graph, name, x| layer_norm(g, &layer.at(name), x, channels, LAYER_EPSILON);
        let itself = norm(g, "norm1", x)?;
        let mixed =
            self.attend(g, &layer.at("attn1"), itself, Text { rows: itself, width: channels }, tokens)?;
        let x = g.add(mixed, x);
        let normal = norm(g, "norm2", x)?;
        let mixed = self.attend(g, &layer.at("attn2"), normal, text, tokens)?;
        let x = g.add(mixed, x);
        let normal = norm(g, "norm3", x)?;
        let fed = feed_forward(g, &layer.at("ff.net"), normal, channels)?;
        Ok(g.add(fed, x))
    }

    fn attend(&self, g: &mut Graph, layer: &Layer<'_>, x: Value, to: Text, tokens: &Tokens) -> Result<Value> {
        let channels = self.channels;
        let mut project = |name, rows, width| -> Result<Value> {
            let rows = unbiased(g, &layer.at(name), rows, width, channels)?;
            Ok(tokens.rows(g, rows, channels))
        };
        let parts = [
            project("to_q", x, channels)?,
            project("to_k", to.rows, to.width)?,
            project("to_v", to.rows, to.width)?,
        ];
        let mixed = g.scoped(layer.name(), |g| attention(g, parts, self.heads, channels / self.heads, false));
        let mixed = g.reshape(mixed, &[-1, channels as i64]);
        linear(g, &layer.at("to_out.0"), mixed, channels, channels)
    }
}

/// GEGLU (Shazeer, 2020) to four times the width and back. The published projection holds value and gate one after
/// the other; see [`super::checkpoint::layout`] for how it comes to be two.
fn feed_forward(g: &mut Graph, layer: &Layer<'_>, x: Value, channels: usize) -> Result<Value> {
    let inner = 4 * channels;
    let value = linear(g, &layer.at("0.proj.value"), x, channels, inner)?;
    let gate = linear(g, &layer.at("0.proj.gate"), x, channels, inner)?;
    let product = g.scoped(layer.name(), |g| {
        let gate = g.gelu(gate);
        g.mul(value, gate)
    });
    linear(g, &layer.at("2"), product, inner, channels)
}
