//! The loop: the UNet says what of the sample is noise, the sampler takes it off.

use super::networks::Networks;
use super::start::{Kept, Start};
use super::text::Conditioning;
use super::{Steps, check_finite, pixels, preview};
use crate::diffusion::checkpoint::Checkpoint;
use crate::diffusion::condition::sinusoids;
use crate::diffusion::controlnet::{HINT, STRENGTH};
use crate::diffusion::noise::Generator;
use crate::diffusion::sampler::{Solver, decimal};
use crate::diffusion::unet::{ADDED, NOISE, SAMPLE, TEXT, TIME, residual};
use crate::network::{Array, Feed};
use reelsmith_inference_core::Result;
use reelsmith_inference_core::image::{ControlImage, ImageRequest};

/// The maps that steer, and when.
pub(super) struct Steering<'a> {
    controls: Vec<(&'a ControlImage, Array)>,
    steps: usize,
}

impl<'a> Steering<'a> {
    pub(super) fn of(request: &'a ImageRequest, steps: usize) -> Self {
        let controls = request.controls.iter().map(|control| (control, pixels::hint(&control.map)));
        Self { controls: controls.collect(), steps }
    }

    /// The strength of `control` at step `i`: its weight from its start to its end, else nothing.
    fn strength(&self, control: &ControlImage, i: usize) -> f32 {
        let share = |step: usize| step as f64 / self.steps as f64;
        let is_out = share(i) < decimal(control.start) || share(i + 1) > decimal(control.end);
        if is_out { 0.0 } else { control.weight }
    }
}

/// What UNet and ControlNets see at one step.
struct View {
    sample: Array,
    time: Array,
}

/// Denoises from `start` to the last step; gives the latents (1, C, h, w).
pub(super) fn run(
    request: &ImageRequest,
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    (solver, start, steering): (&mut Solver, Start, &Steering<'_>),
    conditioning: &Conditioning,
    generator: &mut Generator,
    steps: &mut Steps<'_>,
) -> Result<Array> {
    let Start { mut latents, kept, beside } = start;
    let first = checkpoint.unet.config.blocks[0].channels;
    for i in 0..solver.timesteps().len() {
        steps.next()?;
        let scaled = solver.scale_model_input(i, &latents.data);
        let view = View::of(&latents.shape, &scaled, beside.as_ref(), conditioning.batch())
            .at(solver.timesteps()[i], first);
        let predicted = predict(checkpoint, networks, (&view, conditioning), steering, i)?;
        check_finite("UNet", &predicted.data)?;
        let output = guided(&predicted.data, latents.data.len(), request.guidance_scale);
        let before = latents.data.clone();
        let mut noise = |count| generator.randn(request.noise, count);
        solver.step(i, &output, &mut latents.data, &mut noise);
        if let Some(kept) = &kept {
            Kept::put_back(kept, &mut latents.data, solver, i + 1);
        }
        steps.step_done(|| {
            let picture = solver.denoised(i, &output, &before);
            preview::of(&picture, &latents.shape)
        });
    }
    Ok(latents)
}

impl View {
    fn of(shape: &[usize], sample: &[f32], beside: Option<&Array>, batch: usize) -> Self {
        let one: Vec<f32> =
            sample.iter().chain(beside.iter().flat_map(|array| &array.data)).copied().collect();
        let channels = shape[1] + beside.map_or(0, |array| array.shape[1]);
        let shape = [batch, channels, shape[2], shape[3]];
        Self { sample: Array::new(&shape, one.repeat(batch)), time: Array::zeros(&[0]) }
    }

    fn at(mut self, timestep: f32, width: usize) -> Self {
        let batch = self.sample.shape[0];
        self.time = Array::new(&[batch, width], sinusoids(timestep, width).repeat(batch));
        self
    }

    fn feeds<'a>(&'a self, conditioning: &'a Conditioning) -> Vec<(&'a str, Feed<'a>)> {
        vec![
            (SAMPLE, (&self.sample).into()),
            (TIME, (&self.time).into()),
            (ADDED, (&conditioning.added).into()),
            (TEXT, (&conditioning.text).into()),
        ]
    }
}

/// The UNet's answer, steered by the ControlNets.
fn predict(
    checkpoint: &Checkpoint,
    networks: &mut Networks,
    (view, conditioning): (&View, &Conditioning),
    steering: &Steering<'_>,
    i: usize,
) -> Result<Array> {
    let steered = !steering.controls.is_empty();
    let names: Vec<String> = match steered {
        true => (0..=checkpoint.unet.config.skips().len()).map(residual).collect(),
        false => Vec::new(),
    };
    let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut residuals: Vec<Array> = Vec::new();
    for (control, hint) in &steering.controls {
        let strength = steering.strength(control, i);
        let batch = conditioning.batch();
        let shape = [batch, 3, hint.shape[2], hint.shape[3]];
        let hint = Array::new(&shape, hint.data.repeat(batch));
        let mut feeds = view.feeds(conditioning);
        feeds
            .extend([(HINT, (&hint).into()), (STRENGTH, Feed::Floats(&[], std::slice::from_ref(&strength)))]);
        let made = networks.control(&control.model)?.run(&feeds, &outputs)?;
        match residuals.is_empty() {
            true => residuals = made,
            false => residuals.iter_mut().zip(&made).for_each(|(sum, made)| add(sum, made)),
        }
    }
    let mut feeds = view.feeds(conditioning);
    feeds.extend(outputs.iter().copied().zip(residuals.iter().map(Feed::from)));
    Ok(networks.unet(checkpoint, steered)?.run(&feeds, &[NOISE])?.swap_remove(0))
}

fn add(sum: &mut Array, more: &Array) {
    sum.data.iter_mut().zip(&more.data).for_each(|(sum, more)| *sum += more);
}

/// Classifier-free guidance (Ho and Salimans, 2022): away from the first prediction, towards the second; or the only
/// one as it is.
fn guided(predicted: &[f32], count: usize, scale: f32) -> Vec<f32> {
    let (away, towards) = predicted.split_at(count);
    match towards.is_empty() {
        true => away.to_vec(),
        false => away.iter().zip(towards).map(|(away, towards)| away + scale * (towards - away)).collect(),
    }
}
