//! The command line: what can be typed, and nothing about what it does.

pub mod bench;
pub mod chat;
pub mod embed;
pub mod images;
pub mod sounds;
pub mod speech;
pub mod values;

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Turns scripts into finished, captioned vertical videos, and prompts into pictures, on this machine.
#[derive(Debug, Parser)]
#[command(name = "reelsmith", version, max_term_width = 110, after_help = EXIT_CODES)]
pub struct Cli {
    /// Settings that hold for every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const EXIT_CODES: &str =
    "Exit codes: 0 done, 1 failed or something is missing, 2 wrong input, 130 cancelled.";

/// Settings that hold for every command; they override the environment, which overrides the file.
#[derive(Debug, Args)]
pub struct Global {
    /// Configuration file [default: $XDG_CONFIG_HOME/reelsmith/config.toml]
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Where jobs and their artifacts are kept [default: $XDG_DATA_HOME/reelsmith]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Where model files are kept [default: $XDG_CACHE_HOME/reelsmith/models]
    #[arg(long, global = true, value_name = "DIR")]
    pub models_dir: Option<String>,
    /// Never fetch anything
    #[arg(long, global = true)]
    pub offline: bool,
    /// Form of log lines: text or json
    #[arg(long, global = true, value_name = "FORMAT")]
    pub log_format: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make something, here and now
    #[command(subcommand)]
    Make(Make),
    /// Enlarge a picture
    Upscale(images::Upscale),
    /// Turn texts into vectors of meaning
    Embed(embed::Embed),
    /// Say a text
    Speak(speech::Speak),
    /// Say a script of several speakers
    Dialogue(speech::Dialogue),
    /// Write down what is said in a sound or video file
    Transcribe(sounds::Transcribe),
    /// Ask a language model, here or on a server
    Chat(chat::Chat),
    /// Measure models on this machine
    #[command(subcommand)]
    Bench(bench::Bench),
    /// Serve the HTTP API
    Serve(Serve),
    /// Run models for the service that starts this, over its standard input
    #[command(hide = true)]
    Engine,
    /// What a running service has loaded, does, and lets wait
    Ps(Ps),
    /// The models: what there is, what is here, fetching, checking, removing
    #[command(subcommand)]
    Models(Models),
    /// Say what is present, missing or too old, and the command that mends it
    Doctor(Doctor),
    /// The platform presets
    #[command(subcommand)]
    Presets(Presets),
    /// The voices
    #[command(subcommand)]
    Voices(Voices),
}

/// What can be made.
#[derive(Debug, Subcommand)]
pub enum Make {
    /// A captioned vertical video from a script
    Short(Short),
    /// A podcast episode from a script with speakers
    Podcast(speech::Podcast),
    /// Pictures from a prompt
    Image(images::MakeImage),
    /// A wide picture for the top of a page, as WebP under a size
    Hero(images::MakeHero),
    /// A cover with a title in type, of the platform's size and weight
    Thumbnail(images::MakeThumbnail),
}

/// `make short`
#[derive(Debug, Args)]
pub struct Short {
    /// The script: Markdown, or JSON where the name ends in .json
    pub script: PathBuf,
    /// Platform preset, over the script's own (see `reelsmith presets list`)
    #[arg(long)]
    pub preset: Option<String>,
    /// Voice, over the script's own (see `reelsmith voices list`)
    #[arg(long)]
    pub voice: Option<String>,
    /// Seed of everything drawn by chance, over the script's own
    #[arg(long)]
    pub seed: Option<u64>,
    /// Music, over the script's own: a sound file, the mood of a made bed, or `none`
    #[arg(long)]
    pub music: Option<String>,
    /// Speaking rate, 0.5 to 2.0, over the script's own
    #[arg(long)]
    pub speed: Option<f32>,
    /// Longest video to accept, in seconds, up to the platform's limit
    #[arg(long, value_name = "SECONDS")]
    pub max_seconds: Option<f64>,
    /// Folder that receives the finished files
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
    /// Tell progress and result as one JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
}

/// `serve`
#[derive(Debug, Args)]
pub struct Serve {
    /// Address and port [default: 127.0.0.1:8787]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
}

/// `ps`
#[derive(Debug, Args)]
pub struct Ps {
    /// Address of the service [default: http:// and `server.listen`]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// The service's answer as it is: JSON
    #[arg(long)]
    pub json: bool,
}

/// `models …`
#[derive(Debug, Subcommand)]
pub enum Models {
    /// List the catalogue and what of it is here
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Fetch models and check them; what is here already is not fetched again
    Pull {
        /// Names from `reelsmith models list`; none means what `make short` needs
        models: Vec<String>,
        /// A named group in place of single names
        #[arg(long, conflicts_with = "models")]
        set: Option<Set>,
        /// Tell progress as one JSON object a line on standard output
        #[arg(long)]
        json: bool,
    },
    /// Hash files that are here and compare them with the catalogue
    Verify {
        /// Names from `reelsmith models list`; none means all that are here
        models: Vec<String>,
    },
    /// Remove models from this machine
    Rm {
        /// Names from `reelsmith models list`
        #[arg(required = true)]
        models: Vec<String>,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Groups of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Set {
    /// What `make short` needs
    Short,
    /// What the tests need
    Test,
    /// The whole catalogue
    All,
}

/// `doctor`
#[derive(Debug, Args)]
pub struct Doctor {
    /// As one JSON object
    #[arg(long)]
    pub json: bool,
}

/// `presets …`
#[derive(Debug, Subcommand)]
pub enum Presets {
    /// List the presets and their rules
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
    },
}

/// `voices …`
#[derive(Debug, Subcommand)]
pub enum Voices {
    /// List the voices, those of the model and cloned ones
    List {
        /// As one JSON array
        #[arg(long)]
        json: bool,
    },
    /// Make a voice of a sample of somebody's speech, with that person's consent
    Clone(speech::CloneVoice),
    /// Forget a cloned voice
    Rm {
        /// Its name
        name: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }
}
