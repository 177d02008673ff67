//! Which time steps are visited, and the noise level (sigma: noise per picture) at each.

use crate::diffusion::schedule::{FinalSigmas, ScheduleConfig, TimestepSpacing};

/// Karras' curvature (Karras et al., 2022, table 1).
const RHO: f64 = 7.0;

/// The evenly spaced time steps, noisiest first, not yet rounded where they are `Linspace`. `beyond` spaces as if
/// there were one step more, at the end without noise, as the multistep solvers do.
///
/// Where diffusers' count comes out one too large by rounding (61 trailing steps of 1000), this keeps to the count.
pub(super) fn spaced(config: &ScheduleConfig, steps: usize, beyond: bool) -> Vec<f64> {
    let trained = config.num_train_timesteps;
    let points = steps + usize::from(beyond);
    match config.timestep_spacing {
        TimestepSpacing::Linspace => {
            linspace(0.0, (trained - 1) as f64, points).into_iter().rev().take(steps).collect()
        }
        TimestepSpacing::Leading => {
            let ratio = trained / points;
            (0..points).rev().take(steps).map(|i| (i * ratio + config.steps_offset) as f64).collect()
        }
        TimestepSpacing::Trailing => {
            let end = trained as f64;
            // What is left of the ratio after numpy's `arange` has added it to the end.
            let ratio = end - (end - end / steps as f64);
            (0..steps).map(|i| (end - i as f64 * ratio).round_ties_even() - 1.0).collect()
        }
    }
}

/// `count` numbers from `start` to `end` (`numpy.linspace`); one number is `start`.
pub(super) fn linspace(start: f64, end: f64, count: usize) -> Vec<f64> {
    let last = count.saturating_sub(1);
    let step = (end - start) / last.max(1) as f64;
    (0..count).map(|i| if i == last && last > 0 { end } else { i as f64 * step + start }).collect()
}

/// The noise levels of the training, least first.
pub(super) fn trained_sigmas(config: &ScheduleConfig) -> Vec<f32> {
    let mut alphas = config.alphas_cumprod();
    if let (true, Some(last)) = (config.rescale_betas_zero_snr, alphas.last_mut()) {
        // No picture at all would be an infinite level; diffusers leaves half precision's smallest number.
        *last = 2f32.powi(-24);
    }
    alphas.iter().map(|alpha| ((1.0 - alpha) / alpha).sqrt()).collect()
}

/// The noise level between those of the training.
pub(super) fn sigma_at(trained: &[f32], timestep: f64) -> f64 {
    let last = trained.len() - 1;
    let below = (timestep.max(0.0) as usize).min(last);
    let above = (below + 1).min(last);
    let (low, high) = (f64::from(trained[below]), f64::from(trained[above]));
    (high - low) * (timestep - below as f64).clamp(0.0, 1.0) + low
}

/// The time step of a noise level, between those of the training.
pub(super) fn timestep_at(trained: &[f32], sigma: f64) -> f64 {
    let wanted = sigma.max(1e-10).ln();
    let logs: Vec<f32> = trained.iter().map(|sigma| sigma.ln()).collect();
    let below = logs.iter().rposition(|log| wanted >= f64::from(*log)).unwrap_or(0).min(logs.len() - 2);
    let (low, high) = (logs[below], logs[below + 1]);
    let weight = ((f64::from(low) - wanted) / f64::from(low - high)).clamp(0.0, 1.0);
    (1.0 - weight) * below as f64 + weight * (below + 1) as f64
}

/// Karras' noise levels, from the highest to the lowest (Karras et al., 2022, equation 5).
pub(super) fn karras(highest: f64, lowest: f64, steps: usize) -> Vec<f64> {
    let (from, to) = (highest.powf(1.0 / RHO), lowest.powf(1.0 / RHO));
    linspace(0.0, 1.0, steps).into_iter().map(|ramp| (from + ramp * (to - from)).powf(RHO)).collect()
}

/// The levels in single precision, and the one that sampling ends at.
pub(super) fn ended(sigmas: &[f64], trained: &[f32], end: FinalSigmas) -> Vec<f32> {
    let last = match end {
        FinalSigmas::Zero => 0.0,
        FinalSigmas::SigmaMin => trained[0],
    };
    sigmas.iter().map(|sigma| *sigma as f32).chain([last]).collect()
}

/// A noise level as the multistep solvers see it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    /// Weight of the picture.
    pub(super) alpha: f32,
    /// Weight of the noise: the squares of both make 1.
    pub(super) sigma: f32,
    /// Logarithm of their ratio; infinite without noise.
    pub(super) lambda: f32,
}

impl Level {
    pub(super) fn of(sigmas: &[f32]) -> Vec<Self> {
        let level = |sigma: &f32| {
            let alpha = 1.0 / (sigma * sigma + 1.0).sqrt();
            let sigma = sigma * alpha;
            Self { alpha, sigma, lambda: alpha.ln() - sigma.ln() }
        };
        sigmas.iter().map(level).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_count_that_numpy_would_overshoot_is_kept() {
        let config = ScheduleConfig { timestep_spacing: TimestepSpacing::Trailing, ..Default::default() };
        let timesteps = spaced(&config, 61, false);
        assert_eq!((timesteps.len(), timesteps[0], timesteps[60]), (61, 999.0, 15.0));
    }

    proptest! {
        #[test]
        fn a_noise_level_leads_back_to_its_time_step(timestep in 0.0f64..999.0) {
            let trained = trained_sigmas(&ScheduleConfig::default());
            let found = timestep_at(&trained, sigma_at(&trained, timestep));
            // One is linear in the level, the other in its logarithm.
            prop_assert!((found - timestep).abs() < 0.1, "{timestep} {found}");
        }

        #[test]
        fn karras_levels_fall_from_the_highest_to_the_lowest(steps in 2usize..1000) {
            let levels = karras(14.6, 0.03, steps);
            prop_assert!(levels.is_sorted_by(|a, b| a > b));
            prop_assert!((levels[0] - 14.6).abs() < 1e-9 && (levels[steps - 1] - 0.03).abs() < 1e-9);
        }
    }
}
