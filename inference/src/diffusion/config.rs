//! What a checkpoint says about its networks' shapes: diffusers' `config.json` files, read and checked.

use super::blocks::{Resnet, Transformer};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::ops::RangeInclusive;

/// The block types of diffusers that are known here; the second kind has transformers.
const PLAIN: [&str; 2] = ["DownBlock2D", "UpBlock2D"];
const ATTENDING: [&str; 2] = ["CrossAttnDownBlock2D", "CrossAttnUpBlock2D"];

/// The shape of a UNet or a ControlNet.
#[derive(Debug, Clone, PartialEq)]
pub struct UnetConfig {
    /// Channels of the latents taken: 4, or 9 for one made for inpainting.
    pub in_channels: usize,
    /// Channels of the prediction.
    pub out_channels: usize,
    /// Levels of resolution, the finest first.
    pub blocks: Vec<BlockConfig>,
    /// Residual blocks of a level on the way down; on the way up there is one more.
    pub layers_per_block: usize,
    /// Width of the text's tokens.
    pub text_width: usize,
    /// Width of one size's sinusoidal features.
    pub size_width: usize,
    /// Width of pooled text and size features together.
    pub projection: usize,
    /// Groups of the normalisations.
    pub groups: usize,
    /// Their epsilon.
    pub epsilon: f32,
}

/// One level of resolution.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockConfig {
    /// C.
    pub channels: usize,
    /// Heads of the attention.
    pub heads: usize,
    /// Transformer blocks after each residual block.
    pub depth: usize,
    /// Whether there are transformers; the middle has them even if its level does not.
    pub attends: bool,
}

/// A level, ready to be written.
pub(super) struct Block {
    pub(super) channels: usize,
    pub(super) transformer: Option<Transformer>,
}

impl UnetConfig {
    /// SDXL's own.
    pub fn sdxl() -> Self {
        let block = |channels, depth, attends| BlockConfig { channels, heads: channels / 64, depth, attends };
        Self {
            in_channels: 4,
            out_channels: 4,
            blocks: vec![block(320, 1, false), block(640, 2, true), block(1280, 10, true)],
            layers_per_block: 2,
            text_width: 2048,
            size_width: 256,
            projection: 2816,
            groups: 32,
            epsilon: 1e-5,
        }
    }

    /// Reads a `config.json` of a `UNet2DConditionModel` or a `ControlNetModel`.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the key that is missing, wrong, or asks for what is not known here.
    pub fn parse(json: &str, title: &str) -> Result<Self> {
        let file: UnetFile = parse("UNet", json, title)?;
        let config = file.check().map_err(|why| unusable(title, &why))?;
        fixed(json, title, &SETTINGS)?;
        config.bounded().map_err(|why| unusable(title, &why))?;
        Ok(config)
    }

    /// Refuses extents that no network has, before anything is taken for them.
    fn bounded(&self) -> std::result::Result<(), String> {
        let extents = [
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("cross_attention_dim", self.text_width),
            ("addition_time_embed_dim", self.size_width),
            ("projection_class_embeddings_input_dim", self.projection),
        ];
        let channels = self.blocks.iter().map(|block| ("block_out_channels", block.channels));
        extents.into_iter().chain(channels).try_for_each(|(key, extent)| within(key, extent, EXTENTS))?;
        within("block_out_channels", self.blocks.len(), 1..=8)?;
        within("layers_per_block", self.layers_per_block, 1..=16)?;
        let depths = self.blocks.iter().map(|block| block.depth);
        depths.into_iter().try_for_each(|depth| within("transformer_layers_per_block", depth, 0..=64))
    }

    pub(super) fn first(&self) -> usize {
        self.blocks[0].channels
    }

    pub(super) fn last(&self) -> usize {
        self.blocks[self.blocks.len() - 1].channels
    }

    pub(super) fn resnet(&self, from: usize, to: usize) -> Resnet {
        Resnet { from, to, groups: self.groups, epsilon: self.epsilon }
    }

    pub(super) fn down(&self) -> impl Iterator<Item = Block> {
        self.blocks.iter().map(|block| Block {
            channels: block.channels,
            transformer: block.attends.then(|| self.transformer(block)),
        })
    }

