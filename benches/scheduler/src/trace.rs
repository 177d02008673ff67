//! What is asked for, and when.

use crate::models::Profile;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// How well a run's seconds are known beforehand: the standard deviation of the logarithm of true over expected.
const SURPRISE: f64 = 0.15;

/// One step of a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Index of the model.
    pub model: usize,
    /// Seconds that it takes.
    pub service: f64,
    /// Seconds that it is expected to take.
    pub expected: f64,
}

/// Something that a person asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// When, in seconds.
    pub at: f64,
    /// Who, of several.
    pub tenant: usize,
    /// What it takes, one after the other.
    pub stages: Vec<Stage>,
}

impl Job {
    /// Seconds of work in all.
    pub fn service(&self) -> f64 {
        self.stages.iter().map(|stage| stage.service).sum()
    }
}

/// Kinds of trace.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Requests of all models, so that runs keep the device busy for this share of the time.
    Mix(f64),
    /// The same requests, all at once.
    Burst,
    /// Two models that do not fit together, in turn, in step with what they take.
    Alternation,
    /// Videos (a script, pictures, lines) and podcasts (a script, many lines), with some single requests between.
    Media,
}

impl Kind {
    /// As tables name it.
    pub fn name(self) -> String {
        match self {
            Self::Mix(load) => format!("load {load}"),
            Self::Burst => "burst".into(),
            Self::Alternation => "A/B".into(),
            Self::Media => "video and podcast".into(),
        }
    }
}

/// Draws numbers for a trace.
struct Dice(ChaCha8Rng);

impl Dice {
    /// In 0 .. 1.
    fn share(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Exponential, of mean 1.
    fn gap(&mut self) -> f64 {
        -(1.0 - self.share()).ln()
    }

    /// Normal, by Box and Muller (1958).
    fn normal(&mut self) -> f64 {
        let radius = (2.0 * self.gap()).sqrt();
        radius * (std::f64::consts::TAU * self.share()).cos()
    }

    fn stage(&mut self, models: &[Profile], model: usize) -> Stage {
        let Profile { mean, spread, .. } = models[model];
        let expected = mean * (spread * self.normal() - spread * spread / 2.0).exp();
        Stage { model, expected, service: expected * (SURPRISE * self.normal()).exp() }
    }

    fn any(&mut self, models: &[Profile]) -> usize {
        let mut left = self.share();
        let drawn = models.iter().position(|model| {
            left -= model.share;
            left < 0.0
        });
        drawn.unwrap_or(models.len() - 1)
    }
}

/// A trace of `count` jobs. The same seed gives the same trace.
pub fn trace(kind: Kind, seed: u64, count: usize, models: &[Profile]) -> Vec<Job> {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mean: f64 = models.iter().map(|model| model.share * model.mean).sum();
    let mut at = 0.0;
    let job = |n: usize| {
        let stages = match kind {
            Kind::Mix(_) | Kind::Burst => {
                let model = dice.any(models);
                vec![dice.stage(models, model)]
            }
            Kind::Alternation => vec![dice.stage(models, [1, 2][n % 2])],
            Kind::Media => media(&mut dice, models),
        };
        at += match kind {
            Kind::Mix(load) => dice.gap() * mean / load,
            Kind::Burst => 0.0,
            Kind::Alternation | Kind::Media => {
                dice.gap() * stages.iter().map(|stage| stage.expected).sum::<f64>() / 0.7
            }
        };
        Job { at, tenant: n % 4, stages }
    };
    (0..count).map(job).collect()
}

/// A video, a podcast, or a single request.
fn media(dice: &mut Dice, models: &[Profile]) -> Vec<Stage> {
    let place =
        |id: &str| models.iter().position(|model| model.id.0 == id).expect("the traces have this model");
    let [script, picture, line, host] = ["llama-3.1-8b-q4", "sdxl", "kokoro", "xtts"].map(place);
    let mut steps = Vec::new();
    match (dice.share() * 10.0) as usize {
        0..3 => {
            steps.push(script);
            steps.extend([picture; 5]);
            steps.extend([line; 5]);
        }
        3..4 => {
            steps.push(script);
            steps.extend([host; 12]);
        }
        _ => steps.push(dice.any(models)),
    }
    steps.into_iter().map(|model| dice.stage(models, model)).collect()
}
