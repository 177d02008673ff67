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

/// What a request gives to start from, encoded once for all its pictures.
pub(super) struct Given<'a> {
    start: &'a StartImage,
    /// What the encoder tells of the picture; not for a UNet made for inpainting at full strength.
    picture: Option<Array>,
    /// The same of the picture without what is painted anew, and the mask at the latents' size.
    masked: Option<(Array, Vec<f32>)>,
}

impl<'a> Given<'a> {
    pub(super) fn of(
        request: &'a ImageRequest,
        checkpoint: &Checkpoint,
        networks: &mut Networks,
        steps: &Steps<'_>,
    ) -> Result<Option<Self>> {
        let Some(start) = &request.start else { return Ok(None) };
        let mut encode = |picture: &Array| autoencoder::encode(checkpoint, networks, picture, steps);
        // Of inpainting alone, diffusers starts from pure noise at full strength.
        let from_noise = start.mask.is_some() && made_for_it(checkpoint) && start.strength >= 1.0;
        let picture = if from_noise { None } else { Some(encode(&pixels::array(&start.image))?) };
        let masked = match &start.mask {
            Some(mask) => {
                let moments = encode(&without(start, mask))?;
                Some((moments, pixels::mask(mask, checkpoint.vae.config.factor())))
            }
            None => None,
        };
        Ok(Some(Self { start, picture, masked }))
    }
}

/// Whether the UNet takes mask and masked picture beside the sample.
fn made_for_it(checkpoint: &Checkpoint) -> bool {
    checkpoint.unet.config.in_channels != checkpoint.vae.config.latent_channels
}

impl Start {
    /// Draws of `generator` are made in diffusers' order: the picture's latents, the noise, the masked picture's.
    pub(super) fn of(
        request: &ImageRequest,
        given: Option<&Given<'_>>,
        checkpoint: &Checkpoint,
        solver: &Solver,
        generator: &mut Generator,
    ) -> Self {
        let vae = &checkpoint.vae.config;
        let side = |extent: u32| extent as usize / vae.factor();
        let shape = [1, vae.latent_channels, side(request.height), side(request.width)];
        let mut draw = |count| generator.randn(request.noise, count);
        let drawn = |moments: &Array, noise: Vec<f32>| latents(moments, &noise, vae.scaling_factor);
        let count: usize = shape.iter().product();
        let original =
            given.and_then(|given| given.picture.as_ref()).map(|moments| drawn(moments, draw(count)));
        let noise = draw(count);
        let is_full = given.is_none_or(|given| given.masked.is_some() && given.start.strength >= 1.0);
        let first = match &original {
            Some(original) if !is_full => solver.add_noise(0, original, &noise),
            _ => noise.iter().map(|number| number * solver.init_noise_sigma()).collect(),
        };
        let latents = Array::new(&shape, first);
        let Some((moments, mask)) = given.and_then(|given| given.masked.as_ref()) else {
            return Self { latents, kept: None, beside: None };
        };
        let masked = drawn(moments, draw(count));
        match original.filter(|_| !made_for_it(checkpoint)) {
            Some(original) => {
                let kept = Kept { original, noise, mask: mask.clone() };
                Self { latents, kept: Some(kept), beside: None }
            }
            None => {
                let beside =
                    Array::new(&[1, 1 + shape[1], shape[2], shape[3]], [&mask[..], &masked].concat());
                Self { latents, kept: None, beside: Some(beside) }
            }
        }
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

/// Latents drawn from what the encoder tells of a picture, scaled.
fn latents(moments: &Array, noise: &[f32], scale: f32) -> Vec<f32> {
    let (means, variances) = moments.data.split_at(moments.data.len() / 2);
    // Bounds of diffusers' `DiagonalGaussianDistribution`.
    let spread = |logarithm: &f32| (0.5 * logarithm.clamp(-30.0, 20.0)).exp();
    let sample = means.iter().zip(variances).zip(noise);
    sample.map(|((mean, variance), noise)| (mean + spread(variance) * noise) * scale).collect()
}
