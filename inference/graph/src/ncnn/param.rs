//! The `.param` of an ncnn network: a magic number, how many layers and blobs there are, and one line for each
//! layer (ncnn, `docs/developer-guide/param-and-model-file-structure.md`).

use crate::weights::{open_regular, unreadable};
use reelsmith_inference_core::{InferenceError, Result};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

/// The first line.
const MAGIC: &str = "7767517";
/// The largest file that is read. That of Real-ESRGAN x4plus with its 999 layers has 116 kB.
const MOST_BYTES: u64 = 8 << 20;
/// An array's key is this number less the parameter's.
const ARRAYS: i64 = -23300;

/// A layer as its line has it.
#[derive(Debug)]
pub(super) struct Layer {
    /// "Convolution", "PReLU" …
    pub(super) kind: String,
    pub(super) name: String,
    /// Names of the blobs that it takes and makes.
    pub(super) inputs: Vec<String>,
    pub(super) outputs: Vec<String>,
    /// Values by parameter number, as they are written; an array without its length.
    values: BTreeMap<i64, String>,
    /// What errors call it: the file, the kind and the name.
    title: String,
}

/// The layers of the file at `path`, in order.
///
/// # Errors
/// `ModelMissing` or `ModelCorrupt`, naming the file and the line.
pub(super) fn read(path: &Path) -> Result<Vec<Layer>> {
    let mut text = String::new();
    let file = open_regular(path).map_err(|error| unreadable(path, error))?;
    file.take(MOST_BYTES + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => refused(path, 1, "it is no text (the binary form is not read)"),
        _ => unreadable(path, error),
    })?;
    if text.len() as u64 > MOST_BYTES {
        return Err(refused(path, 1, &format!("it has more than {MOST_BYTES} bytes")));
    }
    parse(path, &text)
}

fn parse(path: &Path, text: &str) -> Result<Vec<Layer>> {
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    if lines.next().is_none_or(|(_, line)| line != MAGIC) {
        return Err(refused(path, 1, &format!("it does not begin with {MAGIC}")));
    }
    let announced = lines.next().and_then(|(_, line)| line.split_whitespace().next()?.parse::<usize>().ok());
    let announced = announced.ok_or_else(|| refused(path, 2, "the number of layers is missing"))?;
    let layers: Result<Vec<Layer>> = lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| layer(path, line).ok_or_else(|| refused(path, number, "it describes no layer")))
        .collect();
    let layers = layers?;
    if layers.len() != announced {
        let why = format!("{announced} layers are announced and {} follow", layers.len());
        return Err(refused(path, 2, &why));
    }
    Ok(layers)
}

/// `kind name inputs outputs [input …] [output …] [number=value …]`
fn layer(path: &Path, line: &str) -> Option<Layer> {
    let mut words = line.split_whitespace();
    let (kind, name) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (taken, made) = (words.next()?.parse::<usize>().ok()?, words.next()?.parse::<usize>().ok()?);
    let mut blobs = |count: usize| {
        let blobs: Vec<String> = words.by_ref().take(count).map(str::to_owned).collect();
        (blobs.len() == count).then_some(blobs)
    };
    let (inputs, outputs) = (blobs(taken)?, blobs(made)?);
    let mut values = BTreeMap::new();
    for word in words {
        let (number, value) = word.split_once('=')?;
        let number: i64 = number.parse().ok()?;
        let (number, value) = match number {
            0.. => (number, value),
            _ => (ARRAYS.checked_sub(number)?, array(value)?),
        };
        values.insert(number, value.to_owned());
    }
    let title = format!("{}: the {kind} `{name}`", path.display());
    Some(Layer { kind, name, inputs, outputs, values, title })
}

/// `length,value,value …` without the length.
fn array(value: &str) -> Option<&str> {
    let (length, values) = value.split_once(',').unwrap_or((value, ""));
    let count = values.split(',').filter(|value| !value.is_empty()).count();
    (length.parse() == Ok(count)).then_some(values)
}

impl Layer {
    /// The whole number `number`, or `usual` where the line has none; in `range`. What is required has a `usual` that
    /// is not.
    ///
    /// # Errors
    /// `ModelCorrupt` if it is no such number.
    pub(super) fn int(
        &self,
        number: i64,
        usual: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize> {
        let Some(value) = self.values.get(&number) else {
            let missing = || self.refused(&format!("parameter {number} is missing"));
            return range.contains(&usual).then_some(usual).ok_or_else(missing);
        };
        value.parse().ok().filter(|value| range.contains(value)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            self.refused(&format!("parameter {number} is {value}, expected {least} to {most}"))
        })
    }

    /// The number `number`, or `usual` where the line has none.
    ///
    /// # Errors
    /// `ModelCorrupt` if it is no finite number.
    pub(super) fn float(&self, number: i64, usual: f32) -> Result<f32> {
        Ok(self.floats(number)?.first().copied().unwrap_or(usual))
    }

    /// The numbers of the array `number`; none where the line has none.
    ///
    /// # Errors
    /// `ModelCorrupt` if one is no finite number.
    pub(super) fn floats(&self, number: i64) -> Result<Vec<f32>> {
        let Some(values) = self.values.get(&number) else { return Ok(Vec::new()) };
        let values = values.split(',').filter(|value| !value.is_empty());
        values
            .map(|value| value.parse().ok().filter(|value: &f32| value.is_finite()))
            .collect::<Option<_>>()
            .ok_or_else(|| self.refused(&format!("parameter {number} is no list of numbers")))
    }

    /// Checks that the parameters `numbers` are absent or 0.
    ///
    /// # Errors
    /// `ModelCorrupt` naming the first that is not.
    pub(super) fn none_of(&self, numbers: &[i64]) -> Result<()> {
        match numbers.iter().find_map(|number| Some((number, self.values.get(number)?))) {
            Some((number, value)) if value.parse() != Ok(0.0f32) => {
                Err(self.refused(&format!("parameter {number}={value} is not supported")))
            }
            _ => Ok(()),
        }
    }

    /// `why` this layer cannot be read.
    pub(super) fn refused(&self, why: &str) -> InferenceError {
        InferenceError::corrupt(format!("{}: {why}", self.title))
    }
}

fn refused(path: &Path, line: usize, why: &str) -> InferenceError {
    InferenceError::corrupt(format!(
        "{}, line {line}: it is no usable ncnn .param file: {why}",
        path.display()
    ))
}
