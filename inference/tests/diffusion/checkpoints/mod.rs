//! Checkpoints as people publish them, against diffusers: `tests/reference/checkpoints.py`.

mod damage;
mod strangers;

use crate::layouts::{lora, single, write_folder, write_json, write_lora};
use crate::networks::unet::inputs;
use crate::networks::{BAR, array, open};
use crate::support::cases::{Case, cases, relative_error};
use crate::support::checkpoint::{Tensors, load_runtime};
use reelsmith_graph::{Model, Target};
use reelsmith_inference::diffusion::checkpoint::Checkpoint;
use reelsmith_inference::diffusion::clip::text_encoder;
use reelsmith_inference::diffusion::lora::Lora;
use reelsmith_inference::diffusion::unet::unet;
use reelsmith_inference::diffusion::vae::{decoder, encoder};
use reelsmith_inference::network::{Array, Feed};
use reelsmith_inference_core::Result;
use safetensors::Dtype;
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DTYPES: [(Dtype, &str); 3] = [(Dtype::F32, "f32"), (Dtype::F16, "f16"), (Dtype::BF16, "bf16")];

fn scratch() -> TempDir {
    tempfile::tempdir().expect("a scratch folder")
}

/// The committed case's model in one file.
fn whole() -> Tensors {
    single(&cases("checkpoint")[0], Dtype::F32)
}

/// The model of a case in both layouts, in `scratch`.
fn both(scratch: &TempDir, case: &Case, dtype: Dtype) -> [PathBuf; 2] {
    let (folder, file) = (scratch.path().join("folder"), scratch.path().join("model.safetensors"));
    write_folder(&folder, case, dtype, |_, _, _| ());
    single(case, dtype).write(&file);
    [folder, file]
}

/// Graphs of all networks, which is when every tensor has been looked for.
fn graphs(checkpoint: &Checkpoint) -> Result<[Model; 5]> {
    let Checkpoint { unet: unet_part, vae, text: [first, second], .. } = checkpoint;
    let target = Target::CPU;
    let made = [
        unet(&unet_part.config, &unet_part.weights, target, false)?,
        text_encoder(&first.config, &first.weights, target)?,
        text_encoder(&second.config, &second.weights, target)?,
        decoder(&vae.config, &vae.weights, target)?,
        encoder(&vae.config, &vae.weights, target)?,
    ];
    vae.weights.all_used()?;
    Ok(made)
}

