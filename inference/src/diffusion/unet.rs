//! SDXL's UNet: predicts the noise in a latent picture from the picture, the noise level and the text (Podell et
//! al., "SDXL", 2023; structure and names as diffusers' `models/unets/unet_2d_condition.py`).

use super::blocks::{Text, Tokens};
use super::config::UnetConfig;
use reelsmith_graph::nn::{Conv, GroupNorm, conv2d, group_norm, linear};
use reelsmith_graph::{Dim, Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;

/// Names of the graph's inputs and outputs, shared with [`super::controlnet`].
pub(super) const SAMPLE: &str = "sample";
pub(super) const TIME: &str = "time";
pub(super) const ADDED: &str = "added";
pub(super) const TEXT: &str = "text";
pub(super) const NOISE: &str = "noise";

/// Name of the n-th residual that steers, the last of which goes to the middle block.
pub(super) fn residual(n: usize) -> String {
    format!("residual_{n}")
}

/// Writes the UNet.
///
/// Inputs, all f32: `sample` (N, channels, H, W); `time` (N, first channels), the sinusoidal features of the noise
/// level; `added` (N, projection), pooled text and the features of sizes; `text` (N, T, width); with `steered`,
/// `residual_0 ...` of the shapes that [`super::controlnet`] gives. Output: `noise` (N, out channels, H, W).
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing, of another shape, or of no layer.
pub fn unet(config: &UnetConfig, weights: &Weights, target: Target, steered: bool) -> Result<Model> {
    let mut g = Graph::new("unet", target);
    let root = weights.layer("");
    let mut stem = Stem::build(&mut g, config, &root, None)?;
    let (mut skips, mut x) = (std::mem::take(&mut stem.skips), stem.middle);
    if steered {
        let channels = config.skips().into_iter().chain([config.last()]);
        let residuals: Vec<Value> = channels
            .enumerate()
            .map(|(n, c)| g.input(&residual(n), Element::F32, &["n".into(), c.into(), Dim::Any, Dim::Any]))
            .collect();
        for (skip, residual) in skips.iter_mut().zip(&residuals) {
            *skip = g.add(*skip, *residual);
        }
        x = g.add(x, residuals[skips.len()]);
    }
    x = up(&mut g, config, &root, (x, skips), &stem)?;
    let first = config.first();
    let norm = GroupNorm { channels: first, groups: config.groups, epsilon: config.epsilon, silu: true };
    x = group_norm(&mut g, &root.at("conv_norm_out"), x, norm)?;
    x = conv2d(&mut g, &root.at("conv_out"), x, Conv::same(first, config.out_channels))?;
    g.output(NOISE, x, &["n".into(), config.out_channels.into(), "h".into(), "w".into()]);
    weights.all_used()?;
    Ok(g.finish())
}

/// The way up, which takes the skips from the last to the first.
fn up(
    g: &mut Graph,
    config: &UnetConfig,
    root: &Layer<'_>,
    (mut x, mut skips): (Value, Vec<Value>),
    stem: &Stem,
) -> Result<Value> {
    let mut from = config.last();
    for (n, block) in config.up().enumerate() {
        let layer = root.at("up_blocks").at(n);
        for depth in 0..=config.layers_per_block {
            let skip = skips.pop().expect("as many skips as the way up has residual blocks");
            x = g.concat(&[x, skip], 1);
            let resnet = config.resnet(from + config.skip_channels(n, depth), block.channels);
            x = resnet.build(g, &layer.at("resnets").at(depth), x, Some(stem.time))?;
            from = block.channels;
            if let Some(transformer) = &block.transformer {
                let layer = layer.at("attentions").at(depth);
                x = transformer.build(g, &layer, x, &stem.tokens, stem.text)?;
            }
        }
        if let Some(next) = skips.last() {
            x = g.enlarge_to(x, *next);
            let conv = Conv::same(block.channels, block.channels);
            x = conv2d(g, &layer.at("upsamplers.0.conv"), x, conv)?;
        }
    }
    Ok(x)
}

/// The way down and the middle, which a ControlNet has too.
pub(super) struct Stem {
    pub(super) skips: Vec<Value>,
    pub(super) middle: Value,
    pub(super) tokens: Tokens,
    pub(super) text: Text,
    /// The time embedding after SiLU, and its extent.
    pub(super) time: (Value, usize),
}

impl Stem {
    /// `hint` (N, first channels, H, W) is added to what the first convolution makes.
    pub(super) fn build(
        g: &mut Graph,
        config: &UnetConfig,
        root: &Layer<'_>,
        hint: Option<Value>,
    ) -> Result<Self> {
        let channels = [config.first(), config.projection, config.text_width];
        let sample = [Dim::from("n"), config.in_channels.into(), "h".into(), "w".into()];
        let sample = g.input(SAMPLE, Element::F32, &sample);
        let features = g.input(TIME, Element::F32, &["n".into(), channels[0].into()]);
        let added = g.input(ADDED, Element::F32, &["n".into(), channels[1].into()]);
        let text = g.input(TEXT, Element::F32, &["n".into(), "tokens".into(), channels[2].into()]);
        let text = Text { rows: g.reshape(text, &[-1, channels[2] as i64]), width: channels[2] };
        let extent = 4 * config.first();
        let time = embedding(g, &root.at("time_embedding"), features, channels[0], extent)?;
        let added = embedding(g, &root.at("add_embedding"), added, channels[1], extent)?;
        let time = g.add(time, added);
        let time = (g.silu(time), extent);
        let tokens = Tokens::of(g, sample);
        let mut x = conv2d(g, &root.at("conv_in"), sample, Conv::same(config.in_channels, config.first()))?;
        if let Some(hint) = hint {
            x = g.add(x, hint);
        }
        let mut stem = Self { skips: vec![x], middle: x, tokens, text, time };
        stem.down(g, config, root)?;
        stem.middle(g, config, &root.at("mid_block"))?;
        Ok(stem)
    }

    fn down(&mut self, g: &mut Graph, config: &UnetConfig, root: &Layer<'_>) -> Result<()> {
        let (mut x, mut from) = (self.middle, config.first());
        for (n, block) in config.down().enumerate() {
            let layer = root.at("down_blocks").at(n);
            for depth in 0..config.layers_per_block {
                let resnet = config.resnet(from, block.channels);
                x = resnet.build(g, &layer.at("resnets").at(depth), x, Some(self.time))?;
                from = block.channels;
                if let Some(transformer) = &block.transformer {
                    let layer = layer.at("attentions").at(depth);
                    x = transformer.build(g, &layer, x, &self.tokens, self.text)?;
                }
                self.skips.push(x);
            }
            if n + 1 < config.blocks.len() {
                let conv = Conv { stride: 2, ..Conv::same(block.channels, block.channels) };
                x = conv2d(g, &layer.at("downsamplers.0.conv"), x, conv)?;
                self.skips.push(x);
            }
        }
        self.middle = x;
        Ok(())
    }

    fn middle(&mut self, g: &mut Graph, config: &UnetConfig, layer: &Layer<'_>) -> Result<()> {
        let resnet = config.resnet(config.last(), config.last());
        let x = resnet.build(g, &layer.at("resnets.0"), self.middle, Some(self.time))?;
        let transformer = config.middle();
        let x = transformer.build(g, &layer.at("attentions.0"), x, &self.tokens, self.text)?;
        self.middle = resnet.build(g, &layer.at("resnets.1"), x, Some(self.time))?;
        Ok(())
    }
}

/// Two linear layers with SiLU between: (N, from) → (N, to).
fn embedding(g: &mut Graph, layer: &Layer<'_>, x: Value, from: usize, to: usize) -> Result<Value> {
    let hidden = linear(g, &layer.at("linear_1"), x, from, to)?;
    let hidden = g.silu(hidden);
    linear(g, &layer.at("linear_2"), hidden, to, to)
}
