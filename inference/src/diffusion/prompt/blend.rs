//! What a weight does to an encoder's output.

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// Weighs `hidden`, an encoder's output for some chunks (tokens, width), token by token against `empty`, its
/// output for one chunk of the empty prompt (77, width): `empty + (hidden - empty) * weight`, each position
/// against the same one of `empty`.
///
/// This is ComfyUI's way. The web UI's own multiplies the output itself and then scales all of it to the
/// mean it had, so that one weighted word changes every other; here a token of weight 1 keeps its bits, a
/// weight of 0 is what the encoder says of nothing, and all between lies on the straight line. The pooled
/// output is not weighed.
///
/// # Errors
/// `Engine` if the lengths do not fit each other.
pub fn weigh(hidden: &mut [f32], empty: &[f32], weights: &[f32], width: usize) -> Result<()> {
    let fits = width > 0
        && weights.len().checked_mul(width) == Some(hidden.len())
        && !empty.is_empty()
        && empty.len().is_multiple_of(width)
        && hidden.len().is_multiple_of(empty.len());
    if !fits {
        let message = format!(
            "weights cannot be put on the encoder's output: {} numbers for {} tokens of width {width}, and {} \
             for the empty prompt",
            hidden.len(),
            weights.len(),
            empty.len()
        );
        return Err(InferenceError::new(ErrorKind::Engine, message));
    }
    let rows = hidden.chunks_exact_mut(width).zip(empty.chunks_exact(width).cycle()).zip(weights);
    for ((token, nothing), weight) in rows.filter(|(_, weight)| **weight != 1.0) {
        for (value, zero) in token.iter_mut().zip(nothing) {
            *value = zero + (*value - zero) * weight;
        }
    }
    Ok(())
}