/// What the networks make of a case's inputs, by the names of its arrays.
fn answers(case: &Case, checkpoint: &Checkpoint) -> Vec<(&'static str, Array)> {
    load_runtime();
    let [unet, first, second, decoder, encoder] = graphs(checkpoint).expect("graphs are written");
    let inputs = inputs(case, &checkpoint.unet.config);
    let feeds: Vec<(&str, Feed<'_>)> = inputs.iter().map(|(name, array)| (*name, array.into())).collect();
    let mut made = vec![("noise", open("UNet", &unet).run(&feeds, &["noise"]).expect("the UNet runs"))];
    let (ids, shape) = (case.integers("ids"), case.tensor("ids").shape.clone());
    // The script ends the text at its eighth token.
    let (end, one) = ([7i64], [1usize]);
    let layer = |n: usize| format!("hidden_{}", checkpoint.text[n].config.num_hidden_layers - 1);
    let mut feeds = vec![("ids", Feed::Ints(&shape, &ids))];
    made.push(("hidden", open("text encoder", &first).run(&feeds, &[&layer(0)]).expect("the encoder runs")));
    feeds.push(("ends", Feed::Ints(&one, &end)));
    let mut second =
        open("text encoder", &second).run(&feeds, &[&layer(1), "pooled"]).expect("the encoder runs");
    made.push(("pooled_2", vec![second.remove(1)]));
    made.push(("hidden_2", second));
    let (latents, picture) = (array(case, "latents"), array(case, "picture"));
    let decoded = open("decoder", &decoder).run(&[("latents", (&latents).into())], &["picture"]);
    made.push(("decoded", decoded.expect("the decoder runs")));
    let moments = open("encoder", &encoder).run(&[("picture", (&picture).into())], &["moments"]);
    made.push(("moments", moments.expect("the encoder runs")));
    made.into_iter().map(|(name, mut arrays)| (name, arrays.remove(0))).collect()
}

/// Asks that every answer that was recorded under `suffix` be given.
#[track_caller]
fn check(case: &Case, checkpoint: &Checkpoint, suffix: &str) {
    let mut compared = 0;
    for (name, got) in answers(case, checkpoint) {
        let name = format!("{name}.{suffix}");
        if case.has(&name) {
            let error = relative_error(&got.data, &case.floats(&name));
            assert!(error <= BAR, "{} {name} from {}: {error:e}", case.name, checkpoint.unet.weights.title);
            compared += 1;
        }
    }
    assert!(compared >= 4, "{} has {compared} arrays of {suffix}", case.name);
}

#[test]
fn both_layouts_answer_like_diffusers_in_every_precision() {
    for case in cases("checkpoint") {
        for (dtype, suffix) in DTYPES {
            let scratch = scratch();
            for path in both(&scratch, &case, dtype) {
                check(&case, &Checkpoint::open(&path, None).unwrap(), suffix);
            }
        }
    }
}

#[test]
fn loras_change_both_layouts_as_they_change_diffusers() {
    for case in cases("checkpoint") {
        let scratch = scratch();
        for path in both(&scratch, &case, Dtype::F32) {
            let mut checkpoint = Checkpoint::open(&path, None).unwrap();
            for lora in case.json["applied"].as_array().unwrap() {
                let name = lora["model"].as_str().unwrap();
                let path = scratch.path().join(format!("{name}.safetensors"));
                write_lora(&path, &case, name);
                let weight = lora["weight"].as_f64().unwrap() as f32;
                Lora::open(&path).unwrap().apply(&mut checkpoint, weight).unwrap();
            }
            check(&case, &checkpoint, "lora");
        }
    }
}

/// Answers of the file `model` with the LoRA `lora`.
fn adapted(case: &Case, model: &Tensors, lora: &Tensors) -> Vec<(&'static str, Array)> {
    let scratch = scratch();
    let (model_path, lora_path) =
        (scratch.path().join("model.safetensors"), scratch.path().join("lora.safetensors"));
    model.write(&model_path);
    lora.write(&lora_path);
    let mut checkpoint = Checkpoint::open(&model_path, None).expect("it opens");
    Lora::open(&lora_path).expect("it fits").apply(&mut checkpoint, 0.9).expect("it fits");
    answers(case, &checkpoint)
}

#[test]
fn loras_and_checkpoints_of_any_precision_go_together() {
    let case = &cases("checkpoint")[0];
    for (model, lora_type) in [(Dtype::F16, Dtype::F32), (Dtype::F16, Dtype::F16), (Dtype::F32, Dtype::BF16)]
    {
        let (model, lora) = (single(case, model), lora(case, "kohya", lora_type));
        let wide = adapted(case, &model.widened(), &lora.widened());
        for ((name, got), (_, expected)) in adapted(case, &model, &lora).iter().zip(&wide) {
            let error = relative_error(&got.data, &expected.data);
            assert!(error <= 1e-5, "{name}: {error:e}");
        }
    }
}

/// Writes the tensors of `network` in two files with an index.
fn shard(folder: &Path, tensors: &Tensors, stem: &str) {
    let names: Vec<String> = tensors.names().map(str::to_owned).collect();
    let file = |n: usize| format!("{stem}-0000{}-of-00002.safetensors", n + 1);
    let mut map = serde_json::Map::new();
    for part in 0..2 {
        let mut half = tensors.clone();
        for (n, name) in names.iter().enumerate() {
            match n % 2 == part {
                true => drop(map.insert(name.clone(), file(part).into())),
                false => drop(half.take(name)),
            }
        }
        half.write(&folder.join(file(part)));
    }
    let index = json!({"metadata": {"total_size": 1}, "weight_map": map});
    write_json(&folder.join(format!("{stem}.safetensors.index.json")), &index);
}

#[test]
fn weights_lie_in_several_files_or_in_the_half_precision_variant() {
    let case = &cases("checkpoint")[0];
    let scratch = scratch();
    let folder = scratch.path().join("shards");
    write_folder(&folder, case, Dtype::F16, |_, _, _| ());
    let unet = folder.join("unet/diffusion_pytorch_model.safetensors");
    std::fs::remove_file(&unet).unwrap();
    let weights = case.shapes("/unet/weights");
    let tensors = Tensors::of(Dtype::F16).filled(&weights, "unet.", case.seed());
    shard(&folder.join("unet"), &tensors, "diffusion_pytorch_model");
    let text = folder.join("text_encoder");
    std::fs::rename(text.join("model.safetensors"), text.join("model.fp16.safetensors")).unwrap();
    check(case, &Checkpoint::open(&folder, None).unwrap(), "f16");
}

#[test]
fn an_autoencoder_from_elsewhere_takes_the_place_of_the_checkpoints_own() {
    let case = &cases("checkpoint")[0];
    let scratch = scratch();
    let [folder, file] = both(&scratch, case, Dtype::F32);
    let mut without = single(case, Dtype::F32);
    let own: Vec<String> =
        without.names().filter(|name| name.starts_with("first_stage_model.")).map(str::to_owned).collect();
    // As VAE files are published: the original names without their prefix.
    let mut alone = Tensors::default();
    for name in own {
        alone.put(&name["first_stage_model.".len()..], without.take(&name));
    }
    alone.write(&scratch.path().join("vae.safetensors"));
    without.write(&file);
    let error = Checkpoint::open(&file, None).unwrap_err().to_string();
    assert!(error.contains("no autoencoder") && error.contains("--vae"), "{error}");
    let diffusers = folder.join("vae/diffusion_pytorch_model.safetensors");
    for vae in [folder.join("vae"), scratch.path().join("vae.safetensors"), diffusers] {
        let checkpoint = Checkpoint::open(&file, Some(&vae)).unwrap();
        assert_eq!(checkpoint.files.len(), 2, "{:?}", checkpoint.files);
        check(case, &checkpoint, "f32");
    }
}

#[test]
fn older_names_of_the_autoencoders_attention_are_known() {
    let case = &cases("checkpoint")[0];
    let scratch = scratch();
    let folder = scratch.path().join("older");
    let older = [("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")];
    write_folder(&folder, case, Dtype::F32, |network, tensors, _| {
        let names: Vec<String> = tensors.names().map(str::to_owned).collect();
        for name in names.iter().filter(|name| network == "vae" && name.contains("attentions.0.to_")) {
            let renamed = older.iter().fold(name.clone(), |name, (new, old)| name.replace(new, old));
            let tensor = tensors.take(name);
            tensors.put(&renamed, tensor);
        }
    });
    check(case, &Checkpoint::open(&folder, None).unwrap(), "f32");
}

#[test]
fn keys_tell_that_a_file_predicts_velocity() {
    use reelsmith_inference::diffusion::schedule::PredictionType;
    let scratch = scratch();
    let file = scratch.path().join("v.safetensors");
    let mut tensors = whole();
    let schedule = |tensors: &Tensors| {
        tensors.write(&file);
        let schedule = Checkpoint::open(&file, None).unwrap().schedule;
        (schedule.prediction_type, schedule.rescale_betas_zero_snr)
    };
    assert_eq!(schedule(&tensors), (PredictionType::Epsilon, false));
    tensors.floats("v_pred", &[0], &[]);
    assert_eq!(schedule(&tensors), (PredictionType::VPrediction, false));
    tensors.floats("ztsnr", &[0], &[]);
    assert_eq!(schedule(&tensors), (PredictionType::VPrediction, true));
}
