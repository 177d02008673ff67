//! The autoencoder as a chain of stages, in the order of [`crate::diffusion::vae`]'s graphs.

use super::attention::Attention;
use super::stage::Stage;
use crate::diffusion::vae::VaeConfig;
use reelsmith_graph::nn::Conv;
use reelsmith_graph::{Layer, Weights};

/// What becomes of the plane.
pub(super) enum Link<'a> {
    /// It makes way for what the stage makes of it.
    Through(Stage<'a>),
    /// A residual block begins: the plane, or what its shortcut makes of it, is set aside.
    Branch(Stage<'a>),
    /// A residual block ends: what was set aside is added.
    Join(Stage<'a>),
    /// Attention over all positions.
    Attend(Attention<'a>),
}

impl Link<'_> {
    /// Whether it takes the plane's statistics.
    pub(super) fn is_normal(&self) -> bool {
        match self {
            Self::Through(stage) | Self::Branch(stage) | Self::Join(stage) => stage.norm.is_some(),
            Self::Attend(_) => true,
        }
    }
}

pub(super) fn decoder<'a>(config: &VaeConfig, weights: &'a Weights) -> Vec<Link<'a>> {
    let (root, latent) = (weights.layer(""), config.latent_channels);
    let layer = root.at("decoder");
    let mut chain = Chain(Vec::new());
    if root.has_layer("post_quant_conv") {
        chain.plain(root.at("post_quant_conv"), Conv::pointwise(latent, latent));
    }
    let last = config.block_out_channels[config.block_out_channels.len() - 1];
    chain.plain(layer.at("conv_in"), Conv::same(latent, last));
    chain.middle(&layer.at("mid_block"), last);
    let mut from = last;
    for (n, channels) in config.block_out_channels.iter().rev().enumerate() {
        let layer = layer.at("up_blocks").at(n);
        for depth in 0..=config.layers_per_block {
            chain.resnet(&layer.at("resnets").at(depth), from, *channels);
            from = *channels;
        }
        if n + 1 < config.block_out_channels.len() {
            let conv = (layer.at("upsamplers.0.conv"), Conv::same(from, from));
            chain.0.push(Link::Through(Stage { enlarges: true, ..Stage::plain(conv) }));
        }
    }
    chain.end(&layer, from, 3);
    chain.0
}

pub(super) fn encoder<'a>(config: &VaeConfig, weights: &'a Weights) -> Vec<Link<'a>> {
    let (root, moments) = (weights.layer(""), 2 * config.latent_channels);
    let layer = root.at("encoder");
    let mut chain = Chain(Vec::new());
    let mut from = config.block_out_channels[0];
    chain.plain(layer.at("conv_in"), Conv::same(3, from));
    for (n, channels) in config.block_out_channels.iter().enumerate() {
        let layer = layer.at("down_blocks").at(n);
        for depth in 0..config.layers_per_block {
            chain.resnet(&layer.at("resnets").at(depth), from, *channels);
            from = *channels;
        }
        if n + 1 < config.block_out_channels.len() {
            let conv = Conv { stride: 2, padding: [0, 0, 1, 1], ..Conv::same(from, from) };
            chain.plain(layer.at("downsamplers.0.conv"), conv);
        }
    }
    chain.middle(&layer.at("mid_block"), from);
    chain.end(&layer, from, moments);
    if root.has_layer("quant_conv") {
        chain.plain(root.at("quant_conv"), Conv::pointwise(moments, moments));
    }
    chain.0
}

struct Chain<'a>(Vec<Link<'a>>);

impl<'a> Chain<'a> {
    fn plain(&mut self, layer: Layer<'a>, conv: Conv) {
        self.0.push(Link::Through(Stage::plain((layer, conv))));
    }

    fn resnet(&mut self, layer: &Layer<'a>, from: usize, to: usize) {
        let first = Stage {
            norm: Some(layer.at("norm1")),
            shortcut: (from != to).then(|| layer.at("conv_shortcut")),
            ..Stage::plain((layer.at("conv1"), Conv::same(from, to)))
        };
        let second = Stage {
            norm: Some(layer.at("norm2")),
            adds: true,
            ..Stage::plain((layer.at("conv2"), Conv::same(to, to)))
        };
        self.0.extend([Link::Branch(first), Link::Join(second)]);
    }

    fn middle(&mut self, layer: &Layer<'a>, channels: usize) {
        self.resnet(&layer.at("resnets.0"), channels, channels);
        self.0.push(Link::Attend(Attention { layer: layer.at("attentions.0"), channels }));
        self.resnet(&layer.at("resnets.1"), channels, channels);
    }

    fn end(&mut self, layer: &Layer<'a>, from: usize, to: usize) {
        let conv = (layer.at("conv_out"), Conv::same(from, to));
        let norm = Some(layer.at("conv_norm_out"));
        self.0.push(Link::Through(Stage { norm, ..Stage::plain(conv) }));
    }
}
