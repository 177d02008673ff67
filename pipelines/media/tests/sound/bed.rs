//! The composed bed: its promises, and that it has none of the faults of synthesis.

use crate::signals::{left, rms_db};
use reelsmith_media::sound::{Mood, Track, bed, measure};

/// What is left above about 12 kHz: clicks and folded harmonics show there, music does not.
fn hiss(track: &Track) -> f32 {
    // Four differences in a row: 24 dB an octave.
    let mut samples = left(track);
    for _ in 0..4 {
        samples = samples.windows(2).map(|w| 0.5 * (w[1] - w[0])).collect();
    }
    samples.iter().fold(0f32, |m, s| m.max(s.abs()))
}

#[test]
fn every_mood_is_level_clean_and_of_exact_length() {
    for mood in Mood::ALL {
        for (seed, seconds) in [(1u64, 12.0), (99, 7.77)] {
            let track = bed(seed, mood, seconds).unwrap();
            assert_eq!((track.rate, track.channels), (48_000, 2));
            assert_eq!(track.frames(), (seconds * 48_000.0).round() as usize);
            let loudness = measure(&track).unwrap();
            assert!((loudness.integrated_lufs + 20.0).abs() < 0.1, "{mood}: {loudness:?}");
            assert!(loudness.true_peak_dbtp <= -2.99, "{mood}: {loudness:?}");
            for side in 0..2 {
                let sum: f64 = track.samples.iter().skip(side).step_by(2).map(|s| f64::from(*s)).sum();
                assert!((sum / track.frames() as f64).abs() < 1e-4, "{mood} has DC");
            }
            assert!(hiss(&track) < 1e-3, "{mood} {seed} clicks: {}", hiss(&track));
            assert!(
                track.samples[..2]
                    .iter()
                    .chain(&track.samples[track.samples.len() - 2..])
                    .all(|s| s.abs() < 1e-3)
            );
        }
    }
}

#[test]
fn it_is_there_from_the_first_second_to_the_last() {
    for mood in Mood::ALL {
        let track = bed(5, mood, 20.0).unwrap();
        let seconds: Vec<f64> = track.samples.chunks_exact(96_000).map(rms_db).collect();
        assert!(seconds[..18].iter().all(|db| (-34.0..-14.0).contains(db)), "{mood}: {seconds:?}");
        assert!(seconds[19] < seconds[15] - 6.0, "{mood} does not fade");
    }
}

#[test]
fn it_is_stereo_but_survives_mono() {
    for mood in Mood::ALL {
        let track = bed(3, mood, 10.0).unwrap();
        let (mut middle, mut side) = (Vec::new(), Vec::new());
        for frame in track.samples.chunks_exact(2) {
            middle.push(0.5 * (frame[0] + frame[1]));
            side.push(0.5 * (frame[0] - frame[1]));
        }
        let width = rms_db(&side) - rms_db(&middle);
        assert!((-16.0..-3.0).contains(&width), "{mood}: sides at {width:.1} dB");
    }
}

#[test]
fn a_seed_is_a_piece() {
    let track = bed(42, Mood::Calm, 6.0).unwrap();
    assert_eq!(track, bed(42, Mood::Calm, 6.0).unwrap());
    assert_ne!(track, bed(43, Mood::Calm, 6.0).unwrap());
    assert_ne!(track, bed(42, Mood::Tense, 6.0).unwrap());
}

#[test]
fn any_length_from_a_second_works_and_others_are_refused() {
    for mood in Mood::ALL {
        assert_eq!(bed(1, mood, 1.0).unwrap().frames(), 48_000);
    }
    for seconds in [0.0, 0.5, -3.0, 1200.5, f64::NAN] {
        assert!(bed(1, Mood::Calm, seconds).unwrap_err().to_string().contains("from 1 to 1200"));
    }
}

#[test]
fn moods_have_names() {
    for mood in Mood::ALL {
        assert_eq!(mood.name().parse::<Mood>().unwrap(), mood);
        assert_eq!(serde_json::to_value(mood).unwrap(), mood.name());
    }
    let error = "happy".parse::<Mood>().unwrap_err().to_string();
    assert!(error.contains("calm, curious, bright, tense"), "{error}");
}
