//! Checkpoints on disk, filled as the reference fills its modules.

use crate::support::fill::filled;
use half::{bf16, f16};
use safetensors::{Dtype, tensor::TensorView};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Once;

/// Type, shape and bytes.
type Stored = (Dtype, Vec<usize>, Vec<u8>);

/// A safetensors file to be.
#[derive(Clone)]
pub(crate) struct Tensors {
    dtype: Dtype,
    tensors: BTreeMap<String, Stored>,
    metadata: HashMap<String, String>,
}

impl Default for Tensors {
    fn default() -> Self {
        Self { dtype: Dtype::F32, tensors: BTreeMap::new(), metadata: HashMap::new() }
    }
}

impl Tensors {
    /// For floats of this type.
    pub(crate) fn of(dtype: Dtype) -> Self {
        Self { dtype, ..Self::default() }
    }

    /// Adds these numbers, rounded to the file's type.
    pub(crate) fn floats(&mut self, name: &str, shape: &[usize], numbers: &[f32]) {
        let bytes = match self.dtype {
            Dtype::F32 => numbers.iter().flat_map(|number| number.to_le_bytes()).collect(),
            Dtype::F16 => numbers.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect(),
            Dtype::BF16 => numbers.iter().flat_map(|number| bf16::from_f32(*number).to_le_bytes()).collect(),
            other => panic!("{other:?} is not written here"),
        };
        self.raw(name, self.dtype, shape, bytes);
    }

    /// Adds a tensor of any type.
    pub(crate) fn raw(&mut self, name: &str, dtype: Dtype, shape: &[usize], bytes: Vec<u8>) {
        self.tensors.insert(name.to_owned(), (dtype, shape.to_vec(), bytes));
    }

    /// Adds `weights` as `reference.fill` named them, whose numbers belong to the names with `prefix` before them.
    pub(crate) fn filled(mut self, weights: &BTreeMap<String, Vec<usize>>, prefix: &str, seed: u64) -> Self {
        for (name, shape) in weights {
            self.floats(name, shape, &filled(&format!("{prefix}{name}"), shape, seed));
        }
        self
    }

    /// The names, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// Shape and number of bytes of each, by name.
    pub(crate) fn extents(&self) -> impl Iterator<Item = (&str, &[usize], u64)> {
        self.tensors
            .iter()
            .map(|(name, (_, shape, bytes))| (name.as_str(), shape.as_slice(), bytes.len() as u64))
    }

    /// Takes a tensor out.
    pub(crate) fn take(&mut self, name: &str) -> Stored {
        self.tensors.remove(name).unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// Puts in what was taken out, under this name.
    pub(crate) fn put(&mut self, name: &str, tensor: Stored) {
        self.tensors.insert(name.to_owned(), tensor);
    }

    /// The same numbers in f32.
    pub(crate) fn widened(&self) -> Self {
        let mut wide = Self { metadata: self.metadata.clone(), ..Self::default() };
        for (name, (dtype, shape, bytes)) in &self.tensors {
            let pairs = || bytes.as_chunks().0.iter();
            match dtype {
                Dtype::F16 => wide.floats(
                    name,
                    shape,
                    &pairs().map(|b| f16::from_le_bytes(*b).to_f32()).collect::<Vec<_>>(),
                ),
                Dtype::BF16 => wide.floats(
                    name,
                    shape,
                    &pairs().map(|b| bf16::from_le_bytes(*b).to_f32()).collect::<Vec<_>>(),
                ),
                _ => wide.raw(name, *dtype, shape, bytes.clone()),
            }
        }
        wide
    }

    /// Adds to what the file says of itself.
    pub(crate) fn about(&mut self, key: &str, value: &str) {
        self.metadata.insert(key.to_owned(), value.to_owned());
    }

    /// Writes the file, and its folder if there is none.
    pub(crate) fn write(&self, path: &Path) {
        std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("a folder is made");
        let views = self.tensors.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as the shape has"))
        });
        let metadata = (!self.metadata.is_empty()).then(|| self.metadata.clone());
        safetensors::serialize_to_file(views, metadata, path).expect("a checkpoint is written");
    }
}

/// Writes a safetensors file of these tensors in f32; see [`Tensors::filled`].
pub(crate) fn write(path: &Path, weights: &BTreeMap<String, Vec<usize>>, prefix: &str, seed: u64) {
    Tensors::default().filled(weights, prefix, seed).write(path);
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
