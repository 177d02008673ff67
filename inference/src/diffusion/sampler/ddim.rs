//! DDIM without noise (Song et al., 2021, equation 12 with η = 0), as in diffusers' `scheduling_ddim.py`.

use super::grid::spaced;
use super::{Method, Noise};
use crate::diffusion::schedule::{PredictionType, ScheduleConfig};

pub(super) struct Ddim {
    /// What is left of the picture's variance at each step, and at the one that it goes to.
    alphas: Vec<(f32, f32)>,
    prediction: PredictionType,
    clip: Option<f32>,
}

impl Ddim {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> (Self, Vec<f32>) {
        let timesteps: Vec<usize> =
            spaced(config, steps, false).iter().map(|timestep| timestep.round_ties_even() as usize).collect();
        let trained = config.alphas_cumprod();
        let end = if config.set_alpha_to_one { 1.0 } else { trained[0] };
        let ratio = config.num_train_timesteps / steps;
        // Not the next time step's: where the spacing is uneven the two differ, and diffusers takes this.
        let next = |timestep: usize| timestep.checked_sub(ratio).map_or(end, |next| trained[next]);
        let solver = Self {
            alphas: timesteps.iter().map(|timestep| (trained[*timestep], next(*timestep))).collect(),
            prediction: config.prediction_type,
            clip: config.clip_sample_range,
        };
        (solver, timesteps.iter().map(|timestep| *timestep as f32).collect())
    }
}

impl Method for Ddim {
    fn mixture(&self, step: usize) -> (f32, f32) {
        let (alpha, _) = self.alphas[step];
        (alpha.sqrt(), (1.0 - alpha).sqrt())
    }

    fn step(&mut self, step: usize, output: &[f32], sample: &mut [f32], _noise: &mut Noise<'_>) {
        let (alpha, sigma) = self.mixture(step);
        let (_, next) = self.alphas[step];
        let (next_alpha, next_sigma) = (next.sqrt(), (1.0 - next).sqrt());
        for (number, output) in sample.iter_mut().zip(output) {
            let picture = self.prediction.picture(*output, *number, alpha, sigma);
            let noise = match self.prediction {
                PredictionType::Epsilon => *output,
                PredictionType::VPrediction => alpha * output + sigma * *number,
                PredictionType::Sample => (*number - alpha * picture) / sigma,
            };
            let picture = self.clip.map_or(picture, |range| picture.clamp(-range, range));
            *number = next_alpha * picture + next_sigma * noise;
        }
    }
}
