//! What holds for every sampler; that each is diffusers' own is asked in `inference/tests/diffusion`.

use super::*;
use crate::diffusion::schedule::{BetaSchedule, FinalSigmas, InterpolationType};
use proptest::prelude::*;
use reelsmith_inference_core::ErrorKind;

const ALL: [Sampler; 6] = [
    Sampler::Euler,
    Sampler::EulerAncestral,
    Sampler::DpmPlusPlus2mKarras,
    Sampler::UniPc,
    Sampler::Lcm,
    Sampler::Ddim,
];

const SPACINGS: [TimestepSpacing; 3] =
    [TimestepSpacing::Leading, TimestepSpacing::Linspace, TimestepSpacing::Trailing];

const PREDICTIONS: [PredictionType; 3] =
    [PredictionType::Epsilon, PredictionType::VPrediction, PredictionType::Sample];

/// Noise enough for a test, and how often it was asked for.
#[derive(Default)]
struct Draws(usize);

impl Draws {
    fn draw(&mut self, count: usize) -> Vec<f32> {
        self.0 += 1;
        (0..count).map(|i| ((i * 7 + self.0 * 3) % 11) as f32 / 5.0 - 1.0).collect()
    }
}

/// Runs all steps with `model` (of step, sample) from noise.
fn run(
    solver: &mut Solver,
    draws: &mut Draws,
    model: impl Fn(&Solver, usize, &[f32]) -> Vec<f32>,
) -> Vec<f32> {
    let mut sample = vec![1.5, -0.5, 0.25, -2.0];
    sample.iter_mut().for_each(|number| *number *= solver.init_noise_sigma());
    for i in 0..solver.timesteps().len() {
        let output = model(solver, i, &sample);
        solver.step(i, &output, &mut sample, &mut |count| draws.draw(count));
    }
    sample
}

/// What a model says that knows the picture.
fn oracle(
    solver: &Solver,
    prediction: PredictionType,
    picture: &[f32],
    i: usize,
    sample: &[f32],
) -> Vec<f32> {
    let (alpha, sigma) = solver.method.mixture(solver.start + i);
    let power = (alpha * alpha + sigma * sigma).sqrt();
    let answer = |(x, x0): (&f32, &f32)| {
        let noise = (x - alpha * x0) / sigma;
        match prediction {
            PredictionType::Epsilon => noise,
            PredictionType::VPrediction => (alpha * noise - sigma * x0) / power,
            PredictionType::Sample => *x0,
        }
    };
    sample.iter().zip(picture).map(answer).collect()
}

fn solver(sampler: Sampler, steps: u32, strength: f32) -> Result<Solver> {
    Solver::new(sampler, &ScheduleConfig::default(), steps, strength)
}

#[test]
fn a_model_that_knows_the_picture_is_led_to_it() {
    let picture = [0.5, -1.0, 0.0, 2.0];
    for (sampler, spacing, prediction) in ALL
        .iter()
        .flat_map(|a| SPACINGS.iter().flat_map(move |b| PREDICTIONS.iter().map(move |c| (*a, *b, *c))))
    {
        let config = ScheduleConfig {
            timestep_spacing: spacing,
            prediction_type: prediction,
            set_alpha_to_one: true,
            ..ScheduleConfig::default()
        };
        for steps in [2, 5, 16, 40] {
            let mut solver = Solver::new(sampler, &config, steps, 1.0).expect("a sampler");
            let end = run(&mut solver, &mut Draws::default(), |solver, i, sample| {
                oracle(solver, prediction, &picture, i, sample)
            });
            let error = end.iter().zip(picture).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error < 2e-3, "{sampler:?} {spacing:?} {prediction:?} {steps}: {end:?}");
        }
    }
}

