//! Pictures to latents and back, in bands where they are large.

use super::networks::Networks;
use super::{Steps, check_finite};
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::vae::{LATENTS, MOMENTS, PICTURE};
use crate::network::{Array, Network};
use reelsmith_inference_core::Result;

/// The most pixels of a picture that goes through the autoencoder whole; larger ones go in bands
/// ([`crate::diffusion::bands`]).
pub const WHOLE_PIXELS: u64 = 1024 * 1024;

/// Latents (1, C, h, w) as they come from denoising → a picture (1, 3, H, W).
pub(super) fn decode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    mut latents: Array,
    steps: &Steps<'_>,
) -> Result<Array> {
    let config = &checkpoint.vae.config;
    latents.data.iter_mut().for_each(|number| *number /= config.scaling_factor);
    let factor = config.factor();
    if is_whole(latents.shape[2] * factor, latents.shape[3] * factor) {
        return whole(networks.decoder(checkpoint)?, (LATENTS, &latents), PICTURE, steps);
    }
    networks.banded(checkpoint).decode(latents, |done, total| steps.band(done, total))
}

/// A picture (1, 3, H, W) → means and logarithms of variances (1, 2 C, h, w), not scaled.
pub(super) fn encode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    picture: &Array,
    steps: &Steps<'_>,
) -> Result<Array> {
    if is_whole(picture.shape[2], picture.shape[3]) {
        return whole(networks.encoder(checkpoint)?, (PICTURE, picture), MOMENTS, steps);
    }
    networks.banded(checkpoint).encode(picture.clone(), |done, total| steps.band(done, total))
}

fn is_whole(height: usize, width: usize) -> bool {
    (height * width) as u64 <= WHOLE_PIXELS
}

fn whole(
    network: &mut Network,
    (name, input): (&str, &Array),
    output: &str,
    steps: &Steps<'_>,
) -> Result<Array> {
    steps.next()?;
    let made = network.run_last(&[(name, input.into())], &[output])?.swap_remove(0);
    check_finite("autoencoder", &made.data)?;
    Ok(made)
}
