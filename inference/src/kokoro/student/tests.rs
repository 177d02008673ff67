use super::*;
use crate::fetched::file;
use crate::kokoro::Kokoro;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech};
use serde_json::Value;

/// The generator of `tests/reference/reference.py`.
#[path = "../../../tests/support/fill.rs"]
mod fill;

/// Numbers from -1 to 1 as the script draws them, scaled and moved.
fn drawn(name: &str, seed: u64, count: usize, scale: f32, offset: f32) -> Vec<f32> {
    fill::uniform(name, seed, count).iter().map(|number| scale * number + offset).collect()
}

/// Every case that is committed, and those of `make parity`.
fn cases() -> Vec<(Value, Vec<f32>)> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/reference/golden");
    #[expect(clippy::disallowed_methods, reason = "set by `make parity`, read by tests only")]
    let fresh = std::env::var("REELSMITH_PARITY").ok().map(std::path::PathBuf::from);
    let folders = [Some(committed), fresh].into_iter().flatten().flat_map(|place| {
        let entries = std::fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("student-"))
    });
    let read = |folder: std::path::PathBuf| {
        let case = serde_json::from_slice(&std::fs::read(folder.join("case.json")).unwrap()).unwrap();
        let bytes = std::fs::read(folder.join("sound.f32")).unwrap();
        (case, bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect())
    };
    let cases: Vec<_> = folders.map(read).collect();
    assert!(!cases.is_empty(), "tests/reference/student.py makes cases");
    cases
}

#[test]
fn spectra_sound_as_hibari_lets_them_sound() {
    for (case, wanted) in cases() {
        let (seed, frames) = (case["seed"].as_u64().unwrap(), case["frames"].as_u64().unwrap() as usize);
        let count = BINS * frames;
        let pitch: Vec<f32> =
            drawn("f0", seed, frames, 120.0, 80.0).iter().map(|pitch| pitch.max(0.0)).collect();
        let prediction = Prediction {
            pulses: &drawn("lh", seed, count, 4.0, 0.0),
            turn: &drawn("theta", seed, count, 2.0, 0.0),
            noise: &drawn("ln", seed, count, 1.0, -1.0),
            rest: &drawn("lr", seed, count, 1.0, -2.0),
            phase: &drawn("phi", seed, count, 3.0, 0.0),
            pitch: &pitch,
        };
        let gaussian = drawn("noise", seed, 2 * count, 1.0, 0.0);
        let sound = Vocoder::new().sound(&prediction, &gaussian);
        assert_eq!(sound.len(), wanted.len());
        let largest = wanted.iter().fold(0.0f32, |most, sample| most.max(sample.abs()));
        let worst = sound.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= 1e-3 * largest, "{worst} of {largest}");
    }
}

#[test]
fn the_published_student_speaks_with_the_times_of_its_symbols() {
    crate::runtime::load_onnxruntime(&file("onnxruntime/libonnxruntime.so")).unwrap();
    let mut student = Student::open(&file("hibari-heart/af_heart.onnx"), 1).unwrap();
    assert_eq!(student.voice().name, "af_heart");
    assert_eq!(student.check("am_adam").unwrap_err().kind(), ErrorKind::UnknownModel);
    let symbols = [0, 50, 83, 54, 156, 57, 135, 3, 16, 65, 156, 87, 158, 54, 46, 4, 0];
    let spoken = student.run(&symbols, 1.0, false).unwrap();
    assert_eq!(spoken.durations.len(), symbols.len());
    assert_eq!(spoken.durations.iter().sum::<usize>(), spoken.samples.len());
    let slow = student.run(&symbols, 0.5, true).unwrap();
    let ratio = slow.samples.len() as f64 / spoken.samples.len() as f64;
    assert!((1.7..2.3).contains(&ratio), "{ratio}");
    assert_eq!(student.run(&symbols, 1.0, false).unwrap().samples, spoken.samples);
}

/// The mean square of the samples.
fn level(speech: &Speech) -> f32 {
    speech.samples.iter().map(|sample| sample * sample).sum::<f32>() / speech.samples.len() as f32
}

#[test]
fn it_says_every_word_at_the_pace_and_the_loudness_of_its_teacher() {
    const STORY: &str = "The old lighthouse keeper climbed the narrow stairs, lamp in hand. Far below, the sea was \
        black and restless.\n\nOne evening a letter came. It was short, and it was kind.";
    crate::runtime::load_onnxruntime(&file("onnxruntime/libonnxruntime.so")).unwrap();
    let oov = file("g2p-en/oov.onnx");
    let mut student = Kokoro::open_student(&file("hibari-heart/af_heart.onnx"), &oov, 2).unwrap();
    let mut teacher =
        Kokoro::open(&file("kokoro-82m-fp32/kokoro.onnx"), &file("kokoro-voices"), &oov, 2).unwrap();
    let request = SpeakRequest { text: STORY.into(), voice: "af_heart".into(), speed: 1.0 };
    let (said, taught) =
        (student.speak(&request, &NoControl).unwrap(), teacher.speak(&request, &NoControl).unwrap());
    assert_eq!(said.words.len(), STORY.split_whitespace().count());
    assert!(said.words.iter().all(|word| (0.03..1.5).contains(&(word.end - word.start))));
    let pace = said.samples.len() as f64 / taught.samples.len() as f64;
    assert!((0.85..1.15).contains(&pace), "{pace} of the teacher's time");
    let louder = 10.0 * (level(&said) / level(&taught)).log10();
    assert!(louder.abs() < 6.0, "{louder} dB");
}
