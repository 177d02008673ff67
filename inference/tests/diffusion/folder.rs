//! The small model of a case (`tests/reference/models.py`) in diffusers' layout: folders on disk.

use crate::support::cases::Case;
use crate::support::checkpoint::Tensors;
use safetensors::Dtype;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Networks of a model by their folders, each with the stem of its weight file.
const NETWORKS: [(&str, &str); 4] = [
    ("unet", "diffusion_pytorch_model"),
    ("vae", "diffusion_pytorch_model"),
    ("text_encoder", "model"),
    ("text_encoder_2", "model"),
];

/// Models, LoRAs and ControlNets, each written once.
pub(crate) struct Shelf {
    folder: TempDir,
    checkpoints: usize,
}

impl Shelf {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        Self { folder, checkpoints: 0 }
    }

    /// The checkpoint that a case of `pipelines.py` was made with.
    pub(crate) fn checkpoint(&mut self, case: &Case) -> PathBuf {
        let channels = case.number("/unet_channels") as usize;
        let networks = self.networks(case, channels);
        self.checkpoints += 1;
        let checkpoint = self.folder.path().join(format!("checkpoint-{}", self.checkpoints));
        for (network, stem) in NETWORKS {
            fs::create_dir_all(checkpoint.join(network)).unwrap();
            for file in ["config.json", &format!("{stem}.safetensors")] {
                fs::hard_link(networks.join(network).join(file), checkpoint.join(network).join(file))
                    .unwrap();
            }
        }
        let index = json!({"force_zeros_for_empty_prompt": case.json["zeros_for_empty"]});
        write_json(&checkpoint.join("model_index.json"), &index);
        write_json(&checkpoint.join("scheduler/scheduler_config.json"), &case.json["schedule"]);
        checkpoint
    }

    /// The folder with the networks of a case's model.
    fn networks(&self, case: &Case, channels: usize) -> PathBuf {
        let model = model_of(case);
        let folder = self.folder.path().join(format!("{}-{channels}", model.name));
        if !folder.exists() {
            write_folder(&folder, &model, Dtype::F32, |network, tensors, config| {
                if network == "unet" {
                    let mut shapes = model.shapes("/unet/weights");
                    let first = shapes.get_mut("conv_in.weight").expect("a UNet has one");
                    first[1] = channels;
                    config["in_channels"] = channels.into();
                    *tensors = Tensors::default().filled(&shapes, "unet.", model.seed());
                }
            });
        }
        folder
    }

    /// A LoRA or a ControlNet of a case's model.
    pub(crate) fn named(&self, case: &Case, name: &str) -> PathBuf {
        let model = model_of(case);
        let path = self.folder.path().join(format!("{}-{name}", model.name));
        let lora = &model.json["loras"][name];
        if lora.is_object() {
            let path = path.with_extension("safetensors");
            write_lora(&path, &model, name);
            return path;
        }
        if !path.exists() {
            let weights = model.shapes("/controlnet/weights");
            let tensors = Tensors::default().filled(&weights, &format!("control.{name}."), model.seed());
            tensors.write(&path.join("diffusion_pytorch_model.safetensors"));
            write_json(&path.join("config.json"), &model.json["controlnet"]["config"]);
        }
        path
    }
}

/// The model that a case of `pipelines.py` was made with.
fn model_of(case: &Case) -> Case {
    case.beside(case.json["model"].as_str().expect("a case names its model"))
}

/// Writes the networks of `model` as diffusers does; `change` may alter what is written of each.
pub(crate) fn write_folder(
    folder: &Path,
    model: &Case,
    dtype: Dtype,
    change: impl Fn(&str, &mut Tensors, &mut Value),
) {
    for (network, stem) in NETWORKS {
        let weights = model.shapes(&format!("/{network}/weights"));
        let mut tensors = Tensors::of(dtype).filled(&weights, &format!("{network}."), model.seed());
        let mut config = model.json[network]["config"].clone();
        change(network, &mut tensors, &mut config);
        tensors.write(&folder.join(network).join(format!("{stem}.safetensors")));
        write_json(&folder.join(network).join("config.json"), &config);
    }
}

/// Writes the LoRA `name` of `model`.
pub(crate) fn write_lora(path: &Path, model: &Case, name: &str) {
    let mut tensors = Tensors::default().filled(
        &model.shapes(&format!("/loras/{name}/weights")),
        &format!("lora.{name}."),
        model.seed(),
    );
    let lora = &model.json["loras"][name];
    for (key, alpha) in lora["alphas"].as_object().expect("alphas") {
        tensors.floats(key, &[], &[alpha.as_f64().expect("a number") as f32]);
    }
    for (key, text) in lora["metadata"].as_object().expect("metadata") {
        tensors.about(key, text.as_str().expect("a text"));
    }
    tensors.write(path);
}

pub(crate) fn write_json(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().expect("a file has a folder")).unwrap();
    fs::write(path, value.to_string()).unwrap();
}
