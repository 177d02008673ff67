//! Checkpoints on disk, filled as the reference fills its modules.

use crate::support::fill::filled;
use safetensors::{Dtype, tensor::TensorView};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Writes a safetensors file of these tensors in f32: `weights` as `reference.fill` named them, whose numbers
/// belong to the names with `prefix` before them.
pub(crate) fn write(path: &Path, weights: &BTreeMap<String, Vec<usize>>, prefix: &str, seed: u64) {
    let filled = |(name, shape): (&String, &Vec<usize>)| {
        let numbers = filled(&format!("{prefix}{name}"), shape, seed);
        let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        (name.clone(), shape.clone(), bytes)
    };
    let tensors: Vec<(String, Vec<usize>, Vec<u8>)> = weights.iter().map(filled).collect();
    let views = tensors.iter().map(|(name, shape, bytes)| {
        (
            name.as_str(),
            TensorView::new(Dtype::F32, shape.clone(), bytes).expect("as many bytes as the shape has"),
        )
    });
    safetensors::serialize_to_file(views, None, path).expect("a checkpoint is written");
}

/// Loads ONNX Runtime from where `make setup-test` puts it.
pub(crate) fn load_runtime() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let library = model_file("onnxruntime/libonnxruntime.so");
        reelsmith_inference::runtime::load_onnxruntime(&library).expect("ONNX Runtime loads");
    });
}

/// A file of the default model directory.
///
/// # Panics
/// If it is not there.
pub(crate) fn model_file(path: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache"))).expect("a home directory");
    let path = cache.join("reelsmith/models").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-test`", path.display());
    path
}
