//! Another sample rate, as `torchaudio.functional.resample` finds it: band-limited interpolation with a Hann-windowed
//! sinc of six zero crossings, at 0.99 of the lower rate's band (Smith, "Digital audio resampling").

use std::f64::consts::PI;

/// Zero crossings of the kernel on either side.
const CROSSINGS: f64 = 6.0;
/// Share of the band that passes.
const ROLLOFF: f64 = 0.99;

/// `samples` of `from` Hz at `to` Hz, `ceil(n to / from)` of them. Rates are above 0.
pub fn resample(samples: &[f32], from: u32, to: u32) -> Vec<f32> {
    if from == to {
        return samples.to_vec();
    }
    let common = gcd(from, to);
    let (old, new) = (u64::from(from / common), u64::from(to / common));
    let kernels: Vec<(i64, Vec<f32>)> = (0..new).map(|phase| kernel(phase, old, new)).collect();
    let count = (samples.len() as u64 * new).div_ceil(old);
    let sample = |n: u64| {
        let (first, taps) = &kernels[(n % new) as usize];
        let first = (n / new * old) as i64 + first;
        let skipped = (-first).clamp(0, taps.len() as i64) as usize;
        let heard = samples.get((first + skipped as i64) as usize..).unwrap_or_default();
        taps[skipped..].iter().zip(heard).map(|(tap, sample)| tap * sample).sum()
    };
    (0..count).map(sample).collect()
}

/// The taps of one phase, and where they begin beside the period's first sample.
fn kernel(phase: u64, old: u64, new: u64) -> (i64, Vec<f32>) {
    let (old, new) = (old as f64, new as f64);
    let band = old.min(new) * ROLLOFF;
    let centre = phase as f64 / new * old;
    let reach = CROSSINGS * old / band;
    let (first, last) = ((centre - reach).ceil() as i64, (centre + reach).floor() as i64);
    let tap = |place: i64| {
        let t = ((place as f64 / old - phase as f64 / new) * band).clamp(-CROSSINGS, CROSSINGS);
        let window = (t * PI / CROSSINGS / 2.0).cos().powi(2);
        let sinc = if t == 0.0 { 1.0 } else { (t * PI).sin() / (t * PI) };
        (sinc * window * band / old) as f32
    };
    (first, (first..=last).map(tap).collect())
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        #[test]
        fn a_low_tone_stays_what_it_was(from in 4000u32..96000, to in 4000u32..96000, tone in 20.0..1000f64) {
            let at = |rate: u32, n: usize| (2.0 * PI * tone * n as f64 / f64::from(rate)).sin() as f32;
            let heard: Vec<f32> = (0..from as usize / 10).map(|n| at(from, n)).collect();
            let made = resample(&heard, from, to);
            prop_assert_eq!(made.len(), (heard.len() * to as usize).div_ceil(from as usize));
            // The ends have no neighbours to be interpolated from.
            let edge = to as usize / 50;
            for (n, sample) in made.iter().enumerate().take(made.len() - edge).skip(edge) {
                prop_assert!((sample - at(to, n)).abs() < 0.01, "{n}: {sample} for {}", at(to, n));
            }
        }
    }

    #[test]
    fn the_same_rate_changes_nothing() {
        assert_eq!(resample(&[0.5, -0.25], 22050, 22050), [0.5, -0.25]);
        assert_eq!(resample(&[], 48000, 22050), [0f32; 0]);
    }
}