    pub(super) fn up(&self) -> impl Iterator<Item = Block> {
        self.blocks.iter().rev().map(|block| Block {
            channels: block.channels,
            transformer: block.attends.then(|| self.transformer(block)),
        })
    }

    pub(super) fn middle(&self) -> Transformer {
        self.transformer(&self.blocks[self.blocks.len() - 1])
    }

    /// Channels of the skip that the residual block `depth` of level `n` on the way up takes.
    pub(super) fn skip_channels(&self, n: usize, depth: usize) -> usize {
        let level = self.blocks.len() - 1 - n;
        match depth == self.layers_per_block {
            true => self.blocks[level.saturating_sub(1)].channels,
            false => self.blocks[level].channels,
        }
    }

    /// Channels of every skip, in the order in which the way down makes them.
    pub(super) fn skips(&self) -> Vec<usize> {
        let mut skips = vec![self.first()];
        for (n, block) in self.blocks.iter().enumerate() {
            let downsampled = usize::from(n + 1 < self.blocks.len());
            skips.extend(std::iter::repeat_n(block.channels, self.layers_per_block + downsampled));
        }
        skips
    }

    /// Shapes (N, C, h, w) of every skip and of the middle, for a sample of that shape: a level halves height and
    /// width, rounded up.
    pub(super) fn skip_shapes(&self, sample: &[usize]) -> Vec<[usize; 4]> {
        let (mut height, mut width) = (sample[2], sample[3]);
        let mut shapes = vec![[sample[0], self.first(), height, width]];
        for (n, block) in self.blocks.iter().enumerate() {
            let at = |height, width| [sample[0], block.channels, height, width];
            shapes.extend(std::iter::repeat_n(at(height, width), self.layers_per_block));
            if n + 1 < self.blocks.len() {
                (height, width) = (height.div_ceil(2), width.div_ceil(2));
                shapes.push(at(height, width));
            }
        }
        shapes.push([sample[0], self.last(), height, width]);
        shapes
    }

    fn transformer(&self, block: &BlockConfig) -> Transformer {
        Transformer { channels: block.channels, heads: block.heads, depth: block.depth, groups: self.groups }
    }
}

/// One number for all levels, or one for each.
#[derive(Deserialize)]
#[serde(untagged)]
enum PerLevel {
    All(usize),
    Each(Vec<usize>),
}

impl PerLevel {
    fn at(&self, level: usize) -> Option<usize> {
        match self {
            Self::All(value) => Some(*value),
            Self::Each(values) => values.get(level).copied(),
        }
    }
}

/// What diffusers takes where a file, of an older family, does not say.
fn one_layer() -> PerLevel {
    PerLevel::All(1)
}

#[derive(Deserialize)]
struct UnetFile {
    in_channels: usize,
    out_channels: Option<usize>,
    block_out_channels: Vec<usize>,
    down_block_types: Vec<String>,
    layers_per_block: usize,
    #[serde(default = "one_layer")]
    transformer_layers_per_block: PerLevel,
    attention_head_dim: PerLevel,
    #[serde(default)]
    num_attention_heads: Option<PerLevel>,
    cross_attention_dim: usize,
    addition_embed_type: Option<String>,
    addition_time_embed_dim: Option<usize>,
    projection_class_embeddings_input_dim: Option<usize>,
    norm_num_groups: usize,
    norm_eps: f32,
    #[serde(default)]
    time_cond_proj_dim: Option<usize>,
}

impl UnetFile {
    fn check(self) -> std::result::Result<UnetConfig, String> {
        self.check_family()?;
        let absent = |key: &str| format!("`{key}` is missing");
        let levels = self.block_out_channels.len();
        if levels == 0 || self.down_block_types.len() != levels || self.layers_per_block == 0 {
            return Err(
                "`block_out_channels`, `down_block_types` and `layers_per_block` do not fit".to_owned()
            );
        }
        Ok(UnetConfig {
            in_channels: self.in_channels,
            out_channels: self.out_channels.unwrap_or(self.in_channels),
            blocks: (0..levels).map(|level| self.block(level)).collect::<std::result::Result<_, _>>()?,
            layers_per_block: self.layers_per_block,
            text_width: self.cross_attention_dim,
            size_width: self.addition_time_embed_dim.ok_or_else(|| absent("addition_time_embed_dim"))?,
            projection: self
                .projection_class_embeddings_input_dim
                .ok_or_else(|| absent("projection_class_embeddings_input_dim"))?,
            groups: self.norm_num_groups,
            epsilon: self.norm_eps,
        })
    }

