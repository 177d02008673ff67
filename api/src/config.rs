//! All settings: defaults, then the configuration file, then the environment, then flags. The only
//! reader of environment variables; everything below gets its values as arguments.

pub mod chat;
mod images;
pub mod keys;
pub mod layers;
pub mod memory;

pub use chat::Chat;
pub use images::Images;
use layers::Layers;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A setting that cannot be used; the message names it, where it was set, and what is allowed.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(pub String);

/// Settings given on the command line; `None` where the flag was not used.
#[derive(Debug, Default, Clone)]
pub struct Flags {
    /// `--config`
    pub config: Option<PathBuf>,
    /// `--data-dir`
    pub data_dir: Option<String>,
    /// `--models-dir`
    pub models_dir: Option<String>,
    /// `--offline`
    pub offline: bool,
    /// `--log-format`
    pub log_format: Option<String>,
    /// `serve --listen`
    pub listen: Option<String>,
}

/// Every setting, validated.
#[derive(Debug, Clone)]
pub struct Config {
    /// Jobs, artifacts and scratch files.
    pub data_dir: PathBuf,
    /// Model files, shared by everything that uses them.
    pub models_dir: PathBuf,
    /// What encodes videos.
    pub video_encoder: VideoEncoder,
    /// The model that speaks; the catalogue decides whether there is one of that name.
    pub voice_model: String,
    /// What paints pictures.
    pub images: Images,
    /// Who answers conversations.
    pub chat: Chat,
    /// Refuse models whose licence forbids commercial use.
    pub commercial_use: bool,
    /// Where models come from.
    pub hub: Hub,
    /// Programs that are run.
    pub tools: Tools,
    /// The device that computes.
    pub device: Device,
    /// Jobs.
    pub jobs: JobSettings,
    /// Where finished artifacts are kept.
    pub blobs: BlobSettings,
    /// The HTTP service.
    pub server: Server,
    /// What is logged.
    pub log: Log,
}

/// Where models come from.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Address of the model hub, without a trailing slash.
    pub endpoint: String,
    /// Never fetch anything.
    pub offline: bool,
}

/// Programs that are run; `None` means found on PATH.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    /// ffmpeg.
    pub ffmpeg: Option<PathBuf>,
    /// ffprobe.
    pub ffprobe: Option<PathBuf>,
    /// npm.
    pub npm: Option<PathBuf>,
    /// pip.
    pub pip: Option<PathBuf>,
    /// The folders of PATH.
    pub path: Vec<PathBuf>,
}

/// The device that computes.
#[derive(Debug, Clone, Copy)]
pub struct Device {
    /// Pictures are made on an NVIDIA card.
    pub cuda: bool,
    /// Threads, 1 to 256.
    pub threads: usize,
    /// Bytes that models may take together.
    pub memory: u64,
    /// Requests that may wait, 1 to 10,000.
    pub queue: usize,
}

/// Jobs.
#[derive(Debug, Clone, Copy)]
pub struct JobSettings {
    /// Jobs worked on at once, 1 to 16: more make the embedded job store stumble over its own locks.
    pub slots: usize,
    /// Unfinished jobs before new ones are refused.
    pub queue: usize,
}

/// Where finished artifacts are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum BlobSettings {
    /// Under the data directory.
    Local,
    /// An S3 bucket.
    S3 {
        /// Address of the server.
        endpoint: String,
        /// Bucket, which must exist.
        bucket: String,
        /// Region.
        region: String,
        /// Access key.
        access_key: String,
        /// Secret key.
        secret_key: String,
    },
}

impl std::fmt::Debug for BlobSettings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Local => f.write_str("Local"),
            Self::S3 { endpoint, bucket, .. } => write!(f, "S3({endpoint}, {bucket}, keys hidden)"),
        }
    }
}

/// The HTTP service.
#[derive(Debug, Clone)]
pub struct Server {
    /// Address and port.
    pub listen: SocketAddr,
    /// Largest request body, in bytes.
    pub max_body: usize,
    /// Names under which a service on a loopback address may be called, beside `localhost`.
    pub hosts: Vec<String>,
    /// Connections at once.
    pub max_connections: usize,
    /// Requests answered at once, to the last byte.
    pub max_requests: usize,
    /// Event streams open at once.
    pub max_streams: usize,
    /// How long the head of a request may take, and how long an idle connection is kept.
    pub head: Duration,
    /// How long a request may take until its answer begins, and its caller to take a piece of it.
    pub timeout: Duration,
    /// How long open requests may take to end at shutdown.
    pub drain: Duration,
    /// Folder whose files scripts sent to the API may name.
    pub assets_dir: Option<PathBuf>,
}