#[test]
fn noise_is_drawn_where_diffusers_draws_it() {
    let draws = |sampler, steps, strength| {
        let mut draws = Draws::default();
        let mut solver = solver(sampler, steps, strength).expect("a sampler");
        run(&mut solver, &mut draws, |_, _, sample| sample.to_vec());
        draws.0
    };
    for sampler in [Sampler::Euler, Sampler::DpmPlusPlus2mKarras, Sampler::UniPc, Sampler::Ddim] {
        assert_eq!(draws(sampler, 8, 1.0), 0, "{sampler:?}");
    }
    // Euler ancestral draws at its last step too, LCM does not.
    assert_eq!((draws(Sampler::EulerAncestral, 8, 1.0), draws(Sampler::EulerAncestral, 8, 0.5)), (8, 4));
    assert_eq!(
        (draws(Sampler::Lcm, 8, 1.0), draws(Sampler::Lcm, 8, 0.5), draws(Sampler::Lcm, 1, 1.0)),
        (7, 3, 0)
    );
}

#[test]
fn a_step_count_out_of_range_is_refused_with_the_range() {
    for (sampler, most) in ALL.into_iter().zip([1000, 1000, 1000, 998, 50, 999]) {
        assert_eq!(solver(sampler, most, 1.0).expect("the most").timesteps().len(), most as usize);
        for steps in [0, most + 1, u32::MAX] {
            let error = solver(sampler, steps, 1.0).expect_err("out of range");
            assert_eq!(error.kind(), ErrorKind::InvalidRequest);
            assert!(error.to_string().contains(&format!("from 1 to {most}")), "{error}");
        }
    }
}

#[test]
fn a_strength_out_of_range_is_refused() {
    for strength in [0.0, -0.5, 1.01, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = solver(Sampler::Euler, 30, strength).expect_err("out of range");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains("above 0 and at most 1"), "{error}");
    }
}

#[test]
fn a_strength_that_leaves_no_step_is_refused_with_the_least() {
    let error = solver(Sampler::Euler, 30, 0.03).expect_err("too little");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let least = "a strength of 0.03 leaves none of 30 steps: at least 0.0334, or more steps";
    assert_eq!(error.to_string(), least);
    assert_eq!(solver(Sampler::Euler, 30, 0.0334).expect("enough").timesteps().len(), 1);
}

#[test]
fn a_strength_counts_as_the_decimal_that_was_written() {
    // Python's int(steps * strength): 0.29 * 100 is 28.999999999999996.
    for (steps, strength, left) in [(10, 0.7, 7), (30, 0.3, 9), (20, 0.35, 7), (100, 0.29, 28), (1, 1.0, 1)] {
        assert_eq!(solver(Sampler::Ddim, steps, strength).expect("a sampler").timesteps().len(), left);
    }
}

#[test]
fn pure_noise_is_refused_where_only_noise_is_predicted() {
    let config = ScheduleConfig {
        rescale_betas_zero_snr: true,
        timestep_spacing: TimestepSpacing::Trailing,
        ..ScheduleConfig::default()
    };
    for sampler in [Sampler::Ddim, Sampler::Lcm] {
        let error = Solver::new(sampler, &config, 4, 1.0).expect_err("no picture to find");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains("use euler"), "{error}");
        // Entered later, there is some picture.
        assert!(Solver::new(sampler, &config, 4, 0.5).is_ok());
    }
    assert!(Solver::new(Sampler::Euler, &config, 4, 1.0).is_ok());
}

#[test]
#[should_panic(expected = "as much noise as was asked for")]
fn short_noise_is_noticed() {
    let mut solver = solver(Sampler::EulerAncestral, 4, 1.0).expect("a sampler");
    solver.step(0, &[0.0; 4], &mut [1.0; 4], &mut |count| vec![0.0; count - 1]);
}

#[test]
#[should_panic(expected = "steps are taken in order")]
fn a_step_left_out_is_noticed() {
    let mut solver = solver(Sampler::UniPc, 4, 1.0).expect("a sampler");
    let mut sample = [1.0; 4];
    solver.step(0, &[0.5; 4], &mut sample, &mut |_| Vec::new());
    solver.step(2, &[0.5; 4], &mut sample, &mut |_| Vec::new());
}

