//! What a request costs in bytes, before it runs.

use super::autoencoder::WHOLE_PIXELS;
use super::check::check;
use super::networks::Networks;
use crate::diffusion::checkpoint::Checkpoint;
use reelsmith_graph::{Element, Weights};
use reelsmith_inference_core::Footprint;
use reelsmith_inference_core::image::ImageRequest;

/// Arrays of the finest level's channels that the UNet's run takes at once. Measured at its true size on a CPU, 64x64
/// latents, batch 2: 192 MB, which is 18.3 of them.
const UNET_ARRAYS: u64 = 20;
/// The same for the decoder: 512x512 pixels took 1.12 GB, which is 8.3 of them.
const DECODER_ARRAYS: u64 = 9;
/// ONNX Runtime's own, with its threads' scratch.
const RUNTIME: u64 = 200 << 20;

/// Bytes of a network's weights as `element`.
pub(super) fn computed(weights: &Weights, element: Element) -> u64 {
    weights.iter().map(|(_, tensor)| tensor.count() * element.bytes()).sum()
}

/// The same of a checkpoint, whose autoencoder may compute in f32.
pub(super) fn weights(checkpoint: &Checkpoint, element: Element) -> u64 {
    let parts = [&checkpoint.unet.weights, &checkpoint.text[0].weights, &checkpoint.text[1].weights];
    let own: u64 = parts.iter().map(|weights| computed(weights, element)).sum();
    own + computed(&checkpoint.vae.weights, Element::F32)
}

/// What a network with `own` bytes of weights may take of a card: each has an arena of its own there, and so that all
/// of them together stay within `budget`, the weights of the others, of `all`, are left to them. One network computes
/// at a time; text encoders and autoencoders give back what they computed in after each run.
pub(super) fn share(budget: u64, all: u64, own: u64) -> u64 {
    budget.saturating_sub(all.saturating_sub(own)).max(own)
}

/// What `request` takes; of one that would be refused, only the weights.
pub(super) fn footprint(checkpoint: &Checkpoint, request: &ImageRequest, networks: &Networks) -> Footprint {
    let target = networks.target();
    let weights = weights(checkpoint, target.compute);
    if check(request, checkpoint).is_err() {
        return Footprint { weights, peak_activation: 0 };
    }
    let factor = checkpoint.vae.config.factor() as u64;
    let pixels = u64::from(request.width) * u64::from(request.height);
    let latents = pixels / (factor * factor);
    let batch = if request.guidance_scale > 1.0 { 2 } else { 1 };
    let first = checkpoint.unet.config.blocks[0].channels as u64;
    let unet = latents * batch * first * UNET_ARRAYS * target.compute.bytes();
    // A ControlNet is about half of a UNet, in numbers and in what its run takes.
    let controls = request.controls.len() as u64;
    let steered = unet + controls * (unet / 2 + computed(&checkpoint.unet.weights, target.compute) / 2);
    let autoencoder = autoencoder(checkpoint, request, networks);
    // The pictures themselves, and twice as floats the one that is being put together.
    let pictures = pixels * 3 * (u64::from(request.count) + 8);
    Footprint { weights, peak_activation: steered.max(autoencoder) + pictures + RUNTIME }
}

/// What decoding takes; encoding takes less.
fn autoencoder(checkpoint: &Checkpoint, request: &ImageRequest, networks: &Networks) -> u64 {
    let config = &checkpoint.vae.config;
    let (height, width) = (request.height as usize, request.width as usize);
    let pixels = (height * width) as u64;
    if pixels <= WHOLE_PIXELS {
        let finest = config.block_out_channels.first().copied().unwrap_or(0) as u64;
        return pixels * finest * DECODER_ARRAYS * 4;
    }
    networks.banded(checkpoint).decoding_takes(height / config.factor(), width / config.factor())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_of_all_networks_and_the_work_of_one_fit_into_a_cards_budget() {
        let (budget, parts) = (14_000_000_000, [5_100_000_000, 250_000_000, 1_400_000_000, 330_000_000]);
        let all: u64 = parts.iter().sum();
        for own in parts {
            let work = share(budget, all, own) - own;
            assert_eq!(all + work, budget);
        }
        // Where not even the weights fit, none is refused its own.
        assert_eq!(share(1_000_000_000, all, parts[0]), parts[0]);
    }
}
