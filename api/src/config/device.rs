//! The settings of the device that computes.

use super::layers::Layers;
use super::{ConfigError, memory};
use std::time::Duration;

/// The device that computes.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    /// Pictures are made on an NVIDIA card.
    pub cuda: bool,
    /// Threads, 1 to 256.
    pub threads: usize,
    /// Bytes that models may take together.
    pub memory: u64,
    /// Requests that may wait, 1 to 10,000.
    pub queue: usize,
    /// How long a model stays that nobody asks for; none for ever.
    pub keep_alive: Option<Duration>,
    /// The service runs models in a process of their own.
    pub isolate: bool,
    /// How long that process may go without a step before it is taken for hung, 10 s to a day.
    pub patience: Duration,
}

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The budget where the system does not tell its memory: enough for one voice model with room.
const FALLBACK_MEMORY: u64 = 4 * GIB;

impl Device {
    pub(super) fn of(layers: &Layers) -> Result<Self, ConfigError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cuda = layers.choice("device.kind", &[("cpu", false), ("cuda", true)])?.unwrap_or(false);
        // Of a card some is left to the desktop and to other programs.
        let card = || memory::card().map(|bytes| bytes / 10 * 9);
        let half =
            cuda.then(card).flatten().or(memory::total().map(|bytes| bytes / 2)).unwrap_or(FALLBACK_MEMORY);
        Ok(Self {
            cuda,
            threads: layers.number("device.threads", 1..=256)?.map_or(cores.min(256), |n| n as usize),
            memory: layers.bytes("device.memory", 256 * MIB..=1024 * GIB)?.unwrap_or(half),
            queue: layers.number("device.queue", 1..=10_000)?.unwrap_or(256) as usize,
            keep_alive: match layers.number("device.keep_alive_seconds", 0..=604_800)?.unwrap_or(300) {
                0 => None,
                seconds => Some(Duration::from_secs(seconds)),
            },
            isolate: layers.boolean("device.isolate")?.unwrap_or(true),
            patience: Duration::from_secs(
                layers.number("device.patience_seconds", 10..=86_400)?.unwrap_or(900),
            ),
        })
    }
}
