//! The parts, wired: stores, device, models, tools and the runner over them, as one owner of the data
//! directory.

use crate::config::{BlobSettings, Config, VideoEncoder};
use crate::exit::{Failure, Outcome, blocking};
use crate::learned;
use crate::library::{Library, store_failure};
use crate::lock::{Attempt, FolderLock, Owner};
use crate::metrics::DeviceView;
use crate::painters::Painters;
use reelsmith_inference::engine::LocalEngine;
use reelsmith_inference::process::{Launch, ProcessEngine};
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference_core::{Engine, ModelId};
use reelsmith_media::encode::Encoder;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_pipelines::faults::Faults;
use reelsmith_pipelines::{
    ErrorKind, Parts, PipelineError, Presets, Runner, RunnerConfig, Speaker, Versions,
};
use reelsmith_scheduler::{DeviceConfig, Scheduler, Shutdown};
use reelsmith_storage::{BlobConfig, Blobs, JobState, Jobs, S3Config, SqliteStore};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The voice used where neither script nor command names one.
pub const DEFAULT_VOICE: &str = "af_heart";
/// How often jobs are looked for that nobody works on.
const RECONCILE: Duration = Duration::from_secs(30);

/// A running house.
pub struct House {
    /// Jobs.
    pub runner: Runner,
    /// Rows.
    pub jobs: Arc<dyn Jobs>,
    /// Bytes.
    pub blobs: Blobs,
    /// The device.
    pub scheduler: Scheduler,
    /// ffmpeg and ffprobe.
    pub ffmpeg: Ffmpeg,
    /// Catalogue and models.
    pub library: Library,
    config: Config,
    _owner: DataOwner,
}

/// The right to run jobs of a data directory; one process at a time has it.
pub struct DataOwner {
    _lock: FolderLock,
}

impl DataOwner {
    /// Claims the directory, creating it where needed. `Err` holds who has it.
    ///
    /// # Errors
    /// The directory cannot be created or written.
    pub fn claim(config: &Config, command: &str) -> Outcome<Result<Self, Option<Owner>>> {
        let dir = &config.data_dir;
        std::fs::create_dir_all(dir)
            .map_err(|e| Failure::io(format!("create the data directory {}", dir.display()), &e))?;
        Ok(match FolderLock::attempt(&dir.join("owner.lock"), command)? {
            Attempt::Held(lock) => Ok(Self { _lock: lock }),
            Attempt::Taken(owner) => Err(owner),
        })
    }
}

/// Finds ffmpeg without blocking an async thread.
///
/// # Errors
/// It is missing or too old; the message says how to get it.
pub async fn locate_ffmpeg(config: &Config) -> Outcome<Ffmpeg> {
    let (ffmpeg, ffprobe) = (config.tools.ffmpeg.clone(), config.tools.ffprobe.clone());
    blocking(move || Ffmpeg::locate(ffmpeg.as_deref(), ffprobe.as_deref()).map_err(Failure::failed)).await
}

/// The encoder to use.
async fn encoder(config: &Config, ffmpeg: Ffmpeg) -> Outcome<Encoder> {
    match config.video_encoder {
        VideoEncoder::X264 => Ok(Encoder::X264),
        VideoEncoder::Auto => blocking(move || Ok(Encoder::choose(&ffmpeg))).await,
    }
}

impl House {
    /// Opens everything. The models must be here. Described scenes are painted where there are `painters`.
    ///
    /// # Errors
    /// Whatever is missing, damaged or in use, each with what to do.
    pub async fn open(
        config: &Config,
        library: Library,
        owner: DataOwner,
        painters: Option<Painters>,
    ) -> Outcome<Self> {
        let ffmpeg = locate_ffmpeg(config).await?;
        let (fonts, library) = verified(library).await?;
        let jobs = SqliteStore::open(&config.jobs_db()).await.map_err(Failure::failed)?;
        let jobs: Arc<dyn Jobs> = Arc::new(jobs);
        let blobs = Blobs::open(&blob_config(config)).await.map_err(Failure::failed)?;
        let scheduler = start_device(config, &library)?;
        let painter = match painters {
            Some(painters) => Some(painters.painter(&library).await?),
            None => None,
        };
        let parts = Parts {
            jobs: jobs.clone(),
            blobs: blobs.clone(),
            scheduler: scheduler.clone(),
            ffmpeg: ffmpeg.clone(),
            encoder: encoder(config, ffmpeg.clone()).await?,
            fonts,
            presets: presets(config)?,
            speaker: speaker(&library),
            painter,
            models: library.facts(&library.for_short()),
            versions: Versions {
                reelsmith: env!("CARGO_PKG_VERSION").to_owned(),
                ffmpeg: ffmpeg.version().to_owned(),
                onnxruntime: library.runtime_title(),
            },
        };
        let runner = Runner::start(runner_config(config), parts).await.map_err(pipeline_failure)?;
        let config = config.clone();
        Ok(Self { runner, jobs, blobs, scheduler, ffmpeg, library, config, _owner: owner })
    }

    /// Stops the steps and the device; unfinished jobs stay resumable.
    pub async fn shutdown(&self) {
        self.runner.shutdown().await;
        self.scheduler.shutdown(Shutdown::Cancel).await;
        learned::store(&self.config, &self.scheduler.learned());
    }

