//! A model in service: requests of all kinds, progress, and checkpoints with something wrong inside.

use super::{committed, compare, open, open_at, request};
use crate::layouts::{Shelf, model_of, write_folder};
use crate::support::checkpoint::Tensors;
use reelsmith_inference_core::image::{Image, ImageRequest, TextToImage};
use reelsmith_inference_core::{Control, ErrorKind, NoControl, Progress, Verdict};
use safetensors::Dtype;
use std::sync::Mutex;

#[test]
fn one_model_serves_requests_of_all_kinds_one_after_the_other() {
    let names =
        ["dpmpp", "lora", "control-two", "dpmpp", "loras", "lora-control", "lora", "inpaint", "long", "ddim"];
    let cases = names.map(committed);
    let requests = cases.each_ref().map(request);
    let mut shelf = Shelf::new();
    let mut model = open(&mut shelf, &cases[0], &requests);
    for (case, request) in cases.iter().zip(&requests) {
        let made = model.generate(request, &NoControl).unwrap();
        compare(case, &made.images).unwrap();
        assert_eq!(
            model.generate(request, &NoControl).unwrap(),
            made,
            "{}: the same request again",
            case.name
        );
    }
}

#[test]
fn a_vocabulary_with_words_of_its_own_ends_texts_where_others_do() {
    let case = committed("dpmpp");
    let (request, shelf, folder) = (request(&case), Shelf::new(), tempfile::tempdir().unwrap());
    let model = model_of(&case);
    write_folder(folder.path(), &model, Dtype::F32, |network, tensors, config| {
        if network.starts_with("text_encoder") {
            let mut shapes = model.shapes(&format!("/{network}/weights"));
            let table = shapes.iter_mut().find(|(name, _)| name.ends_with("token_embedding.weight"));
            // The rows before are the same.
            table.expect("an encoder has one").1[0] += 2;
            config["vocab_size"] = 49410.into();
            *tensors = Tensors::default().filled(&shapes, &format!("{network}."), model.seed());
        }
    });
    let requests = [request];
    let made = open_at(folder.path(), &shelf, &case, &requests).generate(&requests[0], &NoControl).unwrap();
    compare(&case, &made.images).unwrap();
}

#[test]
fn weights_that_are_no_numbers_are_told_by_the_network_they_are_in() {
    let case = committed("image-much");
    let (request, shelf, model) = (request(&case), Shelf::new(), model_of(&case));
    let requests = [request];
    for (network, name, told) in [
        ("unet", "conv_in.bias", "UNet"),
        ("vae", "decoder.conv_in.bias", "autoencoder"),
        ("vae", "encoder.conv_in.bias", "autoencoder"),
        ("text_encoder", "embeddings.position_embedding.weight", "text encoder"),
        ("text_encoder_2", "text_projection.weight", "text encoder"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        write_folder(folder.path(), &model, Dtype::F32, |written, tensors, _| {
            if written == network {
                let (dtype, shape, bytes) = tensors.take(name);
                let nan = f32::NAN.to_le_bytes().repeat(bytes.len() / 4);
                tensors.raw(name, dtype, &shape, nan);
            }
        });
        let mut model = open_at(folder.path(), &shelf, &case, &requests);
        let error = model.generate(&requests[0], &NoControl).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
        assert!(error.to_string().contains(told), "{network}: {error}");
    }
}

/// Remembers what it was told, and cancels when so many steps are done.
struct Watch {
    cancel_at: u64,
    told: Mutex<Vec<Progress>>,
    previews: Mutex<Vec<Image>>,
}

impl Watch {
    fn until(cancel_at: u64) -> Self {
        Self { cancel_at, told: Mutex::default(), previews: Mutex::default() }
    }
}

impl Control for Watch {
    fn step(&self, progress: Progress) -> Verdict {
        self.told.lock().expect("no other thread panics").push(progress);
        if progress.done >= self.cancel_at { Verdict::Cancel } else { Verdict::Continue }
    }

    fn preview(&self, image: Image) {
        self.previews.lock().expect("no other thread panics").push(image);
    }
}

#[test]
fn progress_is_told_previews_are_shown_and_a_request_can_be_cancelled_at_any_step() {
    // Of 6 steps 0.7 are 4; twice 4; 6 in all.
    let mut shelf = Shelf::new();
    for (name, steps) in [("image-much", 4), ("ancestral", 8), ("dpmpp", 6)] {
        let case = committed(name);
        let mut request = request(&case);
        request.preview_every = 2;
        let requests = [request];
        let mut model = open(&mut shelf, &case, &requests);
        let watch = Watch::until(u64::MAX);
        let made = model.generate(&requests[0], &watch).unwrap();
        compare(&case, &made.images).unwrap();
        let told = watch.told.into_inner().unwrap();
        assert!(told.is_sorted_by_key(|progress| progress.done), "{name}: {told:?}");
        assert!(
            told.iter().all(|progress| progress.total == Some(steps) && progress.unit == "steps"),
            "{name}"
        );
        assert!(
            (0..=steps).all(|step| told.iter().any(|progress| progress.done == step)),
            "{name}: {told:?}"
        );
        let previews = watch.previews.into_inner().unwrap();
        assert_eq!(previews.len() as u64, steps / 2, "{name}");
        let eighth = (requests[0].width / 8, requests[0].height / 8, 3);
        assert!(previews.iter().all(|image| (image.width, image.height, image.channels) == eighth));
        for at in [0, 1, steps - 1, steps] {
            let error = model.generate(&requests[0], &Watch::until(at)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Cancelled, "{name} at {at}");
        }
    }
}

#[test]
fn a_checkpoint_for_inpainting_asks_for_a_picture_and_a_mask() {
    let case = committed("inpaint-9");
    let request = request(&case);
    let mut shelf = Shelf::new();
    let mut sdxl = open(&mut shelf, &case, std::slice::from_ref(&request));
    let error = sdxl.generate(&ImageRequest { start: None, ..request.clone() }, &NoControl).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.to_string().contains("mask"), "{error}");
    assert!(sdxl.footprint(&request).peak_activation > 0);
    let absurd = ImageRequest { width: u32::MAX, height: u32::MAX, count: u32::MAX, ..request };
    assert_eq!(sdxl.footprint(&absurd).peak_activation, 0, "what is refused takes nothing");
}

#[test]
fn a_checkpoint_that_changed_while_it_was_loaded_is_told() {
    let case = committed("euler");
    let request = request(&case);
    let mut shelf = Shelf::new();
    let folder = shelf.checkpoint(&case);
    let mut sdxl = open_at(&folder, &shelf, &case, std::slice::from_ref(&request));
    let unet = std::fs::read_dir(folder.join("unet")).unwrap().map(|entry| entry.unwrap().path());
    let file = unet.into_iter().find(|path| path.extension().is_some_and(|e| e == "safetensors")).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    // Another file under the name: the one that is loaded stays as it is.
    std::fs::remove_file(&file).unwrap();
    std::fs::write(&file, bytes).unwrap();
    let error = sdxl.generate(&request, &NoControl).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
    assert!(error.to_string().contains("changed"), "{error}");
}
