//! What is read of a configuration, what is refused, and what any schedule has.

use super::*;
use proptest::prelude::*;
use reelsmith_inference_core::ErrorKind;
use serde_json::json;

fn parse(config: Value) -> Result<ScheduleConfig> {
    ScheduleConfig::parse(config.to_string().as_bytes())
}

#[test]
fn an_empty_configuration_is_that_of_sdxl() {
    assert_eq!(parse(json!({})).expect("valid"), ScheduleConfig::default());
    let nulls =
        json!({"beta_start": null, "trained_betas": null, "_diffusers_version": "0.19", "skip_prk_steps": 1});
    assert_eq!(parse(nulls).expect("valid"), ScheduleConfig::default());
}

#[test]
fn what_is_said_is_taken() {
    let config = parse(json!({
        "num_train_timesteps": 500, "beta_schedule": "squaredcos_cap_v2", "prediction_type": "v_prediction",
        "timestep_spacing": "trailing", "rescale_betas_zero_snr": true, "clip_sample": true,
        "final_sigmas_type": "sigma_min", "interpolation_type": "log_linear", "steps_offset": 0,
    }));
    let expected = ScheduleConfig {
        num_train_timesteps: 500,
        beta_schedule: BetaSchedule::SquaredCosine,
        prediction_type: PredictionType::VPrediction,
        timestep_spacing: TimestepSpacing::Trailing,
        rescale_betas_zero_snr: true,
        clip_sample_range: Some(1.0),
        final_sigmas_type: FinalSigmas::SigmaMin,
        interpolation_type: InterpolationType::LogLinear,
        steps_offset: 0,
        ..ScheduleConfig::default()
    };
    assert_eq!(config.expect("valid"), expected);
}

#[test]
fn what_cannot_be_done_is_refused_by_its_name() {
    let refused = [
        ("beta_schedule", json!("sigmoid")),
        ("prediction_type", json!("flow_prediction")),
        ("timestep_spacing", json!(7)),
        ("final_sigmas_type", json!("one")),
        ("interpolation_type", json!("cubic")),
        ("num_train_timesteps", json!(4_000_000_000_000u64)),
        ("num_train_timesteps", json!(-1)),
        ("num_train_timesteps", json!(1)),
        ("beta_start", json!(0)),
        ("beta_start", json!(1e-30)),
        ("beta_end", json!(1)),
        ("beta_end", json!(0.9)),
        ("steps_offset", json!(2)),
        ("original_inference_steps", json!(0)),
        ("original_inference_steps", json!(1001)),
        ("timestep_scaling", json!(1e300)),
        ("thresholding", json!(true)),
        ("use_beta_sigmas", json!(true)),
        ("trained_betas", json!([0.1])),
        ("sigma_max", json!(80)),
        ("timestep_type", json!("continuous")),
        ("_class_name", json!("EDMEulerScheduler")),
        ("_class_name", json!("FlowMatchEulerDiscreteScheduler")),
    ];
    for (key, value) in refused {
        let error = parse(json!({ key: value })).expect_err(key);
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
        assert!(error.to_string().contains(key), "{error}");
    }
    for text in ["", "[]", "null", "{\"beta_start\": 1e999}"] {
        assert_eq!(ScheduleConfig::parse(text.as_bytes()).expect_err(text).kind(), ErrorKind::ModelCorrupt);
    }
}

#[test]
fn a_rescaled_schedule_keeps_its_start_and_ends_in_pure_noise() {
    let plain = ScheduleConfig::default();
    let rescaled = ScheduleConfig { rescale_betas_zero_snr: true, ..plain.clone() };
    let (plain, rescaled) = (plain.alphas_cumprod(), rescaled.alphas_cumprod());
    assert!((plain[0] - rescaled[0]).abs() < 1e-6);
    assert!(plain[999] > 0.004 && rescaled[999] == 0.0);
}

proptest! {
    #[test]
    fn the_picture_fades_step_by_step(
        start in 1e-4..0.002, growth in 1.0..15.0, trained in 4usize..1001,
        schedule in prop_oneof![
            Just(BetaSchedule::Linear), Just(BetaSchedule::ScaledLinear), Just(BetaSchedule::SquaredCosine)
        ],
        rescale: bool,
    ) {
        let config = ScheduleConfig {
            num_train_timesteps: trained,
            beta_start: start,
            beta_end: start * growth,
            beta_schedule: schedule,
            rescale_betas_zero_snr: rescale,
            original_inference_steps: 1,
            ..ScheduleConfig::default()
        };
        let left = config.alphas_cumprod();
        config.check().expect("a picture is left");
        prop_assert_eq!(left.len(), trained);
        prop_assert!(left[0] < 1.0 && left[trained - 1] >= 0.0);
        prop_assert!(left.is_sorted_by(|a, b| a > b), "{:?}", left);
    }
}
