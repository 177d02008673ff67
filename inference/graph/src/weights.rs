//! Named tensors and where their bytes lie.

mod ctranslate2;
pub(crate) mod ncnn;
mod safetensors;

use crate::proto::Element;
use half::{bf16, f16};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The most numbers of a tensor that are read into memory here.
const MOST_NUMBERS: u64 = 1 << 16;

/// A tensor in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    /// Type of its elements.
    pub element: Element,
    /// Extents, the slowest first.
    pub shape: Vec<usize>,
    /// The file, by its absolute path.
    pub file: Arc<Path>,
    /// Where its bytes begin.
    pub offset: u64,
}

impl Tensor {
    /// How many elements it has.
    pub fn count(&self) -> u64 {
        self.shape.iter().map(|extent| *extent as u64).product()
    }

    /// How many bytes it takes.
    pub fn bytes(&self) -> u64 {
        self.count() * self.element.bytes()
    }

    /// Its numbers, read from the file: for the few that a program must know itself.
    ///
    /// # Errors
    /// `ModelCorrupt` if the file cannot be read there, or they are too many to be what is meant.
    pub fn numbers(&self) -> Result<Vec<f32>> {
        if self.count() > MOST_NUMBERS {
            let message = format!("{}: {} numbers where few are needed", self.file.display(), self.count());
            return Err(InferenceError::corrupt(message));
        }
        let mut bytes = vec![0; self.bytes() as usize];
        let read = File::open(&self.file).and_then(|file| file.read_exact_at(&mut bytes, self.offset));
        read.map_err(|error| {
            InferenceError::corrupt(format!("{} cannot be read at byte {}", self.file.display(), self.offset))
                .with_source(error)
        })?;
        match self.element {
            Element::F32 => Ok(bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()),
            Element::F16 => Ok(bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()),
            Element::Bf16 => {
                Ok(bytes.as_chunks().0.iter().map(|b| bf16::from_le_bytes(*b).to_f32()).collect())
            }
            Element::F64 => Ok(bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b) as f32).collect()),
            Element::I64 => Ok(bytes.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b) as f32).collect()),
            Element::I32 => Ok(bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) as f32).collect()),
            Element::I16 => {
                Ok(bytes.as_chunks().0.iter().map(|b| f32::from(i16::from_le_bytes(*b))).collect())
            }
            Element::Byte => Ok(bytes.iter().map(|byte| f32::from(*byte)).collect()),
        }
    }

    /// Rows `start .. start + rows` of its first axis.
    pub fn rows(&self, start: usize, rows: usize) -> Self {
        let row: u64 = self.shape[1..].iter().map(|extent| *extent as u64).product();
        let mut shape = self.shape.clone();
        shape[0] = rows;
        Self { shape, offset: self.offset + start as u64 * row * self.element.bytes(), ..self.clone() }
    }
}

/// A change of low rank: `scale * up x down` is added to a weight (Hu et al., "LoRA", 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct Adapter {
    /// (out, rank) for a linear layer, (out, rank, 1, 1) for a convolution.
    pub up: Tensor,
    /// (rank, in), or (rank, in, height, width).
    pub down: Tensor,
    /// How strongly.
    pub scale: f32,
}

/// The weights of one network.
#[derive(Debug, Clone, Default)]
pub struct Weights {
    /// What a person calls it: "the UNet of …/model.safetensors".
    pub title: String,
    /// What the file says of itself, for a single file: safetensors' `__metadata__`.
    pub metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
    /// What each file was like when it was opened.
    seen: BTreeMap<PathBuf, Seen>,
    adapters: BTreeMap<String, Vec<Adapter>>,
    used: RefCell<BTreeSet<String>>,
}

impl Weights {
    /// The tensors of safetensors files; those of one name in two files are refused.
    ///
    /// # Errors
    /// `ModelMissing` if a file is absent; `ModelCorrupt` if it is no such file, is cut off, or its header
    /// does not fit it; both name the file.
    pub fn open(files: &[PathBuf]) -> Result<Self> {
        let mut weights = Self::default();
        for file in files {
            let (metadata, tensors) = safetensors::read(file)?;
            weights.metadata = metadata;
            weights.seen.insert(file.clone(), Seen::of(file).map_err(|error| unreadable(file, error))?);
            for (name, tensor) in tensors {
                if weights.tensors.insert(name.clone(), tensor).is_some() {
                    return Err(InferenceError::corrupt(format!(
                        "{}: `{name}` is in another file too",
                        file.display()
                    )));
                }
            }
        }
        weights.title = files.first().map(|file| file.display().to_string()).unwrap_or_default();
        Ok(weights)
    }

