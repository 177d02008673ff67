//! The weights of an ncnn `.bin`: no names and no header, only arrays one after the other in the order of the
//! layers, so that a file can only be read along its `.param` (ncnn, `src/modelbin.cpp`).

use super::{Tensor, open_regular, unreadable};
use crate::proto::Element;
use reelsmith_inference_core::{InferenceError, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

/// What stands before an array of f16 (`modelbin.cpp`).
const HALF: u32 = 0x0130_6B47;
/// What stands before an array of f32; 0x0002C056 if it once was 8-bit.
const FLOAT: [u32; 2] = [0, 0x0002_C056];
/// Arrays begin at multiples of so many bytes.
const ALIGNMENT: u64 = 4;

/// Where in the file the next array begins.
pub(crate) struct Reader {
    file: File,
    path: Arc<Path>,
    length: u64,
    at: u64,
}

impl Reader {
    /// At the beginning of the file at `path`.
    ///
    /// # Errors
    /// `ModelMissing` or `ModelCorrupt`, naming the file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let failed = |error| unreadable(path, error);
        let absolute: Arc<Path> = std::path::absolute(path).map_err(failed)?.into();
        if absolute.to_str().is_none() {
            return Err(InferenceError::corrupt(format!(
                "{}: the path is not UTF-8; move the file",
                path.display()
            )));
        }
        let file = open_regular(path).map_err(failed)?;
        let length = file.metadata().map_err(failed)?.len();
        Ok(Self { file, path: absolute, length, at: 0 })
    }

    /// The array that comes next, after the mark that says what its numbers are; `owner` is called so in errors.
    ///
    /// # Errors
    /// `ModelCorrupt` if the file ends before it, or if it is neither f32 nor f16.
    pub(crate) fn marked(&mut self, owner: &str, shape: &[usize]) -> Result<Tensor> {
        let begin = self.at;
        self.advance(owner, 4)?;
        let mut mark = [0; 4];
        let read = self.file.seek(SeekFrom::Start(begin)).and_then(|_| self.file.read_exact(&mut mark));
        read.map_err(|error| unreadable(&self.path, error))?;
        match u32::from_le_bytes(mark) {
            HALF => self.array(owner, shape, Element::F16),
            mark if FLOAT.contains(&mark) => self.array(owner, shape, Element::F32),
            mark => Err(InferenceError::corrupt(format!(
                "{}: the weights of `{owner}` at byte {begin} are marked {mark:#010x}, which is neither f32 nor \
                 f16; use the model's f16 or f32 form, or fetch the file again if this is one",
                self.path.display()
            ))),
        }
    }

    /// The array of f32 that comes next without a mark.
    ///
    /// # Errors
    /// `ModelCorrupt` if the file ends before it.
    pub(crate) fn plain(&mut self, owner: &str, shape: &[usize]) -> Result<Tensor> {
        self.array(owner, shape, Element::F32)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// `ModelCorrupt` if the file goes on.
    pub(crate) fn finish(self) -> Result<()> {
        match self.length - self.at {
            0 => Ok(()),
            rest => Err(InferenceError::corrupt(format!(
                "{}: {rest} bytes are left over after the last layer; it belongs to another .param file",
                self.path.display()
            ))),
        }
    }

    fn array(&mut self, owner: &str, shape: &[usize], element: Element) -> Result<Tensor> {
        let tensor = Tensor { element, shape: shape.to_vec(), file: self.path.clone(), offset: self.at };
        let count = shape.iter().try_fold(element.bytes(), |bytes, extent| bytes.checked_mul(*extent as u64));
        let bytes = count.and_then(|bytes| bytes.checked_next_multiple_of(ALIGNMENT)).unwrap_or(u64::MAX);
        self.advance(owner, bytes)?;
        Ok(tensor)
    }

    fn advance(&mut self, owner: &str, bytes: u64) -> Result<()> {
        match self.at.checked_add(bytes).filter(|end| *end <= self.length) {
            Some(end) => {
                self.at = end;
                Ok(())
            }
            None => Err(InferenceError::corrupt(format!(
                "{}: the weights of `{owner}` take {bytes} bytes from byte {} on, and the file has {}; it is cut \
                 off or belongs to another .param file, fetch both again",
                self.path.display(),
                self.at,
                self.length
            ))),
        }
    }
}
