//! Models of other families, and parts given in each other's places.

use super::{scratch, whole};
use crate::layouts::{write_json, write_lora};
use crate::support::cases::cases;
use crate::support::checkpoint::Tensors;
use reelsmith_inference::diffusion::checkpoint::{Checkpoint, controlnet};
use reelsmith_inference::diffusion::lora::Lora;
use reelsmith_inference_core::ErrorKind;
use serde_json::{Value, json};

/// What is said of a checkpoint with tensors of these names.
fn said(names: &[&str]) -> String {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    let mut tensors = Tensors::default();
    names.iter().for_each(|name| tensors.floats(name, &[1], &[0.0]));
    tensors.write(&path);
    let error = Checkpoint::open(&path, None).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
    error.to_string()
}

#[test]
fn another_family_is_recognised_by_its_keys() {
    let unet = "model.diffusion_model.input_blocks.0.0.weight";
    let vae = "first_stage_model.decoder.conv_in.weight";
    for (family, names) in [
        (
            "Stable Diffusion 1",
            vec![unet, vae, "cond_stage_model.transformer.text_model.embeddings.token_embedding.weight"],
        ),
        ("Stable Diffusion 2", vec![unet, vae, "cond_stage_model.model.positional_embedding"]),
        ("Stable Diffusion 3", vec![vae, "model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"]),
        ("Flux", vec!["double_blocks.0.img_attn.qkv.weight", "single_blocks.0.linear1.weight"]),
        ("Flux", vec!["model.diffusion_model.double_blocks.0.img_attn.qkv.weight", vae]),
        (
            "refiner",
            vec![unet, vae, "conditioner.embedders.0.model.transformer.resblocks.0.attn.in_proj_weight"],
        ),
        ("a LoRA", vec!["lora_unet_mid_block_attentions_0_proj_in.lora_down.weight"]),
        ("a LoRA", vec!["unet.mid_block.attentions.0.proj_in.lora_A.weight"]),
        (
            "a ControlNet",
            vec!["controlnet_cond_embedding.conv_in.weight", "down_blocks.0.resnets.0.conv1.weight"],
        ),
        ("--vae", vec!["decoder.conv_in.weight", "encoder.conv_in.weight"]),
        ("the folder", vec!["down_blocks.0.resnets.0.conv1.weight", "conv_in.weight"]),
        ("no known family", vec!["layers.0.self_attn.q_proj.weight"]),
    ] {
        let message = said(&names);
        assert!(message.contains(family), "{family}: {message}");
    }
}

/// The UNet's settings that Stable Diffusion 1.5 is published with, as far as they say anything.
fn sd15() -> Value {
    json!({
        "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "act_fn": "silu",
        "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280], "cross_attention_dim": 768,
        "down_block_types":
            ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
        "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"],
        "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2, "norm_eps": 1e-5,
        "norm_num_groups": 32, "out_channels": 4, "sample_size": 64,
    })
}

#[test]
fn settings_of_another_family_are_refused_as_such() {
    let scratch = scratch();
    let folder = scratch.path();
    write_json(&folder.join("unet/config.json"), &sd15());
    let message = Checkpoint::open(folder, None).unwrap_err().to_string();
    assert!(message.contains("another family") && message.contains("unet/config.json"), "{message}");
    let mut settings = sd15();
    settings["_class_name"] = "ControlNetModel".into();
    settings["conditioning_embedding_out_channels"] = json!([16, 32, 96, 256]);
    let net = folder.join("net");
    write_json(&net.join("config.json"), &settings);
    let mut tensors = Tensors::default();
    tensors.floats("controlnet_cond_embedding.conv_in.weight", &[1], &[0.0]);
    tensors.write(&net.join("diffusion_pytorch_model.safetensors"));
    for path in [net.clone(), net.join("diffusion_pytorch_model.safetensors")] {
        let error = controlnet(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        assert!(error.to_string().contains("another family"), "{error}");
    }
}

#[test]
fn what_is_no_controlnet_is_told_what_it_is() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    whole().write(&path);
    let message = controlnet(&path).unwrap_err().to_string();
    assert!(message.contains("no ControlNet"), "{message}");
    let mut original = Tensors::default();
    original.floats("control_model.input_blocks.0.0.weight", &[1], &[0.0]);
    original.write(&path);
    let message = controlnet(&path).unwrap_err().to_string();
    assert!(message.contains("original names") && message.contains("diffusers' file"), "{message}");
}

/// What is said of a LoRA with these matrices when it is applied to the committed model.
#[track_caller]
fn lora_said(tensors: &Tensors) -> String {
    let scratch = scratch();
    let (lora, model) = (scratch.path().join("lora.safetensors"), scratch.path().join("model.safetensors"));
    tensors.write(&lora);
    whole().write(&model);
    let mut checkpoint = Checkpoint::open(&model, None).expect("the checkpoint is whole");
    let before = format!("{checkpoint:?}");
    let error =
        Lora::open(&lora).and_then(|lora| lora.apply(&mut checkpoint, 1.0)).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
    assert_eq!(format!("{checkpoint:?}"), before, "nothing is changed by a LoRA that does not fit");
    let message = error.to_string();
    assert!(message.contains(lora.to_str().expect("a path in UTF-8")), "{message}");
    message
}

