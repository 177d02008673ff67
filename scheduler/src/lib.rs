//! What runs where and when: one thread owns a device, one ledger counts its bytes, one pure function
//! decides. Knows the contract of inference, but no engine and no database.
//!
//! ```text
//! speak()
//! generate() ──► bounded queue ──► policy::next(queue, devices) ──► Decision ──► device thread ──► reply
//! chat() …                                                                           │
//!    ▲                                                                               │
//!    └──── progress and preview (latest value), pieces of answers, cancel (token) ───┘
//! ```

pub mod bytes;
pub mod config;
pub mod error;
pub mod learned;
pub mod ledger;
pub mod memory;
pub mod policy;
pub mod snapshot;

mod asked;
mod device;
mod queue;
mod recent;
mod scheduler;
mod state;
mod steering;
mod ticket;
mod work;

pub use asked::{Asked, KeepAlive};
pub use config::DeviceConfig;
pub use error::{FitArithmetic, ScheduleError};
pub use learned::Learned;
pub use memory::{Measured, MemoryUse, Meter, Served};
pub use policy::Priority;
pub use scheduler::{Scheduler, Shutdown};
pub use snapshot::{Counters, PastDecision, QueuedRequest, ResidentModel, RunningRequest, Snapshot};
/// Stops a request: before its start it leaves the queue at once, while it runs it ends at its next
/// step. Clones and child tokens work as usual.
pub use tokio_util::sync::CancellationToken as CancelToken;
