//! The loop: the UNet says what of the sample is noise, the sampler takes it off.

use super::networks::Networks;
use super::start::Start;
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
    pub(super) fn of(request: &'a ImageRequest, steps: usize, batch: usize) -> Self {
        let hint = |control: &ControlImage| {
            let one = pixels::hint(&control.map);
            Array::new(&[batch, 3, one.shape[2], one.shape[3]], one.data.repeat(batch))
        };
        let controls = request.controls.iter().map(|control| (control, hint(control)));
        Self { controls: controls.collect(), steps }
    }

    /// The strength of `control` at step `i`: its weight from its start to its end, else nothing.
    fn strength(&self, control: &ControlImage, i: usize) -> f32 {
        let share = |step: usize| step as f64 / self.steps as f64;
        let is_out = share(i) < decimal(control.start) || share(i + 1) > decimal(control.end);
        if is_out { 0.0 } else { control.weight }
    }
}

/// What one picture is denoised with.
pub(super) struct Denoise<'a> {
    pub(super) request: &'a ImageRequest,
    pub(super) checkpoint: &'a Checkpoint,
    pub(super) networks: &'a mut Networks,
    pub(super) conditioning: &'a Conditioning,
    pub(super) steering: &'a Steering<'a>,
}

/// What UNet and ControlNets see at one step.
struct View {
    sample: Array,
    time: Array,
}

impl Denoise<'_> {
    /// From `start` to the last step; gives the latents (1, C, h, w).
    pub(super) fn run(
        mut self,
        start: Start,
        solver: &mut Solver,
        generator: &mut Generator,
        steps: &mut Steps<'_>,
    ) -> Result<Array> {
        let Start { mut latents, kept, beside } = start;
        let count = solver.timesteps().len();
        for i in 0..count {
            steps.next()?;
            let scaled = solver.scale_model_input(i, &latents.data);
            let view = self.view(&latents.shape, &scaled, beside.as_ref(), solver.timesteps()[i]);
            let predicted = self.predict(&view, (i, i + 1 == count), steps)?;
            check_finite("UNet", &predicted.data)?;
            let output = guided(&predicted.data, latents.data.len(), self.request.guidance_scale);
            steps.step_done(|| preview::of(&solver.denoised(i, &output, &latents.data), &latents.shape));
            let mut noise = |count| generator.randn(self.request.noise, count);
            solver.step(i, &output, &mut latents.data, &mut noise);
            if let Some(kept) = &kept {
                kept.put_back(&mut latents.data, solver, i + 1);
            }
        }
        Ok(latents)
    }

    fn view(&self, shape: &[usize], sample: &[f32], beside: Option<&Array>, timestep: f32) -> View {
        let batch = self.conditioning.batch();
        let one: Vec<f32> =
            sample.iter().chain(beside.iter().flat_map(|array| &array.data)).copied().collect();
        let channels = shape[1] + beside.map_or(0, |array| array.shape[1]);
        let width = self.checkpoint.unet.config.blocks[0].channels;
        View {
            sample: Array::new(&[batch, channels, shape[2], shape[3]], one.repeat(batch)),
            time: Array::new(&[batch, width], sinusoids(timestep, width).repeat(batch)),
        }
    }

    /// The UNet's answer, steered by the ControlNets. After the last step memory is given back.
    fn predict(&mut self, view: &View, (i, is_last): (usize, bool), steps: &Steps<'_>) -> Result<Array> {
        let steered = !self.steering.controls.is_empty();
        let residuals = if steered { self.residuals(view, i, steps)? } else { Vec::new() };
        let names: Vec<String> = (0..residuals.len()).map(residual).collect();
        let mut feeds = view.feeds(self.conditioning);
        feeds.extend(names.iter().map(String::as_str).zip(residuals.iter().map(Feed::from)));
        let network = self.networks.unet(self.checkpoint, steered)?;
        let made = match is_last {
            true => network.run_last(&feeds, &[NOISE])?,
            false => network.run(&feeds, &[NOISE])?,
        };
        Ok(made.into_iter().next().expect("there is an array for each output that is asked for"))
    }

    /// What the ControlNets add to the UNet's skips at step `i`: their sum, or zeros where none steers then.
    fn residuals(&mut self, view: &View, i: usize, steps: &Steps<'_>) -> Result<Vec<Array>> {
        let shapes = self.checkpoint.unet.config.skip_shapes(&view.sample.shape);
        let names: Vec<String> = (0..shapes.len()).map(residual).collect();
        let outputs: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut sum: Vec<Array> = Vec::new();
        for (control, hint) in &self.steering.controls {
            let strength = self.steering.strength(control, i);
            if strength == 0.0 {
                continue;
            }
            steps.next()?;
            let mut feeds = view.feeds(self.conditioning);
            let strength = [strength];
            feeds.extend([(HINT, hint.into()), (STRENGTH, Feed::Floats(&[], &strength))]);
            let made = self.networks.control(self.checkpoint, &control.model)?.run(&feeds, &outputs)?;
            match sum.is_empty() {
                true => sum = made,
                false => sum.iter_mut().zip(&made).for_each(|(sum, made)| add(sum, made)),
            }
        }
        if sum.is_empty() {
            sum = shapes.iter().map(|shape| Array::zeros(shape)).collect();
        }
        Ok(sum)
    }
}

impl View {
    fn feeds<'a>(&'a self, conditioning: &'a Conditioning) -> Vec<(&'a str, Feed<'a>)> {
        vec![
            (SAMPLE, (&self.sample).into()),
            (TIME, (&self.time).into()),
            (ADDED, (&conditioning.added).into()),
            (TEXT, (&conditioning.text).into()),
        ]
    }
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
