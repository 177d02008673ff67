//! Real-ESRGAN's networks from safetensors: which of the two kinds a file holds, and how large it is, is told by
//! its tensors' names and shapes.

use super::{compact, rrdb};
use reelsmith_graph::ncnn::Enlarger;
use reelsmith_graph::nn::{Conv, conv2d};
use reelsmith_graph::{Graph, Layer, Target, Value, Weights};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// What training scripts put in front of every name; the averaged weights are those to use.
const PREFIXES: [&str; 2] = ["params_ema.", "params."];

/// The network of the safetensors file at `path`.
///
/// # Errors
/// `ModelMissing`, or `ModelCorrupt` naming the tensor that is missing, superfluous or of another shape.
pub(super) fn read(path: &Path, target: Target) -> Result<Enlarger> {
    let weights = plain(Weights::open(&[path.to_owned()])?);
    match weights.get("body.0.weight").map(|tensor| tensor.shape.len()) {
        Some(4) => compact::write(&weights, target),
        _ => rrdb::write(&weights, target),
    }
}

/// The tensors without what stands before every name.
fn plain(weights: Weights) -> Weights {
    let has = |prefix: &&&str| weights.iter().any(|(name, _)| name.starts_with(**prefix));
    match PREFIXES.iter().find(has) {
        Some(prefix) => weights.renamed(|name| {
            // Both kinds may be in one file: the other one is left.
            let other = PREFIXES.iter().any(|other| other != prefix && name.starts_with(other));
            let name = name.strip_prefix(prefix).unwrap_or(name);
            (!other).then(|| name.to_owned())
        }),
        None => weights,
    }
}

/// A convolution with the bias that all of them have here.
pub(super) fn conv(g: &mut Graph, layer: &Layer<'_>, x: Value, conv: Conv) -> Result<Value> {
    layer.tensor("bias", &[conv.to])?;
    conv2d(g, layer, x, conv)
}

pub(super) fn corrupt(weights: &Weights, why: &str) -> InferenceError {
    InferenceError::new(ErrorKind::ModelCorrupt, format!("{}: {why}", weights.title))
}
