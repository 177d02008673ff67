//! Brings published tensors into the names and cuts that the graphs here take.

use reelsmith_graph::Weights;
use reelsmith_inference_core::Result;

/// GEGLU's projection as diffusers keeps it: value and gate, one after the other.
const GEGLU: &str = "ff.net.0.proj.";

/// The weights of a UNet or a ControlNet under diffusers' names, with value and gate of every GEGLU apart; the cut
/// is a second offset into the file, nothing is copied.
///
/// # Errors
/// `ModelCorrupt` for a projection that is not two halves.
pub fn attending(mut weights: Weights) -> Result<Weights> {
    let names: Vec<String> =
        weights.iter().map(|(name, _)| name.to_owned()).filter(|name| name.contains(GEGLU)).collect();
    for name in names {
        let (layer, kind) = name.rsplit_once('.').expect("it contains GEGLU's name, which ends in a dot");
        weights.split(&name, &[&format!("{layer}.value.{kind}"), &format!("{layer}.gate.{kind}")])?;
    }
    Ok(weights)
}

/// The weights of a text encoder under the names of published files, whichever version of transformers wrote them:
/// version 5 leaves out the outer `text_model.`.
pub fn text(weights: Weights) -> Weights {
    const OUTER: &str = "text_model.";
    let is_whole = weights.iter().any(|(name, _)| name.starts_with(OUTER));
    if is_whole { weights } else { weights.renamed(|name| Some(format!("{OUTER}{name}"))) }
}

/// The tensors of `prefix`, without it.
pub fn below(weights: &Weights, prefix: &str) -> Weights {
    weights.renamed(|name| name.strip_prefix(prefix).map(str::to_owned))
}
