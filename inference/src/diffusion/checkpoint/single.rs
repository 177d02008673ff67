//! One file with the names of the original training code (Stability AI's `generative-models`, whose
//! `configs/inference/sd_xl_base.yaml` names the parts).

use super::{Checkpoint, Part, family, layout, names, shapes};
use crate::diffusion::schedule::{PredictionType, ScheduleConfig};
use crate::diffusion::vae::VaeConfig;
use reelsmith_graph::Weights;
use reelsmith_inference_core::{InferenceError, Result};
use std::path::Path;

const UNET: &str = "model.diffusion_model.";
const VAE: &str = "first_stage_model.";
const TEXT: &str = "conditioner.embedders.0.transformer.";
const TEXT_2: &str = "conditioner.embedders.1.model.";

/// Prefixes of what a checkpoint may hold beside its networks: copies and constants of the training.
const BESIDE: [&str; 4] =
    ["model_ema.", "denoiser.", "first_stage_model.loss.", "conditioner.embedders.1.model.logit_scale"];

/// Keys by which fine-tunes tell that they predict velocity, and that their schedule ends in pure noise.
const VELOCITY: &str = "v_pred";
const ZERO_SNR: &str = "ztsnr";

pub(super) fn open(path: &Path, without_vae: bool) -> Result<Checkpoint> {
    let all = Weights::open(&[path.to_path_buf()])?;
    let title = path.display().to_string();
    recognise(&all, &title)?;
    let below = |prefix: &str| layout::below(&all, prefix);
    let unet = names::unet_weights(&below(UNET))?.titled(format!("the UNet of {title}"));
    let text = layout::text(below(TEXT)).titled(format!("the first text encoder of {title}"));
    let text_2 = names::open_clip(below(TEXT_2))?.titled(format!("the second text encoder of {title}"));
    let text = [
        Part { config: shapes::clip(&text, "quick_gelu")?, weights: text },
        Part { config: shapes::clip(&text_2, "gelu")?, weights: text_2 },
    ];
    let config = shapes::unet(&unet, text[1].config.projection_dim)?;
    let unet = Part { config, weights: layout::attending(unet)? };
    let vae = match below(VAE) {
        weights if weights.iter().next().is_some() || !without_vae => vae(&weights.titled(&title), "")?,
        // It is replaced in a moment.
        weights => Part { config: VaeConfig::sdxl(), weights },
    };
    let schedule = schedule(&all);
    let files = vec![path.to_path_buf()];
    Ok(Checkpoint { unet, vae, text, schedule, tokenizers: None, zeros_for_empty: true, files })
}

/// Refuses what is no SDXL checkpoint, and tensors that belong to no part of one.
fn recognise(all: &Weights, title: &str) -> Result<()> {
    let known = |name: &str| {
        [UNET, VAE, TEXT, TEXT_2].iter().chain(&BESIDE).any(|prefix| name.starts_with(prefix))
            || [VELOCITY, ZERO_SNR].contains(&name)
    };
    if !all.iter().any(|(name, _)| name.starts_with(UNET))
        || !all.iter().any(|(name, _)| name.starts_with(TEXT_2))
    {
        return Err(InferenceError::corrupt(format!(
            "{title} is no SDXL checkpoint: {}",
            family::looks_like(all)
        )));
    }
    if let Some((name, _)) = all.iter().find(|(name, _)| name.starts_with("edm_")) {
        let why = "it was trained over EDM's noise levels, which are not supported";
        return Err(InferenceError::corrupt(format!("{title}: `{name}`: {why}")));
    }
    if let Some((name, _)) = all.iter().find(|(name, _)| !known(name)) {
        return Err(InferenceError::corrupt(format!(
            "{title}: `{name}` belongs to no part of an SDXL checkpoint"
        )));
    }
    Ok(())
}

/// How the file says that it was trained.
fn schedule(all: &Weights) -> ScheduleConfig {
    let mut schedule = ScheduleConfig::default();
    if all.has(VELOCITY) {
        schedule.prediction_type = PredictionType::VPrediction;
        schedule.rescale_betas_zero_snr = all.has(ZERO_SNR);
    }
    schedule
}

/// The autoencoder below `prefix`, in whichever of its three sets of names.
pub(super) fn vae(weights: &Weights, prefix: &str) -> Result<Part<VaeConfig>> {
    let title = weights.title.clone();
    let weights = layout::below(weights, prefix);
    if weights.iter().next().is_none() {
        return Err(InferenceError::corrupt(format!("{title} has no autoencoder; name one with --vae")));
    }
    if !weights.has("decoder.conv_in.weight") {
        return Err(InferenceError::corrupt(format!(
            "{title} is no autoencoder: {}",
            family::looks_like(&weights)
        )));
    }
    let named = names::vae_weights(&weights).titled(format!("the autoencoder of {title}"));
    Ok(Part { config: shapes::vae(&named)?, weights: named })
}
