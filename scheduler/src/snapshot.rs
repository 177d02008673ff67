//! What a scheduler is doing, for people and for metrics.

use crate::policy::Priority;
use reelsmith_inference_core::Footprint;
use serde::Serialize;

/// The state of a device at one moment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Snapshot {
    /// The device's name.
    pub device: String,
    /// Bytes it was given.
    pub budget_bytes: u64,
    /// Bytes of them that are never given out.
    pub reserve_bytes: u64,
    /// Bytes given out now: residents and the run.
    pub used_bytes: u64,
    /// Loaded models, least recently used first.
    pub residents: Vec<ResidentModel>,
    /// What is being loaded or run.
    pub running: Option<RunningRequest>,
    /// What stands still for it, the latest first.
    pub standing: Vec<RunningRequest>,
    /// Waiting requests, in order of arrival.
    pub queue: Vec<QueuedRequest>,
    /// How many may wait.
    pub queue_capacity: usize,
    /// Measured mean service time of recent requests, loading included, in seconds; none before the
    /// first.
    pub mean_service_seconds: Option<f64>,
    /// The latest decisions, at most 64, the earliest first.
    pub decisions: Vec<PastDecision>,
    /// No further request is taken.
    pub closing: bool,
    /// Totals since the start.
    pub counters: Counters,
}

/// A loaded model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ResidentModel {
    /// Its catalogue id.
    pub model: String,
    /// Bytes it holds.
    pub bytes: u64,
    /// It is being run.
    pub active: bool,
    /// It stays, whatever else needs the room.
    pub pinned: bool,
    /// Since when nothing runs it, in seconds; none while something does.
    pub idle_seconds: Option<f64>,
    /// After what time it goes if nothing asks for it, in seconds; none where it stays or is asked for.
    pub unloads_in_seconds: Option<f64>,
}

/// The request that has the device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunningRequest {
    /// Number of the request, in order of arrival from 1.
    pub id: u64,
    /// The model's catalogue id.
    pub model: String,
    /// Bytes it needs beyond the resident weights.
    pub bytes: u64,
    /// Since when it has the device, in seconds.
    pub seconds: f64,
    /// Units done, as last reported.
    pub done: u64,
    /// Units in all, where known.
    pub total: Option<u64>,
    /// What is counted.
    pub unit: &'static str,
    /// Why it was let in; none while its model is loaded.
    pub reason: Option<String>,
}

/// A waiting request.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueuedRequest {
    /// Number of the request, in order of arrival from 1.
    pub id: u64,
    /// The model's catalogue id.
    pub model: String,
    /// How long it has waited, in seconds.
    pub seconds: f64,
    /// On whose behalf.
    pub tenant: Option<String>,
    /// How soon it matters.
    pub priority: Priority,
    /// Bytes that it is to be given; none until the engine was asked.
    pub needs: Option<Footprint>,
    /// In how many seconds it is expected to begin to run, by the policy's order and what was learned of times; none until
    /// it is known what it needs.
    pub starts_in_seconds: Option<f64>,
    /// The reason of what was last decided of it, or else of the last decision.
    pub reason: Option<String>,
}

/// Something that was decided.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PastDecision {
    /// How long ago, in seconds.
    pub seconds_ago: f64,
    /// `run`, `load`, `unload`, `reject` or `wait`.
    pub action: &'static str,
    /// The model.
    pub model: Option<String>,
    /// The request, where it is of one.
    pub request: Option<u64>,
    /// Why.
    pub reason: String,
}

/// Totals since the scheduler was started. Every request made is in the end one of completed, failed,
/// cancelled or refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Counters {
    /// Requests made, refused ones included.
    pub submitted: u64,
    /// Requests served.
    pub completed: u64,
    /// Requests that ended with an error of the engine, panics included.
    pub failed: u64,
    /// Requests cancelled, before or while they ran.
    pub cancelled: u64,
    /// Requests refused because the queue was full.
    pub refused_busy: u64,
    /// Requests refused because they could never fit, or not beside what is pinned.
    pub refused_too_large: u64,
    /// Requests refused because their deadline could not be met any more.
    pub refused_late: u64,
    /// Requests refused or given back because of a shutdown.
    pub refused_closing: u64,
    /// Models loaded.
    pub loads: u64,
    /// Models unloaded to make room.
    pub evictions: u64,
    /// Models unloaded by wish, or idle for as long as they were to stay.
    pub unloads: u64,
    /// Requests let in between two steps of another.
    pub yields: u64,
    /// Panics caught.
    pub panics: u64,
    /// Requests that met the end of the engine's process.
    pub engine_losses: u64,
    /// Runs that met out-of-memory and were tried once more.
    pub memory_retries: u64,
    /// Seconds in which the device loaded or ran.
    pub busy_seconds: f64,
    /// Seconds that started requests had waited, summed.
    pub waited_seconds: f64,
}
