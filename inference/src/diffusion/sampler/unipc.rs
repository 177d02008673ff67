//! UniPC of order 2 with B(h) = e^h - 1 (Zhao et al., 2023), predicting the picture, as in diffusers'
//! `scheduling_unipc_multistep.py` with its defaults (`bh2`).

use super::grid::{Level, ended, karras, sigma_at, spaced, timestep_at, trained_sigmas};
use super::{Method, Noise};
use crate::diffusion::schedule::{PredictionType, ScheduleConfig};

const ORDER: usize = 2;

pub(super) struct UniPc {
    /// One for each step, and the one that it ends at.
    levels: Vec<Level>,
    prediction: PredictionType,
    /// What the steps before predicted of the picture, the latest last.
    pictures: Vec<Vec<f32>>,
    /// The step before.
    last: Option<Last>,
}

/// A step as its corrector needs it.
struct Last {
    sample: Vec<f32>,
    order: usize,
}

impl UniPc {
    pub(super) fn new(config: &ScheduleConfig, steps: usize) -> (Self, Vec<f32>) {
        let trained = trained_sigmas(config);
        let (sigmas, timesteps): (Vec<f64>, Vec<f64>) = if config.use_karras_sigmas {
            let sigmas = karras(trained[trained.len() - 1].into(), trained[0].into(), steps);
            let timesteps =
                sigmas.iter().map(|sigma| timestep_at(&trained, *sigma).round_ties_even()).collect();
            (sigmas, timesteps)
        } else {
            let timesteps: Vec<f64> =
                spaced(config, steps, true).iter().map(|timestep| timestep.round_ties_even()).collect();
            (timesteps.iter().map(|timestep| sigma_at(&trained, *timestep)).collect(), timesteps)
        };
        let levels = Level::of(&ended(&sigmas, &trained, config.final_sigmas_type));
        let prediction = config.prediction_type;
        let solver = Self { levels, prediction, pictures: Vec::new(), last: None };
        (solver, timesteps.iter().map(|timestep| *timestep as f32).collect())
    }

    /// Amends `sample`, which the last step went to, by the `picture` that was then found in it (UniC).
    fn correct(&self, step: usize, last: &Last, picture: &[f32], sample: &mut [f32]) {
        let span = Span::new(self.levels[step - 1], self.levels[step]);
        let newest = &self.pictures[self.pictures.len() - 1];
        let (slopes, [earlier, latest]) = match last.order {
            1 => (None, [0.0, 0.5]),
            _ => {
                let ratio = span.ratio(self.levels[step - 2]);
                (Some((&self.pictures[self.pictures.len() - 2], ratio)), span.corrector(ratio))
            }
        };
        for (i, number) in sample.iter_mut().enumerate() {
            let slope = slopes.map_or(0.0, |(older, ratio)| (older[i] - newest[i]) / ratio);
            let residue = earlier * slope + latest * (picture[i] - newest[i]);
            *number = span.first_order(last.sample[i], newest[i]) - span.weight() * residue;
        }
    }

    /// Takes `sample` to the next level (UniP).
    fn predict(&self, step: usize, order: usize, sample: &mut [f32]) {
        let span = Span::new(self.levels[step], self.levels[step + 1]);
        let newest = &self.pictures[self.pictures.len() - 1];
        for (number, newest) in sample.iter_mut().zip(newest) {
            *number = span.first_order(*number, *newest);
        }
        if order == ORDER {
            let ratio = span.ratio(self.levels[step - 1]);
            let older = &self.pictures[self.pictures.len() - 2];
            for ((number, newest), older) in sample.iter_mut().zip(newest).zip(older) {
                *number -= span.weight() * (0.5 * ((older - newest) / ratio));
            }
        }
    }
}

impl Method for UniPc {
    fn mixture(&self, step: usize) -> (f32, f32) {
        (self.levels[step].alpha, self.levels[step].sigma)
    }

    fn step(&mut self, step: usize, output: &[f32], sample: &mut [f32], _noise: &mut Noise<'_>) {
        let Level { alpha, sigma, .. } = self.levels[step];
        let pairs = output.iter().zip(&*sample);
        let picture: Vec<f32> =
            pairs.map(|(output, sample)| self.prediction.picture(*output, *sample, alpha, sigma)).collect();
        if let Some(last) = self.last.take() {
            self.correct(step, &last, &picture, sample);
        }
        if self.pictures.len() == ORDER {
            self.pictures.remove(0);
        }
        self.pictures.push(picture);
        let left = self.levels.len() - 1 - step;
        let order = ORDER.min(left).min(self.pictures.len());
        self.last = Some(Last { sample: sample.to_vec(), order });
        self.predict(step, order, sample);
    }

    fn restart(&mut self) {
        self.pictures.clear();
        self.last = None;
    }
}

/// From one noise level to the next.
struct Span {
    from: Level,
    to: Level,
    h: f32,
    /// e^-h - 1: both the paper's h φ₁ and its B(h).
    growth: f32,
}

impl Span {
    fn new(from: Level, to: Level) -> Self {
        let h = to.lambda - from.lambda;
        Self { from, to, h, growth: (-h).exp_m1() }
    }

    fn first_order(&self, sample: f32, picture: f32) -> f32 {
        self.to.sigma / self.from.sigma * sample - self.to.alpha * self.growth * picture
    }

    fn weight(&self) -> f32 {
        self.to.alpha * self.growth
    }

    /// How far back an earlier level lies, in spans: below 0.
    fn ratio(&self, earlier: Level) -> f32 {
        (earlier.lambda - self.from.lambda) / self.h
    }

    /// Weights of the slopes to the earlier level and to the new one: the solution of the paper's equation 5 for
    /// two points.
    fn corrector(&self, ratio: f32) -> [f32; 2] {
        let second = self.growth / -self.h - 1.0;
        let third = second / -self.h - 0.5;
        let (sum, weighted) = (second / self.growth, third * 2.0 / self.growth);
        let earlier = (sum - weighted) / (1.0 - ratio);
        [earlier, sum - earlier]
    }
}
