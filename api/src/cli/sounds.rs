//! The commands that take sound.

use super::values::real;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// In which form a transcript is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum TranscriptFormat {
    /// The words alone, a segment a line
    Text,
    /// {"text": …}
    Json,
    /// Language, duration, segments with their times and probabilities, words where asked for
    VerboseJson,
    /// SubRip subtitles
    Srt,
    /// WebVTT subtitles
    Vtt,
}

/// What a recogniser computes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Precision {
    /// Single precision
    Fp32,
    /// Products of weights in whole numbers of 8 bits: less time, nearly the same words
    Int8,
}

/// `transcribe`
#[derive(Debug, Args)]
pub struct Transcribe {
    /// A sound or video file of any kind that ffmpeg reads, or `-` for standard input
    pub file: PathBuf,
    /// Recogniser: a catalogue id, or a folder with a published model of Whisper
    #[arg(long, value_name = "MODEL", default_value = "whisper-base-ct2")]
    pub model: String,
    /// What the recogniser computes in
    #[arg(long, value_enum, default_value_t = Precision::Fp32)]
    pub precision: Precision,
    /// Code of the language spoken, for example en [default: found out from the first half minute of speech]
    #[arg(long, value_name = "CODE")]
    pub language: Option<String>,
    /// Write it down in English, whatever is spoken
    #[arg(long)]
    pub translate: bool,
    /// Find out when each word is said
    #[arg(long)]
    pub words: bool,
    /// Form of the transcript
    #[arg(long, value_enum, default_value_t = TranscriptFormat::Text)]
    pub format: TranscriptFormat,
    /// The file to write [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Text that could stand before the sound: names and spellings to follow
    #[arg(long, value_name = "TEXT")]
    pub prompt: Option<String>,
    /// Words to expect anywhere in the sound
    #[arg(long, value_name = "WORDS")]
    pub hot_words: Option<String>,
    /// Texts that are followed at a time; 1 takes the likeliest token each time
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub beams: u32,
    /// Texts that are drawn where the likeliest one repeats itself or is unlikely
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=16))]
    pub best_of: u32,
    /// Temperatures to try one after the other
    #[arg(long, value_delimiter = ',', default_value = "0,0.2,0.4,0.6,0.8,1", value_parser = |text: &str| real(text, 0.0, 2.0))]
    pub temperature: Vec<f32>,
    /// Windows of half a minute that are decoded at a time; with more than 1 they are cut in pauses
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=32))]
    pub batch: u32,
    /// Each window for itself: what was written before does not steer what is written next
    #[arg(long)]
    pub no_condition: bool,
    /// Listen to everything, not only to what is taken for speech
    #[arg(long)]
    pub all_sound: bool,
    /// Seed of texts that are drawn
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}
