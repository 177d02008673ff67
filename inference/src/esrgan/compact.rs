//! SRVGGNetCompact: convolutions one after the other at the size of the picture, and a shuffle of channels into
//! pixels at the end (Wang et al., "Real-ESRGAN", 2021; names as in `realesrgan/archs/srvgg_arch.py`).

use super::checkpoint::{conv, corrupt};
use reelsmith_graph::builder::Attribute;
use reelsmith_graph::ncnn::{ENLARGED, Enlarger, PICTURE};
use reelsmith_graph::nn::Conv;
use reelsmith_graph::{Dim, Element, Graph, Target, Weights};
use reelsmith_inference_core::Result;

/// Channels of a picture.
const RGB: usize = 3;

/// Writes the network: [`PICTURE`] to [`ENLARGED`].
///
/// # Errors
/// `ModelCorrupt` naming the tensor that does not fit.
pub(super) fn write(weights: &Weights, target: Target) -> Result<Enlarger> {
    let body = weights.layer("body");
    let features = body.shape("0.weight").map_or(0, |shape| shape[0]);
    let last = last_of(weights);
    let made = body.shape(&format!("{last}.weight")).map_or(0, |shape| shape[0]);
    let factor = (1..=8).find(|factor| RGB * factor * factor == made).ok_or_else(|| {
        let why =
            format!("`body.{last}.weight` makes {made} channels, which are no picture enlarged by 1 to 8");
        corrupt(weights, &why)
    })?;

    let mut g = Graph::new("compact", target);
    let picture = g.input(PICTURE, Element::F32, &["n".into(), RGB.into(), "h".into(), "w".into()]);
    let (mut x, mut from) = (picture, RGB);
    for n in (0..last).step_by(2) {
        x = conv(&mut g, &body.at(n), x, Conv::same(from, features))?;
        let slopes = body.at(n + 1);
        let (slopes, _) = slopes.tensor("weight", &[features])?;
        let slopes = g.weight(slopes, &[], &[features as i64, 1, 1]);
        x = g.node("PRelu", &[x, slopes], &[]);
        from = features;
    }
    x = conv(&mut g, &body.at(last), x, Conv::same(from, made))?;
    let attributes = [("blocksize", Attribute::Int(factor as i64)), ("mode", Attribute::Text("CRD"))];
    x = g.node("DepthToSpace", &[x], &attributes);
    let nearest = if factor == 1 { picture } else { g.enlarge(picture, factor as f32) };
    x = g.add(x, nearest);
    weights.all_used()?;
    g.output(ENLARGED, x, &["n".into(), RGB.into(), Dim::Any, Dim::Any]);

    let values = (2 * features).max(features + made).max(3 * made);
    let bytes_per_pixel = values as u64 * target.compute.bytes();
    Ok(Enlarger { model: g.finish(), factor, reach: last / 2 + 1, multiple: 1, bytes_per_pixel })
}

/// The number of the last convolution: the greatest even N of the tensors `body.N.weight`.
fn last_of(weights: &Weights) -> usize {
    let number = |name: &str| name.strip_prefix("body.")?.strip_suffix(".weight")?.parse::<usize>().ok();
    let numbers = weights.iter().filter_map(|(name, _)| number(name));
    // A network has no more layers than the file has tensors, whatever numbers it gives them.
    numbers.filter(|n| n.is_multiple_of(2) && *n < weights.iter().count()).max().unwrap_or(0)
}
