//! Layers that take the same input, as one product.

use super::{matrix, product, vector};
use crate::builder::{Attribute, Graph, Value};
use crate::weights::Layer;
use reelsmith_inference_core::Result;

/// One of several layers.
#[derive(Debug)]
pub struct Joined<'a> {
    /// Its tensors.
    pub layer: Layer<'a>,
    /// What its result is multiplied by.
    pub factor: f32,
    /// Whether it has a bias.
    pub is_biased: bool,
}

/// (N*S, from) → (N*S, to) for each of `layers`. Their weights are put behind each other, and multiplied by their
/// factors, once, as the session starts.
///
/// # Errors
/// `ModelCorrupt` if a layer's tensors are missing or of another shape.
pub fn linears<const N: usize>(
    g: &mut Graph,
    layers: [Joined<'_>; N],
    x: Value,
    from: usize,
    to: usize,
) -> Result<[Value; N]> {
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for Joined { layer, factor, is_biased } in &layers {
        let weight = matrix(g, layer, from, to)?;
        weights.push(scaled(g, weight, *factor));
        biases.push(match is_biased {
            true => {
                let bias = vector(g, layer, "bias", to)?;
                scaled(g, bias, *factor)
            }
            false => g.numbers(&[to as i64], &vec![0.0; to]),
        });
    }
    let name = layers.each_ref().map(|joined| joined.layer.name()).join("+");
    let made = g.scoped(&name, |g| {
        let (weight, bias) = (joined(g, &weights), joined(g, &biases));
        let made = product(g, x, weight, Some(bias));
        match N {
            1 => vec![made],
            _ => {
                let extents = g.ints(&[to as i64; N]);
                g.nodes_of("", "Split", &[made, extents], N, &[("axis", Attribute::Int(1))])
            }
        }
    });
    Ok(std::array::from_fn(|n| made[n]))
}

fn scaled(g: &mut Graph, value: Value, factor: f32) -> Value {
    if factor == 1.0 {
        return value;
    }
    let factor = g.number(factor);
    g.mul(value, factor)
}

fn joined(g: &mut Graph, parts: &[Value]) -> Value {
    if let [only] = parts { *only } else { g.concat(parts, 0) }
}
