//! The meter against signals of known loudness: EBU Tech 3341 (2016) table 1, EBU Tech 3342 table 1.

use crate::signals::{mono, sine, stereo};
use reelsmith_media::sound::{Loudness, Track, measure};
use std::f64::consts::TAU;

/// A 1 kHz stereo sine through steps of (dBFS, seconds).
fn steps(steps: &[(f64, f64)]) -> Loudness {
    let mut samples = Vec::new();
    for &(dbfs, seconds) in steps {
        samples.extend(stereo(48_000, seconds, sine(1_000.0, dbfs)).samples);
    }
    measure(&Track::new(48_000, 2, samples).unwrap()).unwrap()
}

#[test]
fn integrated_loudness_meets_ebu_3341() {
    let cases: [&[(f64, f64)]; 5] = [
        &[(-23.0, 20.0)],
        &[(-33.0, 20.0)],
        &[(-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0)],
        &[(-72.0, 10.0), (-36.0, 10.0), (-23.0, 60.0), (-36.0, 10.0), (-72.0, 10.0)],
        &[(-26.0, 20.0), (-20.0, 20.1), (-26.0, 20.0)],
    ];
    for (case, wanted) in cases.into_iter().zip([-23.0, -33.0, -23.0, -23.0, -23.0]) {
        let found = steps(case).integrated_lufs;
        assert!((found - wanted).abs() <= 0.1, "{case:?}: {found}");
    }
}

#[test]
fn loudness_range_meets_ebu_3342() {
    for (low, wanted) in [(-30.0, 10.0), (-15.0, 5.0)] {
        let found = steps(&[(-20.0, 20.0), (low, 20.0)]).range_lu;
        assert!((found - wanted).abs() <= 1.0, "{low}: {found}");
    }
}

#[test]
fn true_peak_meets_ebu_3341() {
    // Amplitude, fraction of the rate, phase in degrees, reading.
    let cases = [
        (0.5, 4.0, 0.0, -6.0),
        (0.5, 4.0, 45.0, -6.0),
        (0.5, 6.0, 60.0, -6.0),
        (0.5, 8.0, 67.5, -6.0),
        (1.41, 4.0, 45.0, 3.0),
    ];
    for (amplitude, part, phase, wanted) in cases {
        let hz = 48_000.0 / part;
        // Faded, so that its sudden start and end are not what is measured.
        let track = stereo(48_000, 1.0, |t| {
            amplitude * (t / 0.1).min((1.0 - t) / 0.1).min(1.0) * (TAU * (hz * t + phase / 360.0)).sin()
        });
        let found = measure(&track).unwrap().true_peak_dbtp;
        assert!((-0.4..=0.2).contains(&(found - wanted)), "{part} at {phase}: {found}");
    }
}

#[test]
fn a_peak_in_the_last_sample_is_seen() {
    let mut track = Track::silence(48_000);
    *track.samples.last_mut().unwrap() = 0.9;
    let peak = measure(&track).unwrap().true_peak_dbtp;
    assert!((peak - 20.0 * 0.9f64.log10()).abs() < 0.1, "{peak}");
}

#[test]
fn one_channel_is_three_decibels_below_two() {
    let one = measure(&mono(48_000, 5.0, sine(1_000.0, -20.0))).unwrap().integrated_lufs;
    let two = measure(&stereo(48_000, 5.0, sine(1_000.0, -20.0))).unwrap().integrated_lufs;
    assert!((two - one - 3.0103).abs() < 0.01, "{one} {two}");
}

#[test]
fn silence_is_minus_infinity() {
    let silence = measure(&Track::silence(48_000)).unwrap();
    assert_eq!(silence.integrated_lufs, f64::NEG_INFINITY);
    assert_eq!(silence.true_peak_dbtp, f64::NEG_INFINITY);
}
