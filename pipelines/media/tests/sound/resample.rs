//! Resampling against the analytic signal.

use crate::signals::{amplitude, mono, sine};
use proptest::prelude::*;
use std::f64::consts::TAU;

/// Signal-to-error ratio in dB of a resampled sine against the same sine computed at the new rate,
/// away from the ends, where the filter sees silence beyond them.
fn snr(from: u32, to: u32, hz: f64) -> f64 {
    let track = mono(from, 1.0, sine(hz, -3.0)).resampled(to).unwrap();
    let wanted = mono(to, 1.0, sine(hz, -3.0));
    assert_eq!(track.frames(), wanted.frames());
    let edge = (to / 10) as usize;
    let inside = edge..track.frames() - edge;
    let power = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let signal = power(&mut inside.clone().map(|n| f64::from(wanted.samples[n])));
    let error = power(&mut inside.map(|n| f64::from(track.samples[n]) - f64::from(wanted.samples[n])));
    10.0 * (signal / error).log10()
}

#[test]
fn a_sine_stays_the_same_sine_at_the_same_time() {
    for (from, to) in
        [(24_000, 48_000), (22_050, 48_000), (44_100, 48_000), (16_000, 48_000), (96_000, 48_000)]
    {
        for hz in [50.0, 997.0, 0.4 * f64::from(from.min(to)).min(20_000.0 / 0.4)] {
            let ratio = snr(from, to, hz);
            // Any delay would show: one hundredth of a sample at 997 Hz alone costs 58 dB.
            assert!(ratio >= 90.0, "{from} to {to} Hz at {hz} Hz: {ratio:.1} dB");
        }
    }
}

#[test]
fn what_the_new_rate_cannot_hold_is_removed() {
    let track = mono(48_000, 1.0, sine(15_000.0, 0.0)).resampled(24_000).unwrap();
    // 15 kHz would fold back to 9 kHz.
    let inside = &track.samples[2_400..21_600];
    assert!(amplitude(inside, 24_000, 9_000.0) < 1e-4);
    assert!(inside.iter().all(|s| s.abs() < 1e-4));
}

#[test]
fn the_two_channels_stay_apart() {
    let mut track = mono(24_000, 0.5, sine(440.0, -6.0)).into_stereo();
    track.samples.iter_mut().skip(1).step_by(2).for_each(|s| *s = 0.0);
    let track = track.resampled(48_000).unwrap();
    assert!(track.samples.iter().skip(1).step_by(2).all(|s| *s == 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn length_is_exact_and_an_impulse_stays_in_place(
        from in prop::sample::select(vec![8_000u32, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 47_999, 96_000]),
        frames in 1usize..9_000,
        at in 0.0f64..1.0,
    ) {
        let at = ((frames - 1) as f64 * at) as usize;
        let mut track = mono(from, frames as f64 / f64::from(from), |_| 0.0);
        track.samples[at] = 1.0;
        let track = track.resampled(48_000).unwrap();
        let exact = (frames as u64 * 48_000).div_ceil(u64::from(from));
        prop_assert_eq!(track.frames() as u64, exact);
        let peak = (0..track.frames()).max_by(|a, b| track.samples[*a].abs().total_cmp(&track.samples[*b].abs())).unwrap();
        let wanted = (at as f64 * 48_000.0 / f64::from(from)).min((track.frames() - 1) as f64);
        prop_assert!((peak as f64 - wanted).abs() < 1.0, "{} instead of {}", peak, wanted);
    }
}

#[test]
fn phase_is_kept_to_a_fraction_of_a_sample() {
    for (from, to) in [(24_000u32, 48_000u32), (44_100, 48_000), (22_050, 48_000), (47_999, 48_000)] {
        let hz = 1_000.0;
        let track = mono(from, 1.0, sine(hz, -3.0)).resampled(to).unwrap();
        let (mut re, mut im) = (0.0, 0.0);
        for n in to / 4..to * 3 / 4 {
            let angle = TAU * hz * f64::from(n) / f64::from(to);
            re += f64::from(track.samples[n as usize]) * angle.sin();
            im += f64::from(track.samples[n as usize]) * angle.cos();
        }
        let delay = im.atan2(re) / TAU / hz * f64::from(to);
        assert!(delay.abs() < 0.001, "{from} to {to} Hz shifts by {delay} samples");
    }
}
