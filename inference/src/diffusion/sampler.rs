//! From noise to a picture, step by step: the samplers of diffusers 0.42, with its time steps, its noise levels and
//! its order of random draws.
//!
//! A [`Solver`] holds no model. For each of its time steps the caller scales the sample, asks the model, and hands
//! the answer to [`Solver::step`].

mod ddim;
mod dpmpp;
mod euler;
mod grid;
mod lcm;
mod unipc;

use super::schedule::{PredictionType, ScheduleConfig, TimestepSpacing};
use ddim::Ddim;
use dpmpp::DpmPlusPlus;
use euler::Euler;
use lcm::Lcm;
use reelsmith_inference_core::image::Sampler;
use reelsmith_inference_core::{InferenceError, Result};
use unipc::UniPc;

/// Gives so many fresh normal numbers, for the whole batch in the order of its samples.
pub type Noise<'a> = dyn FnMut(usize) -> Vec<f32> + 'a;

/// What tells the samplers apart. Steps are counted over the whole schedule, also where image-to-image enters late.
trait Method: Send {
    /// By how much the first noise is scaled.
    fn init_noise_sigma(&self) -> f32 {
        1.0
    }

    /// By how much a sample is divided for the model.
    fn input_divisor(&self, _step: usize) -> f32 {
        1.0
    }

    /// Weights of a picture and of noise in a sample at the noise level of `step`.
    fn mixture(&self, step: usize) -> (f32, f32);

    /// Takes `sample` from the noise level of `step` to that of the next.
    fn step(&mut self, step: usize, output: &[f32], sample: &mut [f32], noise: &mut Noise<'_>);

    /// Forgets earlier steps.
    fn restart(&mut self) {}
}

/// A sampler over its time steps. Batches are flat: every number of every sample, in any order that stays.
pub struct Solver {
    method: Box<dyn Method>,
    timesteps: Vec<f32>,
    start: usize,
    /// The step to be taken.
    next: usize,
    prediction: PredictionType,
}

impl std::fmt::Debug for Solver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Solver").field("timesteps", &self.timesteps()).finish_non_exhaustive()
    }
}

impl Solver {
    /// A sampler of `steps` steps. With a `strength` below 1 it takes only the last `steps * strength` of them, rounded
    /// down, as diffusers does for image-to-image; with 1 it takes all.
    ///
    /// # Errors
    /// `InvalidRequest` with the allowed range if the sampler cannot take so many steps on this schedule, if the
    /// strength is not above 0 and at most 1, or so small that no step remains, or if the sampler cannot start from
    /// the pure noise that the schedule ends in; `ModelCorrupt` for a configuration out of range.
    pub fn new(sampler: Sampler, config: &ScheduleConfig, steps: u32, strength: f32) -> Result<Self> {
        config.check()?;
        let most = most_steps(sampler, config);
        let count = steps as usize;
        if !(1..=most).contains(&count) {
            let message = format!("{steps} steps: {} takes from 1 to {most} with this model", name(sampler));
            return Err(InferenceError::invalid(message));
        }
        let start = count - remaining(steps, strength)?;
        let (method, timesteps) = planned(sampler, config, count);
        if config.prediction_type == PredictionType::Epsilon && method.mixture(start).0 == 0.0 {
            let why = "this model's noise schedule ends in pure noise, and it predicts noise";
            return Err(InferenceError::invalid(format!("{} cannot start: {why}; use euler", name(sampler))));
        }
        Ok(Self { method, timesteps, start, next: 0, prediction: config.prediction_type })
    }

    /// The time steps that the model is conditioned on, noisiest first: one for each step that is taken.
    pub fn timesteps(&self) -> &[f32] {
        &self.timesteps[self.start..]
    }

    /// By how much the first noise is scaled where no picture is started from.
    pub fn init_noise_sigma(&self) -> f32 {
        self.method.init_noise_sigma()
    }

    /// What the model sees of `sample` at step `i` of [`Solver::timesteps`].
    pub fn scale_model_input(&self, i: usize, sample: &[f32]) -> Vec<f32> {
        let divisor = self.method.input_divisor(self.start + i);
        sample.iter().map(|number| number / divisor).collect()
    }

    /// Takes step `i`: `sample` becomes that of step `i + 1`, or after the last the picture. Steps are taken in
    /// order; step 0 begins anew. `noise` is asked exactly where diffusers draws.
    ///
    /// # Panics
    /// If step `i` is not 0 or the one after the last taken, if there is no such step, or if `model_output` or the
    /// noise has another length than `sample`.
    pub fn step(&mut self, i: usize, model_output: &[f32], sample: &mut [f32], noise: &mut Noise<'_>) {
        assert!(i < self.timesteps().len(), "step {i} of {}", self.timesteps().len());
        assert_eq!(model_output.len(), sample.len(), "one output for each number of the sample");
        if i == 0 {
            self.method.restart();
            self.next = 0;
        }
        assert_eq!(i, self.next, "steps are taken in order");
        self.next += 1;
        let mut checked = |count| {
            let noise = noise(count);
            assert_eq!(noise.len(), count, "as much noise as was asked for");
            noise
        };
        self.method.step(self.start + i, model_output, sample, &mut checked);
    }

