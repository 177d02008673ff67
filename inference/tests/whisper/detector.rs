//! The voice detector against Silero's own ONNX file (`tests/reference/listening.py`).

use crate::support::cases::cases;
use crate::support::checkpoint::{load_runtime, model_file};
use reelsmith_inference::vad::{Memory, STRETCH, Vad};
use reelsmith_inference_core::ErrorKind;

fn open() -> Vad {
    load_runtime();
    Vad::open(&model_file("silero-vad/silero_vad_16k_sequence.onnx")).expect("the published detector loads")
}

#[test]
fn likelihoods_are_those_of_the_reference_however_the_sound_is_cut() {
    let mut vad = open();
    for case in cases("silero") {
        let (sound, expected) = (case.floats("sound"), case.floats("likely"));
        for stretches in [sound.len() / STRETCH + 1, 1, 7] {
            let mut memory = Memory::default();
            let mut made = Vec::new();
            for part in sound.chunks(stretches * STRETCH) {
                made.extend(vad.listen(part, &mut memory).unwrap());
            }
            assert_eq!(made.len(), expected.len());
            let error = made.iter().zip(&expected).fold(0f32, |most, (a, b)| most.max((a - b).abs()));
            println!("{} by {stretches}: {error:e}", case.name);
            assert!(error <= 1e-4, "{} by {stretches}: {error:e}", case.name);
        }
    }
}

#[test]
fn nothing_is_no_stretch_and_leaves_the_memory_as_it_is() {
    let mut vad = open();
    let case = cases("silero").remove(0);
    let sound = case.floats("sound");
    let (first, second) = sound.split_at(sound.len() / STRETCH / 2 * STRETCH);
    let mut likely = |between: Option<&[f32]>, starts_anew: bool| {
        let mut memory = Memory::default();
        vad.listen(first, &mut memory).unwrap();
        let heard = between.map_or(0, |between| vad.listen(between, &mut memory).unwrap().len());
        let mut memory = if starts_anew { Memory::default() } else { memory };
        (heard, vad.listen(second, &mut memory).unwrap())
    };
    let through = likely(None, false);
    assert_eq!(likely(Some(&[]), false), through);
    // What was heard before matters, so that a lost memory would have shown; one sample is a stretch of its own.
    assert_ne!(likely(None, true).1, through.1);
    let (stretches, after_one) = likely(Some(&[0.5]), false);
    assert_eq!(stretches, 1);
    assert_ne!(after_one, through.1);
}

#[test]
fn another_network_is_told_from_a_detector() {
    load_runtime();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("vad.onnx");
    let error = Vad::open(&path).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ModelMissing);
    for other in [b"no graph".to_vec(), std::fs::read(model_file("g2p-en/oov.onnx")).unwrap()] {
        std::fs::write(&path, other).unwrap();
        let error = Vad::open(&path).map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ModelCorrupt, "{error}");
        assert!(error.to_string().contains("vad.onnx"), "{error}");
    }
}
