//! The two networks from safetensors against spandrel (`tests/reference/rrdb.py`).

use crate::support::cases::{Case, cases, relative_error};
use crate::support::checkpoint::{load_runtime, write};
use crate::{drawn, enlarged, largest_difference, picture};
use reelsmith_graph::ncnn::{ENLARGED, PICTURE};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference::esrgan::{Esrgan, read};
use reelsmith_inference::network::{Array, Network};
use reelsmith_inference_core::image::{Upscale, UpscaleRequest};
use reelsmith_inference_core::{ErrorKind, InferenceError, NoControl};
use std::collections::BTreeMap;
use std::path::PathBuf;

const BAR: f32 = 1e-4;

/// A checkpoint on disk with these tensors.
fn checkpoint(weights: &BTreeMap<String, Vec<usize>>, seed: u64) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let file = folder.path().join("model.safetensors");
    write(&file, weights, "", seed);
    (folder, file)
}

fn of(case: &Case) -> (tempfile::TempDir, PathBuf) {
    checkpoint(&case.shapes("/weights"), case.seed())
}

#[test]
fn every_form_of_the_networks_agrees_with_the_reference() {
    load_runtime();
    for case in cases("rrdb") {
        let (_folder, file) = of(&case);
        for target in [Target::CPU, Target::PLAIN] {
            let enlarger = read(&file, target).unwrap();
            assert_eq!(enlarger.factor as f64, case.number("/factor"), "{}", case.name);
            let given = Array::new(&case.tensor("picture").shape, case.floats("picture"));
            let mut network = Network::open("upscaler", &enlarger.model, 2).unwrap();
            let made = network.run(&[(PICTURE, (&given).into())], &[ENLARGED]).unwrap();
            assert_eq!(made[0].shape, case.tensor("enlarged").shape, "{}", case.name);
            let error = relative_error(&made[0].data, &case.floats("enlarged"));
            println!("{}, fused {}: {error:e}", case.name, target.is_fused);
            assert!(error <= BAR, "{}, fused {}: {error:e}", case.name, target.is_fused);
        }
    }
}

#[test]
fn pictures_of_odd_sizes_come_out_as_the_references_do() {
    load_runtime();
    for case in cases("rrdb") {
        let (_folder, file) = of(&case);
        let mut upscaler = Esrgan::open(&file, 2).unwrap();
        assert_eq!(f64::from(upscaler.factor()), case.number("/factor"));
        let made = enlarged(&mut upscaler, &picture(&case, "pixels"), 0);
        let expected = picture(&case, "enlarged_pixels");
        // A number may lie between two bytes.
        assert!(largest_difference(&made.pixels, &expected.pixels) <= 1, "{}", case.name);
    }
}

#[test]
fn how_far_a_network_reaches_is_known() {
    load_runtime();
    // The change of one pixel goes so far and no further, in a network small enough to see the end of it.
    for case in cases("rrdb").iter().filter(|case| case.name.contains("compact")) {
        let (_folder, file) = of(case);
        let enlarger = read(&file, Target::CPU).unwrap();
        let mut network = Network::open("upscaler", &enlarger.model, 2).unwrap();
        let side = 4 * enlarger.reach + 3;
        let (middle, factor) = (side / 2, enlarger.factor);
        let mut made = |value: f32| {
            let mut given = Array::zeros(&[1, 3, side, side]);
            given.data[middle * side + middle] = value;
            network.run(&[(PICTURE, (&given).into())], &[ENLARGED]).unwrap().remove(0).data
        };
        let (plain, changed) = (made(0.0), made(1.0));
        let changes = plain.iter().zip(&changed).enumerate().filter(|(_, (a, b))| a != b);
        let columns = changes.map(|(at, _)| at % (side * factor) / factor);
        let furthest = columns.map(|column| column.abs_diff(middle)).max().unwrap();
        assert_eq!(furthest, enlarger.reach, "{}", case.name);
    }
}

fn shapes(variant: &str) -> (BTreeMap<String, Vec<usize>>, u64) {
    let found = cases("rrdb").into_iter().find(|case| case.name == format!("rrdb-{variant}"));
    let case = found.unwrap_or_else(|| panic!("a case {variant}"));
    (case.shapes("/weights"), case.seed())
}

fn refused(weights: &BTreeMap<String, Vec<usize>>) -> InferenceError {
    let (_folder, file) = checkpoint(weights, 0);
    let error = read(&file, Target::CPU).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
    assert!(error.to_string().contains("model.safetensors"), "{error}");
    error
}

