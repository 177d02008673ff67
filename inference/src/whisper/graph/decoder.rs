//! Whisper's decoder as a graph.

use super::{ALIGNMENT, EPSILON, KEYS, LOGITS, PLACES, Part, ROWS, TOKENS, feed_forward, table};
use crate::whisper::config::WhisperConfig;
use reelsmith_graph::builder::{Attribute, REELSMITH};
use reelsmith_graph::nn::{Joined, SOUND_ATTENTION, TEXT_ATTENTION, layer_norm, linear, linears, unbiased};
use reelsmith_graph::{Device, Dim, Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Writes the decoder, for N texts over A windows: N is a multiple of A, and the texts of one window stand together.
///
/// Inputs: `tokens` (N, S), int64; `rows` (K), int64: which of the S tokens logits are wanted of; for each layer L
/// `past_k_L` and `past_v_L`, (kept, width), and `places` (P, N), int64: which of the kept rows the P earlier tokens
/// of each text are; the encoder's `cross_k_L` and `cross_v_L`. Outputs: `logits` (N, K, vocabulary); `new_k_L` and
/// `new_v_L` (N * S, width); `alignment` (A, heads named, N / A * S, E): how much each token attends to each frame,
/// before softmax.
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
    let (words, _) = root.at("embed_tokens").tensor("weight", &[config.vocab_size, width])?;
    let words = g.stored(words);
    let earlier = g.input(PLACES, Element::I64, &["past".into(), "texts".into()]);
    let layers: Vec<Inputs> = (0..config.decoder_layers).map(|n| Inputs::new(&mut g, config, n)).collect();
    let steps = Steps::new(&mut g, tokens, earlier);
    let embedded = g.node("Gather", &[words, tokens], &[]);
    let embedded = g.as_computed(embedded);
    let places = table(&mut g, &root.at("embed_positions"), [config.max_target_positions, width])?;
    let places = g.node("Slice", &[places, steps.past, steps.end], &[]);
    let x = g.add(embedded, places);
    let mut rows = g.reshape(x, &[-1, width as i64]);
    let mut scores = Vec::new();
    for (n, inputs) in layers.iter().enumerate() {
        let writer = LayerWriter { config, layer: root.at("layers").at(n), n, inputs, steps: &steps };
        let (made, compared) = writer.write(&mut g, rows)?;
        rows = made;
        scores.extend(chosen(&mut g, alignment, n, compared));
    }
    if !scores.is_empty() {
        let all = g.concat(&scores, 1);
        let frames = Dim::Fixed(config.max_source_positions);
        g.output(ALIGNMENT, all, &["windows".into(), alignment.len().into(), Dim::Any, frames]);
    }
    let rows = layer_norm(&mut g, &root.at("layer_norm"), rows, width, EPSILON)?;
    let texts = g.node("Reshape", &[rows, steps.texts_by_steps_by_width], &[]);
    let texts = g.node("Gather", &[texts, wanted], &[("axis", Attribute::Int(1))]);
    logits(&mut g, config, weights, texts)?;
    Ok(g.finish())
}

/// The scores of those of layer `n`'s heads that are in `alignment`, if any are.
fn chosen(g: &mut Graph, alignment: &[[usize; 2]], n: usize, scores: Value) -> Option<Value> {
    let heads = alignment.iter().filter(|[layer, _]| *layer == n).map(|[_, head]| *head as i64);
    let heads: Vec<i64> = heads.collect();
    (!heads.is_empty()).then(|| {
        let heads = g.ints(&heads);
        g.node("Gather", &[scores, heads], &[("axis", Attribute::Int(1))])
    })
}

/// `texts` (N, K, width) to logits, with the tokens' embeddings unless the model has a projection of its own.
fn logits(g: &mut Graph, config: &WhisperConfig, weights: &Weights, texts: Value) -> Result<()> {
    let (width, vocabulary) = (config.d_model, config.vocab_size);
    let own = weights.has("proj_out.weight");
    let layer = weights.layer(if own { "proj_out" } else { "decoder.embed_tokens" });
    let rows = g.reshape(texts, &[-1, width as i64]);
    let made = unbiased(g, &layer, rows, width, vocabulary)?;
    let shape = g.node("Shape", &[texts], &[("end", Attribute::Int(2))]);
    let last = g.ints(&[vocabulary as i64]);
    let shape = g.concat(&[shape, last], 0);
    let made = g.node("Reshape", &[made, shape], &[]);
    g.output(LOGITS, made, &["texts".into(), "wanted".into(), vocabulary.into()]);
    Ok(())
}

/// What a decoder layer is given.
struct Inputs {
    /// Keys and values of earlier tokens, (kept, width).
    past: [Value; 2],
    /// Those of the sound: (A, heads, head, E) and (A, heads, E, head).
    cross: [Value; 2],
}

impl Inputs {
    fn new(g: &mut Graph, config: &WhisperConfig, n: usize) -> Self {
        let past = [Dim::Named("kept"), config.d_model.into()];
        let past = Part::BOTH.map(|part| g.input(&part.past(n), Element::F32, &past));
        let cross = Part::BOTH.map(|part| g.input(&part.cross(n), Element::F32, &part.cross_shape(config)));
        Self { past, cross }
    }
}

