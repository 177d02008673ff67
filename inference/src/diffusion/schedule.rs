//! The noise schedule that a model was trained with: how much of the picture is left at each training time step.
//!
//! Read from the `scheduler/scheduler_config.json` of a checkpoint in diffusers' layout. The numbers are made in
//! the precision in which diffusers 0.42 makes them (`schedulers/scheduling_euler_discrete.py` and its siblings),
//! because the last steps divide by small differences of them.

use reelsmith_inference_core::{InferenceError, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::f64::consts::FRAC_PI_2;
use std::ops::RangeInclusive;

/// Training time steps that a configuration may have.
const TRAINING_STEPS: RangeInclusive<usize> = 4..=10_000;

/// Variance that a time step may add: what single precision still tells from 0 and 1.
const BETAS: RangeInclusive<f64> = 1e-6..=0.999;

/// What must be left of the picture's variance before a schedule is stretched; cosine betas leave 2e-9.
const LEAST_LEFT: f32 = 1e-12;

/// How a model was trained and wants to be sampled. The default is SDXL base 1.0's.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleConfig {
    /// Time steps of the training, from 0 (hardly any noise). From 4 to 10,000.
    pub num_train_timesteps: usize,
    /// Variance that the first time step adds: from 0.000001 to 0.999.
    pub beta_start: f64,
    /// Variance that the last one adds, likewise.
    pub beta_end: f64,
    /// How the variance grows between them.
    pub beta_schedule: BetaSchedule,
    /// The schedule is stretched so that the last time step has no picture left in it.
    pub rescale_betas_zero_snr: bool,
    /// What the model gives.
    pub prediction_type: PredictionType,
    /// Which of the training time steps are visited.
    pub timestep_spacing: TimestepSpacing,
    /// Added to every time step where they are `Leading`: 0 or 1.
    pub steps_offset: usize,
    /// How Euler finds the noise levels.
    pub interpolation_type: InterpolationType,
    /// Euler and UniPC use Karras' noise levels. DPM++ 2M Karras always does, the others never.
    pub use_karras_sigmas: bool,
    /// At which noise level Euler, DPM++ 2M and UniPC end.
    pub final_sigmas_type: FinalSigmas,
    /// DDIM ends without any noise, rather than with that of time step 0.
    pub set_alpha_to_one: bool,
    /// DDIM and LCM keep their guess of the picture in ± this.
    pub clip_sample_range: Option<f32>,
    /// Steps of the distillation, of which LCM's are a choice.
    pub original_inference_steps: usize,
    /// By how much LCM stretches time for its boundary condition.
    pub timestep_scaling: f32,
}

/// How the variance that a time step adds grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BetaSchedule {
    /// Evenly.
    Linear,
    /// Its root grows evenly: latent diffusion's own.
    ScaledLinear,
    /// The picture fades as a squared cosine (Nichol and Dhariwal, 2021); `beta_start` and `beta_end` are not used.
    #[serde(rename = "squaredcos_cap_v2")]
    SquaredCosine,
}

/// What a model's output means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise in the sample.
    Epsilon,
    /// The velocity (Salimans and Ho, 2022).
    VPrediction,
    /// The picture.
    Sample,
}

/// Which of the training time steps are visited (Lin et al., 2024, table 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimestepSpacing {
    /// Both ends, and evenly between.
    Linspace,
    /// Evenly from the end without noise: the noisiest step is not visited.
    Leading,
    /// Evenly from the noisiest.
    Trailing,
}

/// How Euler finds the noise level of a time step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InterpolationType {
    /// Between those of the training.
    Linear,
    /// Evenly in their logarithm, whatever the time step is.
    LogLinear,
}

/// At which noise level sampling ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSigmas {
    /// At none.
    Zero,
    /// At the least of the training.
    SigmaMin,
}

