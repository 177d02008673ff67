//! Bytes of a header, taken one after another, never more than there are.

use super::Parsed;
use super::types::Width;
use std::io::{BufReader, Read};

/// The most bytes that the header of a model may have; those of the largest vocabularies have some 20 million.
const MOST_HEADER: u64 = 256 << 20;
/// The most bytes of one string; chat templates have some ten thousand.
const MOST_TEXT: u64 = 4 << 20;

pub(super) struct Source<R> {
    bytes: BufReader<R>,
    position: u64,
    /// The end of what may be read.
    end: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(bytes: R, length: u64) -> Self {
        Self { bytes: BufReader::with_capacity(1 << 16, bytes), position: 0, end: length.min(MOST_HEADER) }
    }

    /// Bytes taken so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    fn left(&self) -> u64 {
        self.end - self.position
    }

    fn fill(&mut self, field: &str, bytes: &mut [u8]) -> Parsed<()> {
        if bytes.len() as u64 > self.left() {
            return Err(format!("the file ends inside of `{field}`"));
        }
        self.bytes.read_exact(bytes).map_err(|e| format!("`{field}` cannot be read: {e}"))?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self, field: &str) -> Parsed<[u8; N]> {
        let mut bytes = [0; N];
        self.fill(field, &mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self, field: &str) -> Parsed<u32> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    pub(super) fn u64(&mut self, field: &str) -> Parsed<u64> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    /// A whole number of any width.
    pub(super) fn whole(&mut self, field: &str, width: Width) -> Parsed<i128> {
        Ok(match width {
            Width::U8 => u8::from_le_bytes(self.array(field)?).into(),
            Width::I8 => i8::from_le_bytes(self.array(field)?).into(),
            Width::U16 => u16::from_le_bytes(self.array(field)?).into(),
            Width::I16 => i16::from_le_bytes(self.array(field)?).into(),
            Width::U32 => u32::from_le_bytes(self.array(field)?).into(),
            Width::I32 => i32::from_le_bytes(self.array(field)?).into(),
            Width::U64 => u64::from_le_bytes(self.array(field)?).into(),
            Width::I64 => i64::from_le_bytes(self.array(field)?).into(),
            Width::Bool | Width::F32 | Width::F64 | Width::Text | Width::Array => {
                return Err(format!("`{field}` is no whole number"));
            }
        })
    }

    /// How many elements follow, each of which takes at least `least` bytes.
    pub(super) fn count(&mut self, field: &str, most: u64, least: u64) -> Parsed<u64> {
        let count = self.u64(field)?;
        if count > most {
            return Err(format!("`{field}` counts {count}; at most {most} are supported"));
        }
        match count * least <= self.left() {
            true => Ok(count),
            false => Err(format!("`{field}` counts {count}, more than the file has room for")),
        }
    }

    /// A string; llama.cpp takes it up to the first zero, so that there must be none.
    pub(super) fn text(&mut self, field: &str) -> Parsed<String> {
        let length = self.u64(field)?;
        if length > MOST_TEXT || length > self.left() {
            return Err(format!(
                "a string of `{field}` has {length} bytes, more than the file has room for or {MOST_TEXT}"
            ));
        }
        let mut bytes = vec![0; length as usize];
        self.fill(field, &mut bytes)?;
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Ok(text),
            _ => Err(format!("a string of `{field}` is not UTF-8 or contains U+0000")),
        }
    }

    pub(super) fn skip(&mut self, field: &str, bytes: u64) -> Parsed<()> {
        if bytes > self.left() {
            return Err(format!("the file ends inside of `{field}`"));
        }
        let skipped = std::io::copy(&mut self.bytes.by_ref().take(bytes), &mut std::io::sink());
        self.position += bytes;
        match skipped {
            Ok(skipped) if skipped == bytes => Ok(()),
            Ok(_) => Err(format!("the file ends inside of `{field}`")),
            Err(e) => Err(format!("`{field}` cannot be read: {e}")),
        }
    }
}
