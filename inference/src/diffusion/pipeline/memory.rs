//! What a request costs in bytes, before it runs.

use super::autoencoder::TILING;
use crate::diffusion::checkpoint::Checkpoint;
use reelsmith_graph::{Element, Target, Weights};
use reelsmith_inference_core::Footprint;
use reelsmith_inference_core::image::ImageRequest;

/// Arrays of the finest level's channels that the UNet's run takes at once. Measured at its true size on a CPU, 64x64
/// latents, batch 2: 192 MB, which is 18.3 of them.
const UNET_ARRAYS: u64 = 20;
/// The same for the decoder: 512x512 pixels took 1.12 GB, which is 8.3 of them.
const DECODER_ARRAYS: u64 = 9;
/// ONNX Runtime's own, with its threads' scratch.
const RUNTIME: u64 = 200 << 20;

pub(super) fn footprint(checkpoint: &Checkpoint, request: &ImageRequest, target: Target) -> Footprint {
    let parts = [&checkpoint.unet.weights, &checkpoint.text[0].weights, &checkpoint.text[1].weights];
    let computed = |weights: &Weights, element: Element| {
        weights.iter().map(|(_, tensor)| tensor.count() * element.bytes()).sum::<u64>()
    };
    let networks: u64 = parts.iter().map(|weights| computed(weights, target.compute)).sum();
    let vae = computed(&checkpoint.vae.weights, Element::F32);
    let factor = checkpoint.vae.config.factor() as u64;
    let latents = (u64::from(request.width) / factor) * (u64::from(request.height) / factor);
    let batch = if request.guidance_scale > 1.0 { 2 } else { 1 };
    let first = checkpoint.unet.config.blocks[0].channels as u64;
    let unet = latents * batch * first * UNET_ARRAYS * target.compute.bytes();
    let tile = (TILING.side * TILING.side) as u64;
    let finest = checkpoint.vae.config.block_out_channels.first().copied().unwrap_or(0) as u64;
    let decoder = latents.min(tile) * factor * factor * finest * DECODER_ARRAYS * 4;
    Footprint { weights: networks + vae, peak_activation: unet.max(decoder) + RUNTIME }
}
