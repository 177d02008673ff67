//! The limiter against the meter, on signals made to break it.

use crate::signals::{Noise, sine, speech, stereo};
use proptest::prelude::*;
use reelsmith_media::sound::limiter::limit;
use reelsmith_media::sound::{Track, measure};
use std::f64::consts::TAU;

fn true_peak(track: &Track) -> f64 {
    measure(track).unwrap().true_peak_dbtp
}

/// A signal of the given kind, up to 20 dB over full scale.
fn nasty(kind: usize, seed: u64) -> Track {
    let mut noise = Noise(seed);
    let phase = f64::from(noise.next());
    let loud = f64::from(noise.next().abs()) * 9.0 + 1.0;
    match kind {
        // White noise in bursts.
        0 => stereo(48_000, 0.5, move |t| {
            if (t * 9.0 + phase).fract() < 0.3 { loud * f64::from(noise.next()) } else { 0.0 }
        }),
        // A quarter of the rate, off the samples: true peaks 3 dB above every sample.
        1 => stereo(48_000, 0.3, move |t| loud * (TAU * 12_000.0 * t + TAU * (0.125 + phase * 0.01)).sin()),
        // Alternating full samples that begin and stop at once.
        2 => stereo(48_000, 0.2, move |t| {
            let n = (t * 48_000.0).round() as i64;
            if (n / 700) % 2 == 0 { loud * if n % 2 == 0 { 1.0 } else { -1.0 } } else { 0.0 }
        }),
        // Single clicks.
        3 => stereo(48_000, 0.5, move |_| if noise.next() > 0.999 { loud } else { 0.0 }),
        // A low sine with steps of level.
        4 => stereo(48_000, 0.5, move |t| loud * (t * 13.0 + phase).fract() * (TAU * 61.0 * t).sin()),
        // Both sides apart.
        _ => {
            let samples =
                (0..24_000).map(|n| if n % 2 == 0 { loud as f32 * noise.next() } else { 0.3 * noise.next() });
            Track::new(48_000, 2, samples.collect()).unwrap()
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn no_signal_exceeds_the_ceiling(kind in 0usize..6, seed: u64, gain in 0.1f32..20.0, ceiling in -12.0f64..-0.1) {
        let track = nasty(kind, seed);
        let limited = limit(&track, gain, ceiling);
        prop_assert_eq!(limited.samples.len(), track.samples.len());
        let peak = true_peak(&limited);
        prop_assert!(peak <= ceiling + 1e-4, "{} dBTP over a ceiling of {}", peak, ceiling);
    }

    #[test]
    fn more_gain_is_never_less_loud(seed: u64, gain in 0.5f32..8.0) {
        let track = speech(2.0, seed).resampled(48_000).unwrap().into_stereo();
        let lufs = |gain| measure(&limit(&track, gain, -1.5)).unwrap().integrated_lufs;
        prop_assert!(lufs(gain * 1.2) >= lufs(gain) - 0.01);
    }
}

#[test]
fn what_is_below_the_ceiling_is_untouched() {
    let track = stereo(48_000, 1.0, sine(997.0, -2.0));
    assert_eq!(limit(&track, 1.0, -1.5), track);
    let quiet = limit(&track, 0.5, -1.5);
    assert!(quiet.samples.iter().zip(&track.samples).all(|(q, t)| *q == t * 0.5));
}

#[test]
fn the_ceiling_is_used_not_merely_kept() {
    for kind in [0, 1, 4] {
        let peak = true_peak(&limit(&nasty(kind, 3), 4.0, -1.5));
        assert!((-1.8..=-1.4999).contains(&peak), "kind {kind}: {peak}");
    }
}

#[test]
fn gain_moves_smoothly_and_comes_back() {
    // One loud moment in a steady tone: the tone's level tells the gain.
    let track = stereo(48_000, 2.0, |t| {
        let loud = if (0.98..1.02).contains(&t) { 4.0 } else { 0.5 };
        loud * (TAU * 1_000.0 * t).sin()
    });
    let limited = limit(&track, 1.0, -1.5);
    let mut last = 1.0;
    for (n, (a, b)) in
        limited.samples.iter().zip(&track.samples).enumerate().filter(|(_, (_, b))| b.abs() > 0.05)
    {
        let gain = f64::from(a / b);
        // Half a period apart at most: 24 frames of at most 1.5 % each.
        assert!((gain - last).abs() < 0.36, "the gain jumps at sample {n}");
        last = gain;
    }
    let ratio = |at: f64| {
        let n = (at * 48_000.0) as usize * 2;
        let peak = |t: &Track| t.samples[n..n + 960].iter().fold(0f32, |m, s| m.max(s.abs()));
        peak(&limited) / peak(&track)
    };
    assert_eq!(ratio(0.9), 1.0, "no peak is near yet");
    assert!(ratio(1.0) < 0.22);
    assert!(ratio(1.6) > 0.99, "half a second later the gain is back");
}

#[test]
fn both_sides_share_one_gain() {
    let mut track = stereo(48_000, 0.5, sine(997.0, 6.0));
    track.samples.iter_mut().skip(1).step_by(2).for_each(|s| *s *= 0.25);
    let limited = limit(&track, 1.0, -1.0);
    assert!(limited.samples.chunks_exact(2).all(|f| (f[1] - 0.25 * f[0]).abs() < 1e-6));
}

#[test]
fn nothing_comes_from_nothing() {
    let empty = Track::new(48_000, 2, Vec::new()).unwrap();
    assert_eq!(limit(&empty, 10.0, -1.0), empty);
    let silence = Track::silence(1000);
    assert_eq!(limit(&silence, 1e6, -1.0), silence);
}