/// Extents that are known when the graph runs, each as an array of whole numbers.
struct Steps {
    /// What [`PLACES`] says.
    places: Value,
    past: Value,
    end: Value,
    steps: Value,
    texts_by_steps_by_width: Value,
}

impl Steps {
    fn new(g: &mut Graph, tokens: Value, places: Value) -> Self {
        let past = g.node("Shape", &[places], &[("end", Attribute::Int(1))]);
        let steps = g.node("Shape", &[tokens], &[("start", Attribute::Int(1))]);
        let end = g.add(past, steps);
        let shape = g.node("Shape", &[tokens], &[]);
        let rest = g.ints(&[-1]);
        let texts_by_steps_by_width = g.concat(&[shape, rest], 0);
        Self { places, past, end, steps, texts_by_steps_by_width }
    }
}

/// Whether attention is an operator of ours.
fn is_ours(g: &Graph) -> bool {
    g.target().is_fused && g.target().device == Device::Cpu
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
        let keys = layer.at(KEYS);
        let is_biased = keys.has("bias");
        let layers = [
            self.queries(&layer),
            Joined { layer: keys, factor: 1.0, is_biased },
            Joined { layer: layer.at("v_proj"), factor: 1.0, is_biased: true },
        ];
        let [query, new @ ..] = linears(g, layers, rows, width, width)?;
        for (part, made) in Part::BOTH.iter().zip(new) {
            g.output(&part.added(self.n), made, &[Dim::Any, width.into()]);
        }
        let [past_key, past_value] = self.inputs.past;
        let mixed = match is_ours(g) {
            true => {
                let inputs = [query, past_key, past_value, self.steps.places, new[0], new[1]];
                let heads = Attribute::Int(self.config.decoder_attention_heads as i64);
                g.node_of(REELSMITH, TEXT_ATTENTION, &inputs, &[("heads", heads)])
            }
            false => {
                let (key, value) = (self.behind(g, past_key, new[0]), self.behind(g, past_value, new[1]));
                self.plain_itself(g, [query, key, value])
            }
        };
        linear(g, &layer.at("out_proj"), mixed, width, width)
    }

    /// The earlier rows of each text with its new ones behind them, (P + S, N, width).
    fn behind(&self, g: &mut Graph, kept: Value, new: Value) -> Value {
        let earlier = g.node("Gather", &[kept, self.steps.places], &[("axis", Attribute::Int(0))]);
        let new = g.node("Reshape", &[new, self.steps.texts_by_steps_by_width], &[]);
        let new = g.transpose(new, &[1, 0, 2]);
        g.concat(&[earlier, new], 0)
    }

    /// The same out of the standard's operators: `query` (N*S, width), keys and values (P + S, N, width).
    fn plain_itself(&self, g: &mut Graph, [query, key, value]: [Value; 3]) -> Value {
        let query = g.node("Reshape", &[query, self.steps.texts_by_steps_by_width], &[]);
        let query = self.heads(g, query, [0, 2, 1, 3]);
        let (key, value) = (self.heads(g, key, [1, 2, 3, 0]), self.heads(g, value, [1, 2, 0, 3]));
        let scores = g.node("MatMul", &[query, key], &[]);
        let scores = self.causally(g, scores);
        self.mixed(g, scores, value)
    }

    /// Attention to the sound. The texts of a window and their tokens are rows of one product.
    fn sound(&self, g: &mut Graph, rows: Value) -> Result<(Value, Value)> {
        let layer = self.layer.at("encoder_attn");
        let width = self.config.d_model;
        let [query] = linears(g, [self.queries(&layer)], rows, width, width)?;
        let [key, value] = self.inputs.cross;
        let (mixed, scores) = match is_ours(g) {
            true => {
                let made = g.nodes_of(REELSMITH, SOUND_ATTENTION, &[query, key, value], 2, &[]);
                (made[0], made[1])
            }
            false => {
                let windows = g.node("Shape", &[key], &[("end", Attribute::Int(1))]);
                let rest = g.ints(&[-1, width as i64]);
                let shape = g.concat(&[windows, rest], 0);
                let query = g.node("Reshape", &[query, shape], &[]);
                let query = self.heads(g, query, [0, 2, 1, 3]);
                let scores = g.node("MatMul", &[query, key], &[]);
                (self.mixed(g, scores, value), scores)
            }
        };
        Ok((linear(g, &layer.at("out_proj"), mixed, width, width)?, scores))
    }

    /// Values mixed by the scores of each head, as rows.
    fn mixed(&self, g: &mut Graph, scores: Value, value: Value) -> Value {
        let shares = g.node("Softmax", &[scores], &[("axis", Attribute::Int(-1))]);
        let mixed = g.node("MatMul", &[shares, value], &[]);
        let mixed = g.transpose(mixed, &[0, 2, 1, 3]);
        g.reshape(mixed, &[-1, self.config.d_model as i64])
    }

    /// The layer that makes queries, scaled for attention.
    fn queries<'a>(&self, layer: &Layer<'a>) -> Joined<'a> {
        let head = self.config.d_model / self.config.decoder_attention_heads;
        Joined { layer: layer.at("q_proj"), factor: 1.0 / (head as f32).sqrt(), is_biased: true }
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
