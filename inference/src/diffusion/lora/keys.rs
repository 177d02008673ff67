//! Key names of LoRA files, and which weights they mean.
//!
//! kohya (`networks/lora.py` of sd-scripts): `lora_unet_<layer>.lora_down.weight`, the layer's dots written as
//! underscores, in diffusers' or in the original names. Diffusers and PEFT: `unet.<layer>.lora_A.weight`.

use crate::diffusion::checkpoint::{Checkpoint, unet_name};
use reelsmith_graph::Weights;
use std::collections::HashMap;

/// The network that a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Network {
    Unet,
    Text,
    Text2,
}

impl Network {
    /// Diffusers' prefix.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Self::Unet => "unet",
            Self::Text => "text_encoder",
            Self::Text2 => "text_encoder_2",
        }
    }

    pub(super) fn weights(self, checkpoint: &Checkpoint) -> &Weights {
        match self {
            Self::Unet => &checkpoint.unet.weights,
            Self::Text => &checkpoint.text[0].weights,
            Self::Text2 => &checkpoint.text[1].weights,
        }
    }

    pub(super) fn weights_mut(self, checkpoint: &mut Checkpoint) -> &mut Weights {
        match self {
            Self::Unet => &mut checkpoint.unet.weights,
            Self::Text => &mut checkpoint.text[0].weights,
            Self::Text2 => &mut checkpoint.text[1].weights,
        }
    }
}

/// What a tensor is to its layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Up,
    Down,
    Alpha,
}

/// A key, taken apart. The layer is as the key spells it.
#[derive(Debug, PartialEq)]
pub(super) struct Key {
    pub(super) network: Network,
    pub(super) layer: String,
    pub(super) role: Role,
}

const PREFIXES: [(&str, Network); 6] = [
    ("lora_unet_", Network::Unet),
    ("lora_te1_", Network::Text),
    ("lora_te2_", Network::Text2),
    ("unet.", Network::Unet),
    ("text_encoder.", Network::Text),
    ("text_encoder_2.", Network::Text2),
];

const ENDINGS: [(&str, Role); 9] = [
    (".lora_down.weight", Role::Down),
    (".lora_up.weight", Role::Up),
    (".lora_A.weight", Role::Down),
    (".lora_B.weight", Role::Up),
    (".lora.down.weight", Role::Down),
    (".lora.up.weight", Role::Up),
    ("_lora.down.weight", Role::Down),
    ("_lora.up.weight", Role::Up),
    (".alpha", Role::Alpha),
];

/// Parts of names that belong to other methods than LoRA.
const OTHERS: [(&str, &str); 6] = [
    ("hada_", "LoHa"),
    ("lokr_", "LoKr"),
    ("oft_", "OFT"),
    ("dora_scale", "DoRA"),
    ("lora_magnitude_vector", "DoRA"),
    ("lora_mid", "LoCon with a core tensor"),
];

impl Key {
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        if let Some((_, method)) = OTHERS.iter().find(|(part, _)| name.contains(part)) {
            return Err(format!("`{name}` is of {method}, which is not supported; only LoRA is"));
        }
        let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        let Some((ending, role)) = ending else {
            return Err(format!("`{name}` is no part of a LoRA"));
        };
        let layer = &name[..name.len() - ending.len()];
        let prefix = PREFIXES.iter().find(|(prefix, _)| layer.starts_with(prefix));
        let Some((prefix, network)) = prefix else {
            let other = if name.starts_with("lora_te_") { ": it is for Stable Diffusion 1 or 2" } else { "" };
            return Err(format!("`{name}` belongs to no network of SDXL{other}"));
        };
        // Diffusers' oldest form names the attention processor: `attn1.processor.to_out`.
        let layer = layer[prefix.len()..].replace(".processor.", ".");
        let layer =
            if ending.starts_with('_') && layer.ends_with(".to_out") { format!("{layer}.0") } else { layer };
        Ok(Self { network: *network, layer, role: *role })
    }
}

/// Where a layer's weights are: names by the layer's name with underscores for dots.
pub(super) struct Places(HashMap<String, Vec<String>>);

