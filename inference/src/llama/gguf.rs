//! The header of a GGUF file (ggml's `docs/gguf.md`), read and checked before llama.cpp opens it.
//!
//! llama.cpp trusts much of a header and ends the process where it finds a contradiction, so whatever is not certain
//! to be sound is refused here, with the field's name. Nothing is read beyond the file, and nothing is kept that is
//! larger than the bytes that were there to say it.

mod fit;
mod source;
mod types;

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use source::Source;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::path::Path;
use types::Width;

pub(super) use fit::Facts;

const MAGIC: &[u8; 4] = b"GGUF";
/// Versions that llama.cpp reads; 1 had other widths.
const VERSIONS: [u32; 2] = [2, 3];
const MOST_VALUES: u64 = 1 << 16;
const MOST_TENSORS: u64 = 1 << 16;
/// Elements of one array; the largest vocabularies have some 300,000 tokens and as many merges.
const MOST_ELEMENTS: u64 = 1 << 23;
/// ggml's `GGML_MAX_NAME`, with its final zero.
const MOST_NAME: usize = 63;
const MOST_DIMENSIONS: u32 = 4;
const USUAL_ALIGNMENT: u64 = 32;
const MOST_ALIGNMENT: u64 = 1 << 16;

/// Most numbers of an array that are kept: a vocabulary has fewer.
const MOST_NUMBERS: u64 = 1 << 21;
/// Characters of a file's own words that are told.
const MOST_TOLD: usize = 400;

/// One value of the metadata.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Whole(i128),
    Real(f64),
    Bool(bool),
    Text(String),
    /// Strings, kept for the vocabulary alone.
    Texts(Vec<String>),
    /// Whole numbers.
    Numbers(Vec<i64>),
    /// Anything else: what its elements are, and how many.
    Other(u32, u64),
}

impl fmt::Debug for Value {
    /// What it is, in few words whatever its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number}"),
            Self::Bool(flag) => write!(f, "{flag}"),
            Self::Text(text) => write!(f, "a text of {} bytes", text.len()),
            Self::Texts(texts) => write!(f, "{} texts", texts.len()),
            Self::Numbers(numbers) => write!(f, "{} numbers", numbers.len()),
            Self::Other(_, count) => write!(f, "an array of {count}"),
        }
    }
}

/// One tensor.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tensor {
    pub(super) name: String,
    /// Innermost first; all four, with 1 for those that are absent.
    pub(super) extents: [u64; 4],
    /// ggml's number of the element type.
    pub(super) kind: u32,
    pub(super) bytes: u64,
}

/// A header whose every size lies within its file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    pub(super) values: BTreeMap<String, Value>,
    pub(super) tensors: Vec<Tensor>,
}

/// Reads and checks the header of the file at `path`, and what it says about the network.
///
/// # Errors
/// `ModelMissing` if there is no regular file, `ModelCorrupt` for one that cannot be a model, `InvalidRequest` for a
/// model of an architecture or a vocabulary that is not supported.
pub(super) fn read(path: &Path) -> Result<(Header, Facts)> {
    let told = |why: String, then: &str| {
        // The file's own words: keys and tokens may be long, and steer a terminal.
        let plain = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        let why: String = why.chars().take(MOST_TOLD).map(plain).collect();
        InferenceError::new(ErrorKind::ModelCorrupt, format!("{}: {why}; {then}", path.display()))
    };
    let missing = |e: &dyn std::fmt::Display| {
        InferenceError::new(ErrorKind::ModelMissing, format!("could not open {}: {e}", path.display()))
    };
    // Asked before it is opened: opening a pipe would wait for its other end.
    let found = std::fs::metadata(path).map_err(|e| missing(&e))?;
    if !found.is_file() {
        return Err(missing(&"it is not a file"));
    }
    let file = File::open(path).map_err(|e| missing(&e))?;
    let header = Header::parse(file, found.len())
        .map_err(|why| told(why, "the file is damaged or no GGUF model, fetch it again"))?;
    let facts = Facts::of(&header).map_err(|refusal| match refusal {
        fit::Refusal::Unsupported(why) => {
            InferenceError::new(ErrorKind::InvalidRequest, format!("{}: {why}", path.display()))
        }
        fit::Refusal::Corrupt(why) => told(why, "the file is damaged, fetch it again"),
    })?;
    Ok((header, facts))
}