fn configs() -> impl Strategy<Value = ScheduleConfig> {
    let betas = prop_oneof![
        Just(BetaSchedule::ScaledLinear),
        Just(BetaSchedule::Linear),
        Just(BetaSchedule::SquaredCosine)
    ];
    let choices = (prop::sample::select(&SPACINGS[..]), prop::sample::select(&PREDICTIONS[..]), betas);
    (choices, any::<(bool, bool, bool, bool)>(), 0usize..2).prop_map(
        |((spacing, prediction, betas), (karras, rescaled, sigma_min, log_linear), offset)| ScheduleConfig {
            timestep_spacing: spacing,
            prediction_type: prediction,
            beta_schedule: betas,
            use_karras_sigmas: karras,
            rescale_betas_zero_snr: rescaled,
            final_sigmas_type: if sigma_min { FinalSigmas::SigmaMin } else { FinalSigmas::Zero },
            interpolation_type: if log_linear {
                InterpolationType::LogLinear
            } else {
                InterpolationType::Linear
            },
            steps_offset: offset,
            ..ScheduleConfig::default()
        },
    )
}

proptest! {
    #[test]
    fn any_schedule_is_walked_downwards_in_finite_numbers(
        sampler in prop::sample::select(&ALL[..]), config in configs(),
        steps in prop_oneof![1u32..60, 900u32..1001], percent in 1u32..101,
    ) {
        let mut solver = match Solver::new(sampler, &config, steps, percent as f32 / 100.0) {
            Ok(solver) => solver,
            Err(error) => {
                prop_assert_eq!(error.kind(), ErrorKind::InvalidRequest);
                return Ok(());
            }
        };
        let timesteps = solver.timesteps().to_vec();
        let left = (f64::from(steps) * (f64::from(percent) / 100.0)) as usize;
        prop_assert_eq!(timesteps.len(), left);
        prop_assert!(timesteps.is_sorted_by(|a, b| a >= b), "{:?}", timesteps);
        prop_assert!(timesteps.iter().all(|timestep| (0.0..=1000.0).contains(timestep)), "{:?}", timesteps);
        let model = |solver: &Solver, i: usize, sample: &[f32]| -> Vec<f32> {
            solver.scale_model_input(i, sample).iter().map(|x| x / (1.0 + x * x)).collect()
        };
        let end = run(&mut solver, &mut Draws::default(), model);
        prop_assert!(end.iter().all(|number| number.is_finite()), "{:?}", end);
        let again = run(&mut solver, &mut Draws::default(), model);
        prop_assert_eq!(end, again);
    }

    #[test]
    fn the_least_strength_that_is_named_is_enough(steps in 2u32..1000, sampler in prop::sample::select(&ALL[..4])) {
        prop_assume!(steps <= 998);
        let message = solver(sampler, steps, 1e-5).expect_err("too little").to_string();
        let least = message.split("at least ").nth(1).and_then(|rest| rest.split(',').next()).expect("named");
        prop_assert_eq!(solver(sampler, steps, least.parse().expect("a number")).expect("enough").timesteps().len(), 1);
    }
}

#[test]
fn a_preview_shows_the_picture_that_the_model_sees() {
    let picture = [0.3, -1.2, 0.7, 2.0];
    for sampler in ALL {
        for prediction in PREDICTIONS {
            let config = ScheduleConfig { prediction_type: prediction, ..ScheduleConfig::default() };
            let solver = Solver::new(sampler, &config, 8, 1.0).unwrap();
            for i in 0..8 {
                let sample = solver.add_noise(i, &picture, &[0.5, -0.25, 1.5, -1.0]);
                let output = oracle(&solver, prediction, &picture, i, &sample);
                for (seen, wanted) in solver.denoised(i, &output, &sample).iter().zip(picture) {
                    assert!(
                        (seen - wanted).abs() < 1e-3,
                        "{sampler:?} {prediction:?} {i}: {seen} for {wanted}"
                    );
                }
            }
        }
    }
}
