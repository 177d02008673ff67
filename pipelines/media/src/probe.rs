//! What a finished video really is, as ffprobe and its own boxes tell, and whether that was ordered.

mod boxes;
pub mod sound;

use boxes::moov_before_mdat;

use crate::ffmpeg::{Ffmpeg, file_url, strings};
use crate::{ErrorKind, MediaError, Result};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::path::Path;

/// The facts of a video file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// Video frames, counted by reading the file to its end.
    pub frames: u64,
    /// Seconds that the video stream lasts.
    pub duration: f64,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: f64,
    /// `h264`.
    pub video_codec: String,
    /// `yuv420p`.
    pub pixel_format: String,
    /// Range, matrix, primaries and transfer: `tv bt709 bt709 bt709`.
    pub colour: String,
    /// `aac`; empty without sound.
    pub audio_codec: String,
    /// In Hz; 0 without sound.
    pub sample_rate: u32,
    /// 0 without sound.
    pub channels: u16,
    /// Seconds that the audio stream lasts.
    pub audio_duration: f64,
    /// Bits a second of the video stream.
    pub video_bitrate: u64,
    /// Bits a second of the audio stream.
    pub audio_bitrate: u64,
    /// Size of the file.
    pub bytes: u64,
    /// Whether playing can start before the whole file is there: `moov` stands before `mdat`.
    pub faststart: bool,
}

/// What was ordered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Expected {
    /// Exactly.
    pub frames: u64,
    /// Exactly.
    pub width: u32,
    /// Exactly.
    pub height: u32,
    /// Exactly.
    pub fps: u32,
    /// Whether there must be sound, as long as the picture.
    pub audio: bool,
}

/// One comparison of a file with its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is compared.
    pub name: String,
    /// What was ordered.
    pub expected: String,
    /// What the file has.
    pub found: String,
    /// Whether that is good.
    pub ok: bool,
}

#[derive(Deserialize)]
struct Report {
    streams: Vec<Stream>,
    format: Format,
}

