//! Whisper's two networks as graphs (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision",
//! 2022; tensors named as in transformers' `models/whisper/modeling_whisper.py`).
//!
//! The encoder also makes the keys and values that every decoder layer attends to, so that they are made once for a
//! window. The decoder takes what it made of earlier tokens back in, the slowest axis first: a step then adds its
//! own behind them and nothing is moved.

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

    /// Of earlier tokens: decoder's input.
    pub fn past(self, layer: usize) -> String {
        format!("past_{}_{layer}", self.letter())
    }

    /// Of the tokens given: decoder's output.
    pub fn new(self, layer: usize) -> String {
        format!("new_{}_{layer}", self.letter())
    }
}

/// Epsilon of the normalisations (PyTorch's own).
const EPSILON: f32 = 1e-5;

/// Writes the encoder.
///
/// Input: `mel` (A, bands, 2 E). Outputs: `encoded` (A, E, width), and for each decoder layer L `cross_k_L`
/// (A, heads, head, E) and `cross_v_L` (A, heads, E, head).
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
fn feed_forward(
    g: &mut Graph,
    layer: &Layer<'_>,
    rows: Value,
    [width, inner]: [usize; 2],
) -> Result<Value> {
    let normal = layer_norm(g, &layer.at("final_layer_norm"), rows, width, EPSILON)?;
    let fed = linear(g, &layer.at("fc1"), normal, width, inner)?;
    let fed = g.gelu(fed);
    let fed = linear(g, &layer.at("fc2"), fed, inner, width)?;
    Ok(g.add(rows, fed))
}

/// Keys and values of the sound for one decoder layer.
fn cross(g: &mut Graph, config: &WhisperConfig, layer: &Layer<'_>, rows: Value, n: usize) -> Result<()> {
    let (width, heads) = (config.d_model, config.decoder_attention_heads);
    let (positions, head) = (config.max_source_positions, width / heads);
    let cut = [-1, positions as i64, heads as i64, head as i64];
    let fixed = |extents: [usize; 3]| [Dim::Named("windows"), extents[0].into(), extents[1].into(), extents[2].into()];
    let key = projection(g, layer, KEYS, rows, width)?;
    let key = g.reshape(key, &cut);
    let key = g.transpose(key, &[0, 2, 3, 1]);
    g.output(&Part::Key.cross(n), key, &fixed([heads, head, positions]));
    let value = projection(g, layer, "v_proj", rows, width)?;
    let value = g.reshape(value, &cut);
    let value = g.transpose(value, &[0, 2, 1, 3]);
    g.output(&Part::Value.cross(n), value, &fixed([heads, positions, head]));
    Ok(())
}

