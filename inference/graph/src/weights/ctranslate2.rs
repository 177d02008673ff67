//! The table of a CTranslate2 `model.bin`, read and checked; the tensors' bytes are not touched.
//!
//! The format (CTranslate2, `src/models/model.cc`, `Model::load`, versions 4 to 6), little-endian: version u32, the
//! model's kind, its revision u32, a count u32 and so many tensors (name, rank u8, extents u32, type u8, bytes u32, the
//! numbers), a count u32 and so many pairs of a second name and the name it stands for. A name is a u16 length, which
//! counts the zero at its end, and the characters.

use super::{Tensor, open_regular, unreadable};
use crate::proto::Element;
use reelsmith_inference_core::{InferenceError, Result};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

/// Versions whose tables are alike.
const VERSIONS: std::ops::RangeInclusive<u32> = 4..=6;
/// More tensors than any model has.
const MOST_TENSORS: u32 = 1 << 16;
/// More axes than any tensor has.
const MOST_AXES: u8 = 8;

/// The kind of the model and its tensors by name, aliases included.
pub(super) fn read(path: &Path) -> Result<(String, BTreeMap<String, Tensor>)> {
    let failed = |error: io::Error| unreadable(path, error);
    let absolute: Arc<Path> = std::path::absolute(path).map_err(failed)?.into();
    if absolute.to_str().is_none() {
        return Err(InferenceError::corrupt(format!(
            "{}: the path is not UTF-8; move the file",
            path.display()
        )));
    }
    let file = open_regular(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut table = Table { file: BufReader::new(file), at: 0, length, path: absolute };
    table.read().map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof => unusable(path, &error.to_string()),
        _ => unreadable(path, error),
    })
}

struct Table {
    file: BufReader<File>,
    at: u64,
    length: u64,
    path: Arc<Path>,
}

impl Table {
    fn read(&mut self) -> io::Result<(String, BTreeMap<String, Tensor>)> {
        let version = self.u32()?;
        if !VERSIONS.contains(&version) {
            return Err(invalid(format!("it is of version {version}; 4 to 6 are read")));
        }
        let kind = self.name()?;
        self.u32()?;
        let mut tensors = BTreeMap::new();
        for _ in 0..self.count()? {
            let name = self.name()?;
            let tensor = self.tensor(&name)?;
            if tensors.insert(name.clone(), tensor).is_some() {
                return Err(invalid(format!("`{name}` is in it twice")));
            }
        }
        for _ in 0..self.count()? {
            let (alias, name) = (self.name()?, self.name()?);
            let known = tensors.get(&name).cloned();
            let tensor =
                known.ok_or_else(|| invalid(format!("`{alias}` stands for `{name}`, which is not there")))?;
            tensors.entry(alias).or_insert(tensor);
        }
        match self.length - self.at {
            0 => Ok((kind, tensors)),
            rest => Err(invalid(format!("{rest} bytes are left over at its end"))),
        }
    }

    fn tensor(&mut self, name: &str) -> io::Result<Tensor> {
        let [axes] = self.bytes()?;
        if axes > MOST_AXES {
            return Err(invalid(format!("`{name}` has {axes} axes")));
        }
        let shape = (0..axes).map(|_| Ok(self.u32()? as usize)).collect::<io::Result<Vec<usize>>>()?;
        let [kind] = self.bytes()?;
        let bytes = u64::from(self.u32()?);
        let (element, size) = element(kind).ok_or_else(|| invalid(format!("`{name}` is of type {kind}")))?;
        let expected = shape.iter().try_fold(size, |bytes, extent| bytes.checked_mul(*extent as u64));
        if expected != Some(bytes) {
            return Err(invalid(format!("`{name}` of shape {shape:?} has {bytes} bytes")));
        }
        let offset = self.at;
        if bytes > self.length - self.at {
            return Err(invalid(format!(
                "`{name}` goes beyond the file's end: it is cut off, fetch it again"
            )));
        }
        self.at += bytes;
        // `bytes` came from a u32.
        self.file.seek_relative(bytes as i64)?;
        Ok(Tensor { element, shape, file: self.path.clone(), offset })
    }

    fn count(&mut self) -> io::Result<u32> {
        match self.u32()? {
            count @ 0..=MOST_TENSORS => Ok(count),
            count => Err(invalid(format!("it announces {count} entries"))),
        }
    }

    fn name(&mut self) -> io::Result<String> {
        let length = u16::from_le_bytes(self.bytes()?);
        let mut name = vec![0; usize::from(length)];
        self.fill(&mut name)?;
        if name.pop() != Some(0) {
            return Err(invalid(format!("a name at byte {} has no end", self.at)));
        }
        String::from_utf8(name).map_err(|_| invalid(format!("a name at byte {} is no text", self.at)))
    }

