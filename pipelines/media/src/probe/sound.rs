//! What a finished episode's file really is, as ffprobe tells, and whether that was ordered.

use super::{Check, answer, near, number, same};
use crate::ffmpeg::{Ffmpeg, file_url, strings};
use crate::sound::Chapter;
use crate::{ErrorKind, MediaError, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// The facts of a sound file with tags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SoundProbe {
    /// `mp3`.
    pub codec: String,
    /// In Hz.
    pub sample_rate: u32,
    /// 1 or 2.
    pub channels: u16,
    /// Bits a second.
    pub bitrate: u64,
    /// Seconds that it lasts.
    pub seconds: f64,
    /// Size of the file.
    pub bytes: u64,
    /// Tags by name: `title`, `artist`, `album` and more.
    pub tags: BTreeMap<String, String>,
    /// The chapters.
    pub chapters: Vec<Chapter>,
    /// Width and height of the picture in it.
    pub cover: Option<(u32, u32)>,
}

#[derive(Deserialize)]
struct Report {
    streams: Vec<Stream>,
    format: Format,
    #[serde(default)]
    chapters: Vec<Part>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    sample_rate: String,
    channels: u16,
    bit_rate: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
struct Format {
    duration: String,
    size: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Part {
    start_time: String,
    end_time: String,
    #[serde(default)]
    tags: BTreeMap<String, String>,
}

/// Reads a sound file.
///
/// # Errors
/// `ToolFailed` if ffprobe cannot read it; `Verification` if it holds no sound.
pub fn probe_sound(ffmpeg: &Ffmpeg, path: &Path) -> Result<SoundProbe> {
    let mut args = strings(&["-v", "error", "-protocol_whitelist", "file"]);
    args.extend(strings(&["-show_streams", "-show_format", "-show_chapters", "-of", "json"]));
    args.push(file_url(path));
    let report: Report = answer(ffmpeg, &format!("examine {}", path.display()), &args)?;
    let stream = |kind: &str| report.streams.iter().find(|stream| stream.codec_type == kind);
    let Some(sound) = stream("audio") else {
        let message = format!("{} holds no sound", path.display());
        return Err(MediaError::new(ErrorKind::Verification, message));
    };
    let chapter = |part: &Part| Chapter {
        title: part.tags.get("title").cloned().unwrap_or_default(),
        start: number(&part.start_time),
        end: number(&part.end_time),
    };
    Ok(SoundProbe {
        codec: sound.codec_name.clone(),
        sample_rate: number(&sound.sample_rate),
        channels: sound.channels,
        bitrate: number(&sound.bit_rate),
        seconds: number(&report.format.duration),
        bytes: number(&report.format.size),
        chapters: report.chapters.iter().map(chapter).collect(),
        cover: stream("video").map(|picture| (picture.width, picture.height)),
        tags: report.format.tags,
    })
}

/// What was ordered of an episode's file.
#[derive(Debug, Clone, Copy)]
pub struct EpisodeOrder<'a> {
    /// Title.
    pub title: &'a str,
    /// Artist, album and description by the names that [`SoundProbe::tags`] has for them, as `artist`.
    pub tags: &'a [(&'a str, &'a str)],
    /// Length in seconds.
    pub seconds: f64,
    /// Chapters.
    pub chapters: &'a [Chapter],
}

/// MP3 comes in frames of 1152 samples, of which encoder and decoder add two or three.
const TOLERANCE: f64 = 0.1;
/// Bits a second.
const BITRATE: u64 = 320_000;

impl EpisodeOrder<'_> {
    /// Compares a file with the order, point by point.
    pub fn compare(&self, found: &SoundProbe) -> Vec<Check> {
        let one_line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let tag = |name: &str| found.tags.get(name).map(String::as_str).unwrap_or_default();
        let is_square = found.cover.is_some_and(|(width, height)| width == height && width > 0);
        let mut checks = vec![
            same("sound codec", &"mp3", &found.codec.as_str()),
            same("bit rate", &BITRATE, &found.bitrate),
            same("sample rate", &crate::sound::MIX_RATE, &found.sample_rate),
            same("channels", &2, &found.channels),
            near("duration", self.seconds, found.seconds, TOLERANCE),
            same("title", &one_line(self.title).as_str(), &tag("title")),
            same("chapters", &told(self.chapters), &told(&found.chapters)),
            same("square cover", &true, &is_square),
        ];
        checks.extend(self.tags.iter().map(|(name, text)| same(name, &one_line(text).as_str(), &tag(name))));
        checks
    }
}

/// Starts and titles; to the tenth of a second, as ID3 rounds to milliseconds.
fn told(chapters: &[Chapter]) -> String {
    let told = chapters.iter().map(|chapter| format!("{:.1} s {}", chapter.start, chapter.title));
    told.collect::<Vec<_>>().join("; ")
}
