//! Cuts and prefixes that stand between published tensors and the graphs.

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

/// The weights of an autoencoder under diffusers' present names of its attention; older files have others.
pub(super) fn autoencoder(weights: Weights) -> Weights {
    const OLD: [(&str, &str); 4] = [
        ("attentions.0.query.", "attentions.0.to_q."),
        ("attentions.0.key.", "attentions.0.to_k."),
        ("attentions.0.value.", "attentions.0.to_v."),
        ("attentions.0.proj_attn.", "attentions.0.to_out.0."),
    ];
    weights
        .renamed(|name| Some(OLD.iter().fold(name.to_owned(), |name, (from, to)| name.replacen(from, to, 1))))
}

/// The tensors of `prefix`, without it.
pub(super) fn below(weights: &Weights, prefix: &str) -> Weights {
    weights.renamed(|name| name.strip_prefix(prefix).map(str::to_owned))
}
