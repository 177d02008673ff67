//! Pictures to latents and back, in tiles where they are large.

use super::networks::Networks;
use super::tiles::{Planes, Tiling};
use super::{Steps, check_finite};
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::vae::{LATENTS, MOMENTS, PICTURE};
use crate::network::Array;
use reelsmith_inference_core::Result;

/// 1024 x 1024 pixels at a time, with a quarter of overlap.
pub(super) const TILING: Tiling = Tiling { side: 128, overlap: 32 };

/// Latents (1, C, h, w) as they come from denoising → a picture (1, 3, H, W).
pub(super) fn decode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    mut latents: Array,
    steps: &Steps<'_>,
) -> Result<Array> {
    let config = &checkpoint.vae.config;
    latents.data.iter_mut().for_each(|number| *number /= config.scaling_factor);
    let network = networks.decoder(checkpoint)?;
    let mut run = |tile: Array| {
        steps.next()?;
        let made = network.run_last(&[(LATENTS, (&tile).into())], &[PICTURE])?.swap_remove(0);
        check_finite("autoencoder", &made.data)?;
        Ok(made)
    };
    let size = (latents.shape[2], latents.shape[3]);
    if TILING.is_whole(size.0, size.1) {
        return run(latents);
    }
    let from = Planes { channels: config.latent_channels, factor: 1 };
    TILING.run(&latents, size, (from, Planes { channels: 3, factor: config.factor() }), run)
}

/// A picture (1, 3, H, W) → means and logarithms of variances (1, 2 C, h, w), not scaled.
pub(super) fn encode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    picture: &Array,
    steps: &Steps<'_>,
) -> Result<Array> {
    let config = &checkpoint.vae.config;
    let network = networks.encoder(checkpoint)?;
    let mut run = |tile: &Array| {
        steps.next()?;
        let made = network.run_last(&[(PICTURE, tile.into())], &[MOMENTS])?.swap_remove(0);
        check_finite("autoencoder", &made.data)?;
        Ok(made)
    };
    let size = (picture.shape[2] / config.factor(), picture.shape[3] / config.factor());
    if TILING.is_whole(size.0, size.1) {
        return run(picture);
    }
    let to = Planes { channels: 2 * config.latent_channels, factor: 1 };
    let from = Planes { channels: 3, factor: config.factor() };
    TILING.run(picture, size, (from, to), |tile| run(&tile))
}
