//! Diffusers' layout: a folder for each network, with `config.json` and one or several safetensors files.

use super::{Checkpoint, Part, family, layout};
use crate::diffusion::clip::ClipConfig;
use crate::diffusion::config::UnetConfig;
use crate::diffusion::controlnet::ControlNetConfig;
use crate::diffusion::schedule::ScheduleConfig;
use crate::diffusion::vae::VaeConfig;
use reelsmith_graph::Weights;
use reelsmith_graph::weights::open_regular;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest file of settings that is read; an index of a hundred thousand tensors is shorter.
const MOST_JSON: u64 = 32 << 20;

/// Names of weight files without their ending: diffusers' for its networks, transformers' for the text encoders.
const STEMS: [&str; 2] = ["diffusion_pytorch_model", "model"];

pub(super) fn open(path: &Path) -> Result<Checkpoint> {
    let index: Index = match path.join("model_index.json") {
        file if file.is_file() => parse(&file)?,
        _ => Index::default(),
    };
    let unet = path.join("unet");
    if !unet.is_dir() {
        return Err(InferenceError::new(
            ErrorKind::ModelMissing,
            format!(
                "{} has no folder `unet`; give a folder in diffusers' layout or a .safetensors file",
                path.display()
            ),
        ));
    }
    let unet = self::unet(&unet)?;
    let text = [text(&path.join("text_encoder"))?, text(&path.join("text_encoder_2"))?];
    let vae = vae(&path.join("vae"))?;
    let schedule = match path.join("scheduler/scheduler_config.json") {
        file if file.is_file() => ScheduleConfig::parse(read(&file)?.as_bytes())?,
        _ => ScheduleConfig::default(),
    };
    let tokenizers = [path.join("tokenizer"), path.join("tokenizer_2")];
    let tokenizers = tokenizers.iter().all(|folder| folder.is_dir()).then_some(tokenizers);
    let parts = [&unet.weights, &text[0].weights, &text[1].weights, &vae.weights];
    let files = parts.iter().flat_map(|weights| weights.files()).collect();
    let zeros_for_empty = index.force_zeros_for_empty_prompt.unwrap_or(true);
    Ok(Checkpoint { unet, vae, text, schedule, tokenizers, zeros_for_empty, files })
}

/// What is needed of `model_index.json`.
#[derive(Default, Deserialize)]
struct Index {
    force_zeros_for_empty_prompt: Option<bool>,
}

pub(super) fn unet(folder: &Path) -> Result<Part<UnetConfig>> {
    let title = folder.join("config.json");
    let config = UnetConfig::parse(&read(&title)?, &title.display().to_string())?;
    Ok(Part { config, weights: layout::attending(weights(folder)?)? })
}

pub(super) fn vae(folder: &Path) -> Result<Part<VaeConfig>> {
    let title = folder.join("config.json");
    let config = VaeConfig::parse(&read(&title)?, &title.display().to_string())?;
    Ok(Part { config, weights: layout::autoencoder(weights(folder)?) })
}

/// A ControlNet; a file stands for its folder, or for SDXL's shape where no configuration lies beside it.
pub(super) fn controlnet(path: &Path) -> Result<Part<ControlNetConfig>> {
    let (folder, weights) = match path.is_dir() {
        true => (path, weights(path)?),
        false => (path.parent().unwrap_or(path), Weights::open(&[path.to_path_buf()])?),
    };
    let title = folder.join("config.json");
    let config = match title.is_file() || path.is_dir() {
        true => ControlNetConfig::parse(&read(&title)?, &title.display().to_string())?,
        false => ControlNetConfig::sdxl(),
    };
    if !weights.has("controlnet_cond_embedding.conv_in.weight") {
        let title = &weights.title;
        return Err(InferenceError::corrupt(format!(
            "{title} is no ControlNet: {}",
            family::looks_like(&weights)
        )));
    }
    Ok(Part { config, weights: layout::attending(weights)? })
}

fn text(folder: &Path) -> Result<Part<ClipConfig>> {
    let title = folder.join("config.json");
    let config = ClipConfig::parse(&read(&title)?, &title.display().to_string())?;
    Ok(Part { config, weights: layout::text(weights(folder)?) })
}

/// The tensors of a network's folder: one file, the files that an index names, or the half-precision variant.
pub(in crate::diffusion) fn weights(folder: &Path) -> Result<Weights> {
    for variant in ["", ".fp16"] {
        for stem in STEMS {
            let index = folder.join(format!("{stem}.safetensors.index{variant}.json"));
            if index.is_file() {
                return Weights::open(&shards(folder, &index)?)
                    .map(|w| w.titled(folder.display().to_string()));
            }
            let file = folder.join(format!("{stem}{variant}.safetensors"));
            if file.is_file() {
                return Weights::open(&[file]);
            }
        }
    }
    Err(match family::pickled_in(folder) {
        Some(file) => InferenceError::corrupt(format!("{}: {}", file.display(), family::PICKLED)),
        None => {
            let message = format!("{} has no `{}.safetensors`", folder.display(), STEMS[0]);
            InferenceError::new(ErrorKind::ModelMissing, message)
        }
    })
}

#[derive(Deserialize)]
struct Shards {
    weight_map: BTreeMap<String, String>,
}

/// The files that an index names, which must lie beside it.
fn shards(folder: &Path, index: &Path) -> Result<Vec<PathBuf>> {
    let shards: Shards = parse(index)?;
    let names: BTreeSet<String> = shards.weight_map.into_values().collect();
    let outside = |name: &String| Path::new(name).components().count() != 1 || name.starts_with('.');
    match names.iter().find(|name| outside(name)) {
        Some(name) => {
            Err(InferenceError::corrupt(format!("{}: `{name}` is no file beside it", index.display())))
        }
        None => Ok(names.iter().map(|name| folder.join(name)).collect()),
    }
}

fn parse<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_str(&read(path)?)
        .map_err(|error| InferenceError::corrupt(format!("{}: {error}", path.display())))
}

/// A file of settings, bounded.
fn read(path: &Path) -> Result<String> {
    let failed = |error: std::io::Error| {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::ModelMissing,
            _ => ErrorKind::ModelCorrupt,
        };
        InferenceError::new(kind, format!("{} cannot be read", path.display())).with_source(error)
    };
    let mut text = String::new();
    let length = open_regular(path)
        .and_then(|file| file.take(MOST_JSON + 1).read_to_string(&mut text))
        .map_err(failed)?;
    match length as u64 > MOST_JSON {
        true => Err(InferenceError::corrupt(format!("{} is longer than {MOST_JSON} bytes", path.display()))),
        false => Ok(text),
    }
}
