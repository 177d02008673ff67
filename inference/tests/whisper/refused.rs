//! Models that are damaged or of another kind.

use crate::support::checkpoint::{load_runtime, model_file};
use reelsmith_inference::whisper::Whisper;
use reelsmith_inference::whisper::checkpoint::Checkpoint;
use reelsmith_inference_core::ErrorKind;
use std::path::Path;

/// The real model's folder with another `model.bin`.
fn folder(binary: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    for name in ["tokenizer.json", "config.json"] {
        std::fs::copy(model_file(&format!("whisper-base-ct2/{name}")), folder.path().join(name))
            .expect("the file is copied");
    }
    std::fs::write(folder.path().join("model.bin"), binary).expect("the file is written");
    folder
}

fn refused(folder: &Path) -> (ErrorKind, String) {
    load_runtime();
    let error = Whisper::open(folder, None, 1).map(drop).expect_err("it is refused");
    (error.kind(), error.to_string())
}

#[test]
fn the_shape_of_the_real_model_is_found_in_its_tensors() {
    let path = model_file("whisper-base-ct2/model.bin");
    let Checkpoint { config, alignment_heads, suppressed, .. } =
        Checkpoint::open(path.parent().unwrap()).unwrap();
    assert_eq!((config.d_model, config.encoder_layers, config.decoder_layers), (512, 6, 6));
    assert_eq!((config.encoder_attention_heads, config.vocab_size, config.num_mel_bins), (8, 51865, 80));
    assert_eq!((config.max_source_positions, config.max_target_positions), (1500, 448));
    assert_eq!(alignment_heads.len(), 8);
    assert_eq!((alignment_heads[0], suppressed.len()), ([3, 1], 88));
}

#[test]
fn a_file_that_is_cut_off_or_no_model_is_told() {
    let whole = std::fs::read(model_file("whisper-base-ct2/model.bin")).unwrap();
    let (kind, said) = refused(folder(&whole[..whole.len() / 2]).path());
    assert_eq!(kind, ErrorKind::ModelCorrupt);
    assert!(said.contains("cut off"), "{said}");
    for bytes in [&b""[..], b"not a model at all", &[0xff; 64]] {
        let (kind, said) = refused(folder(bytes).path());
        assert_eq!(kind, ErrorKind::ModelCorrupt, "{said}");
        assert!(said.contains("model.bin"), "{said}");
    }
}

#[test]
fn weights_that_are_no_numbers_are_an_error_and_no_text() {
    use reelsmith_inference_core::NoControl;
    use reelsmith_inference_core::transcribe::{Sound, Transcribe, TranscribeOptions, TranscribeRequest};
    load_runtime();
    let mut bytes = std::fs::read(model_file("whisper-base-ct2/model.bin")).unwrap();
    // Within the last tensor: a half-precision NaN.
    let place = bytes.len() - 200_000;
    bytes[place..place + 2].copy_from_slice(&[0x00, 0x7e]);
    let folder = folder(&bytes);
    let mut whisper = Whisper::open(folder.path(), None, 2).unwrap();
    let options = TranscribeOptions { voice_only: false, ..TranscribeOptions::default() };
    let request = TranscribeRequest { sound: Sound::samples(vec![0.1; 16_000]), options };
    let error = whisper.transcribe(&request, &NoControl).expect_err("no text");
    assert_eq!(error.kind(), ErrorKind::Engine, "{error}");
}

#[test]
fn a_folder_that_lacks_a_file_names_it() {
    let empty = tempfile::tempdir().unwrap();
    let (kind, said) = refused(empty.path());
    assert_eq!(kind, ErrorKind::ModelMissing);
    assert!(said.contains("tokenizer.json"), "{said}");
    std::fs::copy(model_file("whisper-base-ct2/tokenizer.json"), empty.path().join("tokenizer.json"))
        .unwrap();
    let (kind, said) = refused(empty.path());
    assert_eq!(kind, ErrorKind::ModelMissing);
    assert!(said.contains("config.json"), "{said}");
    std::fs::write(empty.path().join("config.json"), "{\"d_model\": 0}").unwrap();
    let (kind, said) = refused(empty.path());
    assert_eq!(kind, ErrorKind::ModelCorrupt);
    assert!(said.contains("config.json"), "{said}");
}
