//! Diffusion against the reference: cases made by diffusers, transformers and PyTorch.

#[path = "../support/mod.rs"]
mod support;

mod checkpoints;
mod layouts;
mod networks;
mod noise;
mod pipelines;
mod samplers;