    /// The picture that `model_output` says is in `sample`, that of step `i` before it was taken: what a preview
    /// shows.
    ///
    /// # Panics
    /// If there is no step `i`.
    pub fn denoised(&self, i: usize, model_output: &[f32], sample: &[f32]) -> Vec<f32> {
        assert!(i < self.timesteps().len(), "step {i} of {}", self.timesteps().len());
        let (picture, noise) = self.method.mixture(self.start + i);
        // 1 where variances are preserved; the samplers that count in sigmas let the sample grow.
        let norm = picture.hypot(noise);
        let (of_sample, of_output) = match self.prediction {
            PredictionType::Epsilon => (1.0 / picture, -noise / picture),
            PredictionType::VPrediction => (picture / (norm * norm), -noise / norm),
            PredictionType::Sample => (0.0, 1.0),
        };
        sample
            .iter()
            .zip(model_output)
            .map(|(sample, output)| of_sample * sample + of_output * output)
            .collect()
    }

    /// A picture's latents with the noise that a sample of step `i` has: the start of image-to-image, and what
    /// inpainting keeps after step `i - 1`.
    ///
    /// # Panics
    /// If there is no step `i`, or the lengths differ.
    pub fn add_noise(&self, i: usize, original: &[f32], noise: &[f32]) -> Vec<f32> {
        assert_eq!(original.len(), noise.len(), "noise for each number of the picture");
        assert!(i < self.timesteps().len(), "step {i} of {}", self.timesteps().len());
        let (picture, share) = self.method.mixture(self.start + i);
        original.iter().zip(noise).map(|(original, noise)| picture * original + share * noise).collect()
    }
}

/// A sampler and all its time steps.
fn planned(sampler: Sampler, config: &ScheduleConfig, steps: usize) -> (Box<dyn Method>, Vec<f32>) {
    match sampler {
        Sampler::Euler => boxed(Euler::new(config, steps)),
        Sampler::EulerAncestral => boxed(Euler::ancestral(config, steps)),
        Sampler::DpmPlusPlus2mKarras => boxed(DpmPlusPlus::new(config, steps)),
        Sampler::UniPc => boxed(UniPc::new(config, steps)),
        Sampler::Lcm => boxed(Lcm::new(config, steps)),
        Sampler::Ddim => boxed(Ddim::new(config, steps)),
    }
}

fn boxed(made: (impl Method + 'static, Vec<f32>)) -> (Box<dyn Method>, Vec<f32>) {
    (Box::new(made.0), made.1)
}

/// Beyond this a sampler would visit a time step twice or one that was not trained.
fn most_steps(sampler: Sampler, config: &ScheduleConfig) -> usize {
    let trained = config.num_train_timesteps;
    match (sampler, config.timestep_spacing) {
        (Sampler::Lcm, _) => config.original_inference_steps,
        (Sampler::UniPc, TimestepSpacing::Leading) => trained - 1 - config.steps_offset,
        (Sampler::UniPc, TimestepSpacing::Linspace) => trained - 1,
        (Sampler::Ddim, TimestepSpacing::Leading) => trained - config.steps_offset,
        _ => trained,
    }
}

/// How many of the last steps a strength leaves.
fn remaining(steps: u32, strength: f32) -> Result<usize> {
    if !(strength > 0.0 && strength <= 1.0) {
        return Err(InferenceError::invalid(format!(
            "a strength of {strength}: it is above 0 and at most 1"
        )));
    }
    let strength = decimal(strength);
    let count = (f64::from(steps) * strength) as usize;
    if count == 0 {
        let least = (1e4 / f64::from(steps)).ceil() / 1e4;
        let message =
            format!("a strength of {strength} leaves none of {steps} steps: at least {least}, or more steps");
        return Err(InferenceError::invalid(message));
    }
    Ok(count)
}

/// The decimal that was asked for, which single precision falls short of or beyond: 0.7 of 10 steps is 7.
pub(super) fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

fn name(sampler: Sampler) -> &'static str {
    match sampler {
        Sampler::Euler => "euler",
        Sampler::EulerAncestral => "euler_ancestral",
        Sampler::DpmPlusPlus2mKarras => "dpmpp_2m_karras",
        Sampler::UniPc => "unipc",
        Sampler::Lcm => "lcm",
        Sampler::Ddim => "ddim",
    }
}

impl PredictionType {
    /// The picture that a model's output stands for, in a sample of `alpha` parts picture and `sigma` parts noise.
    fn picture(self, output: f32, sample: f32, alpha: f32, sigma: f32) -> f32 {
        match self {
            Self::Epsilon => (sample - sigma * output) / alpha,
            Self::VPrediction => alpha * sample - sigma * output,
            Self::Sample => output,
        }
    }
}

#[cfg(test)]
mod tests;
