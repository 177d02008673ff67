//! Pictures against those of diffusers' pipelines: `tests/reference/pipelines.py`.

mod service;

use crate::layouts::Shelf;
use crate::support::cases::{Case, cases};
use crate::support::checkpoint::{load_runtime, model_file};
use crate::support::fill::uniform;
use reelsmith_graph::Target;
use reelsmith_inference::diffusion::pipeline::{Sdxl, SdxlConfig};
use reelsmith_inference_core::image::{ControlImage, Image, ImageRequest, LoraUse, StartImage, TextToImage};
use reelsmith_inference_core::{ErrorKind, InferenceError, ModelId, NoControl};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// In bytes: what is rounded at the last of many steps may fall to the other side.
const MOST_APART: u64 = 1;
/// Peak signal-to-noise ratio in dB; two pictures of which every 100th byte is one apart have 68.
const LEAST_PSNR: f64 = 68.0;

/// A ControlNet of a case's request, without its map.
#[derive(Deserialize)]
struct Steer {
    model: String,
    weight: f32,
    start: f32,
    end: f32,
}

/// The picture that the script calls `name`.
fn picture(name: &str, request: &ImageRequest, channels: u8) -> Image {
    let count = request.width as usize * request.height as usize * usize::from(channels);
    let numbers = uniform(name, request.seed, count);
    let pixels = numbers.iter().map(|number| ((number + 1.0) * 128.0).floor() as u8).collect();
    Image::new(request.width, request.height, channels, pixels).expect("as many bytes as pixels")
}

fn field<T: DeserializeOwned>(request: &Value, name: &str) -> T {
    serde_json::from_value(request[name].clone()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A case's request.
fn request(case: &Case) -> ImageRequest {
    let json = &case.json["request"];
    let mut request = ImageRequest {
        prompt: field(json, "prompt"),
        negative_prompt: field(json, "negative_prompt"),
        width: field(json, "width"),
        height: field(json, "height"),
        steps: field(json, "steps"),
        guidance_scale: field(json, "guidance_scale"),
        sampler: field(json, "sampler"),
        seed: field(json, "seed"),
        count: field(json, "count"),
        clip_skip: field(json, "clip_skip"),
        noise: field(json, "noise"),
        loras: field::<Vec<LoraUse>>(json, "loras"),
        start: None,
        controls: Vec::new(),
        preview_every: 0,
    };
    if let Value::Object(start) = &json["start"] {
        request.start = Some(StartImage {
            image: picture("start", &request, 3),
            strength: field(&json["start"], "strength"),
            mask: (start["mask"] == true).then(|| picture("mask", &request, 1)),
        });
    }
    let controls: Vec<Steer> = field(json, "controls");
    request.controls = controls.iter().map(|control| control_image(control, &request)).collect();
    request
}

fn control_image(control: &Steer, request: &ImageRequest) -> ControlImage {
    ControlImage {
        model: ModelId(control.model.clone()),
        map: picture(&format!("map.{}", control.model), request, 3),
        weight: control.weight,
        start: control.start,
        end: control.end,
    }
}

/// The case of this name among the committed ones.
fn committed(name: &str) -> Case {
    cases("pipeline").into_iter().find(|case| case.name == format!("pipeline-{name}")).expect(name)
}

fn open(shelf: &mut Shelf, case: &Case, requests: &[ImageRequest]) -> Sdxl {
    let checkpoint = shelf.checkpoint(case);
    open_at(&checkpoint, shelf, case, requests)
}

/// Opens `checkpoint`, with the LoRAs and ControlNets that the requests name.
fn open_at(checkpoint: &Path, shelf: &Shelf, case: &Case, requests: &[ImageRequest]) -> Sdxl {
    load_runtime();
    let loras = requests.iter().flat_map(|request| &request.loras).map(|lora| &lora.model);
    let named =
        loras.chain(requests.iter().flat_map(|request| &request.controls).map(|control| &control.model));
    let files: HashMap<ModelId, PathBuf> =
        named.map(|model| (model.clone(), shelf.named(case, &model.0))).collect();
    let unknown = |model: &ModelId| InferenceError::new(ErrorKind::UnknownModel, model.to_string());
    let config = SdxlConfig {
        checkpoint,
        vae: None,
        vocabulary: &model_file("clip-vocabulary/bpe_simple_vocab_16e6.txt.gz"),
        locate: Box::new(move |model| files.get(model).cloned().ok_or_else(|| unknown(model))),
        target: Target::CPU,
        processor: 2.into(),
    };
    Sdxl::open(config).expect("the checkpoint is whole")
}

/// What the script keeps of a picture: every `stride`-th row and column.
fn kept(image: &Image, stride: usize) -> Vec<u8> {
    let rows = image.pixels.chunks_exact(3 * image.width as usize).step_by(stride);
    rows.flat_map(|row| row.chunks_exact(3).step_by(stride)).flatten().copied().collect()
}

/// Asks that the case's pictures come out; what is wrong is told.
fn compare(case: &Case, images: &[Image]) -> Result<(), String> {
    let expected = case.integers("pictures");
    let got: Vec<u8> = images.iter().flat_map(|image| kept(image, case.number("/stride") as usize)).collect();
    if got.len() != expected.len() {
        return Err(format!("{}: {} bytes for {}", case.name, got.len(), expected.len()));
    }
    let apart = |(got, expected): (&u8, &i64)| (i64::from(*got) - expected).unsigned_abs();
    let most = got.iter().zip(&expected).map(apart).max().unwrap_or(0);
    let squares: u64 = got.iter().zip(&expected).map(apart).map(|apart| apart * apart).sum();
    let psnr = 10.0 * (255f64.powi(2) * got.len() as f64 / squares as f64).log10();
    let told = format!("{}: up to {most} apart, {psnr:.1} dB", case.name);
    println!("{told}");
    if most <= MOST_APART && psnr >= LEAST_PSNR { Ok(()) } else { Err(told) }
}

/// Makes the pictures of all cases that are `wanted`.
fn check(wanted: impl Fn(&ImageRequest) -> bool) {
    let mut shelf = Shelf::new();
    let mut failed = Vec::new();
    let mut count = 0;
    for case in cases("pipeline") {
        let request = request(&case);
        if wanted(&request) {
            count += 1;
            let mut model = open(&mut shelf, &case, std::slice::from_ref(&request));
            let made = model.generate(&request, &NoControl);
            match made {
                Ok(made) => failed.extend(compare(&case, &made.images).err()),
                Err(error) => failed.push(format!("{}: {error}", case.name)),
            }
        }
    }
    assert!(failed.is_empty(), "{} of {count} cases:\n{}", failed.len(), failed.join("\n"));
    assert!(count > 0);
}

#[test]
fn text_becomes_the_pictures_that_diffusers_makes() {
    check(|request| request.start.is_none() && request.controls.is_empty() && request.loras.is_empty());
}

#[test]
fn a_picture_is_changed_and_painted_over_as_diffusers_does_it() {
    check(|request| request.start.is_some() && request.controls.is_empty());
}

#[test]
fn controlnets_steer_as_in_diffusers() {
    check(|request| !request.controls.is_empty() && request.loras.is_empty());
}

#[test]
fn loras_work_as_in_diffusers_whatever_their_keys() {
    check(|request| !request.loras.is_empty());
}