fn matrices(layer: &str, down: &[usize], up: &[usize]) -> Tensors {
    let mut tensors = Tensors::default();
    for (role, shape) in [("lora_down", down), ("lora_up", up)] {
        tensors.floats(&format!("{layer}.{role}.weight"), shape, &vec![0.5; shape.iter().product()]);
    }
    tensors
}

#[test]
fn a_lora_for_another_base_is_refused_by_the_layer_that_does_not_fit() {
    let layer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k";
    let mut tensors = matrices(layer, &[4, 768], &[128, 4]);
    // One that fits goes before it.
    for (name, shape) in [("lora_down", [2, 128]), ("lora_up", [128, 2])] {
        tensors.floats(
            &format!("lora_unet_mid_block_attentions_0_proj_in.{name}.weight"),
            &shape,
            &[0.1; 256],
        );
    }
    let message = lora_said(&tensors);
    assert!(message.contains("attn2.to_k") && message.contains("128 x 768"), "{message}");
    assert!(message.contains("another base model"), "{message}");
    let layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k";
    let message = lora_said(&matrices(layer, &[4, 768], &[320, 4]));
    assert!(message.contains("down_blocks_0_attentions_0") && message.contains("no layer"), "{message}");
    let text = "lora_te_text_model_encoder_layers_0_mlp_fc1";
    let message = lora_said(&matrices(text, &[4, 768], &[3072, 4]));
    assert!(message.contains("Stable Diffusion 1"), "{message}");
    let flux = "lora_unet_double_blocks_0_img_attn_qkv";
    let message = lora_said(&matrices(flux, &[4, 3072], &[9216, 4]));
    assert!(message.contains("double_blocks"), "{message}");
}

#[test]
fn a_lora_that_is_damaged_is_refused_by_the_layer() {
    let layer = "lora_unet_mid_block_attentions_0_proj_in";
    let fitting = || matrices(layer, &[4, 128], &[128, 4]);
    let mut half = fitting();
    half.take(&format!("{layer}.lora_up.weight"));
    assert!(lora_said(&half).contains("only one of its two matrices"));
    for (down, up) in [([4, 128], [128, 3]), ([0, 128], [128, 0]), ([128, 4], [4, 128])] {
        let message = lora_said(&matrices(layer, &down, &up));
        assert!(
            message.contains("attentions_0_proj_in") || message.contains("attentions.0.proj_in"),
            "{message}"
        );
    }
    for alpha in [f32::NAN, f32::INFINITY] {
        let mut tensors = fitting();
        tensors.floats(&format!("{layer}.alpha"), &[], &[alpha]);
        assert!(lora_said(&tensors).contains("alpha"));
    }
    let mut other = fitting();
    other.floats(&format!("{layer}.hada_w1_a"), &[1], &[0.0]);
    assert!(lora_said(&other).contains("LoHa"));
    let mut odd = fitting();
    odd.floats("lora_unet_mid_block_attentions_0_proj_in.diff", &[1], &[0.0]);
    assert!(lora_said(&odd).contains(".diff"));
    assert!(lora_said(&whole()).contains("no part of a LoRA"));
    let mut untold = fitting();
    untold.about("lora_adapter_metadata", "{");
    assert!(lora_said(&untold).contains("lora_adapter_metadata"));
}

#[test]
fn a_lora_of_two_keys_for_one_layer_is_not_taken_twice() {
    let case = &cases("checkpoint")[0];
    let scratch = scratch();
    let path = scratch.path().join("lora.safetensors");
    write_lora(&path, case, "kohya");
    assert!(Lora::open(&path).is_ok());
    let mut twice = matrices("lora_unet_mid_block_attentions_0_proj_in", &[4, 128], &[128, 4]);
    for (role, shape) in [("lora_A", [4, 128]), ("lora_B", [128, 4])] {
        twice.floats(&format!("unet.mid_block.attentions.0.proj_in.{role}.weight"), &shape, &[0.5; 512]);
    }
    let message = lora_said(&twice);
    assert!(message.contains("twice"), "{message}");
}

#[test]
fn a_checkpoint_of_other_noise_levels_is_told() {
    let scratch = scratch();
    let path = scratch.path().join("model.safetensors");
    let mut tensors = whole();
    tensors.floats("edm_vpred.sigma_max", &[1], &[120.0]);
    tensors.write(&path);
    let error = Checkpoint::open(&path, None).expect_err("it is refused");
    assert!(error.to_string().contains("EDM"), "{error}");
}