    fn u32(&mut self) -> io::Result<u32> {
        Ok(u32::from_le_bytes(self.bytes()?))
    }

    fn bytes<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        if bytes.len() as u64 > self.length - self.at {
            return Err(invalid(format!("it ends at byte {} within its table", self.length)));
        }
        self.at += bytes.len() as u64;
        self.file.read_exact(bytes)
    }
}

/// The type of that number (CTranslate2, `include/ctranslate2/types.h`) and its bytes. Whole numbers of 8 bits are
/// quantised weights, which stay what they are; those of 16 mark heads and the like.
fn element(kind: u8) -> Option<(Element, u64)> {
    match kind {
        0 => Some((Element::F32, 4)),
        1 => Some((Element::Byte, 1)),
        2 => Some((Element::I16, 2)),
        3 => Some((Element::I32, 4)),
        4 => Some((Element::F16, 2)),
        5 => Some((Element::Bf16, 2)),
        _ => None,
    }
}

fn invalid(what: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn unusable(path: &Path, why: &str) -> InferenceError {
    InferenceError::corrupt(format!("{} is no usable model of CTranslate2: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reelsmith_inference_core::ErrorKind;

    fn name(text: &str) -> Vec<u8> {
        [&(text.len() as u16 + 1).to_le_bytes()[..], text.as_bytes(), &[0]].concat()
    }

    fn tensor(title: &str, shape: &[u32], kind: u8, bytes: &[u8]) -> Vec<u8> {
        let extents: Vec<u8> = shape.iter().flat_map(|extent| extent.to_le_bytes()).collect();
        let length = (bytes.len() as u32).to_le_bytes();
        [name(title), vec![shape.len() as u8], extents, vec![kind], length.to_vec(), bytes.to_vec()].concat()
    }

    fn model() -> Vec<u8> {
        [
            6u32.to_le_bytes().to_vec(),
            name("WhisperSpec"),
            3u32.to_le_bytes().to_vec(),
            2u32.to_le_bytes().to_vec(),
            tensor("a/weight", &[2, 3], 4, &[7; 12]),
            tensor("heads", &[], 2, &[8, 0]),
            1u32.to_le_bytes().to_vec(),
            name("b/weight"),
            name("a/weight"),
        ]
        .concat()
    }

    fn read_bytes(bytes: &[u8]) -> Result<(String, BTreeMap<String, Tensor>)> {
        read_in(&tempfile::tempdir().unwrap(), bytes)
    }

    fn read_in(folder: &tempfile::TempDir, bytes: &[u8]) -> Result<(String, BTreeMap<String, Tensor>)> {
        let path = folder.path().join("model.bin");
        std::fs::write(&path, bytes).unwrap();
        read(&path)
    }

    #[test]
    fn tensors_lie_where_the_table_says_and_an_alias_is_the_same_tensor() {
        let (folder, bytes) = (tempfile::tempdir().unwrap(), model());
        let (kind, tensors) = read_in(&folder, &bytes).unwrap();
        assert_eq!(kind, "WhisperSpec");
        let weight = &tensors["a/weight"];
        assert_eq!((weight.element, weight.shape.as_slice()), (Element::F16, &[2, 3][..]));
        assert_eq!(&bytes[weight.offset as usize..][..12], [7; 12]);
        assert_eq!(tensors["b/weight"], *weight);
        assert_eq!(tensors["heads"].numbers().unwrap(), [8.0]);
    }

    #[test]
    fn sizes_that_lie_are_told() {
        let lies = [
            (tensor("x", &[u32::MAX, u32::MAX, u32::MAX], 0, &[]), "`x` of shape"),
            (tensor("x", &[2], 0, &[0; 4]), "has 4 bytes"),
            (tensor("x", &[2], 9, &[0; 4]), "type 9"),
            (name("x"), "ends at byte"),
        ];
        for (entry, expected) in lies {
            let count = 1u32.to_le_bytes();
            let bytes = [&6u32.to_le_bytes()[..], &name("W"), &0u32.to_le_bytes(), &count, &entry].concat();
            let error = read_bytes(&bytes).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ModelCorrupt);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn damage_anywhere_is_an_error_or_stays_within_the_file(at in 0usize..90, byte in any::<u8>(), cut in 0usize..110) {
            let mut bytes = model();
            if let Some(place) = bytes.get_mut(at) { *place = byte; }
            bytes.truncate(cut);
            if let Ok((_, tensors)) = read_bytes(&bytes) {
                for tensor in tensors.values() {
                    prop_assert!(tensor.offset + tensor.bytes() <= bytes.len() as u64);
                }
            }
        }
    }
}