/// Why a header is refused: the field and what is wrong with it.
type Parsed<T> = std::result::Result<T, String>;

impl Header {
    /// Parses what `bytes` gives, of which there are `length` in all.
    pub(super) fn parse(bytes: impl std::io::Read, length: u64) -> Parsed<Self> {
        let mut source = Source::new(bytes, length);
        if source.array::<4>("magic")? != *MAGIC {
            return Err("it does not begin with \"GGUF\"".into());
        }
        let version = source.u32("version")?;
        if !VERSIONS.contains(&version) {
            return Err(format!("its version is {version}; 2 and 3 are supported"));
        }
        let tensors = source.count("tensor_count", MOST_TENSORS, 24)?;
        let values = source.count("metadata_kv_count", MOST_VALUES, 13)?;
        let values = read_values(&mut source, values)?;
        let (tensors, offsets) = read_tensors(&mut source, tensors)?;
        let alignment = alignment(&values)?;
        let data = source.position().next_multiple_of(alignment);
        check_places(&tensors, &offsets, alignment, length.saturating_sub(data))?;
        Ok(Self { values, tensors })
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.values.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Bytes of all tensors.
    pub(super) fn bytes(&self) -> u64 {
        self.tensors.iter().fold(0, |sum, tensor| sum.saturating_add(tensor.bytes))
    }
}

fn read_values<R: std::io::Read>(source: &mut Source<R>, count: u64) -> Parsed<BTreeMap<String, Value>> {
    let mut values = BTreeMap::new();
    for n in 0..count {
        let key = source.text(&format!("the key of value {n}"))?;
        if key.is_empty() {
            return Err(format!("the key of value {n} is empty"));
        }
        let value = read_value(source, &key)?;
        if values.insert(key.clone(), value).is_some() {
            return Err(format!("the key `{key}` is there twice"));
        }
    }
    Ok(values)
}

fn read_value<R: std::io::Read>(source: &mut Source<R>, key: &str) -> Parsed<Value> {
    match Width::of(source.u32(key)?).ok_or_else(|| format!("the type of `{key}` is unknown"))? {
        Width::Text => Ok(Value::Text(source.text(key)?)),
        Width::Array => read_array(source, key),
        width => read_scalar(source, key, width),
    }
}

fn read_scalar<R: std::io::Read>(source: &mut Source<R>, key: &str, width: Width) -> Parsed<Value> {
    Ok(match width {
        Width::Bool => match source.array::<1>(key)? {
            [flag @ (0 | 1)] => Value::Bool(flag == 1),
            [flag] => return Err(format!("`{key}` is {flag}, not a boolean")),
        },
        Width::F32 => Value::Real(f64::from(f32::from_le_bytes(source.array(key)?))),
        Width::F64 => Value::Real(f64::from_le_bytes(source.array(key)?)),
        width => Value::Whole(source.whole(key, width)?),
    })
}

fn read_array<R: std::io::Read>(source: &mut Source<R>, key: &str) -> Parsed<Value> {
    let kind = source.u32(key)?;
    let width = Width::of(kind).filter(|width| *width != Width::Array);
    let width = width.ok_or_else(|| format!("`{key}` is an array of what cannot be in one"))?;
    let count = source.count(key, MOST_ELEMENTS, width.bytes())?;
    if width == Width::Text {
        return read_texts(source, key, count);
    }
    if matches!(width, Width::Bool | Width::F32 | Width::F64) || count > MOST_NUMBERS {
        source.skip(key, count * width.bytes())?;
        return Ok(Value::Other(kind, count));
    }
    let mut numbers = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let number = source.whole(key, width)?;
        numbers.push(i64::try_from(number).map_err(|_| format!("`{key}` has the number {number}"))?);
    }
    Ok(Value::Numbers(numbers))
}

