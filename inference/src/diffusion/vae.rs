//! SDXL's autoencoder: a picture to latents of an eighth of its size, and back (Rombach et al., "High-Resolution
//! Image Synthesis with Latent Diffusion Models", 2022; structure and names as diffusers'
//! `models/autoencoders/{autoencoder_kl,vae}.py`).

use super::blocks::{Resnet, Tokens};
use super::config::{EXTENTS, fixed, parse, unusable, within};
use reelsmith_graph::nn::{Conv, GroupNorm, attention, conv2d, group_norm, linear};
use reelsmith_graph::{Dim, Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;
use serde::Deserialize;

/// Names of the graphs' inputs and outputs.
pub(super) const PICTURE: &str = "picture";
pub(super) const LATENTS: &str = "latents";
pub(super) const MOMENTS: &str = "moments";

/// Epsilon of every normalisation (`vae.py`).
pub(super) const EPSILON: f32 = 1e-6;

/// The shape of an autoencoder, from its `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct VaeConfig {
    /// Channels of the latents.
    pub latent_channels: usize,
    /// Channels of each level, the finest first.
    pub block_out_channels: Vec<usize>,
    /// Residual blocks of a level in the encoder; the decoder has one more.
    pub layers_per_block: usize,
    /// Groups of the normalisations.
    pub norm_num_groups: usize,
    /// Latents are multiplied by this before they are denoised.
    pub scaling_factor: f32,
    /// Whether the decoder runs over in half precision.
    #[serde(default = "yes")]
    pub force_upcast: bool,
}

fn yes() -> bool {
    true
}

impl VaeConfig {
    /// SDXL's own.
    pub fn sdxl() -> Self {
        Self {
            latent_channels: 4,
            block_out_channels: vec![128, 256, 512, 512],
            layers_per_block: 2,
            norm_num_groups: 32,
            scaling_factor: 0.13025,
            force_upcast: true,
        }
    }

    /// Reads the `config.json` of an `AutoencoderKL`.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the key that is missing or wrong.
    pub fn parse(json: &str, title: &str) -> Result<Self> {
        let config: Self = parse("VAE", json, title)?;
        // Other families shift their latents too.
        fixed(
            json,
            title,
            &[("latents_mean", "null"), ("latents_std", "null"), ("shift_factor", "0"), ("act_fn", "silu")],
        )?;
        config.bounded().map_err(|why| unusable(title, &why))?;
        let groups = config.norm_num_groups;
        let fits = |channels: &usize| *channels > 0 && groups > 0 && channels.is_multiple_of(groups);
        let good = !config.block_out_channels.is_empty()
            && config.block_out_channels.iter().all(fits)
            && config.latent_channels > 0;
        if good {
            Ok(config)
        } else {
            Err(unusable(title, "`block_out_channels` are not `norm_num_groups` groups"))
        }
    }

    fn bounded(&self) -> std::result::Result<(), String> {
        within("latent_channels", self.latent_channels, EXTENTS)?;
        within("block_out_channels", self.block_out_channels.len(), 1..=6)?;
        within("layers_per_block", self.layers_per_block, 1..=16)?;
        let channels = &self.block_out_channels;
        channels.iter().try_for_each(|channels| within("block_out_channels", *channels, EXTENTS))?;
        match self.scaling_factor.is_finite() && self.scaling_factor > 0.0 {
            true => Ok(()),
            false => Err(format!("`scaling_factor` is {}", self.scaling_factor)),
        }
    }

    /// Pixels that one position of the latents covers, along each side.
    pub fn factor(&self) -> usize {
        1 << (self.block_out_channels.len() - 1)
    }

    fn last(&self) -> usize {
        self.block_out_channels[self.block_out_channels.len() - 1]
    }

    fn resnet(&self, from: usize, to: usize) -> Resnet {
        Resnet { from, to, groups: self.norm_num_groups, epsilon: EPSILON }
    }

    fn norm(&self, channels: usize, silu: bool) -> GroupNorm {
        GroupNorm { channels, groups: self.norm_num_groups, epsilon: EPSILON, silu }
    }
}