#[test]
fn each_missing_tensor_is_named() {
    for variant in ["x4", "realsr", "old-x2", "compact-x3"] {
        let (weights, _) = shapes(variant);
        for name in weights.keys() {
            let mut fewer = weights.clone();
            fewer.remove(name);
            // Where it was the first of a block, that block is taken for the network's end and its rest is named.
            let said = refused(&fewer).to_string();
            let layer = name.trim_start_matches("params_ema.");
            assert!(
                said.contains("missing") || said.contains("belong to no layer") || said.contains("channels"),
                "{layer}: {said}"
            );
        }
    }
    let (mut weights, _) = shapes("x4");
    weights.remove("params_ema.body.0.rdb2.conv3.weight");
    let said = refused(&weights).to_string();
    assert!(said.contains("`body.0.rdb2.conv3.weight` [32, 80, 3, 3] is missing"), "{said}");
}

#[test]
fn superfluous_and_misshapen_tensors_are_named() {
    let (weights, _) = shapes("x2");
    let with = |name: &str, shape: &[usize]| {
        let mut other = weights.clone();
        other.insert(name.to_owned(), shape.to_vec());
        refused(&other).to_string()
    };
    let said = with("body.0.attn.weight", &[8]);
    assert!(said.contains("`body.0.attn.weight`"), "{said}");
    let said = with("conv_hr.weight", &[16, 8, 3, 3]);
    assert!(said.contains("`conv_hr.weight` is [16, 8, 3, 3] where [16, 16, 3, 3] is needed"), "{said}");
    let said = with("conv_first.weight", &[16, 5, 3, 3]);
    assert!(said.contains("takes 5 channels; expected 3, 12 or 48"), "{said}");
    let (mut compact, _) = shapes("compact-x3");
    compact.insert("body.4.weight".into(), vec![26, 20, 3, 3]);
    let said = refused(&compact).to_string();
    assert!(said.contains("`body.4.weight` makes 26 channels"), "{said}");
}

#[test]
fn a_file_of_another_kind_is_told_from_an_upscaler() {
    let said = refused(&BTreeMap::from([("lora_unet.alpha".to_owned(), vec![4])])).to_string();
    assert!(said.contains("neither an RRDBNet") && said.contains("`lora_unet.alpha`"), "{said}");
    let folder = tempfile::tempdir().unwrap();
    for start in [b"PK\x03\x04".as_slice(), b"\x80\x02}q\x00"] {
        let file = folder.path().join("RealESRGAN_x4plus.pth");
        std::fs::write(&file, [start, &[0; 64]].concat()).unwrap();
        let error = read(&file, Target::CPU).expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        assert!(error.to_string().contains("`.safetensors`"), "{error}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_refused_as_they_are_loaded() {
    load_runtime();
    let (weights, seed) = shapes("compact-x4");
    let (_folder, file) = checkpoint(&weights, seed);
    let offset = Weights::open(std::slice::from_ref(&file)).unwrap().get("params.body.2.bias").unwrap().offset
        as usize;
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[offset..offset + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&file, bytes).unwrap();
    let error = Esrgan::open(&file, 2).map(drop).expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
    assert!(error.to_string().contains("no finite numbers"), "{error}");
}

#[test]
fn numbers_without_end_are_refused_and_the_next_picture_too() {
    load_runtime();
    let (weights, seed) = shapes("compact-x4");
    let (_folder, file) = checkpoint(&weights, seed);
    // Black stays finite, so that the file loads; what is lighter does not.
    let weights = Weights::open(std::slice::from_ref(&file)).unwrap();
    let mut bytes = std::fs::read(&file).unwrap();
    for name in ["params.body.0.weight", "params.body.2.weight"] {
        let offset = weights.get(name).unwrap().offset as usize;
        let huge: Vec<u8> = (0..16 * 9).flat_map(|_| f32::MAX.to_le_bytes()).collect();
        bytes[offset..offset + huge.len()].copy_from_slice(&huge);
    }
    for name in ["params.body.0.bias", "params.body.2.bias"] {
        let offset = weights.get(name).unwrap().offset as usize;
        bytes[offset..offset + 16 * 4].fill(0);
    }
    std::fs::write(&file, bytes).unwrap();
    let mut upscaler = Esrgan::open(&file, 2).unwrap();
    for _ in 0..2 {
        let request = UpscaleRequest { image: drawn(20, 20, 3), width: 80, height: 80, tile: 0 };
        let error = upscaler.upscale(&request, &NoControl).expect_err("no picture");
        assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
        assert!(error.to_string().contains("20x20 pixels at 0, 0"), "{error}");
    }
}
