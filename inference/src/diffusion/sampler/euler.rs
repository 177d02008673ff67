//! Euler's method, plain and ancestral (Karras et al., 2022, algorithm 2 without churn; k-diffusion's
//! `sample_euler_ancestral`), as in diffusers' `scheduling_euler_discrete.py` and
//! `scheduling_euler_ancestral_discrete.py`.

use super::grid::{ended, karras, linspace, sigma_at, spaced, timestep_at, trained_sigmas};
use super::{Method, Noise};
use crate::diffusion::schedule::{
    FinalSigmas, InterpolationType, PredictionType, ScheduleConfig, TimestepSpacing,
};

pub(super) struct Euler {
    /// One for each step, and the one that it ends at.
    sigmas: Vec<f32>,
    init_noise_sigma: f32,
    prediction: PredictionType,
    ancestral: bool,
}

impl Euler {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> (Self, Vec<f32>) {
        let trained = trained_sigmas(config);
        let mut timesteps = spaced(config, steps, false);
        let mut sigmas: Vec<f64> = match config.interpolation_type {
            InterpolationType::Linear => levels(&trained, &timesteps),
            InterpolationType::LogLinear => {
                let (least, most) = (trained[0].ln(), trained[trained.len() - 1].ln());
                // One more than steps: the last is not reached.
                let logs = linspace(most.into(), least.into(), steps + 1);
                logs.into_iter().map(|log| f64::from((log as f32).exp())).collect()
            }
        };
        if config.use_karras_sigmas {
            sigmas = karras(sigmas[0], sigmas[sigmas.len() - 1], steps);
            timesteps = sigmas.iter().map(|sigma| timestep_at(&trained, *sigma)).collect();
        }
        let sigmas = ended(&sigmas, &trained, config.final_sigmas_type);
        Self::over(sigmas, &timesteps, config, false)
    }

    pub(super) fn ancestral(config: &ScheduleConfig, steps: usize) -> (Self, Vec<f32>) {
        let trained = trained_sigmas(config);
        let timesteps = spaced(config, steps, false);
        let sigmas = ended(&levels(&trained, &timesteps), &trained, FinalSigmas::Zero);
        Self::over(sigmas, &timesteps, config, true)
    }

    fn over(
        sigmas: Vec<f32>,
        timesteps: &[f64],
        config: &ScheduleConfig,
        ancestral: bool,
    ) -> (Self, Vec<f32>) {
        let highest = sigmas.iter().fold(0f32, |highest, sigma| highest.max(*sigma));
        let init_noise_sigma = match config.timestep_spacing {
            TimestepSpacing::Linspace | TimestepSpacing::Trailing => highest,
            TimestepSpacing::Leading => (highest * highest + 1.0).sqrt(),
        };
        let timesteps = timesteps.iter().map(|timestep| *timestep as f32).collect();
        (Self { sigmas, init_noise_sigma, prediction: config.prediction_type, ancestral }, timesteps)
    }

    /// The picture in a sample of 1 part picture and `sigma` parts noise.
    fn picture(&self, output: f32, sample: f32, sigma: f32) -> f32 {
        match self.prediction {
            PredictionType::Epsilon => sample - sigma * output,
            PredictionType::VPrediction => {
                let power = sigma * sigma + 1.0;
                output * (-sigma / power.sqrt()) + sample / power
            }
            PredictionType::Sample => output,
        }
    }

    /// The level that the step goes down to, and the noise that then takes it up to the next.
    fn down_and_up(&self, step: usize) -> (f32, f32) {
        let (from, to) = (self.sigmas[step], self.sigmas[step + 1]);
        if !self.ancestral {
            return (to, 0.0);
        }
        let up = (to * to * (from * from - to * to) / (from * from)).sqrt();
        ((to * to - up * up).sqrt(), up)
    }
}

/// In single precision first, as diffusers keeps the time steps.
fn levels(trained: &[f32], timesteps: &[f64]) -> Vec<f64> {
    timesteps.iter().map(|timestep| sigma_at(trained, f64::from(*timestep as f32))).collect()
}

impl Method for Euler {
    fn init_noise_sigma(&self) -> f32 {
        self.init_noise_sigma
    }

    fn input_divisor(&self, step: usize) -> f32 {
        (self.sigmas[step] * self.sigmas[step] + 1.0).sqrt()
    }

    fn mixture(&self, step: usize) -> (f32, f32) {
        (1.0, self.sigmas[step])
    }

    fn step(&mut self, step: usize, output: &[f32], sample: &mut [f32], noise: &mut Noise<'_>) {
        let sigma = self.sigmas[step];
        let (down, up) = self.down_and_up(step);
        for (number, output) in sample.iter_mut().zip(output) {
            let slope = (*number - self.picture(*output, *number, sigma)) / sigma;
            *number += slope * (down - sigma);
        }
        if self.ancestral {
            // Drawn at the last step too, where it has no weight: the draws after it stay those of diffusers.
            let noise = noise(sample.len());
            sample.iter_mut().zip(noise).for_each(|(number, noise)| *number += noise * up);
        }
    }
}
