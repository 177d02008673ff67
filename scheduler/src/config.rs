//! What is said about a device when a scheduler is started.

use crate::ScheduleError;
use std::time::Duration;

/// A device and how much of it may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceConfig {
    /// Its name in snapshots, metrics and messages: `cpu`, `cuda:0`.
    pub name: String,
    /// Bytes of its memory that the scheduler may count on in all.
    pub budget_bytes: u64,
    /// Of these, bytes never given out: what the engine and its allocator take beyond the footprints
    /// they state. Less than the budget.
    pub reserve_bytes: u64,
    /// Requests that may wait, at least 1; one more is answered [`ScheduleError::Busy`].
    pub queue_capacity: usize,
    /// Of these, requests of one named tenant, at least 1; none for as many as of all.
    pub tenant_capacity: Option<usize>,
    /// For how long a model stays that nothing runs, where nothing else is wished; none for ever.
    pub keep_alive: Option<Duration>,
    /// Its memory is this process's own, so that what a request took can be measured.
    pub host_memory: bool,
}

impl DeviceConfig {
    /// A processor, with an eighth of its budget kept in reserve, room for 64 waiting requests, and models that stay
    /// until something else needs their room.
    pub fn new(name: impl Into<String>, budget_bytes: u64) -> Self {
        let (reserve_bytes, queue_capacity) = (budget_bytes / 8, 64);
        Self {
            name: name.into(),
            budget_bytes,
            reserve_bytes,
            queue_capacity,
            tenant_capacity: None,
            keep_alive: None,
            host_memory: true,
        }
    }

    /// Bytes that may be given out.
    pub fn limit(&self) -> u64 {
        self.budget_bytes.saturating_sub(self.reserve_bytes)
    }

    pub(crate) fn check(&self) -> Result<(), ScheduleError> {
        let refused =
            |why: String| Err(ScheduleError::InvalidConfig(format!("device {:?}: {why}", self.name)));
        if self.limit() == 0 {
            return refused(format!(
                "the reserve of {} bytes must be less than the budget of {} bytes",
                self.reserve_bytes, self.budget_bytes
            ));
        }
        if self.queue_capacity == 0 {
            return refused("the queue capacity must be at least 1".into());
        }
        if self.tenant_capacity == Some(0) {
            return refused("the capacity of a tenant must be at least 1".into());
        }
        Ok(())
    }
}