#[derive(Deserialize)]
struct Format {
    size: String,
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Stream {
    codec_type: String,
    codec_name: String,
    width: u32,
    height: u32,
    pix_fmt: String,
    r_frame_rate: String,
    nb_read_packets: String,
    duration: String,
    color_range: String,
    color_space: String,
    color_primaries: String,
    color_transfer: String,
    sample_rate: String,
    channels: u16,
    bit_rate: String,
}

/// Reads a video file to its end.
///
/// # Errors
/// `ToolFailed` if ffprobe cannot read it; `Verification` if it holds no video.
pub fn probe(ffmpeg: &Ffmpeg, path: &Path) -> Result<Probe> {
    let mut args = strings(&["-v", "error", "-protocol_whitelist", "file", "-count_packets"]);
    args.extend(strings(&["-show_streams", "-show_format", "-of", "json"]));
    args.push(file_url(path));
    let what = format!("examine {}", path.display());
    let report: Report = answer(ffmpeg, &what, &args)?;
    let faststart = moov_before_mdat(path)?;
    let stream = |kind: &str| report.streams.iter().find(|stream| stream.codec_type == kind);
    let Some(video) = stream("video") else {
        let message = format!("{} holds no video", path.display());
        return Err(MediaError::new(ErrorKind::Verification, message));
    };
    let silent = Stream::default();
    Ok(facts(video, stream("audio").unwrap_or(&silent), number(&report.format.size), faststart))
}

/// What ffprobe says, as it is wanted.
fn answer<T: DeserializeOwned>(ffmpeg: &Ffmpeg, what: &str, args: &[OsString]) -> Result<T> {
    serde_json::from_slice(&ffmpeg.examine(what, args)?).map_err(|error| {
        let message = format!("could not {what}: ffprobe's answer is not understood");
        MediaError::new(ErrorKind::ToolFailed, message).with_source(error)
    })
}

fn facts(video: &Stream, audio: &Stream, bytes: u64, faststart: bool) -> Probe {
    let colour = [&video.color_range, &video.color_space, &video.color_primaries, &video.color_transfer];
    Probe {
        frames: number(&video.nb_read_packets),
        duration: number(&video.duration),
        width: video.width,
        height: video.height,
        fps: rate(&video.r_frame_rate),
        video_codec: video.codec_name.clone(),
        pixel_format: video.pix_fmt.clone(),
        colour: colour.map(|part| if part.is_empty() { "unknown" } else { part }).join(" "),
        audio_codec: audio.codec_name.clone(),
        sample_rate: number(&audio.sample_rate),
        channels: audio.channels,
        audio_duration: number(&audio.duration),
        video_bitrate: number(&video.bit_rate),
        audio_bitrate: number(&audio.bit_rate),
        bytes,
        faststart,
    }
}

/// 0 where ffprobe knows nothing.
fn number<T: std::str::FromStr + Default>(text: &str) -> T {
    text.parse().unwrap_or_default()
}

/// `30000/1001` as a number.
fn rate(text: &str) -> f64 {
    let (over, under) = text.split_once('/').unwrap_or((text, "1"));
    let (over, under): (f64, f64) = (number(over), number(under));
    if under > 0.0 { over / under } else { 0.0 }
}

/// How far sound and picture may differ in length: AAC comes in blocks of 1024 samples, of which
/// the first and the last may be padding.
const AUDIO_TOLERANCE: f64 = 0.1;

/// Compares a file with its order, point by point.
///
/// # Errors
/// `Verification` that lists every point that differs; `Ok` holds only good points.
pub fn check(found: &Probe, expected: &Expected) -> Result<Vec<Check>> {
    let checks = compare(found, expected);
    let bad: Vec<String> = checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{} is {} instead of {}", check.name, check.found, check.expected))
        .collect();
    match bad.is_empty() {
        true => Ok(checks),
        false => Err(MediaError::new(
            ErrorKind::Verification,
            format!(
                "the finished video is not what was ordered: {}; run the same command again",
                bad.join(", ")
            ),
        )),
    }
}

fn compare(found: &Probe, expected: &Expected) -> Vec<Check> {
    let seconds = expected.frames as f64 / f64::from(expected.fps);
    let mut checks = vec![
        same("frames", &expected.frames, &found.frames),
        same("size", &size(expected.width, expected.height), &size(found.width, found.height)),
        same("frame rate", &f64::from(expected.fps), &found.fps),
        near("duration", seconds, found.duration, 1.0 / f64::from(expected.fps)),
        same("video codec", &"h264", &found.video_codec.as_str()),
        same("pixel format", &"yuv420p", &found.pixel_format.as_str()),
        same("colour", &"tv bt709 bt709 bt709", &found.colour.as_str()),
        same("index before the media", &true, &found.faststart),
    ];
    if expected.audio {
        checks.push(same("audio codec", &"aac", &found.audio_codec.as_str()));
        checks.push(near("audio duration", seconds, found.audio_duration, AUDIO_TOLERANCE));
    }
    checks
}

fn size(width: u32, height: u32) -> String {
    format!("{width}x{height}")
}

fn same<T: PartialEq + ToString>(name: &str, expected: &T, found: &T) -> Check {
    let ok = expected == found;
    Check { name: name.to_owned(), expected: expected.to_string(), found: found.to_string(), ok }
}

fn near(name: &str, expected: f64, found: f64, tolerance: f64) -> Check {
    Check {
        name: name.to_owned(),
        expected: format!("{expected:.3} s ± {tolerance:.3}"),
        found: format!("{found:.3} s"),
        ok: (expected - found).abs() <= tolerance,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> (Probe, Expected) {
        let probe = Probe {
            frames: 90,
            duration: 3.0,
            width: 1080,
            height: 1920,
            fps: 30.0,
            video_codec: "h264".into(),
            pixel_format: "yuv420p".into(),
            colour: "tv bt709 bt709 bt709".into(),
            audio_codec: "aac".into(),
            sample_rate: 48_000,
            channels: 2,
            audio_duration: 3.02,
            video_bitrate: 8_000_000,
            audio_bitrate: 256_000,
            bytes: 3_000_000,
            faststart: true,
        };
        (probe, Expected { frames: 90, width: 1080, height: 1920, fps: 30, audio: true })
    }

    #[test]
    fn a_good_file_passes_and_each_fault_is_named() {
        let (probe, expected) = good();
        assert!(check(&probe, &expected).unwrap().iter().all(|check| check.ok));
        type Fault = fn(&mut Probe);
        let faults: [(&str, Fault); 8] = [
            ("frames is 89 instead of 90", |probe| probe.frames = 89),
            ("size is 1080x1080", |probe| probe.height = 1080),
            ("frame rate is 25", |probe| probe.fps = 25.0),
            ("duration is 2.500 s", |probe| probe.duration = 2.5),
            ("colour is unknown", |probe| probe.colour = "unknown".into()),
            ("index before the media is false", |probe| probe.faststart = false),
            ("audio codec is ", |probe| probe.audio_codec.clear()),
            ("audio duration is 2.000 s", |probe| probe.audio_duration = 2.0),
        ];
        for (message, fault) in faults {
            let mut probe = probe.clone();
            fault(&mut probe);
            let error = check(&probe, &expected).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Verification);
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn rates_are_read() {
        assert_eq!(rate("30/1"), 30.0);
        assert!((rate("30000/1001") - 29.97).abs() < 0.001);
        assert_eq!(rate("0/0"), 0.0);
    }
}
