//! The one door to jobs: prepare, submit, follow, cancel, fetch.

use crate::engine::{Engine, EngineConfig, Stores, Workflow};
use crate::error::Result;
use crate::events::JobEvent;
use crate::faults::Faults;
use crate::prepare;
use crate::preset::Presets;
use crate::report::ModelFact;
use crate::script::{Document, EpisodeDocument};
use crate::spec::{Files, JobSpec, PainterChoice, Podcast, PodcastOptions, Short, ShortOptions};
use crate::workflows::podcast::PodcastWorkflow;
use crate::workflows::short::ShortWorkflow;
use futures::Stream;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::speech::Voice;
use reelsmith_media::encode::Encoder;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_scheduler::Scheduler;
use reelsmith_storage::{Artifact, Blobs, Job, JobState, Jobs};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
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
    /// Jobs worked on at once, and steps at once, 1 to 16. The other jobs wait, and the oldest goes first.
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
    /// What encodes videos.
    pub encoder: Encoder,
    /// Font files, in order of preference.
    pub fonts: Vec<PathBuf>,
    /// The presets there are.
    pub presets: Presets,
    /// The voice model and its voices.
    pub speaker: Speaker,
    /// What paints described scenes; none where they get designed cards.
    pub painter: Option<Painter>,
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

/// The models that make pictures.
#[derive(Debug, Clone)]
pub struct Painter {
    /// The text-to-image model, as the engine knows it.
    pub model: ModelId,
    /// The upscaler, as the engine knows it; there is one where `choice` has one.
    pub upscaler: Option<ModelId>,
    /// The same by hash, and how they are asked.
    pub choice: PainterChoice,
    /// What a report says of them.
    pub facts: Vec<ModelFact>,
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

/// Runs jobs. Cloning gives another handle.
#[derive(Clone)]
pub struct Runner {
    engine: Engine,
    parts: Arc<Parts>,
}

impl Runner {
    /// Opens the engine, empties its part of the scratch directory and takes up every unfinished job.
    ///
    /// The engine installs a log subscriber of its own if the program has none yet, so a program sets
    /// up its logging first.
    ///
    /// # Errors
    /// `InUse` if another process runs the jobs of this database; `InvalidInput` for a number of slots
    /// out of range; `Storage` or `DiskFull`.
    pub async fn start(config: RunnerConfig, parts: Parts) -> Result<Runner> {
        let parts = Arc::new(parts);
        let RunnerConfig { engine_db: db, scratch, slots, reconcile_every, faults } = config;
        let stores = Stores { jobs: parts.jobs.clone(), blobs: parts.blobs.clone() };
        let workflows: Vec<Arc<dyn Workflow>> =
            vec![Arc::new(ShortWorkflow::new(parts.clone())), Arc::new(PodcastWorkflow::new(parts.clone()))];
        let config = EngineConfig { db, scratch, slots, reconcile_every, faults };
        let engine = Engine::start(config, stores, workflows).await?;
        Ok(Runner { engine, parts })
    }

    /// Validates a script and stores the files that it names. Nothing is spoken or drawn yet.
    ///
    /// # Errors
    /// `InvalidScript` with a place for what the script gets wrong; `UnknownName`, `InvalidInput` or
    /// `Limit` for an option; `Storage`, `DiskFull` or `ToolMissing`.
    pub async fn prepare(&self, document: &Document, options: &ShortOptions, files: &Files) -> Result<Short> {
        prepare::short(&self.parts, document, options, files).await
    }

    /// The same for an episode.
    ///
    /// # Errors
    /// As [`Runner::prepare`].
    pub async fn prepare_podcast(
        &self,
        document: &EpisodeDocument,
        options: &PodcastOptions,
        files: &Files,
    ) -> Result<Podcast> {
        prepare::podcast(&self.parts, document, options, files).await
    }

    /// Stores the job, which starts as soon as a slot is free. The same job again is found, and resumed
    /// if it had failed or been cancelled; its finished steps are not redone. Once polled, it goes on to
    /// its end even if it is dropped.
    ///
    /// # Errors
    /// `Interrupted` at shutdown; `Storage` or `DiskFull`.
    pub async fn submit<S: JobSpec>(&self, spec: S) -> Result<Submitted> {
        let (id, spec) = (spec.id(), spec.to_value());
        let (new, state) = self.engine.submit(S::KIND, &id, spec).await?;
        Ok(Submitted { id, new, state })
    }

    /// The job's row.
    ///
    /// # Errors
    /// `NotFound` or `Storage`.
    pub async fn job(&self, id: &JobId) -> Result<Job> {
        self.engine.job(id).await
    }

    /// Stored events after `after` (all for `None`), then live ones, until the job is over.
    pub fn events(
        &self,
        id: &JobId,
        after: Option<u64>,
    ) -> impl Stream<Item = Result<JobEvent>> + Send + use<> {
        self.engine.events(id, after)
    }

    /// Stored events of every job from now on, for metrics and logs: a reader that lags far behind
    /// misses some.
    pub fn all_events(&self) -> impl Stream<Item = JobEvent> + Send + use<> {
        self.engine.all_events()
    }

    /// Waits until the job is over.
    ///
    /// # Errors
    /// `NotFound` or `Storage`; `Interrupted` if the runner shuts down first.
    pub async fn wait(&self, id: &JobId) -> Result<Job> {
        self.engine.wait(id).await
    }

    /// Stops the job; returns when its steps have stopped, with the state in which it is over:
    /// `Cancelled`, or `Succeeded` or `Failed` where it ended before it could be stopped. Submitting it
    /// again resumes it. Once polled, it goes on to its end even if it is dropped.
    ///
    /// # Errors
    /// `NotFound`; `Storage` or `DiskFull`.
    pub async fn cancel(&self, id: &JobId) -> Result<JobState> {
        self.engine.cancel(id).await
    }

    /// Outputs of the steps finished so far. Those of a finished Short include `video.mp4`,
    /// `captions.srt`, `captions.vtt`, `thumbnail.jpg` and `report.json`; those of a finished podcast `episode.mp3`,
    /// `transcript.srt`, `transcript.vtt`, `transcript.txt`, `chapters.json`, `cover.jpg` and `report.json`.
    ///
    /// # Errors
    /// `NotFound` or `Storage`.
    pub async fn artifacts(&self, id: &JobId) -> Result<Vec<Artifact>> {
        self.engine.artifacts(id).await
    }

    /// Stops the steps and the engine; unfinished jobs go on at the next start. Calling it again is
    /// harmless.
    pub async fn shutdown(&self) {
        self.engine.shutdown().await;
    }
}
