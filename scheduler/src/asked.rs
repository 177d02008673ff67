//! Who asks, and with what wishes.

use crate::policy::Priority;
use std::time::Duration;

/// Who asks, and with what wishes; [`Scheduler::as_asked`](crate::Scheduler::as_asked) gives a handle whose requests carry
/// it. The default is nobody in particular, with no wishes.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// On whose behalf. Tenants share the device fairly; all requests without one are of one tenant.
    pub tenant: Option<String>,
    /// How soon it matters.
    pub priority: Priority,
    /// The tenant's share beside those of others: 1 for most, from 1/64 to 64, what lies beyond being brought there.
    pub weight: f64,
    /// The answer is of no use later than this after the request. It goes before others as its last moment nears, and is
    /// answered [`ScheduleError::Late`](crate::ScheduleError::Late) where it can no longer be met, unless it runs by then.
    pub deadline: Option<Duration>,
    /// For how long its model stays once nothing runs it, until a later request wishes otherwise.
    pub keep_alive: KeepAlive,
}

impl Default for Asked {
    fn default() -> Self {
        let (tenant, priority, deadline, keep_alive) = Default::default();
        Self { tenant, priority, weight: 1.0, deadline, keep_alive }
    }
}

impl Asked {
    /// The tenant's name; empty where there is none.
    pub(crate) fn tenant(&self) -> &str {
        self.tenant.as_deref().unwrap_or_default()
    }

    pub(crate) fn share(&self) -> f64 {
        if self.weight.is_nan() { 1.0 } else { self.weight.clamp(1.0 / 64.0, 64.0) }
    }
}

/// For how long an idle model stays loaded, if nothing else needs its room.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum KeepAlive {
    /// As is set for the model, or else for the device.
    #[default]
    AsSet,
    /// For so long.
    For(Duration),
    /// For ever.
    Forever,
}

impl KeepAlive {
    /// How long, none for ever; `set` where nothing else is wished.
    pub(crate) fn or(self, set: Option<Duration>) -> Option<Duration> {
        match self {
            Self::AsSet => set,
            Self::For(time) => Some(time),
            Self::Forever => None,
        }
    }
}
