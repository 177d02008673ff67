//! Numbers for the names of models.

use reelsmith_inference_core::ModelId;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Gives names numbers from 0, in order of their first mention.
#[derive(Default)]
pub(super) struct Names<'a>(HashMap<&'a str, usize, BuildHasherDefault<Fnv>>);

impl<'a> Names<'a> {
    /// The number of a model, a new one if it has none.
    pub(super) fn number(&mut self, model: &'a ModelId) -> usize {
        let next = self.0.len();
        *self.0.entry(&model.0).or_insert(next)
    }

    /// The number of a model, if it has one.
    pub(super) fn find(&self, model: &ModelId) -> Option<usize> {
        self.0.get(model.0.as_str()).copied()
    }
}

/// FNV-1a (Fowler, Noll and Vo; RFC 9923): names are short, and a decision looks every one of them up. Who queues names
/// that collide makes his decisions as slow as a search of the queue, no more.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
}
