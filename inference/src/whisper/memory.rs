//! What a run takes of memory, worked out from the network's shape.

use super::config::WhisperConfig;
use super::mel::HOP;
use super::{MOST_BATCH, MOST_TEXTS};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::transcribe::TranscribeOptions;

/// Resident bytes of the weights. Measured of base: 5.2 for each number in f32; 6.3 in 8 bits, as the engine keeps what it
/// took to make them.
pub(super) fn resident(weights: &Weights, target: Target) -> u64 {
    numbers(weights) * if target.is_quantised { 14 } else { 11 } / 2
}

/// Bytes on top of that while the weights are made into 8 bits. Measured of base: 8.8 for each number.
pub(super) fn loading(weights: &Weights, target: Target) -> u64 {
    if target.is_quantised { numbers(weights) * 9 } else { 0 }
}

fn numbers(weights: &Weights) -> u64 {
    weights.iter().map(|(_, tensor)| tensor.count()).sum()
}

/// Bytes on top of the weights while a sound is transcribed, however long it is.
pub(super) fn peak(config: &WhisperConfig, options: &TranscribeOptions) -> u64 {
    let batch = u64::from(options.batch.clamp(1, MOST_BATCH));
    let texts = u64::from(options.beams.max(options.best_of).clamp(1, MOST_TEXTS));
    // What the encoder makes between its layers.
    let encoder = config.max_source_positions * (12 * config.d_model + 2 * config.encoder_ffn_dim);
    // Keys and values of the sound: as the encoder gives them, as they are joined, and while windows are left out.
    let sound = 3 * 2 * config.decoder_layers * config.max_source_positions * config.d_model;
    // Each text's own keys and values, twice while a step adds to them, and the logits of a step.
    let text =
        4 * config.max_target_positions * config.decoder_layers * config.d_model + 3 * config.vocab_size;
    let samples = (config.frames() * HOP) as u64 * (batch + 1) * 2;
    let numbers = encoder as u64 + batch * (sound as u64 + texts * text as u64) + samples;
    numbers * size_of::<f32>() as u64
}
