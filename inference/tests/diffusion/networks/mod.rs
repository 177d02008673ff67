//! The networks against diffusers and transformers: the same random weights under the true names, the same inputs,
//! the numbers within 1e-4 of the largest (`tests/reference/networks.py` made them).

mod bands;
mod clip;
pub(crate) mod unet;
mod vae;

use crate::support::cases::{Case, relative_error};
use crate::support::checkpoint;
use reelsmith_graph::{Target, Weights};
use reelsmith_inference::network::{Array, Network};
use std::collections::BTreeMap;

/// The bar for every network.
pub(crate) const BAR: f32 = 1e-4;

/// With fused operators and with the standard's alone.
const TARGETS: [Target; 2] = [Target::CPU, Target::PLAIN];

/// A checkpoint on disk as the case describes it, opened.
struct Checkpoint {
    _folder: tempfile::TempDir,
    weights: Weights,
}

impl Checkpoint {
    fn of(weights: &BTreeMap<String, Vec<usize>>, prefix: &str, seed: u64) -> Self {
        checkpoint::load_runtime();
        let folder = tempfile::tempdir().expect("a scratch folder");
        let file = folder.path().join("model.safetensors");
        checkpoint::write(&file, weights, prefix, seed);
        Self { weights: Weights::open(&[file]).expect("the file is whole"), _folder: folder }
    }
}

pub(crate) fn array(case: &Case, name: &str) -> Array {
    Array::new(&case.tensor(name).shape, case.floats(name))
}

fn assert_close(case: &Case, what: &str, got: &Array, expected: &str, target: Target) {
    assert_eq!(got.shape, case.tensor(expected).shape, "{} {what}", case.name);
    let error = relative_error(&got.data, &case.floats(expected));
    assert!(error <= BAR, "{} {what}, fused {}: {error:e}", case.name, target.is_fused);
}

pub(crate) fn open(name: &'static str, model: &reelsmith_graph::Model) -> Network {
    Network::open(name, model, 2).expect("ONNX Runtime takes the graph")
}
