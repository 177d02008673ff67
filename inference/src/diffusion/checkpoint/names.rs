//! Names of the original training code to those of diffusers (whose `loaders/single_file_utils.py` and
//! `scripts/convert_diffusers_to_original_sdxl.py` tell which belong together).

use super::layout;
use reelsmith_graph::Weights;
use reelsmith_inference_core::Result;

/// A UNet under diffusers' names.
pub(super) fn unet_weights(weights: &Weights) -> Result<Weights> {
    let layers = layers_per_block(weights.iter().map(|(name, _)| name));
    Ok(weights.renamed(|name| Some(unet(name, layers))))
}

/// Residual blocks of a level on the way down: the first downsampler comes after that many blocks and the first
/// convolution.
fn layers_per_block<'a>(names: impl Iterator<Item = &'a str>) -> usize {
    let at =
        |name: &str| name.strip_prefix("input_blocks.")?.strip_suffix(".0.op.weight")?.parse::<usize>().ok();
    names.filter_map(at).min().map_or(2, |first| first.saturating_sub(1)).max(1)
}

/// The name of a UNet's tensor; what is not known stays as it is, to be named as an extra one.
pub(in crate::diffusion) fn unet(name: &str, layers: usize) -> String {
    const WHOLE: [(&str, &str); 8] = [
        ("time_embed.0.", "time_embedding.linear_1."),
        ("time_embed.2.", "time_embedding.linear_2."),
        ("label_emb.0.0.", "add_embedding.linear_1."),
        ("label_emb.0.2.", "add_embedding.linear_2."),
        ("out.0.", "conv_norm_out."),
        ("out.2.", "conv_out."),
        ("input_blocks.0.0.", "conv_in."),
        ("middle_block.1.", "mid_block.attentions.0."),
    ];
    if let Some((from, to)) = WHOLE.iter().find(|(from, _)| name.starts_with(from)) {
        return format!("{to}{}", &name[from.len()..]);
    }
    let moved = if let Some(rest) = name.strip_prefix("input_blocks.") {
        down(rest, layers)
    } else if let Some(rest) = name.strip_prefix("output_blocks.") {
        up(rest, layers)
    } else if let Some(rest) = name.strip_prefix("middle_block.0.") {
        Some(resnet("mid_block.resnets.0", rest))
    } else {
        name.strip_prefix("middle_block.2.").map(|rest| resnet("mid_block.resnets.1", rest))
    };
    moved.unwrap_or_else(|| name.to_owned())
}

/// `rest` is "7.1.proj_in.weight": the block, the part of it, and what lies below.
fn down(rest: &str, layers: usize) -> Option<String> {
    let (index, part, below) = indexed(rest)?;
    let (block, layer) = ((index.checked_sub(1)?) / (layers + 1), (index - 1) % (layers + 1));
    Some(match (part, below.strip_prefix("op.")) {
        (0, Some(below)) => format!("down_blocks.{block}.downsamplers.0.conv.{below}"),
        (0, None) => resnet(&format!("down_blocks.{block}.resnets.{layer}"), below),
        _ => format!("down_blocks.{block}.attentions.{layer}.{below}"),
    })
}

fn up(rest: &str, layers: usize) -> Option<String> {
    let (index, part, below) = indexed(rest)?;
    let (block, layer) = (index / (layers + 1), index % (layers + 1));
    Some(match (part, below.strip_prefix("conv.")) {
        (0, _) => resnet(&format!("up_blocks.{block}.resnets.{layer}"), below),
        (_, Some(below)) => format!("up_blocks.{block}.upsamplers.0.conv.{below}"),
        _ => format!("up_blocks.{block}.attentions.{layer}.{below}"),
    })
}