/// What encodes videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VideoEncoder {
    /// libx264, whose bytes are the same on every machine with the same libx264.
    X264,
    /// NVENC where it works, else libx264.
    Auto,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged.
#[derive(Debug, Clone)]
pub struct Log {
    /// Form of the lines.
    pub format: LogFormat,
    /// A tracing filter; `None` means the command's own default.
    pub filter: Option<String>,
}

/// The voice model where none is set: the fastest on a CPU and as exact as any (`benches/`).
const DEFAULT_VOICE_MODEL: &str = "kokoro-82m-fp32";

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The budget where the system does not tell its memory: enough for one voice model with room.
const FALLBACK_MEMORY: u64 = 4 * GIB;

impl Config {
    /// Reads the process's environment, the file and `flags`.
    ///
    /// # Errors
    /// An unreadable file, an unknown key, or a value out of its range: the message says which and
    /// what is allowed.
    pub fn load(flags: &Flags) -> Result<Self, ConfigError> {
        Self::layered(flags, &process_variable)
    }

    /// The same over a given environment.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn layered(flags: &Flags, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut layers = Layers::default();
        if let Some(file) = config_file(flags, variable) {
            layers.file(&file)?;
        }
        layers.environment(variable);
        layers.flag("data_dir", "--data-dir", flags.data_dir.clone());
        layers.flag("models_dir", "--models-dir", flags.models_dir.clone());
        layers.flag("hub.offline", "--offline", flags.offline.then(|| "true".into()));
        layers.flag("log.format", "--log-format", flags.log_format.clone());
        layers.flag("listen", "--listen", flags.listen.clone());
        Self::validated(&layers, variable)
    }

    fn validated(layers: &Layers, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Ok(Self {
            data_dir: folder(layers, variable, "data_dir", "XDG_DATA_HOME", ".local/share", "reelsmith")?,
            models_dir: folder(
                layers,
                variable,
                "models_dir",
                "XDG_CACHE_HOME",
                ".cache",
                "reelsmith/models",
            )?,
            video_encoder: layers
                .choice("video_encoder", &[("x264", VideoEncoder::X264), ("auto", VideoEncoder::Auto)])?
                .unwrap_or(VideoEncoder::X264),
            voice_model: layers.text("voice_model").unwrap_or_else(|| DEFAULT_VOICE_MODEL.into()),
            images: Images::of(layers)?,
            chat: Chat::of(layers)?,
            commercial_use: layers.boolean("commercial_use")?.unwrap_or(false),
            hub: hub(layers, variable)?,
            tools: tools(layers, variable),
            device: device(layers)?,
            jobs: JobSettings {
                slots: layers.number("jobs.slots", 1..=16)?.unwrap_or(2) as usize,
                queue: layers.number("jobs.queue", 1..=100_000)?.unwrap_or(1_000) as usize,
            },
            blobs: blobs(layers)?,
            server: server(layers)?,
            log: Log {
                format: layers
                    .choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)])?
                    .unwrap_or(LogFormat::Text),
                filter: layers.text("log.filter"),
            },
        })
    }

    /// The file of jobs and their steps.
    pub fn jobs_db(&self) -> PathBuf {
        self.data_dir.join("jobs.db")
    }

    /// The file of the workflow engine.
    pub fn engine_db(&self) -> PathBuf {
        self.data_dir.join("workflows.db")
    }

    /// Half-made files of running steps.
    pub fn scratch(&self) -> PathBuf {
        self.data_dir.join("scratch")
    }

    /// Artifacts of the local blob store.
    pub fn blobs_dir(&self) -> PathBuf {
        self.data_dir.join("blobs")
    }

    /// Preset files of the user, beside the built-in ones.
    pub fn user_presets(&self) -> PathBuf {
        self.data_dir.join("presets")
    }

    /// Catalogue files of the user, beside the built-in ones.
    pub fn user_models(&self) -> PathBuf {
        self.data_dir.join("catalogue")
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the config module")]
fn process_variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The file named by flag or variable, which must exist; else the usual one where it exists.
fn config_file(flags: &Flags, variable: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let named = flags.config.clone().or_else(|| set(variable, "REELSMITH_CONFIG").map(PathBuf::from));
    named.or_else(|| {
        let usual = xdg(variable, "XDG_CONFIG_HOME", ".config")?.join("reelsmith/config.toml");
        usual.is_file().then_some(usual)
    })
}

fn set(variable: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.is_empty())
}

