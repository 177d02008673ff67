//! Pictures from text: the networks of SDXL as graphs over published checkpoints, and what goes on between them.

pub mod bands;
mod blocks;
pub mod checkpoint;
pub mod clip;
pub mod condition;
pub mod config;
pub mod controlnet;
pub mod lora;
pub mod noise;
pub mod pipeline;
pub mod prompt;
pub mod sampler;
pub mod schedule;
pub mod tokenizer;
pub mod unet;
pub mod vae;
