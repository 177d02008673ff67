//! Spectrograms against transformers (`tests/reference/recogniser.py`).

use crate::support::cases::cases;
use crate::support::fill::uniform;
use proptest::prelude::*;
use reelsmith_inference::whisper::mel::{HOP, LogMel};

/// Loud noise, noise hardly heard, silence: as the script makes it.
fn sound(name: &str, seed: u64, whole: usize) -> Vec<f32> {
    let gain = |at: usize| match at / (whole / 3) {
        0 => 0.3,
        1 => 1e-4,
        _ => 0.0,
    };
    uniform(name, seed, whole).iter().enumerate().map(|(at, sample)| sample * gain(at)).collect()
}

#[test]
fn spectrograms_are_those_of_the_reference() {
    for case in cases("whisper-mel") {
        let (bands, frames) = (case.number("/bands") as usize, case.number("/frames") as usize);
        let samples = sound(&format!("mel-{bands}"), case.seed(), case.number("/samples") as usize);
        let made = LogMel::new(bands).spectrogram(&samples, frames);
        let expected = case.floats("mel");
        assert_eq!(made.len(), expected.len());
        let error = made.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
        println!("{}: {error:e}", case.name);
        assert!(error <= 1e-5, "{}: {error:e}", case.name);
    }
}

#[test]
fn silence_and_nothing_are_alike_and_finite() {
    let mel = LogMel::new(80);
    let nothing = mel.spectrogram(&[], 100);
    assert_eq!(nothing, mel.spectrogram(&[0.0; 16_000], 100));
    assert!(nothing.iter().all(|value| *value == -1.5), "log10 of the floor, scaled");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn sound_of_any_length_gives_frames_in_range(length in 0usize..40_000, frames in 1usize..200, gain in 0f32..1e6) {
        let samples: Vec<f32> = uniform("any", length as u64, length).iter().map(|s| s * gain).collect();
        let made = LogMel::new(80).spectrogram(&samples, frames);
        prop_assert_eq!(made.len(), 80 * frames);
        let loudest = made.iter().copied().fold(f32::MIN, f32::max);
        prop_assert!(made.iter().all(|value| value.is_finite() && *value >= loudest - 2.0 - 1e-5));
        // What lies behind the last frame is not heard.
        let longer = [samples.clone(), vec![0.5; 100]].concat();
        if length >= frames * HOP {
            prop_assert_eq!(made, LogMel::new(80).spectrogram(&longer, frames));
        }
    }
}