/// Writes the decoder, for N texts over A windows: N is a multiple of A, and the texts of one window stand together.
///
/// Inputs: `tokens` (N, S), int64; `rows` (K), int64: which of the S tokens logits are wanted of; for each layer L
/// `past_k_L` and `past_v_L` (P, N, width) and the encoder's `cross_k_L` and `cross_v_L`. Outputs: `logits`
/// (N, K, vocabulary); `new_k_L` and `new_v_L` (S, N, width); `alignment` (A, heads named, N / A * S, E): how much
/// each token attends to each frame, before softmax.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing, of another shape, or of no layer.
pub fn decoder(
    config: &WhisperConfig,
    weights: &Weights,
    alignment: &[[usize; 2]],
    target: Target,
) -> Result<Model> {
    let mut g = Graph::new("decoder", target);
    let (width, root) = (config.d_model, weights.layer("decoder"));
    let tokens = g.input(TOKENS, Element::I64, &["texts".into(), "steps".into()]);
    let wanted = g.input(ROWS, Element::I64, &["wanted".into()]);
    let words = table(&mut g, &root.at("embed_tokens"), [config.vocab_size, width])?;
    let mut layers = Vec::new();
    for n in 0..config.decoder_layers {
        layers.push(Inputs::new(&mut g, config, n));
    }
    let steps = Steps::new(&mut g, tokens, layers[0].past[0]);
    let embedded = g.node("Gather", &[words, tokens], &[]);
    let places = table(&mut g, &root.at("embed_positions"), [config.max_target_positions, width])?;
    let places = g.node("Slice", &[places, steps.past, steps.end], &[]);
    let x = g.add(embedded, places);
    let mut rows = g.reshape(x, &[-1, width as i64]);
    let mut scores = Vec::new();
    for (n, inputs) in layers.iter().enumerate() {
        let heads: Vec<i64> =
            alignment.iter().filter(|[layer, _]| *layer == n).map(|[_, head]| *head as i64).collect();
        let writer = LayerWriter { config, layer: root.at("layers").at(n), n, inputs, steps: &steps };
        let (made, compared) = writer.write(&mut g, rows)?;
        rows = made;
        if !heads.is_empty() {
            let heads = g.ints(&heads);
            scores.push(g.node("Gather", &[compared, heads], &[("axis", Attribute::Int(1))]));
        }
    }
    if !scores.is_empty() {
        let all = g.concat(&scores, 1);
        let shape = [Dim::Named("windows"), alignment.len().into(), Dim::Any, config.max_source_positions.into()];
        g.output(ALIGNMENT, all, &shape);
    }
    let rows = layer_norm(&mut g, &root.at("layer_norm"), rows, width, EPSILON)?;
    let texts = g.node("Reshape", &[rows, steps.texts_by_steps_by_width], &[]);
    let texts = g.node("Gather", &[texts, wanted], &[("axis", Attribute::Int(1))]);
    let rows = g.reshape(texts, &[-1, width as i64]);
    let out = if weights.has("proj_out.weight") { weights.layer("proj_out") } else { root.at("embed_tokens") };
    let logits = unbiased(&mut g, &out, rows, width, config.vocab_size)?;
    let shape = g.node("Shape", &[texts], &[("end", Attribute::Int(2))]);
    let vocabulary = g.ints(&[config.vocab_size as i64]);
    let shape = g.concat(&[shape, vocabulary], 0);
    let logits = g.node("Reshape", &[logits, shape], &[]);
    g.output(LOGITS, logits, &["texts".into(), "wanted".into(), config.vocab_size.into()]);
    Ok(g.finish())
}

/// What a decoder layer is given.
struct Inputs {
    /// Keys and values of earlier tokens, (P, N, width).
    past: [Value; 2],
    /// Those of the sound, (A, heads, head, E) and (A, heads, E, head).
    cross: [Value; 2],
}

impl Inputs {
    fn new(g: &mut Graph, config: &WhisperConfig, n: usize) -> Self {
        let (width, heads) = (config.d_model, config.decoder_attention_heads);
        let (positions, head) = (config.max_source_positions, width / heads);
        let past = [Dim::Named("past"), "texts".into(), width.into()];
        let past = Part::BOTH.map(|part| g.input(&part.past(n), Element::F32, &past));
        let key = [Dim::Named("windows"), heads.into(), head.into(), positions.into()];
        let value = [Dim::Named("windows"), heads.into(), positions.into(), head.into()];
        let key = g.input(&Part::Key.cross(n), Element::F32, &key);
        let value = g.input(&Part::Value.cross(n), Element::F32, &value);
        Self { past, cross: [key, value] }
    }
}

/// Extents that are known when the graph runs, each as an array of whole numbers.
struct Steps {
    past: Value,
    end: Value,
    steps: Value,
    texts_by_steps_by_width: Value,
}

impl Steps {
    fn new(g: &mut Graph, tokens: Value, past: Value) -> Self {
        let past = g.node("Shape", &[past], &[("end", Attribute::Int(1))]);
        let steps = g.node("Shape", &[tokens], &[("start", Attribute::Int(1))]);
        let end = g.add(past, steps);
        let shape = g.node("Shape", &[tokens], &[]);
        let rest = g.ints(&[-1]);
        let texts_by_steps_by_width = g.concat(&[shape, rest], 0);
        Self { past, end, steps, texts_by_steps_by_width }
    }
}

/// One decoder layer.
struct LayerWriter<'a> {
    config: &'a WhisperConfig,
    layer: Layer<'a>,
    n: usize,
    inputs: &'a Inputs,
    steps: &'a Steps,
}