impl Default for ScheduleConfig {
    /// As stabilityai/stable-diffusion-xl-base-1.0 is published; what that says nothing of is as in diffusers.
    fn default() -> Self {
        Self {
            num_train_timesteps: 1000,
            beta_start: 0.00085,
            beta_end: 0.012,
            beta_schedule: BetaSchedule::ScaledLinear,
            rescale_betas_zero_snr: false,
            prediction_type: PredictionType::Epsilon,
            timestep_spacing: TimestepSpacing::Leading,
            steps_offset: 1,
            interpolation_type: InterpolationType::Linear,
            use_karras_sigmas: false,
            final_sigmas_type: FinalSigmas::Zero,
            set_alpha_to_one: false,
            clip_sample_range: None,
            original_inference_steps: 50,
            timestep_scaling: 10.0,
        }
    }
}

impl ScheduleConfig {
    /// Reads a `scheduler_config.json`. Keys that say nothing of the noise schedule are passed over: which sampler
    /// is used is the request's to say. What is absent or null is as in the default.
    ///
    /// # Errors
    /// `ModelCorrupt`, naming the key, for what is no such file, out of range, or not supported.
    pub fn parse(json: &[u8]) -> Result<Self> {
        let keys: Map<String, Value> = serde_json::from_slice(json).map_err(|e| {
            InferenceError::corrupt(format!("scheduler_config.json is no JSON object: {e}")).with_source(e)
        })?;
        let keys = Keys(keys);
        keys.refuse_other_processes()?;
        let default = Self::default();
        let clipped = keys.get("clip_sample", false)?;
        let range = keys.get("clip_sample_range", 1.0)?;
        let config = Self {
            num_train_timesteps: keys.get("num_train_timesteps", default.num_train_timesteps)?,
            beta_start: keys.get("beta_start", default.beta_start)?,
            beta_end: keys.get("beta_end", default.beta_end)?,
            beta_schedule: keys.get("beta_schedule", default.beta_schedule)?,
            rescale_betas_zero_snr: keys.get("rescale_betas_zero_snr", false)?,
            prediction_type: keys.get("prediction_type", default.prediction_type)?,
            timestep_spacing: keys.get("timestep_spacing", default.timestep_spacing)?,
            steps_offset: keys.get("steps_offset", default.steps_offset)?,
            interpolation_type: keys.get("interpolation_type", default.interpolation_type)?,
            use_karras_sigmas: keys.get("use_karras_sigmas", false)?,
            final_sigmas_type: keys.get("final_sigmas_type", default.final_sigmas_type)?,
            set_alpha_to_one: keys.get("set_alpha_to_one", default.set_alpha_to_one)?,
            clip_sample_range: clipped.then_some(range),
            original_inference_steps: keys
                .get("original_inference_steps", default.original_inference_steps)?,
            timestep_scaling: keys.get("timestep_scaling", default.timestep_scaling)?,
        };
        config.check()?;
        Ok(config)
    }

    /// Refuses numbers that no schedule can be made of.
    pub(super) fn check(&self) -> Result<()> {
        let steps = self.num_train_timesteps;
        let within = |count: usize| (1..=steps).contains(&count);
        let range = self.clip_sample_range;
        let checks = [
            ("num_train_timesteps", TRAINING_STEPS.contains(&steps), "from 4 to 10000"),
            ("beta_start", BETAS.contains(&self.beta_start), "from 0.000001 to 0.999"),
            ("beta_end", BETAS.contains(&self.beta_end), "from 0.000001 to 0.999"),
            ("steps_offset", self.steps_offset <= 1, "0 or 1"),
            (
                "original_inference_steps",
                within(self.original_inference_steps),
                "from 1 to num_train_timesteps",
            ),
            ("timestep_scaling", self.timestep_scaling.is_finite(), "a number"),
            ("clip_sample_range", range.is_none_or(|range| range > 0.0 && range.is_finite()), "above 0"),
        ];
        if let Some((key, _, allowed)) = checks.iter().find(|(_, holds, _)| !holds) {
            return Err(InferenceError::corrupt(format!("scheduler_config.json: {key} must be {allowed}")));
        }
        if cumulated(&self.betas()).last().is_none_or(|left| *left < LEAST_LEFT) {
            let message =
                "scheduler_config.json: beta_end adds so much noise that nothing is left of a picture";
            return Err(InferenceError::corrupt(message.to_owned()));
        }
        Ok(())
    }