fn read_texts<R: std::io::Read>(source: &mut Source<R>, key: &str, count: u64) -> Parsed<Value> {
    let kept = key == fit::TOKENS;
    let mut texts = Vec::new();
    for _ in 0..count {
        let text = source.text(key)?;
        if kept {
            texts.push(text);
        }
    }
    Ok(if kept { Value::Texts(texts) } else { Value::Other(types::TEXT, count) })
}

/// The tensors and where they begin, counted from the first one's possible place.
fn read_tensors<R: std::io::Read>(source: &mut Source<R>, count: u64) -> Parsed<(Vec<Tensor>, Vec<u64>)> {
    let (mut tensors, mut offsets, mut names) = (Vec::new(), Vec::new(), HashSet::new());
    for n in 0..count {
        let name = source.text(&format!("the name of tensor {n}"))?;
        if name.is_empty() || name.len() > MOST_NAME {
            let length = name.len();
            return Err(format!("the name of tensor {n} has {length} bytes; expected 1 to {MOST_NAME}"));
        }
        if !names.insert(name.clone()) {
            return Err(format!("the tensor `{name}` is there twice"));
        }
        let (tensor, offset) = read_tensor(source, name)?;
        tensors.push(tensor);
        offsets.push(offset);
    }
    Ok((tensors, offsets))
}

fn read_tensor<R: std::io::Read>(source: &mut Source<R>, name: String) -> Parsed<(Tensor, u64)> {
    let dimensions = source.u32(&name)?;
    if dimensions == 0 || dimensions > MOST_DIMENSIONS {
        return Err(format!(
            "the tensor `{name}` has {dimensions} dimensions; expected 1 to {MOST_DIMENSIONS}"
        ));
    }
    let mut extents = [1u64; 4];
    for extent in &mut extents[..dimensions as usize] {
        *extent = source.u64(&name)?;
    }
    let kind = source.u32(&name)?;
    let bytes = types::bytes(kind, extents).ok_or_else(|| {
        format!(
            "the tensor `{name}` has the type {kind} and the extents {extents:?}, which is impossible or not supported"
        )
    })?;
    let offset = source.u64(&name)?;
    Ok((Tensor { name, extents, kind, bytes }, offset))
}

fn alignment(values: &BTreeMap<String, Value>) -> Parsed<u64> {
    match values.get("general.alignment") {
        None => Ok(USUAL_ALIGNMENT),
        Some(Value::Whole(n)) if (8..=i128::from(MOST_ALIGNMENT)).contains(n) && n.count_ones() == 1 => {
            Ok(*n as u64)
        }
        Some(other) => Err(format!(
            "`general.alignment` is {other:?}; expected a power of two from 8 to {MOST_ALIGNMENT}"
        )),
    }
}

/// Every tensor lies where the one before it ends, as llama.cpp demands, and inside the file.
fn check_places(tensors: &[Tensor], offsets: &[u64], alignment: u64, room: u64) -> Parsed<()> {
    let mut expected = 0u64;
    for (tensor, offset) in tensors.iter().zip(offsets) {
        let name = &tensor.name;
        if *offset != expected {
            return Err(format!("the offset of the tensor `{name}` is {offset}; it should be {expected}"));
        }
        let end = offset.checked_add(tensor.bytes).filter(|end| *end <= room).ok_or_else(|| {
            format!(
                "the tensor `{name}` has {} bytes at {offset}, of {room} that the file has for tensors",
                tensor.bytes
            )
        })?;
        expected = end.next_multiple_of(alignment);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