/// A base directory of the XDG specification: the variable if absolute, else under the home folder.
fn xdg(variable: &dyn Fn(&str) -> Option<String>, name: &str, under_home: &str) -> Option<PathBuf> {
    let absolute = set(variable, name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute.or_else(|| Some(Path::new(&set(variable, "HOME")?).join(under_home)))
}

fn folder(
    layers: &Layers,
    variable: &dyn Fn(&str) -> Option<String>,
    key: &'static str,
    base: &str,
    under_home: &str,
    name: &str,
) -> Result<PathBuf, ConfigError> {
    if let Some(path) = layers.path(key) {
        return std::path::absolute(&path).map_err(|e| {
            ConfigError(format!("{key} is set to \"{}\", which is no path: {e}", path.display()))
        });
    }
    let base = xdg(variable, base, under_home).ok_or_else(|| {
        ConfigError(format!("there is no home folder to keep {key} in: set HOME, {base} or {key} itself"))
    })?;
    Ok(base.join(name))
}

fn hub(layers: &Layers, variable: &dyn Fn(&str) -> Option<String>) -> Result<Hub, ConfigError> {
    let usual = set(variable, "HF_ENDPOINT").map(|address| address.trim_end_matches('/').to_string());
    Ok(Hub {
        endpoint: layers
            .address("hub.endpoint")?
            .or(usual)
            .unwrap_or_else(|| "https://huggingface.co".into()),
        offline: layers.boolean("hub.offline")?.unwrap_or(false),
    })
}

fn tools(layers: &Layers, variable: &dyn Fn(&str) -> Option<String>) -> Tools {
    Tools {
        ffmpeg: layers.path("tools.ffmpeg"),
        ffprobe: layers.path("tools.ffprobe"),
        npm: layers.path("tools.npm"),
        pip: layers.path("tools.pip"),
        path: set(variable, "PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
    }
}

fn device(layers: &Layers) -> Result<Device, ConfigError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cuda = layers.choice("device.kind", &[("cpu", false), ("cuda", true)])?.unwrap_or(false);
    // Of a card some is left to the desktop and to other programs.
    let card = || memory::card().map(|bytes| bytes / 10 * 9);
    let half =
        cuda.then(card).flatten().or(memory::total().map(|bytes| bytes / 2)).unwrap_or(FALLBACK_MEMORY);
    Ok(Device {
        cuda,
        threads: layers.number("device.threads", 1..=256)?.map_or(cores.min(256), |n| n as usize),
        memory: layers.bytes("device.memory", 256 * MIB..=1024 * GIB)?.unwrap_or(half),
        queue: layers.number("device.queue", 1..=10_000)?.unwrap_or(256) as usize,
    })
}

fn blobs(layers: &Layers) -> Result<BlobSettings, ConfigError> {
    let s3 = layers.choice("blobs", &[("local", false), ("s3", true)])?.unwrap_or(false);
    if !s3 {
        return Ok(BlobSettings::Local);
    }
    let needed = |key: &'static str| {
        layers.text(key).ok_or_else(|| ConfigError(format!("blobs is set to s3, which also needs {key}")))
    };
    Ok(BlobSettings::S3 {
        endpoint: layers
            .address("s3.endpoint")?
            .ok_or_else(|| ConfigError("blobs is set to s3, which also needs s3.endpoint".into()))?,
        bucket: needed("s3.bucket")?,
        region: layers.text("s3.region").unwrap_or_else(|| "us-east-1".into()),
        access_key: needed("s3.access_key")?,
        secret_key: needed("s3.secret_key")?,
    })
}

fn server(layers: &Layers) -> Result<Server, ConfigError> {
    let seconds =
        |key, usual| Ok::<_, ConfigError>(Duration::from_secs(layers.number(key, 1..=600)?.unwrap_or(usual)));
    Ok(Server {
        listen: layers
            .parsed("listen", "an address and a port, for example 127.0.0.1:8787")?
            .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8787))),
        max_body: layers.bytes("server.max_body", KIB..=64 * MIB)?.unwrap_or(MIB) as usize,
        hosts: layers.hosts("server.hosts")?,
        max_connections: layers.number("server.max_connections", 1..=200_000)?.unwrap_or(11_000) as usize,
        max_requests: layers.number("server.max_requests", 1..=100_000)?.unwrap_or(256) as usize,
        max_streams: layers.number("server.max_streams", 1..=100_000)?.unwrap_or(10_000) as usize,
        head: seconds("server.head_seconds", 10)?,
        timeout: seconds("server.timeout_seconds", 30)?,
        drain: seconds("server.drain_seconds", 20)?,
        assets_dir: layers.path("server.assets_dir"),
    })
}

#[cfg(test)]
mod tests;