fn indexed(rest: &str) -> Option<(usize, usize, &str)> {
    let mut parts = rest.splitn(3, '.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?))
}

fn resnet(layer: &str, below: &str) -> String {
    const PARTS: [(&str, &str); 6] = [
        ("in_layers.0", "norm1"),
        ("in_layers.2", "conv1"),
        ("emb_layers.1", "time_emb_proj"),
        ("out_layers.0", "norm2"),
        ("out_layers.3", "conv2"),
        ("skip_connection", "conv_shortcut"),
    ];
    match PARTS.iter().find(|(from, _)| below.starts_with(from)) {
        Some((from, to)) => format!("{layer}.{to}{}", &below[from.len()..]),
        None => format!("{layer}.{below}"),
    }
}

/// An autoencoder under diffusers' names, from the original ones or from diffusers' older ones.
pub(super) fn vae_weights(weights: &Weights) -> Weights {
    let level = |name: &str| name.strip_prefix("decoder.up.")?.split('.').next()?.parse::<usize>().ok();
    let levels = weights.iter().filter_map(|(name, _)| level(name)).max().map_or(0, |last| last + 1);
    layout::autoencoder(weights.renamed(|name| Some(vae(name, levels))))
}

fn vae(name: &str, levels: usize) -> String {
    const PARTS: [(&str, &str); 8] = [
        ("mid.block_1.", "mid_block.resnets.0."),
        ("mid.block_2.", "mid_block.resnets.1."),
        ("mid.attn_1.norm.", "mid_block.attentions.0.group_norm."),
        ("mid.attn_1.q.", "mid_block.attentions.0.to_q."),
        ("mid.attn_1.k.", "mid_block.attentions.0.to_k."),
        ("mid.attn_1.v.", "mid_block.attentions.0.to_v."),
        ("mid.attn_1.proj_out.", "mid_block.attentions.0.to_out.0."),
        ("norm_out.", "conv_norm_out."),
    ];
    let Some((side, rest)) = name.split_once('.').filter(|(side, _)| ["encoder", "decoder"].contains(side))
    else {
        return name.to_owned();
    };
    if let Some((from, to)) = PARTS.iter().find(|(from, _)| rest.starts_with(from)) {
        return format!("{side}.{to}{}", &rest[from.len()..]).replace("nin_shortcut", "conv_shortcut");
    }
    let mut parts = rest.splitn(3, '.');
    let (way, level, below) =
        (parts.next(), parts.next().and_then(|n| n.parse::<usize>().ok()), parts.next());
    let (Some(way @ ("down" | "up")), Some(level), Some(below)) = (way, level, below) else {
        return name.to_owned();
    };
    // The decoder counts its levels from the finest, diffusers from the first that is run.
    let level = if way == "up" { levels.saturating_sub(level + 1) } else { level };
    let below = below
        .replacen("block.", "resnets.", 1)
        .replacen("downsample.", "downsamplers.0.", 1)
        .replacen("upsample.", "upsamplers.0.", 1)
        .replace("nin_shortcut", "conv_shortcut");
    format!("{side}.{way}_blocks.{level}.{below}")
}

/// OpenCLIP's text encoder under transformers' names. Its projection is stored the other way round, which the name
/// says; query, key and value lie in one tensor, which is cut.
pub(super) fn open_clip(weights: Weights) -> Result<Weights> {
    const PARTS: [(&str, &str); 6] = [
        ("ln_1.", "layer_norm1."),
        ("ln_2.", "layer_norm2."),
        ("attn.", "self_attn."),
        ("mlp.c_fc.", "mlp.fc1."),
        ("mlp.c_proj.", "mlp.fc2."),
        ("", ""),
    ];
    let rename = |name: &str| {
        Some(match name {
            "positional_embedding" => "text_model.embeddings.position_embedding.weight".to_owned(),
            "token_embedding.weight" => "text_model.embeddings.token_embedding.weight".to_owned(),
            "text_projection" => "text_projection.transposed".to_owned(),
            "logit_scale" => return None,
            _ => match name.strip_prefix("transformer.resblocks.").and_then(|rest| rest.split_once('.')) {
                Some((layer, below)) => {
                    let (from, to) = PARTS.iter().find(|(from, _)| below.starts_with(from))?;
                    format!("text_model.encoder.layers.{layer}.{to}{}", &below[from.len()..])
                }
                None => name.replacen("ln_final.", "text_model.final_layer_norm.", 1),
            },
        })
    };
    let mut weights = weights.renamed(rename);
    let joined: Vec<String> =
        weights.iter().map(|(name, _)| name.to_owned()).filter(|name| name.contains(".in_proj_")).collect();
    for name in joined {
        let (layer, kind) = name.split_once(".in_proj_").expect("it contains it");
        let part = |part: &str| format!("{layer}.{part}.{kind}");
        weights.split(&name, &[&part("q_proj"), &part("k_proj"), &part("v_proj")])?;
    }
    Ok(weights)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_that_diffusers_gives_in_its_own_converter() {
        for (original, diffusers) in [
            ("input_blocks.0.0.weight", "conv_in.weight"),
            ("input_blocks.3.0.op.bias", "down_blocks.0.downsamplers.0.conv.bias"),
            ("input_blocks.4.0.skip_connection.weight", "down_blocks.1.resnets.0.conv_shortcut.weight"),
            ("input_blocks.8.1.proj_in.weight", "down_blocks.2.attentions.1.proj_in.weight"),
            ("middle_block.2.emb_layers.1.bias", "mid_block.resnets.1.time_emb_proj.bias"),
            ("output_blocks.2.2.conv.weight", "up_blocks.0.upsamplers.0.conv.weight"),
            ("output_blocks.5.1.norm.weight", "up_blocks.1.attentions.2.norm.weight"),
            ("output_blocks.8.0.out_layers.3.weight", "up_blocks.2.resnets.2.conv2.weight"),
            ("label_emb.0.2.bias", "add_embedding.linear_2.bias"),
            ("something.else", "something.else"),
        ] {
            assert_eq!(unet(original, 2), diffusers);
        }
        for (original, diffusers) in [
            (
                "encoder.down.1.block.0.nin_shortcut.weight",
                "encoder.down_blocks.1.resnets.0.conv_shortcut.weight",
            ),
            ("decoder.up.0.block.2.norm1.bias", "decoder.up_blocks.3.resnets.2.norm1.bias"),
            ("decoder.up.3.upsample.conv.bias", "decoder.up_blocks.0.upsamplers.0.conv.bias"),
            ("decoder.mid.attn_1.proj_out.weight", "decoder.mid_block.attentions.0.to_out.0.weight"),
            ("quant_conv.weight", "quant_conv.weight"),
        ] {
            assert_eq!(vae(original, 4), diffusers);
        }
    }
}
