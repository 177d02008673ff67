//! What a job means: scripts, presets, validated specs, and the durable workflow that makes a Short.

pub mod error;
pub mod events;
pub mod faults;
pub mod names;
pub mod preset;
pub mod report;
pub mod runner;
pub mod script;
pub mod spec;

pub use error::{ErrorKind, PipelineError, Result};
pub use events::{Event, JobEvent, Stage, StepKey};
pub use preset::{Preset, Presets};
pub use runner::{JobId, Parts, Runner, RunnerConfig, Speaker, Submitted, Versions};
pub use script::{Document, Script, ScriptError};
pub use spec::{Files, Short, ShortOptions};