    /// The tensors of a CTranslate2 `model.bin` that holds a model of this `kind` (`WhisperSpec`).
    ///
    /// # Errors
    /// `ModelMissing` if it is absent; `ModelCorrupt` if it is no such file, is cut off or holds another kind.
    pub fn open_ctranslate2(file: &Path, kind: &str) -> Result<Self> {
        let (found, tensors) = ctranslate2::read(file)?;
        if found != kind {
            return Err(InferenceError::corrupt(format!("{} holds a {found}, not a {kind}", file.display())));
        }
        let seen = Seen::of(file).map_err(|error| unreadable(file, error))?;
        let seen = BTreeMap::from([(file.to_owned(), seen)]);
        Ok(Self { title: file.display().to_string(), tensors, seen, ..Self::default() })
    }

    /// Checks that the files are those that were opened: offsets of one file mean nothing in another.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the file that changed.
    pub fn unchanged(&self) -> Result<()> {
        let changed = |(path, seen): &(&PathBuf, &Seen)| !Seen::of(path).is_ok_and(|now| now == **seen);
        match self.seen.iter().find(changed) {
            None => Ok(()),
            Some((path, _)) => Err(InferenceError::corrupt(format!(
                "{} changed since it was loaded; load the model again",
                path.display()
            ))),
        }
    }

    /// What its files were like when they were opened, for comparing with a later look.
    pub fn seen(&self) -> &BTreeMap<PathBuf, Seen> {
        &self.seen
    }

    /// The same, called `title` in errors.
    pub fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// Names and tensors, sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Tensor)> {
        self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// The tensor of this name.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    /// The files that its tensors lie in, sorted.
    pub fn files(&self) -> Vec<PathBuf> {
        let files: BTreeSet<&Path> = self.tensors.values().map(|tensor| &*tensor.file).collect();
        files.into_iter().map(Path::to_path_buf).collect()
    }

    /// Whether there is a tensor of this name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The tensors that `rename` gives a name, under that name.
    pub fn renamed(&self, rename: impl Fn(&str) -> Option<String>) -> Self {
        let renamed = self.tensors.iter().filter_map(|(name, tensor)| Some((rename(name)?, tensor.clone())));
        let (title, seen) = (self.title.clone(), self.seen.clone());
        Self { title, seen, tensors: renamed.collect(), ..Self::default() }
    }

    /// Cuts the tensor `name` along its first axis into equal parts called `parts`; nothing if there is none.
    ///
    /// # Errors
    /// `ModelCorrupt` if it cannot be cut so.
    pub fn split(&mut self, name: &str, parts: &[&str]) -> Result<()> {
        let Some(tensor) = self.tensors.remove(name) else { return Ok(()) };
        let rows = tensor.shape.first().copied().unwrap_or(0);
        if rows == 0 || rows % parts.len() != 0 {
            let message = format!(
                "{}: `{name}` of shape {:?} has not {} equal parts",
                self.title,
                tensor.shape,
                parts.len()
            );
            return Err(InferenceError::corrupt(message));
        }
        let each = rows / parts.len();
        let cut = parts.iter().enumerate().map(|(n, part)| ((*part).to_owned(), tensor.rows(n * each, each)));
        self.tensors.extend(cut);
        Ok(())
    }

    /// Adds `adapter` to the weight `name`, for every graph written from now on.
    pub fn adapt(&mut self, name: &str, adapter: Adapter) {
        self.adapters.entry(name.to_owned()).or_default().push(adapter);
    }

