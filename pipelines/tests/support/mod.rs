//! What the tests of the runner share: a desk with stores and small presets, and a voice that hums.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses its own part")]

pub mod painting;

use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, SpokenWord, Voice};
use reelsmith_inference_core::{
    Control, Engine, Footprint, InferenceError, ModelId, Progress, Resident, Result, Verdict,
};
use reelsmith_media::encode::Encoder;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_pipelines::faults::{FaultPoint, Faults, Moment};
use reelsmith_pipelines::report::{FileFact, ModelFact};
use reelsmith_pipelines::script::parse_markdown;
use reelsmith_pipelines::{
    Document, Files, Painter, Parts, Presets, Runner, RunnerConfig, Short, ShortOptions, Speaker, Versions,
};
use reelsmith_scheduler::{DeviceConfig, Scheduler};
use reelsmith_storage::{BlobConfig, Blobs, Jobs, SqliteStore};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The preset `small`: a frame of 270 x 480 at 15 fps, encoded as fast as can be.
fn small_preset() -> String {
    let tiktok = concat!(env!("CARGO_MANIFEST_DIR"), "/../presets/tiktok.toml");
    let text = std::fs::read_to_string(tiktok).expect("a built-in preset");
    [
        ("name = \"tiktok\"", "name = \"small\""),
        ("width = 1080\nheight = 1920\nfps = 30", "width = 270\nheight = 480\nfps = 15"),
        ("6_000_000", "400_000"),
        ("encoder_speed = \"veryfast\"", "encoder_speed = \"ultrafast\""),
        ("default_max_s = 180.0", "default_max_s = 20.0"),
        ("width = 1080\nheight = 1920\nmax_bytes", "width = 320\nheight = 180\nmax_bytes"),
    ]
    .iter()
    .fold(text, |text, (from, to)| {
        assert!(text.contains(from), "the preset has changed: {from}");
        text.replacen(from, to, 1)
    })
}

/// A script of two short scenes with music.
pub const SCRIPT: &str = "\
---
title: Two small scenes
preset: small
voice: hum
seed: 5
music: calm
---

## One

The first scene has eight words to say.

## Two

The second scene is shorter.
";

/// A directory with everything that jobs need.
pub struct Desk {
    pub dir: PathBuf,
    /// What paints described scenes.
    pub painter: Option<Painter>,
    _temporary: Option<tempfile::TempDir>,
}

impl Desk {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let desk = Self { dir: temporary.path().to_owned(), painter: None, _temporary: Some(temporary) };
        std::fs::create_dir(desk.dir.join("presets")).expect("created");
        std::fs::write(desk.dir.join("presets/small.toml"), small_preset()).expect("written");
        desk
    }

    /// The desk that another process has set up.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), painter: None, _temporary: None }
    }

    pub async fn jobs(&self) -> Arc<dyn Jobs> {
        Arc::new(SqliteStore::open(&self.dir.join("jobs.db")).await.expect("rows"))
    }

    pub async fn blobs(&self) -> Blobs {
        Blobs::open(&BlobConfig::Local { dir: self.dir.join("blobs") }).await.expect("bytes")
    }

    pub async fn runner(&self, slots: usize, faults: Faults) -> Runner {
        let ffmpeg = Ffmpeg::locate(None, None).expect("ffmpeg: run `make setup`");
        let parts = Parts {
            jobs: self.jobs().await,
            blobs: self.blobs().await,
            scheduler: Scheduler::start(DeviceConfig::new("cpu", 1 << 30), Box::new(Humming))
                .expect("starts"),
            encoder: Encoder::X264,
            fonts: font_files(),
            presets: Presets::load(Some(&self.dir.join("presets"))).expect("presets"),
            painter: self.painter.clone(),
            speaker: Speaker {
                model: ModelId("hum".into()),
                voices: vec![Voice { name: "hum".into(), language: "en-US".into() }],
                default_voice: "hum".into(),
            },
            models: vec![ModelFact {
                id: "hum".into(),
                title: "A hum".into(),
                role: "speak".into(),
                licence: "Apache-2.0".into(),
                commercial: true,
                files: vec![FileFact { name: "hum".into(), sha256: "0".repeat(64), bytes: 1 }],
            }],
            versions: Versions {
                reelsmith: "test".into(),
                ffmpeg: ffmpeg.version().to_owned(),
                onnxruntime: "none".into(),
            },
            ffmpeg,
        };
        let config = RunnerConfig {
            engine_db: self.dir.join("engine.db"),
            scratch: self.dir.join("scratch"),
            slots,
            reconcile_every: Duration::from_millis(200),
            faults,
        };
        Runner::start(config, parts).await.expect("the runner starts")
    }

    /// The job that a script makes, with the files beside it in the desk.
    pub async fn prepare(&self, runner: &Runner, script: &str) -> Short {
        let files = Files::Beside(self.dir.clone());
        runner.prepare(&document(script), &ShortOptions::default(), &files).await.expect("a good script")
    }

    /// Unfinished files that lie about.
    pub fn left_over(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.dir.join("scratch/steps")).expect("the scratch directory");
        entries.map(|entry| entry.expect("an entry").path()).collect()
    }
}

