//! DPM-Solver++(2M) over Karras' noise levels (Lu et al., 2022), as in diffusers'
//! `scheduling_dpmsolver_multistep.py` with `use_karras_sigmas` (midpoint, order 2).

use super::grid::{Level, ended, karras, timestep_at, trained_sigmas};
use super::{Method, Noise};
use crate::diffusion::schedule::{BetaSchedule, FinalSigmas, PredictionType, ScheduleConfig};

/// With fewer steps the last one is of order 1 in any case.
const FEW_STEPS: usize = 15;

pub(super) struct DpmPlusPlus {
    /// One for each step, and the one that it ends at.
    levels: Vec<Level>,
    prediction: PredictionType,
    ends_without_noise: bool,
    /// The picture that the step before predicted.
    before: Option<Vec<f32>>,
}

impl DpmPlusPlus {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> (Self, Vec<f32>) {
        let trained = trained_sigmas(config);
        let sigmas = karras(trained[trained.len() - 1].into(), trained[0].into(), steps);
        let timestep = |sigma: &f64| {
            let timestep = timestep_at(&trained, *sigma);
            // Truncated, not rounded, for cosine betas: so it is in diffusers.
            let cosine = config.beta_schedule == BetaSchedule::SquaredCosine;
            if cosine { timestep.trunc() as f32 } else { timestep.round_ties_even() as f32 }
        };
        let timesteps = sigmas.iter().map(timestep).collect();
        let solver = Self {
            levels: Level::of(&ended(&sigmas, &trained, config.final_sigmas_type)),
            prediction: config.prediction_type,
            ends_without_noise: config.final_sigmas_type == FinalSigmas::Zero,
            before: None,
        };
        (solver, timesteps)
    }

    fn pictures(&self, step: usize, output: &[f32], sample: &[f32]) -> Vec<f32> {
        let Level { alpha, sigma, .. } = self.levels[step];
        let pairs = output.iter().zip(sample);
        pairs.map(|(output, sample)| self.prediction.picture(*output, *sample, alpha, sigma)).collect()
    }

    fn is_first_order(&self, step: usize) -> bool {
        let steps = self.levels.len() - 1;
        step + 1 == steps && (steps < FEW_STEPS || self.ends_without_noise)
    }
}

impl Method for DpmPlusPlus {
    fn mixture(&self, step: usize) -> (f32, f32) {
        (self.levels[step].alpha, self.levels[step].sigma)
    }

    fn step(&mut self, step: usize, output: &[f32], sample: &mut [f32], _noise: &mut Noise<'_>) {
        let pictures = self.pictures(step, output, sample);
        let (now, next) = (self.levels[step], self.levels[step + 1]);
        let h = next.lambda - now.lambda;
        let (kept, gain) = (next.sigma / now.sigma, next.alpha * ((-h).exp() - 1.0));
        let earlier = self.before.take().filter(|_| !self.is_first_order(step));
        for (number, picture) in sample.iter_mut().zip(&pictures) {
            *number = kept * *number - gain * picture;
        }
        if let Some(earlier) = earlier {
            let ratio = (now.lambda - self.levels[step - 1].lambda) / h;
            for ((number, picture), earlier) in sample.iter_mut().zip(&pictures).zip(earlier) {
                *number -= 0.5 * gain * (1.0 / ratio * (picture - earlier));
            }
        }
        self.before = Some(pictures);
    }

    fn restart(&mut self) {
        self.before = None;
    }
}
