//! Whisper against the reference (transformers, openai-whisper) and with the real model from the default cache.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "some of it is for other tests")]
mod support;

mod compare;
mod detector;
mod mel;
mod networks;
mod refused;
mod rules;
mod spoken;
mod tokens;
mod words;
