//! What came of a trace.

use crate::trace::Job;

/// What came of a trace.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Seconds from arrival to end, of each job.
    pub latency: Vec<f64>,
    /// When the last one ended.
    pub makespan: f64,
    /// Bytes loaded.
    pub swapped_bytes: u64,
    /// Seconds in which something waited and nothing ran.
    pub idle_while_queued: f64,
    /// Runs that others were let in before.
    pub interruptions: usize,
    /// Loads and runs for which there was no room.
    pub out_of_memory: usize,
    /// Models unloaded while they ran.
    pub active_evictions: usize,
}

impl Outcome {
    pub(super) fn new(jobs: usize) -> Self {
        Self {
            latency: vec![0.0; jobs],
            makespan: 0.0,
            swapped_bytes: 0,
            idle_while_queued: 0.0,
            interruptions: 0,
            out_of_memory: 0,
            active_evictions: 0,
        }
    }

    /// Mean seconds from arrival to end.
    pub fn mean_latency(&self) -> f64 {
        self.latency.iter().sum::<f64>() / self.latency.len().max(1) as f64
    }

    /// The longest that a job waited, beyond its own work, in seconds.
    pub fn worst_wait(&self, jobs: &[Job]) -> f64 {
        let waits = self.latency.iter().zip(jobs).map(|(latency, job)| latency - job.service());
        waits.fold(0.0, f64::max)
    }

    /// Latency over own work, of each job.
    pub fn slowdowns(&self, jobs: &[Job]) -> Vec<f64> {
        self.latency.iter().zip(jobs).map(|(latency, job)| latency / job.service()).collect()
    }

    /// Jain's index over the tenants' mean slowdowns: 1 where all fare alike (Jain, Chiu and Hawe, 1984).
    pub fn fairness(&self, jobs: &[Job]) -> f64 {
        let tenants = jobs.iter().map(|job| job.tenant).max().map_or(0, |last| last + 1);
        let slowdowns = self.slowdowns(jobs);
        let mean = |tenant: usize| {
            let own: Vec<f64> =
                slowdowns.iter().zip(jobs).filter(|(_, job)| job.tenant == tenant).map(|(s, _)| *s).collect();
            own.iter().sum::<f64>() / own.len().max(1) as f64
        };
        let means: Vec<f64> = (0..tenants).map(mean).collect();
        let (sum, squares) = (means.iter().sum::<f64>(), means.iter().map(|mean| mean * mean).sum::<f64>());
        sum * sum / (means.len() as f64 * squares)
    }
}
