//! What denoising starts from: noise, or a picture's latents with noise, and what of them inpainting keeps.

use super::networks::Networks;
use super::{Steps, autoencoder, pixels};
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::noise::Generator;
use crate::diffusion::sampler::Solver;
use crate::network::Array;
use reelsmith_inference_core::Result;
use reelsmith_inference_core::image::{Image, ImageRequest, StartImage};

/// The first sample and what goes with it.
pub(super) struct Start {
    /// (1, latent channels, h, w).
    pub(super) latents: Array,
    /// For a UNet that was not made for inpainting.
    pub(super) kept: Option<Kept>,
    /// (1, 1 + latent channels, h, w): mask and masked picture, for one that was.
    pub(super) beside: Option<Array>,
}

/// What is put back after each step where the mask is black.
pub(super) struct Kept {
    /// The given picture's latents.
    pub(super) original: Vec<f32>,
    /// The noise that the first sample has.
    pub(super) noise: Vec<f32>,
    /// 1 where it is painted anew, 0 where it is kept; (h, w).
    pub(super) mask: Vec<f32>,
}

impl Start {
    /// Draws of `generator` are made in diffusers' order: the picture's latents, the noise, the masked picture's.
    pub(super) fn of(
        request: &ImageRequest,
        checkpoint: &Checkpoint,
        networks: &mut Networks,
        solver: &Solver,
        generator: &mut Generator,
        steps: &Steps<'_>,
    ) -> Result<Self> {
        let vae = &checkpoint.vae.config;
        let side = |extent: u32| extent as usize / vae.factor();
        let shape = [1, vae.latent_channels, side(request.height), side(request.width)];
        let count = shape.iter().product();
        let Some(start) = &request.start else {
            let scale = solver.init_noise_sigma();
            let noise = generator.randn(request.noise, count);
            let latents = Array::new(&shape, noise.iter().map(|number| number * scale).collect());
            return Ok(Self { latents, kept: None, beside: None });
        };
        let made_for_it = checkpoint.unet.config.in_channels != vae.latent_channels;
        let Some(mask) = &start.mask else {
            let original =
                encode(checkpoint, networks, &pixels::array(&start.image), request, generator, steps)?;
            let noise = generator.randn(request.noise, count);
            let latents = Array::new(&shape, solver.add_noise(0, &original, &noise));
            return Ok(Self { latents, kept: None, beside: None });
        };
        // Of inpainting alone, diffusers starts from pure noise at full strength.
        let is_full = start.strength >= 1.0;
        let original = match made_for_it && is_full {
            true => None,
            false => {
                Some(encode(checkpoint, networks, &pixels::array(&start.image), request, generator, steps)?)
            }
        };
        let noise = generator.randn(request.noise, count);
        let first = match &original {
            Some(original) if !is_full => solver.add_noise(0, original, &noise),
            _ => noise.iter().map(|number| number * solver.init_noise_sigma()).collect(),
        };
        let masked = encode(checkpoint, networks, &without(start, mask), request, generator, steps)?;
        let mask = pixels::mask(mask, vae.factor());
        let latents = Array::new(&shape, first);
        if made_for_it {
            let beside = [mask, masked].concat();
            let beside = Array::new(&[1, 1 + shape[1], shape[2], shape[3]], beside);
            return Ok(Self { latents, kept: None, beside: Some(beside) });
        }
        let original = original.expect("it is encoded for a UNet that was not made for inpainting");
        Ok(Self { latents, kept: Some(Kept { original, noise, mask }), beside: None })
    }
}

impl Kept {
    /// Puts back into `latents` what is kept, with as much noise as a sample of step `next` has; with none after
    /// the last.
    pub(super) fn put_back(&self, latents: &mut [f32], solver: &Solver, next: usize) {
        let noisy;
        let original = match next < solver.timesteps().len() {
            true => {
                noisy = solver.add_noise(next, &self.original, &self.noise);
                &noisy
            }
            false => &self.original,
        };
        let mask = self.mask.iter().cycle();
        for ((latent, original), mask) in latents.iter_mut().zip(original).zip(mask) {
            *latent = (1.0 - mask) * original + mask * *latent;
        }
    }
}

/// The picture with zeros, grey to the autoencoder, where the mask is white.
fn without(start: &StartImage, mask: &Image) -> Array {
    let mut picture = pixels::array(&start.image);
    for plane in picture.data.chunks_exact_mut(mask.pixels.len()) {
        let painted = plane.iter_mut().zip(&mask.pixels).filter(|(_, mask)| pixels::is_white(**mask));
        painted.for_each(|(number, _)| *number = 0.0);
    }
    picture
}

/// Latents drawn from what the encoder tells of the picture, scaled.
fn encode(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    picture: &Array,
    request: &ImageRequest,
    generator: &mut Generator,
    steps: &Steps<'_>,
) -> Result<Vec<f32>> {
    let moments = autoencoder::encode(checkpoint, networks, picture, steps)?;
    let (means, variances) = moments.data.split_at(moments.data.len() / 2);
    let noise = generator.randn(request.noise, means.len());
    let scale = checkpoint.vae.config.scaling_factor;
    // Bounds of diffusers' `DiagonalGaussianDistribution`.
    let spread = |logarithm: &f32| (0.5 * logarithm.clamp(-30.0, 20.0)).exp();
    let sample = means.iter().zip(variances).zip(&noise);
    Ok(sample.map(|((mean, variance), noise)| (mean + spread(variance) * noise) * scale).collect())
}
