//! The only place that knows an engine: fetches and verifies model files ([`store`]), loads ONNX
//! Runtime ([`runtime`]) and performs the contract of `reelsmith-inference-core` with it
//! ([`engine`]).

pub mod diffusion;
pub mod embed;
pub mod engine;
pub mod esrgan;
#[cfg(test)]
mod fetched;
mod folder;
pub mod kokoro;
pub mod llama;
pub mod network;
mod numerals;
mod operators;
pub mod phonemes;
#[cfg(unix)]
pub mod process;
pub mod remote;
pub mod router;
pub mod runtime;
mod session;
pub mod store;
mod tls;
pub mod vad;
pub mod whisper;
mod writer;
pub mod xtts;

pub use engine::LocalEngine;
pub use store::{Store, StoreConfig};
