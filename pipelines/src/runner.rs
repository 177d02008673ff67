//! The one door to jobs: prepare, submit, follow, cancel, fetch.
// SIGNATURES: laid first so that the commands and routes above can be written against them.

use crate::error::Result;
use crate::events::JobEvent;
use crate::faults::Faults;
use crate::preset::Presets;
use crate::report::ModelFact;
use crate::script::Document;
use crate::spec::{Files, Short, ShortOptions};
use futures::Stream;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::speech::Voice;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_scheduler::Scheduler;
use reelsmith_storage::{Artifact, Blobs, Job, JobState, Jobs};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A job's name: its kind and the hash of its spec, for example `short-3f9c…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub String);

/// Where the runner keeps its own things and how much it does at once.
#[derive(Debug, Clone)]
pub struct RunnerConfig {
    /// Database of the durable engine; locked, so that one process at a time runs its jobs.
    pub engine_db: PathBuf,
    /// Directory for unfinished files; emptied at start.
    pub scratch: PathBuf,
    /// Steps at once, 1 to 16.
    pub slots: usize,
    /// How often unfinished jobs are looked for that nobody works on.
    pub reconcile_every: Duration,
    /// Faults to inject; none outside tests.
    pub faults: Faults,
}

/// What the runner works with.
pub struct Parts {
    /// Rows: the truth about jobs.
    pub jobs: Arc<dyn Jobs>,
    /// Bytes.
    pub blobs: Blobs,
    /// The devices.
    pub scheduler: Scheduler,
    /// ffmpeg and ffprobe.
    pub ffmpeg: Ffmpeg,
    /// Font files, in order of preference.
    pub fonts: Vec<PathBuf>,
    /// The presets there are.
    pub presets: Presets,
    /// The voice model and its voices.
    pub speaker: Speaker,
    /// Every model, voice, lexicon, font and library that takes part in a job, for the report.
    pub models: Vec<ModelFact>,
    /// Versions for the report.
    pub versions: Versions,
}

/// The model that speaks.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// Its name in the catalogue.
    pub model: ModelId,
    /// Its voices.
    pub voices: Vec<Voice>,
    /// The voice used where nobody names one.
    pub default_voice: String,
}

/// Versions of what is not a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Versions {
    /// This program.
    pub reelsmith: String,
    /// As ffmpeg states it.
    pub ffmpeg: String,
    /// As the library states it.
    pub onnxruntime: String,
}

/// What became of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    /// The job.
    pub id: JobId,
    /// Whether this submission made it; `false` where it was there already (and is resumed if it
    /// had failed or been cancelled).
    pub new: bool,
    /// Its state now. `Succeeded` means that its artifacts are ready.
    pub state: JobState,
}

/// Runs jobs. Cheap to clone; the last [`Runner::shutdown`] ends it.
#[derive(Clone)]
pub struct Runner {}

impl Runner {
    /// Opens the engine, empties the scratch directory and takes up every unfinished job.
    pub async fn start(config: RunnerConfig, parts: Parts) -> Result<Runner>;
    /// Validates a script and stores the files that it names. Nothing is spoken or drawn yet.
    pub async fn prepare(&self, document: &Document, options: &ShortOptions, files: &Files) -> Result<Short>;
    /// Stores the job and starts it; submitting the same again resumes it.
    pub async fn submit(&self, short: Short) -> Result<Submitted>;
    /// The job's row.
    pub async fn job(&self, id: &JobId) -> Result<Job>;
    /// Stored events after `after` (all for `None`), then live ones, until the job is over.
    pub fn events(&self, id: &JobId, after: Option<u64>) -> impl Stream<Item = Result<JobEvent>> + Send + 'static;
    /// Waits until the job is over.
    pub async fn wait(&self, id: &JobId) -> Result<Job>;
    /// Stops the job; returns when its steps have stopped. Submitting it again resumes it.
    pub async fn cancel(&self, id: &JobId) -> Result<()>;
    /// Finished outputs so far: `video.mp4`, `captions.srt`, `captions.vtt`, `thumbnail.jpg`,
    /// `report.json` when it succeeded.
    pub async fn artifacts(&self, id: &JobId) -> Result<Vec<Artifact>>;
    /// Writes the finished outputs as `<stem>.mp4`, `.srt`, `.vtt`, `.jpg`, `.json` into `dir`.
    pub async fn export(&self, id: &JobId, dir: &Path, stem: &str) -> Result<Vec<PathBuf>>;
    /// Stops the steps and the engine; unfinished jobs go on at the next start.
    pub async fn shutdown(&self);
}
