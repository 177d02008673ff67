//! Operators that ONNX Runtime lacks or is slow at on a CPU, written in Rust and known to every session.

pub(crate) mod affine;
pub(crate) mod group_norm;
pub(crate) mod snake;

use ort::operator::OperatorDomain;
use reelsmith_graph::builder::REELSMITH;

/// All of them.
///
/// # Errors
/// Those of ONNX Runtime.
pub(crate) fn domain() -> ort::Result<OperatorDomain> {
    OperatorDomain::new(REELSMITH)?.add(snake::Snake)?.add(group_norm::GroupNorm)?.add(affine::Affine)
}
