//! What a request may ask.

use crate::diffusion::checkpoint::Checkpoint;
use reelsmith_inference_core::image::{Image, ImageRequest, StartImage};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::ops::RangeInclusive;

/// Width and height, in pixels.
pub const SIDES: RangeInclusive<u32> = 64..=4096;
/// Pixels of one picture: those of 2048 x 2048.
pub const MOST_PIXELS: u64 = 1 << 22;
/// Pictures of one request.
pub const MOST_COUNT: u32 = 64;
/// LoRAs of one request.
pub const MOST_LORAS: usize = 16;
/// ControlNets of one request.
pub const MOST_CONTROLS: usize = 4;

/// Refuses what could never succeed, before anything is computed. Steps are the sampler's to judge, prompts the
/// tokeniser's.
pub(super) fn check(request: &ImageRequest, checkpoint: &Checkpoint) -> Result<()> {
    let (width, height) = (request.width, request.height);
    let factor = checkpoint.vae.config.factor() as u32;
    if !SIDES.contains(&width) || !SIDES.contains(&height) || width % factor != 0 || height % factor != 0 {
        let (least, most) = SIDES.into_inner();
        return invalid(format!(
            "a picture of {width}x{height}: sides are multiples of {factor}, from {least} to {most} pixels"
        ));
    }
    if u64::from(width) * u64::from(height) > MOST_PIXELS {
        return invalid(format!(
            "a picture of {width}x{height} has more than {MOST_PIXELS} pixels; upscale a smaller one"
        ));
    }
    if !(1..=MOST_COUNT).contains(&request.count) {
        return invalid(format!("{} pictures: one request makes from 1 to {MOST_COUNT}", request.count));
    }
    let is_masked = request.start.as_ref().is_some_and(|start| start.mask.is_some());
    if checkpoint.unet.config.in_channels != checkpoint.vae.config.latent_channels && !is_masked {
        return invalid("this checkpoint is for inpainting: give it a picture and a mask".to_owned());
    }
    within("guidance scale", request.guidance_scale, 0.0..=100.0)?;
    let layers = checkpoint.text.each_ref().map(|text| text.config.num_hidden_layers);
    let most = layers[0].min(layers[1]).saturating_sub(2);
    if request.clip_skip as usize > most {
        return invalid(format!("clip-skip {}: at most {most} layers can be left out", request.clip_skip));
    }
    loras_and_controls(request)?;
    request.start.as_ref().map_or(Ok(()), |start| check_start(request, start))
}

fn loras_and_controls(request: &ImageRequest) -> Result<()> {
    if request.loras.len() > MOST_LORAS || request.controls.len() > MOST_CONTROLS {
        return invalid(format!(
            "one request takes at most {MOST_LORAS} LoRAs and {MOST_CONTROLS} ControlNets"
        ));
    }
    for lora in &request.loras {
        within(&format!("weight of {}", lora.model), lora.weight, -4.0..=4.0)?;
    }
    for control in &request.controls {
        let model = &control.model;
        within(&format!("weight of {model}"), control.weight, 0.0..=2.0)?;
        within(&format!("start of {model}"), control.start, 0.0..=1.0)?;
        within(&format!("end of {model}"), control.end, 0.0..=1.0)?;
        if control.start > control.end {
            return invalid(format!("{model} starts at {} and ends at {}", control.start, control.end));
        }
        of_size(request, &control.map, "the map", 3)?;
    }
    Ok(())
}

fn check_start(request: &ImageRequest, start: &StartImage) -> Result<()> {
    within("strength", start.strength, 0.0..=1.0)?;
    of_size(request, &start.image, "the picture to start from", 3)?;
    start.mask.as_ref().map_or(Ok(()), |mask| of_size(request, mask, "the mask", 1))
}

fn of_size(request: &ImageRequest, image: &Image, what: &str, channels: u8) -> Result<()> {
    let found = (image.width, image.height, image.channels);
    if found == (request.width, request.height, channels) {
        return Ok(());
    }
    invalid(format!(
        "{what} is {}x{} with {} channels; it must be {}x{} with {channels}, as the picture wanted",
        image.width, image.height, image.channels, request.width, request.height
    ))
}

fn within(what: &str, value: f32, range: RangeInclusive<f32>) -> Result<()> {
    if range.contains(&value) {
        return Ok(());
    }
    invalid(format!("the {what} is {value}; it goes from {} to {}", range.start(), range.end()))
}

fn invalid<T>(message: String) -> Result<T> {
    Err(InferenceError::new(ErrorKind::InvalidRequest, message))
}
