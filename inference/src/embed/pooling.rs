//! The states of a text's tokens to one direction.

use super::config::Pooling;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// The least length that is divided by, as in `torch.nn.functional.normalize`.
const LEAST: f32 = 1e-12;

/// The vector of `states`, (tokens, width), brought to length 1.
///
/// # Errors
/// `Engine` if the network's numbers are not finite.
pub(super) fn direction(pooling: Pooling, states: &[f32], width: usize) -> Result<Vec<f32>> {
    let mut vector = match pooling {
        Pooling::First => states[..width].to_vec(),
        Pooling::Mean => mean(states, width),
    };
    let length = vector.iter().map(|number| number * number).sum::<f32>().sqrt();
    if !length.is_finite() {
        let message = "the network made no finite numbers of a text; fetch the model again";
        return Err(InferenceError::new(ErrorKind::Engine, message));
    }
    vector.iter_mut().for_each(|number| *number /= length.max(LEAST));
    Ok(vector)
}

fn mean(states: &[f32], width: usize) -> Vec<f32> {
    let mut sums = vec![0.0; width];
    for row in states.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += number);
    }
    let count = (states.len() / width) as f32;
    sums.iter_mut().for_each(|sum| *sum /= count);
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_have_length_one() {
        let states = [3.0, 0.0, 1.0, 0.0, 2.0, 12.0];
        let mean = direction(Pooling::Mean, &states, 2).unwrap();
        assert_eq!(mean, [2.0 / 20f32.sqrt(), 4.0 / 20f32.sqrt()]);
        assert_eq!(direction(Pooling::First, &states, 2).unwrap(), [1.0, 0.0]);
        assert_eq!(direction(Pooling::Mean, &[0.0; 4], 2).unwrap(), [0.0, 0.0]);
        assert_eq!(direction(Pooling::Mean, &[f32::NAN, 1.0], 2).unwrap_err().kind(), ErrorKind::Engine);
    }
}
