//! `speak`, `dialogue`, `voices clone` and `make podcast`

use super::values::real;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// Where speech goes, and in what form.
#[derive(Debug, Clone, Args)]
pub struct Sound {
    /// Form of the sound [default: by the ending of --out, else wav]
    #[arg(long, value_enum)]
    pub format: Option<SoundFormat>,
    /// Samples a second
    #[arg(long, value_name = "HZ", default_value_t = 24_000, value_parser = clap::value_parser!(u32).range(8_000..=192_000))]
    pub rate: u32,
    /// The file to write; `-` is standard output, where sound comes out as it is made
    #[arg(long, value_name = "FILE", default_value = "speech.wav")]
    pub out: PathBuf,
}

/// Form of a sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SoundFormat {
    /// 16-bit WAV
    Wav,
    /// 16-bit samples, little-endian, without a header
    Pcm,
    /// MP3, 128 kbit/s
    Mp3,
    /// FLAC, without loss
    Flac,
    /// Opus in Ogg, 64 kbit/s
    Opus,
    /// AAC in ADTS, 128 kbit/s
    Aac,
}

/// `speak`
#[derive(Debug, Args)]
pub struct Speak {
    /// What to say; a single `-` means standard input
    #[arg(required_unless_present = "file")]
    pub text: Vec<String>,
    /// The text of this file in place of words
    #[arg(long, value_name = "FILE", conflicts_with = "text")]
    pub file: Option<PathBuf>,
    /// A model that speaks: a catalogue id, or a folder with a converted XTTS-v2 [default: the setting voice_model]
    #[arg(long)]
    pub model: Option<String>,
    /// Voice (see `reelsmith voices list`), or a mixture: af_heart:0.6+am_adam:0.4
    #[arg(long, default_value = crate::house::DEFAULT_VOICE)]
    pub voice: String,
    /// Speaking rate, 0.5 to 2.0
    #[arg(long, default_value_t = 1.0, value_parser = |text: &str| real(text, 0.5, 2.0))]
    pub speed: f32,
    /// The sound.
    #[command(flatten)]
    pub sound: Sound,
}

/// `dialogue`
#[derive(Debug, Args)]
pub struct Dialogue {
    /// The script: lines such as `Ada: Hello.`, with [pause 0.5s] and [speed 1.2]; `-` is standard input
    pub script: PathBuf,
    /// A model that speaks: a catalogue id, or a folder with a converted XTTS-v2 [default: the setting voice_model]
    #[arg(long)]
    pub model: Option<String>,
    /// A speaker's voice or mixture; may be given several times. A speaker named like a voice needs none
    #[arg(long = "voice", value_name = "SPEAKER=VOICE")]
    pub voices: Vec<String>,
    /// Speaking rate of lines that name none, 0.5 to 2.0
    #[arg(long, default_value_t = 1.0, value_parser = |text: &str| real(text, 0.5, 2.0))]
    pub speed: f32,
    /// When each line and word is said, as JSON [default: beside --out, ending in .json]
    #[arg(long, value_name = "FILE")]
    pub timing: Option<PathBuf>,
    /// The sound.
    #[command(flatten)]
    pub sound: Sound,
}

/// `voices clone`
#[derive(Debug, Args)]
pub struct CloneVoice {
    /// Name of the voice: lower-case letters, digits, `-` and `_`
    pub name: String,
    /// 3 to 30 seconds of clear speech of one person; any sound or video file
    pub sample: PathBuf,
    /// The language that it speaks where nobody says otherwise
    #[arg(long, value_name = "CODE", default_value = "en")]
    pub language: String,
    /// Who consents: the speaker, or who may speak for them
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// The day on which they did, as 2026-11-21
    #[arg(long, value_name = "DATE")]
    pub on: String,
    /// What they said or signed, in their words
    #[arg(long, value_name = "TEXT")]
    pub statement: String,
    /// A model that clones: a catalogue id, or a folder with a converted XTTS-v2
    #[arg(long, default_value = "xtts-v2")]
    pub model: String,
}

/// `make podcast`
#[derive(Debug, Args)]
pub struct Podcast {
    /// The script: settings between two lines of `---`, `# ` headings as chapters, lines such as `Ada: Hello.`
    pub script: PathBuf,
    /// A speaker's voice or mixture, over the script's own; may be given several times
    #[arg(long = "voice", value_name = "SPEAKER=VOICE")]
    pub voices: Vec<String>,
    /// Speaking rate of lines that name none, 0.5 to 2.0, over the script's own
    #[arg(long, value_parser = |text: &str| real(text, 0.5, 2.0))]
    pub speed: Option<f32>,
    /// Music before the first word, over the script's own: a sound file, the mood of a made one, or `none`
    #[arg(long, value_name = "MUSIC")]
    pub intro: Option<String>,
    /// Music under the voices
    #[arg(long, value_name = "MUSIC")]
    pub bed: Option<String>,
    /// Music after the last word
    #[arg(long, value_name = "MUSIC")]
    pub outro: Option<String>,
    /// The cover, over the script's own; a designed one without
    #[arg(long, value_name = "FILE")]
    pub cover: Option<PathBuf>,
    /// Seed of everything drawn by chance, over the script's own
    #[arg(long)]
    pub seed: Option<u64>,
    /// Folder that receives the finished files
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub out: PathBuf,
    /// Tell progress and result as one JSON object a line on standard output
    #[arg(long)]
    pub json: bool,
}
