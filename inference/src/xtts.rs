//! XTTS-v2: speech in a voice cloned from a short sample (Casanova et al., "XTTS", 2024; names of the tensors as
//! coqui-tts' `TTS/tts/models/xtts.py`).
//!
//! A sample becomes conditioning latents ([`condition`]) and a speaker embedding ([`speaker`]); a GPT ([`gpt`]) turns
//! text into latents of 1024 samples at 22.05 kHz each, and a vocoder ([`vocoder`]) those into sound of 24 kHz.

pub mod checkpoint;
pub mod clone;
pub mod condition;
pub mod config;
pub mod generate;
pub mod gpt;
mod layers;
pub mod mel;
pub mod profiles;
pub mod render;
pub mod resample;
pub mod sample;
pub mod sampler;
mod speak;
pub mod speaker;
pub mod text;
pub mod vocoder;
mod words;

pub use speak::{Xtts, footprint};

use std::path::Path;

/// Whether the folder holds XTTS, whose `config.json` says so (`TTS/tts/configs/xtts_config.py`).
pub fn is_model(folder: &Path) -> bool {
    crate::folder::config(folder).is_some_and(|config| config["model"] == "xtts")
}
