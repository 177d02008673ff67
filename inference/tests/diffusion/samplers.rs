//! Samplers against diffusers, step by step: `tests/reference/samplers.py`.

use crate::support::cases::{Case, cases, relative_error};
use crate::support::fill::uniform;
use reelsmith_inference::diffusion::noise::Generator;
use reelsmith_inference::diffusion::sampler::Solver;
use reelsmith_inference::diffusion::schedule::ScheduleConfig;
use reelsmith_inference_core::image::{NoisePrecision, Sampler};
use serde::Deserialize;

/// The bar of issue and README: of the largest value, at every step.
const BAR: f32 = 1e-5;

#[derive(Deserialize)]
struct Run {
    config: usize,
    steps: u32,
    strength: f32,
    seed: u64,
    init_noise_sigma: f32,
}

/// The script's `model`.
fn model(scaled: &[f32], timestep: f32, bias: &[f32]) -> Vec<f32> {
    let gain = 0.2 + 0.8 * timestep / 1000.0;
    scaled.iter().zip(bias).map(|(x, bias)| x / (1.0 + 0.25 * (x * x)) * gain + 0.1 * bias).collect()
}

/// One run, its arrays read by their names.
struct Replay<'a> {
    run: Run,
    expected: Box<dyn Fn(&str) -> Vec<f32> + 'a>,
    name: String,
    pictures: usize,
    count: usize,
}

impl<'a> Replay<'a> {
    fn all(case: &'a Case) -> Vec<Self> {
        let shape: Vec<usize> = serde_json::from_value(case.json["shape"].clone()).expect("a shape");
        let runs: Vec<Run> = serde_json::from_value(case.json["runs"].clone()).expect("runs");
        let replay = |(index, run): (usize, Run)| Self {
            name: format!("{} run {index}", case.name),
            expected: Box::new(move |array| case.floats(&format!("{index}.{array}"))),
            run,
            pictures: shape[0],
            count: shape.iter().product(),
        };
        runs.into_iter().enumerate().map(replay).collect()
    }

    /// Asks that each part of `got` be that of the stored array.
    fn check(&self, array: &str, got: &[Vec<f32>]) {
        let expected = (self.expected)(array);
        assert_eq!(expected.len(), got.len() * self.count, "{} {array}", self.name);
        for (step, (got, expected)) in got.iter().zip(expected.chunks(self.count)).enumerate() {
            let error = relative_error(got, expected);
            assert!(error <= BAR, "{} {array} after {step} steps: {error}", self.name);
        }
    }

    fn play(&self, sampler: Sampler, config: &ScheduleConfig) {
        let seed = self.run.seed;
        let mut solver = Solver::new(sampler, config, self.run.steps, self.run.strength).expect("a sampler");
        let mut generators: Vec<Generator> =
            (0..self.pictures).map(|i| Generator::new(seed + i as u64)).collect();
        let (pictures, each) = (self.pictures, self.count / self.pictures);
        let mut draw = |count: usize| -> Vec<f32> {
            assert_eq!(count, pictures * each);
            generators.iter_mut().flat_map(|generator| generator.randn(NoisePrecision::F32, each)).collect()
        };
        let timesteps = solver.timesteps().to_vec();
        assert!(
            relative_error(&timesteps, &(self.expected)("timesteps")) <= 1e-6,
            "{}: {timesteps:?}",
            self.name
        );
        assert!(
            relative_error(&[solver.init_noise_sigma()], &[self.run.init_noise_sigma]) <= 1e-6,
            "{}",
            self.name
        );
        let original = uniform(&format!("original.{seed}"), seed, self.count);
        let noise = draw(self.count);
        let noised: Vec<Vec<f32>> =
            (0..timesteps.len()).map(|i| solver.add_noise(i, &original, &noise)).collect();
        let mut sample = if self.run.strength < 1.0 {
            self.check("noised", &noised);
            noised[0].clone()
        } else {
            noise.iter().map(|number| number * solver.init_noise_sigma()).collect()
        };
        let mut samples = vec![sample.clone()];
        for (i, timestep) in timesteps.iter().enumerate() {
            let bias = uniform(&format!("bias.{i}"), seed, self.count);
            let output = model(&solver.scale_model_input(i, &sample), *timestep, &bias);
            solver.step(i, &output, &mut sample, &mut draw);
            samples.push(sample.clone());
        }
        self.check("samples", &samples);
    }
}

#[test]
fn each_step_is_that_of_diffusers() {
    for case in cases("samplers") {
        let sampler: Sampler = serde_json::from_value(case.json["sampler"].clone()).expect("a sampler");
        for replay in Replay::all(&case) {
            let config = case.json["configs"][replay.run.config].to_string();
            let config = ScheduleConfig::parse(config.as_bytes()).expect("a configuration");
            replay.play(sampler, &config);
        }
    }
}