    /// How many jobs are queued or running.
    ///
    /// # Errors
    /// The rows cannot be read.
    pub async fn unfinished(&self) -> reelsmith_storage::Result<u64> {
        Ok(self.jobs.count(JobState::Queued).await? + self.jobs.count(JobState::Running).await?)
    }

    /// The device as it is now.
    pub fn device_view(&self) -> DeviceView {
        let snapshot = self.scheduler.snapshot();
        DeviceView {
            queued: snapshot.queue.len() as u64,
            used_bytes: snapshot.used_bytes,
            budget_bytes: snapshot.budget_bytes,
        }
    }
}

/// Checks every file that takes part and loads ONNX Runtime; gives the font files.
async fn verified(library: Library) -> Outcome<(Vec<PathBuf>, Library)> {
    blocking(move || {
        for id in library.for_short() {
            library.store.ready(&id).map_err(store_failure)?;
        }
        let runtime = library.runtime_file()?;
        load_onnxruntime(&runtime).map_err(Failure::failed)?;
        Ok((library.fonts()?, library))
    })
    .await
}

/// Starts the device of this machine, with nothing loaded yet.
///
/// # Errors
/// Settings that cannot work.
pub(crate) fn start_device(config: &Config, library: &Library) -> Outcome<Scheduler> {
    let engine: Box<dyn Engine> = match &config.engine_program {
        Some(program) => Box::new(ProcessEngine::new(launch(config, program))),
        None => Box::new(engine(config, library)),
    };
    Scheduler::start_with(device_config(config), engine, learned::load(config)).map_err(Failure::usage)
}

/// How the engine is started in a process of its own: the same program with the same settings.
fn launch(config: &Config, program: &Path) -> Launch {
    let mut arguments: Vec<OsString> = vec!["engine".into()];
    let folders = [("--data-dir", Some(&config.data_dir)), ("--models-dir", Some(&config.models_dir))];
    for (flag, path) in folders.into_iter().chain([("--config", config.file.as_ref())]) {
        arguments.extend(path.into_iter().flat_map(|path| [flag.into(), path.into()]));
    }
    Launch { program: program.to_owned(), arguments, patience: config.device.patience }
}

/// The device that is configured.
pub(crate) fn device_config(config: &Config) -> DeviceConfig {
    DeviceConfig {
        queue_capacity: config.device.queue,
        keep_alive: config.device.keep_alive,
        // What a card holds is not in this process's memory.
        host_memory: !config.device.cuda,
        ..DeviceConfig::new(if config.device.cuda { "cuda" } else { "cpu" }, config.device.memory)
    }
}

/// Where cloned voices are kept, each with the consent that it was made with.
pub(crate) fn cloned_voices(config: &Config) -> PathBuf {
    config.data_dir.join("voices")
}

/// The engine of the device that is configured.
pub(crate) fn engine(config: &Config, library: &Library) -> LocalEngine {
    let engine = LocalEngine::new(library.store.clone(), config.device.threads);
    let engine = engine
        .with_context(config.chat.context)
        .with_voices(cloned_voices(config))
        .with_espeak(config.tools.espeak.clone());
    if config.device.cuda { engine.with_cuda(config.device.memory) } else { engine }
}

fn speaker(library: &Library) -> Speaker {
    Speaker {
        model: ModelId(library.voice_model.0.clone()),
        voices: library.voices(),
        default_voice: DEFAULT_VOICE.to_owned(),
    }
}

/// The presets there are: the built-in ones and the user's own.
///
/// # Errors
/// One of them is invalid.
pub fn presets(config: &Config) -> Outcome<Presets> {
    let own = config.user_presets();
    Presets::load(own.is_dir().then_some(own.as_path())).map_err(pipeline_failure)
}

fn blob_config(config: &Config) -> BlobConfig {
    match &config.blobs {
        BlobSettings::Local => BlobConfig::Local { dir: config.blobs_dir() },
        BlobSettings::S3 { endpoint, bucket, region, access_key, secret_key } => BlobConfig::S3(S3Config {
            endpoint: Some(endpoint.clone()),
            bucket: bucket.clone(),
            region: region.clone(),
            access_key: access_key.clone(),
            secret_key: secret_key.clone(),
            // Whoever writes http:// has decided; nothing else ever leaves TLS.
            allow_http: endpoint.starts_with("http://"),
        }),
    }
}

fn runner_config(config: &Config) -> RunnerConfig {
    RunnerConfig {
        engine_db: config.engine_db(),
        scratch: config.scratch(),
        slots: config.jobs.slots,
        reconcile_every: RECONCILE,
        faults: Faults::default(),
    }
}

/// How a command ends when the pipelines could not do something.
pub fn pipeline_failure(error: PipelineError) -> Failure {
    match error.kind() {
        ErrorKind::InvalidScript | ErrorKind::InvalidInput | ErrorKind::UnknownName | ErrorKind::Limit => {
            Failure::usage(error)
        }
        ErrorKind::Cancelled | ErrorKind::Interrupted => Failure::cancelled(error),
        _ => Failure::failed(error),
    }
}
