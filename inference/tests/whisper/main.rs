//! Whisper against the reference (transformers, openai-whisper) and with the real model from the default cache.

#[path = "../support/mod.rs"]
mod support;

mod detector;
mod mel;
mod networks;
mod refused;
mod rules;
mod spoken;
mod tokens;
mod words;
