//! Multistep sampling of a latent consistency model (Luo et al., 2023), as in diffusers' `scheduling_lcm.py`.

use super::{Method, Noise};
use crate::diffusion::schedule::{PredictionType, ScheduleConfig};

/// Standard deviation of the data that the boundary condition assumes.
const SIGMA_DATA: f32 = 0.5;

pub(super) struct Lcm {
    /// What is left of the picture's variance at each step.
    alphas: Vec<f32>,
    /// Weights of the sample and of the picture found in it, at each step.
    boundary: Vec<(f32, f32)>,
    prediction: PredictionType,
    clip: Option<f32>,
}

impl Lcm {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> (Self, Vec<f32>) {
        let timesteps = timesteps(config, steps);
        let trained = config.alphas_cumprod();
        let boundary = |timestep: &usize| {
            let scaled = *timestep as f32 * config.timestep_scaling;
            let power = scaled * scaled + SIGMA_DATA * SIGMA_DATA;
            (SIGMA_DATA * SIGMA_DATA / power, scaled / power.sqrt())
        };
        let solver = Self {
            alphas: timesteps.iter().map(|timestep| trained[*timestep]).collect(),
            boundary: timesteps.iter().map(boundary).collect(),
            prediction: config.prediction_type,
            clip: config.clip_sample_range,
        };
        (solver, timesteps.iter().map(|timestep| *timestep as f32).collect())
    }
}

/// Evenly chosen of the steps that the model was distilled on, noisiest first.
fn timesteps(config: &ScheduleConfig, steps: usize) -> Vec<usize> {
    let distilled = config.original_inference_steps;
    let skip = config.num_train_timesteps / distilled;
    let stride = distilled as f64 / steps as f64;
    (0..steps).map(|i| (distilled - (i as f64 * stride) as usize) * skip - 1).collect()
}

impl Method for Lcm {
    fn mixture(&self, step: usize) -> (f32, f32) {
        (self.alphas[step].sqrt(), (1.0 - self.alphas[step]).sqrt())
    }

    fn step(&mut self, step: usize, output: &[f32], sample: &mut [f32], noise: &mut Noise<'_>) {
        let (alpha, sigma) = self.mixture(step);
        let (skip, out) = self.boundary[step];
        for (number, output) in sample.iter_mut().zip(output) {
            let picture = self.prediction.picture(*output, *number, alpha, sigma);
            let picture = self.clip.map_or(picture, |range| picture.clamp(-range, range));
            *number = out * picture + skip * *number;
        }
        if step + 1 < self.alphas.len() {
            let (alpha, sigma) = self.mixture(step + 1);
            let noise = noise(sample.len());
            sample
                .iter_mut()
                .zip(noise)
                .for_each(|(number, noise)| *number = alpha * *number + sigma * noise);
        }
    }
}
