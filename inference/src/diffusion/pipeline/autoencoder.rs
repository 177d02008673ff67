//! Pictures to latents and back, in tiles where they are large.

use super::networks::Networks;
use super::tiles::{Planes, Tiling};
use super::{Steps, check_finite};
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::vae::{LATENTS, MOMENTS, PICTURE, VaeConfig};
use crate::network::{Array, Network};
use reelsmith_inference_core::Result;

/// 1024 x 1024 pixels at a time, with a quarter of overlap.
pub const TILING: Tiling = Tiling { side: 128, overlap: 32 };

/// Latents (1, C, h, w) as they come from denoising → a picture (1, 3, H, W).
pub(super) fn decode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    mut latents: Array,
    steps: &Steps<'_>,
) -> Result<Array> {
    let config = &checkpoint.vae.config;
    latents.data.iter_mut().for_each(|number| *number /= config.scaling_factor);
    decode_tiled(networks.decoder(checkpoint)?, config, &latents, TILING, || steps.next())
}

/// A picture (1, 3, H, W) → means and logarithms of variances (1, 2 C, h, w), not scaled.
pub(super) fn encode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    picture: &Array,
    steps: &Steps<'_>,
) -> Result<Array> {
    let config = &checkpoint.vae.config;
    encode_tiled(networks.encoder(checkpoint)?, config, picture, TILING, || steps.next())
}

/// Decodes with `network`, a [`decoder`](crate::diffusion::vae::decoder) of `config`: latents (1, C, h, w), not scaled
/// → a picture (1, 3, H, W) in -1 ..= 1 with a little beyond, in one piece where `tiling` says so. `before` is asked
/// ahead of every tile; its error ends the work.
///
/// # Errors
/// Those of [`Network::run`] and of `before`; `Engine` for numbers that are not finite.
pub fn decode_tiled(
    network: &mut Network,
    config: &VaeConfig,
    latents: &Array,
    tiling: Tiling,
    mut before: impl FnMut() -> Result<()>,
) -> Result<Array> {
    let mut run = |tile: &Array| {
        before()?;
        let made = network.run_last(&[(LATENTS, tile.into())], &[PICTURE])?.swap_remove(0);
        check_finite("autoencoder", &made.data)?;
        Ok(made)
    };
    let size = (latents.shape[2], latents.shape[3]);
    if tiling.is_whole(size.0, size.1) {
        return run(latents);
    }
    let from = Planes { channels: config.latent_channels, factor: 1 };
    let to = Planes { channels: 3, factor: config.factor() };
    tiling.run(latents, size, (from, to), |tile| run(&tile))
}

/// Encodes with `network`, an [`encoder`](crate::diffusion::vae::encoder) of `config`: a picture (1, 3, H, W) in
/// -1 ..= 1, sides multiples of the factor → means and logarithms of variances (1, 2 C, h, w), not scaled.
///
/// # Errors
/// As [`decode_tiled`].
pub fn encode_tiled(
    network: &mut Network,
    config: &VaeConfig,
    picture: &Array,
    tiling: Tiling,
    mut before: impl FnMut() -> Result<()>,
) -> Result<Array> {
    let mut run = |tile: &Array| {
        before()?;
        let made = network.run_last(&[(PICTURE, tile.into())], &[MOMENTS])?.swap_remove(0);
        check_finite("autoencoder", &made.data)?;
        Ok(made)
    };
    let size = (picture.shape[2] / config.factor(), picture.shape[3] / config.factor());
    if tiling.is_whole(size.0, size.1) {
        return run(picture);
    }
    let from = Planes { channels: 3, factor: config.factor() };
    let to = Planes { channels: 2 * config.latent_channels, factor: 1 };
    tiling.run(picture, size, (from, to), |tile| run(&tile))
}