/// Writes the decoder: `latents` (N, latent channels, H, W), not scaled → `picture` (N, 3, factor H, factor W), in
/// -1 ..= 1 with a little beyond.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn decoder(config: &VaeConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("vae_decoder", target);
    let root = weights.layer("");
    let layer = root.at("decoder");
    let latent = config.latent_channels;
    let mut x = g.input(LATENTS, Element::F32, &["n".into(), latent.into(), "h".into(), "w".into()]);
    if root.has_layer("post_quant_conv") {
        x = conv2d(&mut g, &root.at("post_quant_conv"), x, Conv::pointwise(latent, latent))?;
    }
    x = conv2d(&mut g, &layer.at("conv_in"), x, Conv::same(latent, config.last()))?;
    x = middle(&mut g, config, &layer.at("mid_block"), x)?;
    let mut from = config.last();
    for (n, channels) in config.block_out_channels.iter().rev().enumerate() {
        let layer = layer.at("up_blocks").at(n);
        for depth in 0..=config.layers_per_block {
            x = config.resnet(from, *channels).build(&mut g, &layer.at("resnets").at(depth), x, None)?;
            from = *channels;
        }
        if n + 1 < config.block_out_channels.len() {
            x = g.enlarge(x, 2.0);
            x = conv2d(&mut g, &layer.at("upsamplers.0.conv"), x, Conv::same(*channels, *channels))?;
        }
    }
    x = group_norm(&mut g, &layer.at("conv_norm_out"), x, config.norm(from, true))?;
    x = conv2d(&mut g, &layer.at("conv_out"), x, Conv::same(from, 3))?;
    g.output(PICTURE, x, &["n".into(), 3.into(), Dim::Any, Dim::Any]);
    Ok(g.finish())
}

/// Writes the encoder: `picture` (N, 3, H, W) in -1 ..= 1, sides multiples of the factor → `moments` (N, 2 latent
/// channels, H / factor, W / factor): means, then logarithms of variances.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing or of another shape.
pub fn encoder(config: &VaeConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("vae_encoder", target);
    let root = weights.layer("");
    let layer = root.at("encoder");
    let moments = 2 * config.latent_channels;
    let x = g.input(PICTURE, Element::F32, &["n".into(), 3.into(), "h".into(), "w".into()]);
    let mut from = config.block_out_channels[0];
    let mut x = conv2d(&mut g, &layer.at("conv_in"), x, Conv::same(3, from))?;
    for (n, channels) in config.block_out_channels.iter().enumerate() {
        let layer = layer.at("down_blocks").at(n);
        for depth in 0..config.layers_per_block {
            x = config.resnet(from, *channels).build(&mut g, &layer.at("resnets").at(depth), x, None)?;
            from = *channels;
        }
        if n + 1 < config.block_out_channels.len() {
            let conv = Conv { stride: 2, padding: [0, 0, 1, 1], ..Conv::same(from, from) };
            x = conv2d(&mut g, &layer.at("downsamplers.0.conv"), x, conv)?;
        }
    }
    x = middle(&mut g, config, &layer.at("mid_block"), x)?;
    x = group_norm(&mut g, &layer.at("conv_norm_out"), x, config.norm(from, true))?;
    x = conv2d(&mut g, &layer.at("conv_out"), x, Conv::same(from, moments))?;
    if root.has_layer("quant_conv") {
        x = conv2d(&mut g, &root.at("quant_conv"), x, Conv::pointwise(moments, moments))?;
    }
    g.output(MOMENTS, x, &["n".into(), moments.into(), Dim::Any, Dim::Any]);
    Ok(g.finish())
}

/// Two residual blocks with attention over all positions between.
fn middle(g: &mut Graph, config: &VaeConfig, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let channels = config.last();
    let resnet = config.resnet(channels, channels);
    let x = resnet.build(g, &layer.at("resnets.0"), x, None)?;
    let attended = attend(g, config, &layer.at("attentions.0"), x)?;
    resnet.build(g, &layer.at("resnets.1"), attended, None)
}

fn attend(g: &mut Graph, config: &VaeConfig, layer: &Layer<'_>, x: Value) -> Result<Value> {
    let channels = config.last();
    let tokens = Tokens::of(g, x);
    let hidden = group_norm(g, &layer.at("group_norm"), x, config.norm(channels, false))?;
    let rows = Tokens::flat(g, hidden, channels);
    let mut project = |name| -> Result<Value> {
        let rows = linear(g, &layer.at(name), rows, channels, channels)?;
        Ok(tokens.rows(g, rows, channels))
    };
    let parts = [project("to_q")?, project("to_k")?, project("to_v")?];
    let mixed = g.scoped(layer.name(), |g| attention(g, parts, 1, channels, false));
    let mixed = g.reshape(mixed, &[-1, channels as i64]);
    let mixed = linear(g, &layer.at("to_out.0"), mixed, channels, channels)?;
    let mixed = tokens.picture(g, mixed, channels, x);
    Ok(g.add(mixed, x))
}
