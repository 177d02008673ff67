//! What a job means: scripts, presets, validated specs, and the durable workflows that make Shorts and podcasts.
//!
//! The way of a job: a text becomes a [`Document`] ([`script`]), [`Runner::prepare`] makes it a
//! validated, self-contained [`Short`] ([`spec`]), [`Runner::submit`] has the [`engine`] carry it
//! through the steps of its workflow ([`workflows`]), and [`Runner::events`] tells how far it is.

mod convert;
pub mod dialogue;
pub mod engine;
pub mod error;
pub mod events;
pub mod faults;
pub mod images;
pub mod names;
mod prepare;
pub mod preset;
pub mod report;
pub mod rundown;
pub mod runner;
pub mod script;
pub mod spec;
mod steps;
pub mod timing;
pub mod workflows;

pub use error::{ErrorKind, PipelineError, Result};
pub use events::{Event, JobEvent, Stage, StepKey};
pub use prepare::check_voices;
pub use preset::{Preset, Presets};
pub use report::{PodcastReport, Report};
pub use runner::{JobId, Painter, Parts, Runner, RunnerConfig, Speaker, Submitted, Versions};
pub use script::{Document, EpisodeDocument, Script, ScriptError};
pub use spec::{Files, JobSpec, PainterChoice, Podcast, PodcastOptions, Short, ShortOptions};
