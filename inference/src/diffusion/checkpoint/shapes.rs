//! Shapes of networks out of their tensors, where a file brings no configuration. What tensors do not show (heads,
//! groups) is as in SDXL: heads of 64, 32 groups.

use super::family;
use crate::diffusion::clip::ClipConfig;
use crate::diffusion::config::{BlockConfig, UnetConfig};
use crate::diffusion::vae::VaeConfig;
use reelsmith_graph::Weights;
use reelsmith_inference_core::{InferenceError, Result};

/// Width of an attention head in SDXL's UNet and in both text encoders.
const HEAD: usize = 64;
/// Sizes that are told to the UNet: original, crop and target, each height and width.
const SIZES: usize = 6;

/// The extent `axis` of the tensor `name`.
fn extent(weights: &Weights, name: &str, axis: usize) -> Result<usize> {
    let found = weights.get(name).and_then(|tensor| tensor.shape.get(axis).copied());
    found.ok_or_else(|| {
        let title = &weights.title;
        InferenceError::corrupt(format!(
            "{title}: the tensor `{name}` is missing; {}",
            family::looks_like(weights)
        ))
    })
}

/// How many layers `{prefix}0{suffix}`, `{prefix}1{suffix}` … there are.
fn count(weights: &Weights, prefix: &str, suffix: &str) -> usize {
    (0..).take_while(|n| weights.has(&format!("{prefix}{n}{suffix}"))).count()
}

/// A UNet, whose text is pooled to `pooled` numbers.
pub(super) fn unet(weights: &Weights, pooled: usize) -> Result<UnetConfig> {
    let levels = count(weights, "down_blocks.", ".resnets.0.conv1.weight");
    let middle = count(weights, "mid_block.attentions.0.transformer_blocks.", ".attn1.to_q.weight");
    let text = "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight";
    let block = |level: usize| {
        let channels = extent(weights, &format!("down_blocks.{level}.resnets.0.conv1.weight"), 0)?;
        let prefix = format!("down_blocks.{level}.attentions.0.transformer_blocks.");
        let depth = count(weights, &prefix, ".attn1.to_q.weight");
        let attends = depth > 0;
        let heads = (channels / HEAD).max(1);
        Ok(BlockConfig { channels, heads, depth: if attends { depth } else { middle }, attends })
    };
    let projection = extent(weights, "add_embedding.linear_1.weight", 1)?;
    let config = UnetConfig {
        in_channels: extent(weights, "conv_in.weight", 1)?,
        out_channels: extent(weights, "conv_out.weight", 0)?,
        blocks: (0..levels).map(block).collect::<Result<_>>()?,
        layers_per_block: count(weights, "down_blocks.0.resnets.", ".conv1.weight"),
        text_width: extent(weights, text, 1)?,
        size_width: projection.saturating_sub(pooled) / SIZES,
        projection,
        ..UnetConfig::sdxl()
    };
    let uneven = |block: &BlockConfig| {
        !block.channels.is_multiple_of(config.groups) || !block.channels.is_multiple_of(block.heads)
    };
    match config.blocks.is_empty() || config.blocks.iter().any(uneven) || config.layers_per_block == 0 {
        true => Err(InferenceError::corrupt(format!(
            "{}: its blocks are not those of an SDXL UNet",
            weights.title
        ))),
        false => Ok(config),
    }
}

pub(super) fn vae(weights: &Weights) -> Result<VaeConfig> {
    let levels = count(weights, "encoder.down_blocks.", ".resnets.0.conv1.weight");
    let channels =
        |level: usize| extent(weights, &format!("encoder.down_blocks.{level}.resnets.0.conv1.weight"), 0);
    let config = VaeConfig {
        latent_channels: extent(weights, "decoder.conv_in.weight", 1)?,
        block_out_channels: (0..levels).map(channels).collect::<Result<_>>()?,
        layers_per_block: count(weights, "encoder.down_blocks.0.resnets.", ".conv1.weight"),
        ..VaeConfig::sdxl()
    };
    let uneven = |channels: &usize| !channels.is_multiple_of(config.norm_num_groups);
    match !(1..=6).contains(&levels) || config.block_out_channels.iter().any(uneven) {
        true => Err(InferenceError::corrupt(format!(
            "{}: its blocks are not those of an autoencoder",
            weights.title
        ))),
        false => Ok(config),
    }
}

/// A text encoder with the activation `hidden_act`.
pub(super) fn clip(weights: &Weights, hidden_act: &str) -> Result<ClipConfig> {
    let words = "text_model.embeddings.token_embedding.weight";
    let hidden_size = extent(weights, words, 1)?;
    let projection =
        weights.get("text_projection.transposed").and_then(|tensor| tensor.shape.get(1).copied());
    let config = ClipConfig {
        hidden_size,
        intermediate_size: extent(weights, "text_model.encoder.layers.0.mlp.fc1.weight", 0)?,
        num_hidden_layers: count(weights, "text_model.encoder.layers.", ".mlp.fc1.weight"),
        num_attention_heads: (hidden_size / HEAD).max(1),
        hidden_act: hidden_act.to_owned(),
        vocab_size: extent(weights, words, 0)?,
        max_position_embeddings: extent(weights, "text_model.embeddings.position_embedding.weight", 0)?,
        projection_dim: projection.unwrap_or(0),
        ..ClipConfig::vit_l()
    };
    config.checked(&weights.title)
}
