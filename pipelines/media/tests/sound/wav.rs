//! WAV files, honest and not.

use crate::signals::{Noise, mono, sine};
use reelsmith_media::ErrorKind;
use reelsmith_media::sound::Track;
use std::path::Path;

fn refusal(bytes: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.wav");
    std::fs::write(&path, bytes).unwrap();
    let error = Track::read_wav(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(error.to_string().contains("a.wav"), "{error}");
    error.to_string()
}

fn written(track: &Track) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.wav");
    track.write_wav(&path).unwrap();
    std::fs::read(path).unwrap()
}

#[test]
fn what_was_written_is_read_back_bit_for_bit() {
    let mut noise = Noise(1);
    for channels in [1u16, 2] {
        let samples = (0..9_998).map(|_| 3.0 * noise.next()).collect();
        let track = Track::new(24_000, channels, samples).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.wav");
        track.write_wav(&path).unwrap();
        assert_eq!(Track::read_wav(&path).unwrap(), track);
        let names: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
        assert_eq!(names.len(), 1, "no temporary file is left");
    }
}

#[test]
fn integers_are_scaled_to_full_range() {
    let directory = tempfile::tempdir().unwrap();
    for bits in [16u16, 24, 32] {
        let path = directory.path().join("i.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 48_000,
            bits_per_sample: bits,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        let lowest = (-(1i64 << (bits - 1))) as i32;
        for sample in [lowest, lowest / 2, 0, -(lowest / 4)] {
            writer.write_sample(sample).unwrap();
        }
        writer.finalize().unwrap();
        assert_eq!(Track::read_wav(&path).unwrap().samples, [-1.0, -0.5, 0.0, 0.25]);
    }
}

#[test]
fn a_header_that_promises_more_than_the_file_has_is_refused() {
    let mut bytes = written(&mono(48_000, 0.1, sine(440.0, -6.0)));
    // The length of the data chunk is the last field of the header.
    let at = bytes.windows(4).position(|w| w == b"data").unwrap() + 4;
    for promised in [0xffff_fffc_u32, 1 << 30] {
        bytes[at..at + 4].copy_from_slice(&promised.to_le_bytes());
        let message = refusal(&bytes);
        assert!(message.contains("promises"), "{message}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused() {
    let bytes = written(&mono(48_000, 0.01, sine(440.0, -6.0)));
    for length in (0..bytes.len()).step_by(37) {
        refusal(&bytes[..length]);
    }
}

#[test]
fn a_changed_header_never_panics_nor_passes_nonsense() {
    let bytes = written(&mono(48_000, 0.01, sine(440.0, -6.0)));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.wav");
    for at in 0..68 {
        for value in [0x00, 0x01, 0x7f, 0x80, 0xff] {
            let mut changed = bytes.clone();
            changed[at] = value;
            std::fs::write(&path, &changed).unwrap();
            if let Ok(track) = Track::read_wav(&path) {
                assert!(track.samples.len() <= changed.len());
                assert!(track.samples.iter().all(|s| s.is_finite()));
                assert!(Track::new(track.rate, track.channels, track.samples).is_ok());
            }
        }
    }
}

#[test]
fn other_files_and_other_formats_are_named() {
    assert!(refusal(b"no sound at all, but some text").contains("not a WAV"));
    let mut nan = mono(48_000, 0.01, sine(440.0, -6.0));
    nan.samples[17] = f32::NAN;
    let error = nan.write_wav(Path::new("never.wav")).unwrap_err();
    assert!(error.to_string().contains("sample 17"), "{error}");
    assert!(!Path::new("never.wav").exists());
    let error = Track::new(4_000, 1, vec![0.0]).unwrap_err();
    assert!(error.to_string().contains("8000 to 192000"), "{error}");
    assert!(Track::new(48_000, 3, vec![0.0; 3]).is_err());
    assert!(Track::new(48_000, 2, vec![0.0; 3]).is_err());
    let error = Track::read_wav(Path::new("/nowhere/b.wav")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
}
