//! Small models (`tests/reference/{models,checkpoints}.py`) on disk: in diffusers' folders, and in one file.

use crate::support::cases::Case;
use crate::support::checkpoint::Tensors;
use crate::support::fill::filled;
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
            fs::create_dir_all(checkpoint.join(network)).expect("a folder is made");
            for file in ["config.json", &format!("{stem}.safetensors")] {
                fs::hard_link(networks.join(network).join(file), checkpoint.join(network).join(file))
                    .expect("a file is linked");
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
pub(crate) fn model_of(case: &Case) -> Case {
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

/// Tensors of the one file with the original names, whose numbers are those of the folders. `position_ids`, which
/// files have and nothing needs, are there too.
pub(crate) fn single(model: &Case, dtype: Dtype) -> Tensors {
    let listed =
        |key: &str, name: &str| model.json[key].as_array().expect("a list").iter().any(|n| n == name);
    let mut tensors = Tensors::of(dtype);
    for (original, names) in model.json["original"].as_object().expect("original names") {
        let parts: Vec<(Vec<usize>, Vec<f32>)> =
            names.as_str().expect("names").split(' ').map(|name| tensor(model, name)).collect();
        let mut shape = parts[0].0.clone();
        shape[0] *= parts.len();
        let mut numbers: Vec<f32> = parts.into_iter().flat_map(|(_, numbers)| numbers).collect();
        if listed("transposed", original) {
            let columns = shape[1];
            numbers = (0..columns).flat_map(|c| numbers[c..].iter().step_by(columns)).copied().collect();
            shape.reverse();
        }
        if listed("pointwise", original) {
            shape.extend([1, 1]);
        }
        tensors.floats(original, &shape, &numbers);
    }
    tensors.floats("denoiser.sigmas", &[2], &[1.0, 0.5]);
    tensors.floats("conditioner.embedders.1.model.logit_scale", &[], &[4.6]);
    let ids = (0..77i64).flat_map(i64::to_le_bytes).collect();
    let name = "conditioner.embedders.0.transformer.text_model.embeddings.position_ids";
    tensors.raw(name, Dtype::I64, &[1, 77], ids);
    tensors
}

/// Shape and numbers of a tensor of the folders: "unet.conv_in.weight".
fn tensor(model: &Case, name: &str) -> (Vec<usize>, Vec<f32>) {
    let (network, tensor) = name.split_once('.').expect("a network and a name");
    let shape = &model.json[network]["weights"][tensor];
    let shape: Vec<usize> = serde_json::from_value(shape.clone()).expect("a shape");
    let numbers = filled(name, &shape, model.seed());
    (shape, numbers)
}

/// Writes the LoRA `name` of `model`.
pub(crate) fn write_lora(path: &Path, model: &Case, name: &str) {
    lora(model, name, Dtype::F32).write(path);
}

/// The LoRA `name` of `model`.
pub(crate) fn lora(model: &Case, name: &str, dtype: Dtype) -> Tensors {
    let mut tensors = Tensors::of(dtype).filled(
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
    tensors
}

pub(crate) fn write_json(path: &Path, value: &Value) {
    fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder is made");
    fs::write(path, value.to_string()).expect("a file is written");
}