    /// The layer whose tensors begin with `prefix`.
    pub fn layer(&self, prefix: &str) -> Layer<'_> {
        Layer { weights: self, prefix: prefix.to_owned() }
    }

    /// Checks that a graph has used every tensor.
    ///
    /// # Errors
    /// `ModelCorrupt` naming those that belong to no layer.
    pub fn all_used(&self) -> Result<()> {
        let used = self.used.borrow();
        // Whole numbers (position ids and the like) are no weights.
        let weights = self.tensors.iter().filter(|(_, tensor)| tensor.element.is_weight());
        let extra: Vec<&str> =
            weights.map(|(name, _)| name.as_str()).filter(|name| !used.contains(*name)).collect();
        match extra.as_slice() {
            [] => Ok(()),
            [first, ..] => Err(InferenceError::corrupt(format!(
                "{}: {} tensors belong to no layer of this network, among them `{first}`; it is another kind of model",
                self.title,
                extra.len()
            ))),
        }
    }
}

/// What tells a file from another one under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
}

impl Seen {
    /// The file at `path` as it is now.
    ///
    /// # Errors
    /// What the system answers.
    pub fn of(path: &Path) -> io::Result<Self> {
        let now = path.metadata()?;
        Ok(Self { inode: now.ino(), bytes: now.len(), modified: (now.mtime(), now.mtime_nsec()) })
    }
}

/// A place in the hierarchy of names.
#[derive(Debug, Clone)]
pub struct Layer<'a> {
    weights: &'a Weights,
    prefix: String,
}

impl<'a> Layer<'a> {
    /// The layer `name` below this one.
    pub fn at(&self, name: impl std::fmt::Display) -> Self {
        let prefix = match self.prefix.as_str() {
            "" => name.to_string(),
            prefix => format!("{prefix}.{name}"),
        };
        Self { weights: self.weights, prefix }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.prefix
    }

    /// Whether it has the tensor `name`.
    pub fn has(&self, name: &str) -> bool {
        self.weights.has(&self.at(name).prefix)
    }

    /// Whether any tensor lies in the layer `name` below it.
    pub fn has_layer(&self, name: &str) -> bool {
        let prefix = format!("{}.", self.at(name).prefix);
        self.weights
            .tensors
            .range(prefix.clone()..)
            .next()
            .is_some_and(|(found, _)| found.starts_with(&prefix))
    }

    /// The tensor `name` of this shape, and what is added to it.
    ///
    /// # Errors
    /// `ModelCorrupt` if it is missing or has another shape.
    pub fn tensor(&self, name: &str, shape: &[usize]) -> Result<(&'a Tensor, &'a [Adapter])> {
        let name = self.at(name).prefix;
        let title = &self.weights.title;
        let Some(tensor) = self.weights.tensors.get(&name) else {
            return Err(InferenceError::corrupt(format!(
                "{title}: the tensor `{name}` {shape:?} is missing"
            )));
        };
        if tensor.shape != shape {
            let found = &tensor.shape;
            return Err(InferenceError::corrupt(format!(
                "{title}: the tensor `{name}` is {found:?} where {shape:?} is needed"
            )));
        }
        if !tensor.element.is_weight() || shape.contains(&0) {
            let element = tensor.element;
            return Err(InferenceError::corrupt(format!(
                "{title}: the tensor `{name}` {shape:?} of {element:?} has no numbers to compute with"
            )));
        }
        let adapters = self.weights.adapters.get(&name).map(Vec::as_slice).unwrap_or_default();
        self.weights.used.borrow_mut().insert(name);
        Ok((tensor, adapters))
    }

    /// The shape of the tensor `name`, whatever it is.
    pub fn shape(&self, name: &str) -> Option<&'a [usize]> {
        self.weights.tensors.get(&self.at(name).prefix).map(|tensor| tensor.shape.as_slice())
    }
}

/// Opens a regular file; opening a pipe would wait for whoever writes into it.
///
/// # Errors
/// `InvalidInput` for what is no regular file, and whatever the system answers.
pub fn open_regular(path: &Path) -> io::Result<File> {
    match path.metadata()?.is_file() {
        true => File::open(path),
        false => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file")),
    }
}

/// A file that cannot be had or read.
pub(crate) fn unreadable(path: &Path, error: io::Error) -> InferenceError {
    let (kind, why) = match error.kind() {
        io::ErrorKind::NotFound => (ErrorKind::ModelMissing, "there is no such file"),
        _ => (ErrorKind::ModelCorrupt, "it cannot be read"),
    };
    InferenceError::new(kind, format!("{}: {why}", path.display())).with_source(error)
}
