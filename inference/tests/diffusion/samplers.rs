//! Samplers against diffusers, step by step: `tests/reference/samplers.py`.

use crate::support::cases::{Case, cases, relative_error};
use crate::support::fill::uniform;
use reelsmith_inference::diffusion::noise::Generator;
use reelsmith_inference::diffusion::sampler::Solver;
use reelsmith_inference::diffusion::schedule::ScheduleConfig;
use reelsmith_inference_core::image::{NoisePrecision, Sampler};
use serde::Deserialize;

/// Of the largest value, at every step.
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

/// One run of a case.
struct Replay<'a> {
    case: &'a Case,
    index: usize,
    run: Run,
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
            case,
            index,
            run,
            pictures: shape[0],
            count: shape.iter().product(),
        };
        runs.into_iter().enumerate().map(replay).collect()
    }

    fn expected(&self, array: &str) -> Vec<f32> {
        self.case.floats(&format!("{}.{array}", self.index))
    }

    /// Asks that each part of `got` be that of the stored array.
    fn check(&self, array: &str, got: &[Vec<f32>]) {
        let expected = self.expected(array);
        assert_eq!(expected.len(), got.len() * self.count, "{} {array}", self.name);
        for (step, (got, expected)) in got.iter().zip(expected.chunks(self.count)).enumerate() {
            let error = relative_error(got, expected);
            assert!(error <= BAR, "{} {array} after {step} steps: {error}", self.name);
        }
    }

    /// Noise for the whole batch, each picture with a generator of its own.
    fn noise(&self) -> impl FnMut(usize) -> Vec<f32> + use<> {
        let seeds = self.run.seed..self.run.seed + self.pictures as u64;
        let mut generators: Vec<Generator> = seeds.map(Generator::new).collect();
        move |count| {
            let each = count / generators.len();
            generators.iter_mut().flat_map(|generator| generator.randn(NoisePrecision::F32, each)).collect()
        }
    }

    /// The first sample, from `noise` and for image-to-image a picture.
    fn first(&self, solver: &Solver, noise: &[f32]) -> Vec<f32> {
        if self.run.strength == 1.0 {
            return noise.iter().map(|number| number * solver.init_noise_sigma()).collect();
        }
        let seed = self.run.seed;
        let original = uniform(&format!("original.{seed}"), seed, self.count);
        let steps = 0..solver.timesteps().len();
        let noised: Vec<Vec<f32>> = steps.map(|i| solver.add_noise(i, &original, noise)).collect();
        self.check("noised", &noised);
        noised[0].clone()
    }

    fn play(&self, sampler: Sampler, config: &ScheduleConfig) {
        let mut solver = Solver::new(sampler, config, self.run.steps, self.run.strength).expect("a sampler");
        let timesteps = solver.timesteps().to_vec();
        let error = relative_error(&timesteps, &self.expected("timesteps"));
        assert!(error <= 1e-6, "{}: {timesteps:?}", self.name);
        let error = relative_error(&[solver.init_noise_sigma()], &[self.run.init_noise_sigma]);
        assert!(error <= 1e-6, "{}: {}", self.name, solver.init_noise_sigma());
        let mut noise = self.noise();
        let mut samples = vec![self.first(&solver, &noise(self.count))];
        // Steps are compared, not how a last bit of the noise is magnified by them.
        let mut sample = self.expected("samples")[..self.count].to_vec();
        for (i, timestep) in timesteps.iter().enumerate() {
            let bias = uniform(&format!("bias.{i}"), self.run.seed, self.count);
            let output = model(&solver.scale_model_input(i, &sample), *timestep, &bias);
            solver.step(i, &output, &mut sample, &mut noise);
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
            if sampler == Sampler::Ddim {
                let left: Vec<f32> = config.alphas_cumprod().into_iter().step_by(97).collect();
                for (left, expected) in left.iter().zip(replay.expected("alphas_cumprod")) {
                    assert!((left - expected).abs() <= 3e-7 * expected, "{}: {left} {expected}", replay.name);
                }
            }
        }
    }
}
