//! All settings: defaults, then the configuration file, then the environment, then flags. The only
//! reader of environment variables; everything below gets its values as arguments.

mod blobs;
pub mod chat;
mod device;
mod images;
pub mod keys;
pub mod layers;
pub mod memory;
mod server;

pub use blobs::BlobSettings;
pub use chat::Chat;
pub use device::Device;
pub use images::Images;
use layers::Layers;
pub use server::Server;
use std::path::{Path, PathBuf};

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
    /// The program that runs the engine in a process of its own; none is within this one. No setting: the service
    /// names itself here where `device.isolate` says so.
    pub engine_program: Option<PathBuf>,
    /// The configuration file that was read.
    pub file: Option<PathBuf>,
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
    /// espeak-ng.
    pub espeak: Option<PathBuf>,
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

/// Jobs.
#[derive(Debug, Clone, Copy)]
pub struct JobSettings {
    /// Jobs worked on at once, 1 to 16: more make the embedded job store stumble over its own locks.
    pub slots: usize,
    /// Unfinished jobs before new ones are refused.
    pub queue: usize,
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
        let file = config_file(flags, variable);
        if let Some(file) = &file {
            layers.file(file)?;
        }
        layers.environment(variable);
        layers.flag("data_dir", "--data-dir", flags.data_dir.clone());
        layers.flag("models_dir", "--models-dir", flags.models_dir.clone());
        layers.flag("hub.offline", "--offline", flags.offline.then(|| "true".into()));
        layers.flag("log.format", "--log-format", flags.log_format.clone());
        layers.flag("listen", "--listen", flags.listen.clone());
        Ok(Self { file, ..Self::validated(&layers, variable)? })
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
            device: Device::of(layers)?,
            engine_program: None,
            file: None,
            jobs: JobSettings {
                slots: layers.number("jobs.slots", 1..=16)?.unwrap_or(2) as usize,
                queue: layers.number("jobs.queue", 1..=100_000)?.unwrap_or(1_000) as usize,
            },
            blobs: BlobSettings::of(layers)?,
            server: Server::of(layers)?,
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
        espeak: layers.path("tools.espeak"),
        ffmpeg: layers.path("tools.ffmpeg"),
        ffprobe: layers.path("tools.ffprobe"),
        npm: layers.path("tools.npm"),
        pip: layers.path("tools.pip"),
        path: set(variable, "PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
