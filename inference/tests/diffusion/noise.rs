//! Noise against PyTorch: `tests/reference/noise.py`.

use crate::support::cases::{Case, cases, relative_error};
use half::f16;
use reelsmith_inference::diffusion::noise::Generator;
use reelsmith_inference_core::image::NoisePrecision;
use serde::Deserialize;

#[derive(Deserialize)]
struct Stream {
    seed: u64,
    draws: Vec<Draw>,
}

#[derive(Deserialize)]
struct Draw {
    dtype: String,
    count: usize,
}

/// What the script kept of a draw.
fn kept(case: &Case, numbers: Vec<f32>) -> Vec<f32> {
    if numbers.len() <= 4096 {
        return numbers;
    }
    let (stride, tail) = (case.number("/stride") as usize, case.number("/tail") as usize);
    let tail = &numbers[numbers.len() - tail..];
    numbers.iter().step_by(stride).chain(tail).copied().collect()
}

/// Places of half precision between two numbers.
fn half_places(a: f32, b: f32) -> i32 {
    let place = |number: f32| {
        let bits = i32::from(f16::from_f32(number).to_bits());
        if bits >= 0x8000 { 0x8000 - bits } else { bits }
    };
    (place(a) - place(b)).abs()
}

#[track_caller]
fn check(name: &str, precision: NoisePrecision, got: &[f32], expected: &[f32]) {
    match precision {
        NoisePrecision::F32 => {
            let error = relative_error(got, expected);
            assert!(error <= 1e-6, "{name}: {error}");
        }
        NoisePrecision::F16 => {
            assert_eq!(got.len(), expected.len(), "{name}");
            let most = got.iter().zip(expected).map(|(a, b)| half_places(*a, *b)).max();
            assert!(most <= Some(1), "{name}: {most:?} places");
        }
    }
}

#[test]
fn a_seed_gives_the_noise_of_pytorch() {
    for case in cases("noise") {
        let streams: Vec<Stream> = serde_json::from_value(case.json["streams"].clone()).expect("streams");
        for (index, stream) in streams.iter().enumerate() {
            let mut generator = Generator::new(stream.seed);
            for (place, draw) in stream.draws.iter().enumerate() {
                let precision = match draw.dtype.as_str() {
                    "float32" => NoisePrecision::F32,
                    "float16" => NoisePrecision::F16,
                    other => panic!("{other}"),
                };
                let numbers = kept(&case, generator.randn(precision, draw.count));
                let array = format!("{index}.{place}");
                check(&format!("{} {array}", case.name), precision, &numbers, &case.floats(&array));
            }
        }
    }
}
