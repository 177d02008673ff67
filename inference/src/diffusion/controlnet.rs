//! ControlNet: a copy of the UNet's way down that sees a map (edges, depth …) and steers the UNet with what it adds
//! to its skips (Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", 2023; structure and
//! names as diffusers' `models/controlnets/controlnet.py`).

use super::config::{EXTENTS, UnetConfig, fixed, parse, unusable};
use super::unet::{Stem, residual};
use reelsmith_graph::nn::{Conv, conv2d};
use reelsmith_graph::{Dim, Element, Graph, Layer, Model, Target, Value, Weights};
use reelsmith_inference_core::Result;
use serde::Deserialize;

/// Names of the graph's inputs beside the UNet's.
pub(super) const HINT: &str = "hint";
pub(super) const STRENGTH: &str = "strength";

/// The shape of a ControlNet.
#[derive(Debug, Clone, PartialEq)]
pub struct ControlNetConfig {
    /// Of the part that it shares with the UNet.
    pub unet: UnetConfig,
    /// Channels of the layers that bring the map to the latents' size, the finest first.
    pub hint_channels: Vec<usize>,
}

#[derive(Deserialize)]
struct File {
    conditioning_embedding_out_channels: Vec<usize>,
}

impl ControlNetConfig {
    /// Of a ControlNet for SDXL as published.
    pub fn sdxl() -> Self {
        Self { unet: UnetConfig::sdxl(), hint_channels: vec![16, 32, 96, 256] }
    }

    /// Reads the `config.json` of a `ControlNetModel`.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the key that is missing or wrong.
    pub fn parse(json: &str, title: &str) -> Result<Self> {
        let file: File = parse("ControlNet", json, title)?;
        let settings =
            [("controlnet_conditioning_channel_order", "rgb"), ("global_pool_conditions", "false")];
        fixed(json, title, &settings)?;
        let hints = &file.conditioning_embedding_out_channels;
        if hints.len() != 4 || hints.iter().any(|channels| !EXTENTS.contains(channels)) {
            let why = format!("`conditioning_embedding_out_channels` is {hints:?}; four extents are needed");
            return Err(unusable(title, &why));
        }
        Ok(Self {
            unet: UnetConfig::parse(json, title)?,
            hint_channels: file.conditioning_embedding_out_channels,
        })
    }
}

/// Writes the ControlNet.
///
/// Inputs: as those of [`super::unet::unet`]; `hint` (N, 3, 8 H, 8 W) in 0 ..= 1; `strength` (), by which every
/// residual is multiplied. Outputs: `residual_0 ...`, one for each skip of the UNet in their order and one for its
/// middle, each (N, C, h, w) of the shape there.
///
/// # Errors
/// `ModelCorrupt` naming a tensor that is missing, of another shape, or of no layer.
pub fn controlnet(config: &ControlNetConfig, weights: &Weights, target: Target) -> Result<Model> {
    let mut g = Graph::new("controlnet", target);
    let root = weights.layer("");
    let hint = g.input(HINT, Element::F32, &["n".into(), 3.into(), Dim::Any, Dim::Any]);
    let strength = g.input(STRENGTH, Element::F32, &[]);
    let hint = embedded(&mut g, config, &root.at("controlnet_cond_embedding"), hint)?;
    let stem = Stem::build(&mut g, &config.unet, &root, Some(hint))?;
    let blocks = root.at("controlnet_down_blocks");
    let mut channels = config.unet.skips();
    channels.push(config.unet.last());
    let values = stem.skips.iter().chain([&stem.middle]);
    for (n, (value, channels)) in values.zip(&channels).enumerate() {
        let layer = if n < stem.skips.len() { blocks.at(n) } else { root.at("controlnet_mid_block") };
        let projected = conv2d(&mut g, &layer, *value, Conv::pointwise(*channels, *channels))?;
        let scaled = g.mul(projected, strength);
        g.output(&residual(n), scaled, &["n".into(), (*channels).into(), Dim::Any, Dim::Any]);
    }
    weights.all_used()?;
    Ok(g.finish())
}

/// The map at the latents' size: (N, 3, 8 H, 8 W) → (N, first channels, H, W).
fn embedded(g: &mut Graph, config: &ControlNetConfig, layer: &Layer<'_>, hint: Value) -> Result<Value> {
    let channels = &config.hint_channels;
    let first = conv2d(g, &layer.at("conv_in"), hint, Conv::same(3, channels[0]))?;
    let mut x = g.silu(first);
    let steps = channels.windows(2).flat_map(|pair| [(pair[0], pair[0], 1), (pair[0], pair[1], 2)]);
    for (n, (from, to, stride)) in steps.enumerate() {
        let conv = Conv { stride, ..Conv::same(from, to) };
        let made = conv2d(g, &layer.at("blocks").at(n), x, conv)?;
        x = g.silu(made);
    }
    let last = channels[channels.len() - 1];
    conv2d(g, &layer.at("conv_out"), x, Conv::same(last, config.unet.first()))
}