/// Whether a step is in the middle of its work, and not only about to begin it: what speaks has spoken
/// something, and where ffmpeg works in `desk`, it runs.
///
/// Called at each report of progress. It slows the work down a little while nothing is done, so that
/// ffmpeg has time to say of the first frames that they are encoded while there are more to come.
pub fn is_at_work(point: &FaultPoint, desk: &Path) -> bool {
    let with_ffmpeg = matches!(point.step.stage.as_str(), "sound" | "video");
    match point.moment {
        Moment::During if with_ffmpeg && ffmpeg_of(desk).is_some() => {
            std::thread::park_timeout(if point.done == 0 { PACE } else { Duration::ZERO });
            point.done > 0
        }
        Moment::During if with_ffmpeg => false,
        Moment::During if point.step.stage == "voice" => point.done > 0,
        moment => moment == Moment::During,
    }
}

const PACE: Duration = Duration::from_millis(50);

/// The ffmpeg that works in a directory.
pub fn ffmpeg_of(dir: &Path) -> Option<u32> {
    let dir = dir.to_str().expect("UTF-8").as_bytes();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let mut pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.find(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.windows(dir.len()).any(|part| part == dir) && line.windows(6).any(|part| part == b"ffmpeg")
    })
}

pub fn document(script: &str) -> Document {
    parse_markdown(script, "script.md").unwrap_or_else(|e| panic!("{e}"))
}

/// The bundled font files; they must have been fetched.
fn font_files() -> Vec<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let home = std::env::home_dir().expect("a home directory");
    let models = cache.unwrap_or_else(|| home.join(".cache")).join("reelsmith/models");
    let directories = std::fs::read_dir(&models).into_iter().flatten().flatten().map(|entry| entry.path());
    let fonts =
        directories.filter(|dir| dir.file_name().is_some_and(|n| n.to_string_lossy().starts_with("font-")));
    let files = fonts.flat_map(|dir| std::fs::read_dir(dir).expect("a directory")).flatten();
    let mut files: Vec<PathBuf> =
        files.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|e| e == "ttf")).collect();
    files.sort();
    assert!(!files.is_empty(), "the tests need the bundled fonts: run `make setup`");
    files
}

/// Speaks by humming: every word is a tone of a fifth of a second, so that a job takes no model.
struct Humming;

struct Hum;

const RATE: u32 = 24_000;

impl Engine for Humming {
    fn footprint(&self, _: &ModelId) -> Result<Footprint> {
        Ok(Footprint { weights: 1, peak_activation: 1 })
    }

    fn load(&mut self, model: &ModelId, _: &dyn Control) -> Result<Resident> {
        Ok(match model.0.as_str() {
            painting::PAINTER => Resident::TextToImage(Box::new(painting::Stripes)),
            painting::UPSCALER => Resident::Upscale(Box::new(painting::Tiles)),
            _ => Resident::Speak(Box::new(Hum)),
        })
    }
}

impl Speak for Hum {
    fn voices(&self) -> Vec<Voice> {
        vec![Voice { name: "hum".into(), language: "en-US".into() }]
    }

    fn footprint(&self, _: &SpeakRequest) -> Footprint {
        Footprint { weights: 1, peak_activation: 1 }
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        let mut words = Vec::new();
        let total = Some(request.text.split_whitespace().count() as u64);
        let tell = |done: usize| match control.step(Progress { done: done as u64, total, unit: "words" }) {
            Verdict::Cancel => Err(InferenceError::cancelled()),
            Verdict::Continue => Ok(()),
        };
        let mut samples = vec![0.0; RATE as usize / 10];
        let mut at = 0;
        for word in request.text.split_whitespace() {
            tell(words.len())?;
            let start = samples.len() as f64 / f64::from(RATE);
            let from = at + request.text[at..].find(word).expect("a word of the text");
            at = from + word.len();
            hum(&mut samples, words.len());
            let end = samples.len() as f64 / f64::from(RATE);
            words.push(SpokenWord { text: word.into(), range: from..at, start, end });
        }
        tell(words.len())?;
        samples.resize(samples.len() + RATE as usize / 10, 0.0);
        Ok(Speech { samples, sample_rate: RATE, words })
    }
}

/// A tone that swells and fades, of another pitch for each word.
fn hum(samples: &mut Vec<f32>, word: usize) {
    let length = RATE / 5;
    let pitch = 180.0 + 20.0 * (word % 7) as f32;
    samples.extend((0..length).map(|n| {
        let (time, swell) = (n as f32 / RATE as f32, (n as f32 / length as f32 * std::f32::consts::PI).sin());
        0.4 * swell * (time * pitch * std::f32::consts::TAU).sin()
    }));
}