    /// The part of the picture's variance that is left at each training time step, falling from nearly 1 to nearly
    /// 0: ᾱ of Ho et al., 2020. `num_train_timesteps` numbers.
    pub fn alphas_cumprod(&self) -> Vec<f32> {
        let betas = self.betas();
        if self.rescale_betas_zero_snr { cumulated(&rescaled(&betas)) } else { cumulated(&betas) }
    }

    fn betas(&self) -> Vec<f32> {
        let count = self.num_train_timesteps;
        match self.beta_schedule {
            BetaSchedule::Linear => evenly(self.beta_start as f32, self.beta_end as f32, count),
            BetaSchedule::ScaledLinear => {
                let roots = evenly(self.beta_start.sqrt() as f32, self.beta_end.sqrt() as f32, count);
                roots.iter().map(|root| root * root).collect()
            }
            BetaSchedule::SquaredCosine => {
                let left = |time: f64| ((time + 0.008) / 1.008 * FRAC_PI_2).cos().powi(2);
                let at = |i: usize| left(i as f64 / count as f64);
                (0..count).map(|i| (1.0 - at(i + 1) / at(i)).min(0.999) as f32).collect()
            }
        }
    }
}

/// The entries of a configuration.
struct Keys(Map<String, Value>);

impl Keys {
    fn get<T: DeserializeOwned>(&self, key: &str, default: T) -> Result<T> {
        match self.0.get(key) {
            None | Some(Value::Null) => Ok(default),
            Some(value) => T::deserialize(value).map_err(|e| {
                InferenceError::corrupt(format!("scheduler_config.json: {key} {value} is not supported: {e}"))
                    .with_source(e)
            }),
        }
    }

    /// Settings under which diffusers would sample otherwise than is done here.
    fn refuse_other_processes(&self) -> Result<()> {
        let class: String = self.get("_class_name", String::new())?;
        let other = class.starts_with("EDM") || class.starts_with("FlowMatch");
        let switches = ["thresholding", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas"];
        let switched = switches.iter().find(|key| self.0.get(**key) == Some(&Value::Bool(true)));
        let values = ["trained_betas", "sigma_min", "sigma_max"];
        let valued = values.iter().find(|key| self.0.get(**key).is_some_and(|value| !value.is_null()));
        let continuous = self.get("timestep_type", String::new())? == "continuous";
        let key = other.then_some(&"_class_name").or(switched).or(valued);
        match key.or(continuous.then_some(&"timestep_type")) {
            Some(key) => {
                let value = &self.0[*key];
                Err(InferenceError::corrupt(format!("scheduler_config.json: {key} {value} is not supported")))
            }
            None => Ok(()),
        }
    }
}

/// `count` numbers from `start` to `end`, counted from the nearer end (`torch.linspace` in single precision).
fn evenly(start: f32, end: f32, count: usize) -> Vec<f32> {
    let step = (end - start) / (count - 1) as f32;
    let number = |i: usize| {
        if i < count / 2 { start + step * i as f32 } else { end - step * (count - 1 - i) as f32 }
    };
    (0..count).map(number).collect()
}

/// The running product of 1 - beta, kept in double precision (`torch.cumprod`).
fn cumulated(betas: &[f32]) -> Vec<f32> {
    let product = |product: &mut f64, beta: &f32| {
        *product *= f64::from(1.0 - beta);
        Some(*product as f32)
    };
    betas.iter().scan(1.0, product).collect()
}

/// The betas that leave nothing at the last time step (Lin et al., 2024, algorithm 1).
fn rescaled(betas: &[f32]) -> Vec<f32> {
    let roots: Vec<f32> = cumulated(betas).iter().map(|alpha| alpha.sqrt()).collect();
    let (first, last) = (roots[0], roots[roots.len() - 1]);
    let scale = first / (first - last);
    let left: Vec<f32> = roots.iter().map(|root| ((root - last) * scale).powi(2)).collect();
    let rest = left.windows(2).map(|pair| 1.0 - pair[1] / pair[0]);
    std::iter::once(1.0 - left[0]).chain(rest).collect()
}

#[cfg(test)]
mod tests;