    fn check_family(&self) -> std::result::Result<(), String> {
        if self.addition_embed_type.as_deref() != Some("text_time") {
            let kind = self.addition_embed_type.as_deref().unwrap_or("null");
            return Err(format!(
                "`addition_embed_type` is {kind}, and SDXL's is text_time: it is another family"
            ));
        }
        if self.time_cond_proj_dim.is_some() {
            return Err(
                "`time_cond_proj_dim` is set (a guidance-distilled LCM UNet); use the LCM LoRA".to_owned()
            );
        }
        Ok(())
    }

    fn block(&self, level: usize) -> std::result::Result<BlockConfig, String> {
        let channels = self.block_out_channels[level];
        let kind = self.down_block_types[level].as_str();
        if !PLAIN.contains(&kind) && !ATTENDING.contains(&kind) {
            return Err(format!("`down_block_types` has {kind}, which SDXL has not"));
        }
        let too_short = |key: &str| format!("`{key}` has no value for level {level}");
        let heads = self.num_attention_heads.as_ref().unwrap_or(&self.attention_head_dim);
        let heads = heads.at(level).ok_or_else(|| too_short("attention_head_dim"))?;
        let depth = self.transformer_layers_per_block.at(level);
        let depth = depth.ok_or_else(|| too_short("transformer_layers_per_block"))?;
        if self.norm_num_groups == 0 || channels == 0 || !channels.is_multiple_of(self.norm_num_groups) {
            return Err(format!("{channels} channels are not {} groups", self.norm_num_groups));
        }
        if heads == 0 || !channels.is_multiple_of(heads) {
            return Err(format!("{channels} channels are not {heads} heads"));
        }
        Ok(BlockConfig { channels, heads, depth, attends: ATTENDING.contains(&kind) })
    }
}

/// Settings that change what a network computes without a tensor that would show it, and the only value that the
/// graphs here have.
const SETTINGS: [(&str, &str); 9] = [
    ("act_fn", "silu"),
    ("flip_sin_to_cos", "true"),
    ("freq_shift", "0"),
    ("center_input_sample", "false"),
    ("resnet_time_scale_shift", "default"),
    ("resnet_out_scale_factor", "1.0"),
    ("time_embedding_type", "positional"),
    ("dual_cross_attention", "false"),
    ("mid_block_scale_factor", "1"),
];

/// Refuses a file whose settings have other values than `allowed`; absent ones and null are as allowed.
pub(super) fn fixed(json: &str, title: &str, allowed: &[(&str, &str)]) -> Result<()> {
    let settings: serde_json::Map<String, serde_json::Value> = parse("network", json, title)?;
    for (key, wanted) in allowed {
        let found = settings.get(*key).filter(|value| !value.is_null());
        let text = found.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let same = |text: &String| {
            text == wanted
                || text.parse::<f64>().ok() == wanted.parse::<f64>().ok() && text.parse::<f64>().is_ok()
        };
        if let Some(text) = text.filter(|text| !same(text)) {
            return Err(unusable(title, &format!("`{key}` is {text}; only {wanted} is supported")));
        }
    }
    Ok(())
}

/// Extents that a network may have along an axis.
pub(super) const EXTENTS: RangeInclusive<usize> = 1..=1 << 16;

/// Says which key is out of range.
pub(super) fn within(
    key: &str,
    value: usize,
    range: RangeInclusive<usize>,
) -> std::result::Result<(), String> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(format!("`{key}` is {value}; it goes from {} to {}", range.start(), range.end())),
    }
}

/// Reads the configuration of a network; `what` says which kind, for whoever named another one.
pub(super) fn parse<T: DeserializeOwned>(what: &str, json: &str, title: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| unusable(title, &format!("it describes no {what} ({error})")))
}

pub(super) fn unusable(title: &str, why: &str) -> InferenceError {
    InferenceError::new(ErrorKind::ModelCorrupt, format!("{title}: {why}"))
}
