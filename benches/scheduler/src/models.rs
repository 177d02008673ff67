//! The models of a card of 16 GB, as the traces use them: bytes, seconds and steps.
//!
//! Bytes are those of the published weights in the precision that a card runs (half, or 4 bits for the language model).
//! Seconds are what BENCHMARKS-class cards publish: SDXL 30 steps of 1024x1024 in 3.4 s, a language model of 8 billion
//! weights at 150 tokens a second, Whisper turbo at 150 times real time. They are no measurements of ours.

use reelsmith_inference_core::{Footprint, ModelId};

const GB: u64 = 1_000_000_000;
const MB: u64 = 1_000_000;

/// A model of the traces.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its name.
    pub id: ModelId,
    /// Seconds of a load from disk, where they were measured.
    pub load: Option<f64>,
    /// Bytes of weights, and of a run beyond them.
    pub needs: Footprint,
    /// Seconds between two steps, at which a run can be interrupted.
    pub step: f64,
    /// Mean seconds of a run.
    pub mean: f64,
    /// Spread of a run's seconds: the standard deviation of their logarithm.
    pub spread: f64,
    /// Share of the requests of a mix.
    pub share: f64,
}

/// What the traces ask for. Shares add up to 1.
pub fn models() -> Vec<Profile> {
    let profile =
        |id: &str, weights: u64, peak: u64, step: f64, (mean, spread): (f64, f64), share: f64| Profile {
            id: id.into(),
            load: None,
            needs: Footprint { weights, peak_activation: peak },
            step,
            mean,
            spread,
            share,
        };
    vec![
        profile("llama-3.1-8b-q4", 4900 * MB, 1200 * MB, 0.007, (1.6, 0.8), 0.30),
        profile("sdxl", 6900 * MB, 3 * GB, 0.113, (3.6, 0.5), 0.20),
        profile("sdxl-controlnet", 9400 * MB, 3 * GB, 0.15, (4.8, 0.4), 0.07),
        profile("sdxl-turbo", 6900 * MB, 1500 * MB, 0.05, (0.25, 0.3), 0.06),
        profile("realesrgan", 70 * MB, 2 * GB, 0.15, (1.2, 0.5), 0.08),
        profile("whisper-turbo", 1600 * MB, 800 * MB, 0.2, (3.0, 1.0), 0.10),
        profile("xtts", 1900 * MB, GB, 0.05, (4.0, 0.8), 0.07),
        profile("kokoro", 330 * MB, 500 * MB, 0.1, (0.6, 0.8), 0.07),
        profile("minilm", 90 * MB, 300 * MB, 0.02, (0.05, 0.5), 0.05),
    ]
}

/// The machine: bytes that may be given out, and how fast models come.
#[derive(Debug, Clone, Copy)]
pub struct Machine {
    /// Bytes of the card that may be given out.
    pub limit: u64,
    /// Bytes of pinned host memory for models that were unloaded; 0 reloads from disk.
    pub host: u64,
    /// Models lie in host memory when the trace begins, as in a service that has run for a while.
    pub warm: bool,
}

impl Machine {
    /// A card of 16 GB of which a tenth is kept, reloading from disk.
    pub const DISK: Self = Self { limit: 14_500 * MB, host: 0, warm: false };
    /// The same with room in host memory for every model of the traces.
    pub const PINNED: Self = Self { host: 64 * GB, warm: true, ..Self::DISK };

    /// Seconds that a model of `bytes` takes from host memory: PCIe 5 x16 at 40 % of its 63 GB/s.
    pub fn from_host(bytes: u64) -> f64 {
        0.05 + bytes as f64 / (25 * GB) as f64
    }

    /// Seconds that a model of `bytes` takes from disk: a drive of 2 GB/s, and half a second to build a session.
    pub fn from_disk(bytes: u64) -> f64 {
        0.5 + bytes as f64 / (2 * GB) as f64
    }
}