impl LayerWriter<'_> {
    /// `rows` (N*S, width) → the same shape, and the scores of the attention to the sound.
    fn write(&self, g: &mut Graph, rows: Value) -> Result<(Value, Value)> {
        let width = self.config.d_model;
        let normal = layer_norm(g, &self.layer.at("self_attn_layer_norm"), rows, width, EPSILON)?;
        let mixed = self.itself(g, normal)?;
        let rows = g.add(rows, mixed);
        let normal = layer_norm(g, &self.layer.at("encoder_attn_layer_norm"), rows, width, EPSILON)?;
        let (mixed, scores) = self.sound(g, normal)?;
        let rows = g.add(rows, mixed);
        Ok((feed_forward(g, &self.layer, rows, [width, self.config.decoder_ffn_dim])?, scores))
    }

    /// Attention to the tokens before and itself.
    fn itself(&self, g: &mut Graph, rows: Value) -> Result<Value> {
        let layer = self.layer.at("self_attn");
        let width = self.config.d_model;
        let query = self.query(g, &layer, rows)?;
        let query = g.node("Reshape", &[query, self.steps.texts_by_steps_by_width], &[]);
        let query = self.heads(g, query, [0, 2, 1, 3]);
        let mut all = Vec::new();
        for ((part, name), order) in Part::BOTH.iter().zip([KEYS, "v_proj"]).zip([[1, 2, 3, 0], [1, 2, 0, 3]]) {
            let new = projection(g, &layer, name, rows, width)?;
            let new = g.node("Reshape", &[new, self.steps.texts_by_steps_by_width], &[]);
            let new = g.transpose(new, &[1, 0, 2]);
            g.output(&part.new(self.n), new, &["steps".into(), "texts".into(), width.into()]);
            let whole = g.concat(&[self.inputs.past[*part as usize], new], 0);
            all.push(self.heads(g, whole, order));
        }
        let scores = g.node("MatMul", &[query, all[0]], &[]);
        let scores = self.causally(g, scores);
        let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
        let mixed = g.node("MatMul", &[shares, all[1]], &[]);
        let mixed = g.transpose(mixed, &[0, 2, 1, 3]);
        let mixed = g.reshape(mixed, &[-1, width as i64]);
        linear(g, &layer.at("out_proj"), mixed, width, width)
    }

    /// Attention to the sound. The texts of a window and their tokens are rows of one product.
    fn sound(&self, g: &mut Graph, rows: Value) -> Result<(Value, Value)> {
        let layer = self.layer.at("encoder_attn");
        let width = self.config.d_model;
        let query = self.query(g, &layer, rows)?;
        let windows = g.node("Shape", &[self.inputs.cross[0]], &[("end", Attribute::Int(1))]);
        let rest = g.ints(&[-1, width as i64]);
        let shape = g.concat(&[windows, rest], 0);
        let query = g.node("Reshape", &[query, shape], &[]);
        let query = self.heads(g, query, [0, 2, 1, 3]);
        let scores = g.node("MatMul", &[query, self.inputs.cross[0]], &[]);
        let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
        let mixed = g.node("MatMul", &[shares, self.inputs.cross[1]], &[]);
        let mixed = g.transpose(mixed, &[0, 2, 1, 3]);
        let mixed = g.reshape(mixed, &[-1, width as i64]);
        Ok((linear(g, &layer.at("out_proj"), mixed, width, width)?, scores))
    }

    fn query(&self, g: &mut Graph, layer: &Layer<'_>, rows: Value) -> Result<Value> {
        let (width, heads) = (self.config.d_model, self.config.decoder_attention_heads);
        let query = linear(g, &layer.at("q_proj"), rows, width, width)?;
        let scale = g.number(1.0 / ((width / heads) as f32).sqrt());
        Ok(g.mul(query, scale))
    }

    /// (a, b, width) cut into heads, (a, b, heads, head), with the axes in `order`.
    fn heads(&self, g: &mut Graph, x: Value, order: [i64; 4]) -> Value {
        let (width, heads) = (self.config.d_model, self.config.decoder_attention_heads);
        let cut = g.reshape(x, &[0, 0, heads as i64, (width / heads) as i64]);
        g.transpose(cut, &order)
    }

    /// Takes from the scores (N, heads, S, P + S) of every token what comes after it; see `nn::attention`.
    fn causally(&self, g: &mut Graph, scores: Value) -> Value {
        let shape = g.concat(&[self.steps.steps, self.steps.end], 0);
        let lowest = g.numbers(&[1], &[-60000.0]);
        let full = g.node("Expand", &[lowest, shape], &[]);
        let one = g.ints(&[1]);
        let after = g.add(self.steps.past, one);
        let after = g.node("Squeeze", &[after], &[]);
        let above = g.node("Trilu", &[full, after], &[("upper", Attribute::Int(1))]);
        g.add(scores, above)
    }
}
