//! Operators that ONNX Runtime lacks or is slow at on a CPU, written in Rust and known to every session.

pub(crate) mod affine;
mod attend;
pub(crate) mod exponential;
pub(crate) mod group_norm;
mod products;
pub(crate) mod snake;
mod sound_attention;
mod text_attention;

use ort::operator::OperatorDomain;
use reelsmith_graph::builder::REELSMITH;

/// All of them.
///
/// # Errors
/// Those of ONNX Runtime.
pub(crate) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(REELSMITH)?
        .add(snake::Snake)?
        .add(group_norm::GroupNorm)?
        .add(affine::Affine)?
        .add(text_attention::TextAttention)?
        .add(sound_attention::SoundAttention)
}
