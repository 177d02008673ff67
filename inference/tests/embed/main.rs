//! Embeddings and cross-encoders: small random networks against transformers, the published MiniLM and a small
//! cross-encoder against sentence-transformers, and what nobody should ask for.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod support;

mod damaged;
mod footprint;
mod networks;
mod requests;
mod reranked;
mod sentences;

use reelsmith_graph::Target;
use reelsmith_inference::embed::Embedder;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use support::checkpoint::{load_runtime, model_file};

/// The folder of the published model.
fn minilm() -> PathBuf {
    model_file("all-minilm-l6-v2/model.safetensors").parent().expect("it is in a folder").to_path_buf()
}

fn open(model: &Path) -> reelsmith_inference_core::Result<Embedder> {
    load_runtime();
    Embedder::open(model, Target::CPU, 2)
}

/// The published model, loaded once for all tests.
fn embedder() -> MutexGuard<'static, Embedder> {
    static MODEL: LazyLock<Mutex<Embedder>> =
        LazyLock::new(|| Mutex::new(open(&minilm()).expect("the model loads")));
    MODEL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The cosine of the angle between two directions.
fn cosine(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let sum = |pairs: &mut dyn Iterator<Item = (f32, f32)>| -> f64 {
        pairs.map(|(a, b)| f64::from(a) * f64::from(b)).sum()
    };
    let dot = sum(&mut a.iter().copied().zip(b.iter().copied()));
    let length = |v: &[f32]| sum(&mut v.iter().map(|n| (*n, *n))).sqrt();
    dot / (length(a) * length(b))
}
