//! What a file that is no SDXL checkpoint probably is, so that an error can say it.

use reelsmith_graph::Weights;
use std::path::{Path, PathBuf};

/// Why a pickled file is refused, and what to do.
pub(super) const PICKLED: &str = "it is a pickled PyTorch file, which may run anything when it is opened and is never \
                                  loaded; use the `.safetensors` file of the same model";

/// Signs of a family, the most telling first: part of a name, and what has such a name.
const SIGNS: [(&str, &str); 14] = [
    ("lora_down.", "a LoRA; name it with --lora"),
    ("lora_A.", "a LoRA; name it with --lora"),
    (".lora.down.", "a LoRA; name it with --lora"),
    ("controlnet_cond_embedding.", "a ControlNet; name it with --control"),
    ("control_model.", "a ControlNet in its original names, which are not supported; use diffusers' file"),
    ("double_blocks.", "Flux"),
    ("joint_blocks.", "Stable Diffusion 3"),
    ("conditioner.embedders.0.model.", "the SDXL refiner, which is not supported"),
    ("cond_stage_model.transformer.", "Stable Diffusion 1"),
    ("cond_stage_model.model.", "Stable Diffusion 2"),
    ("model.diffusion_model.", "a diffusion model without SDXL's text encoders"),
    ("down_blocks.", "a single network in diffusers' names; give the folder that has all of them"),
    ("first_stage_model.", "an autoencoder; name it with --vae"),
    ("decoder.", "an autoencoder; name it with --vae"),
];

/// "it looks like …", from the names of its tensors.
pub(super) fn looks_like(weights: &Weights) -> String {
    let has = |sign: &str| weights.iter().any(|(name, _)| name.contains(sign));
    match SIGNS.iter().find(|(sign, _)| has(sign)) {
        Some((_, family)) => format!("it looks like {family}"),
        None => match weights.iter().next() {
            Some((name, _)) => format!("it has `{name}` and the like, which no known family has"),
            None => "it has no tensors".to_owned(),
        },
    }
}

/// A file in `folder` whose ending says that it is pickled.
pub(super) fn pickled_in(folder: &Path) -> Option<PathBuf> {
    let pickled = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        ["bin", "ckpt", "pt", "pth"].contains(&ending)
    };
    std::fs::read_dir(folder).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(pickled)
}
