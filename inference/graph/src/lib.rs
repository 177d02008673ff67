//! Model graphs written in Rust, run by whoever reads ONNX.
//!
//! A graph is put together node by node ([`builder`], [`nn`]) and serialised as an ONNX model whose weights
//! stay where they are: in the published file, named by path, offset and length ([`weights`]). Nothing is
//! converted and nothing is copied, so any checkpoint works in the form in which it is published.

pub mod builder;
pub mod ncnn;
pub mod nn;
mod proto;
pub mod target;
pub mod weights;
pub mod wire;

pub use builder::{Dim, Element, Graph, Model, Value};
pub use target::{Device, Target};
pub use weights::{Layer, Weights};