impl Places {
    pub(super) fn of(weights: &Weights) -> Self {
        let mut places: HashMap<String, Vec<String>> = HashMap::new();
        for (name, tensor) in weights.iter() {
            let Some(layer) = name.strip_suffix(".weight").filter(|_| tensor.shape.len() >= 2) else {
                continue;
            };
            // A GEGLU's projection is two tensors here, in the order of this list, and one to a LoRA.
            let whole = layer.strip_suffix(".proj.value").or(layer.strip_suffix(".proj.gate"));
            let layer = whole.map_or(layer.to_owned(), |layer| format!("{layer}.proj"));
            places.entry(layer.replace('.', "_")).or_default().push(name.to_owned());
        }
        places.values_mut().for_each(|names| names.sort_by_key(|name| name.contains(".gate.")));
        Self(places)
    }
}

/// The names of the weights of `layer`, as a key spells it.
pub(super) fn layer_in<'a>(
    places: &'a Places,
    network: Network,
    layer: &str,
    layers_per_block: usize,
) -> Option<&'a [String]> {
    let flat = layer.replace('.', "_");
    let found = places.0.get(&flat).or_else(|| {
        if network != Network::Unet {
            // Version 5 of transformers leaves the outer name of a text encoder's layers out.
            return places.0.get(&format!("text_model_{flat}"));
        }
        let original = dotted(&flat)?;
        let name = unet_name(&format!("{original}.weight"), layers_per_block);
        places.0.get(&name.strip_suffix(".weight")?.replace('.', "_"))
    });
    found.map(Vec::as_slice)
}

/// The first dots of a UNet layer's original name, out of underscores: "input_blocks_4_1_proj_in" is
/// "input_blocks.4.1.proj_in".
fn dotted(flat: &str) -> Option<String> {
    const BLOCKS: [(&str, usize); 6] = [
        ("input_blocks_", 2),
        ("output_blocks_", 2),
        ("middle_block_", 1),
        ("time_embed_", 1),
        ("label_emb_", 2),
        ("out_", 1),
    ];
    const INNER: [&str; 3] = ["in_layers_", "emb_layers_", "out_layers_"];
    let (block, numbers) = BLOCKS.iter().find(|(block, _)| flat.starts_with(block))?;
    let parts: Vec<&str> = flat[block.len()..].splitn(numbers + 1, '_').collect();
    let numbered = parts.iter().take(*numbers).all(|part| part.parse::<usize>().is_ok());
    let mut dotted = format!("{}.{}", block.trim_end_matches('_'), parts.join("."));
    for inner in INNER {
        dotted = dotted.replace(inner, &format!("{}.", inner.trim_end_matches('_')));
    }
    numbered.then_some(dotted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_any_origin_tells_network_layer_and_role() {
        let key = |name: &str| Key::parse(name).unwrap();
        let kohya = key("lora_unet_input_blocks_4_1_proj_in.lora_down.weight");
        assert_eq!((kohya.network, kohya.role), (Network::Unet, Role::Down));
        assert_eq!(dotted(&kohya.layer).unwrap(), "input_blocks.4.1.proj_in");
        assert_eq!(dotted("input_blocks_1_0_in_layers_2").unwrap(), "input_blocks.1.0.in_layers.2");
        let peft = key("text_encoder_2.text_model.encoder.layers.3.mlp.fc1.lora_B.weight");
        assert_eq!(
            (peft.network, peft.layer.as_str()),
            (Network::Text2, "text_model.encoder.layers.3.mlp.fc1")
        );
        let old =
            key("unet.mid_block.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora.up.weight");
        assert_eq!(old.layer, "mid_block.attentions.0.transformer_blocks.0.attn1.to_out.0");
    }

    #[test]
    fn what_is_no_lora_for_this_family_is_named() {
        for (name, told) in [
            ("lora_te_text_model_encoder_layers_0_mlp_fc1.alpha", "Stable Diffusion 1"),
            ("lora_unet_mid_block.hada_w1_a", "LoHa"),
            ("unet.conv_in.weight", "no part of a LoRA"),
        ] {
            assert!(Key::parse(name).unwrap_err().contains(told), "{name}");
        }
    }
}
