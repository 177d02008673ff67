//! What ffmpeg is told.

use crate::ffmpeg::{Ffmpeg, Input, Output, file_url, strings};
use crate::timeline::Timeline;
use crate::{ErrorKind, MediaError, Result};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The program or circuit that makes H.264.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoder {
    /// libx264, on the processor.
    X264,
    /// NVENC, on an NVIDIA card.
    Nvenc,
}

impl Encoder {
    /// NVENC where it really encodes a few frames, else x264. ffmpeg lists encoders that it was
    /// built with, whether or not there is a card.
    pub fn choose(ffmpeg: &Ffmpeg) -> Self {
        let mut args = strings(&["-f", "lavfi", "-i", "color=gray:size=640x640:rate=30", "-frames:v", "5"]);
        args.extend(Self::Nvenc.options("veryfast", 1_000_000, 0));
        args.extend(strings(&["-f", "null", "-"]));
        let tried =
            ffmpeg.run("try NVENC", &args, Input::None, Output::Progress).and_then(|child| child.wait());
        if tried.is_ok() { Self::Nvenc } else { Self::X264 }
    }

    fn options(self, speed: &str, bitrate: u64, threads: u32) -> Vec<OsString> {
        let (rate, threads) = (bitrate.to_string(), threads.to_string());
        match self {
            // Two things make x264 (seen with 164 r3095) give other bytes for the same frames, because
            // its threads look at each other's progress: a buffer to keep to, so no -maxrate (platforms
            // encode anew what is uploaded); and its lookahead thread, so the lookahead is done in turn.
            Self::X264 => {
                let own = ["-c:v", "libx264", "-preset", speed, "-threads", &threads, "-b:v", &rate];
                strings(&[&own[..], &["-x264-params", "sync-lookahead=0"]].concat())
            }
            Self::Nvenc => {
                let peak = (bitrate * 3 / 2).to_string();
                let own = ["-c:v", "h264_nvenc", "-preset", nvenc_preset(speed), "-rc", "vbr"];
                strings(&[&own[..], &["-b:v", &rate, "-maxrate", &peak][..]].concat())
            }
        }
    }
}

/// NVENC's p1 (fastest) to p7 (best) for x264's names.
fn nvenc_preset(speed: &str) -> &'static str {
    match speed {
        "ultrafast" | "superfast" | "veryfast" => "p4",
        "faster" | "fast" => "p5",
        "medium" => "p6",
        _ => "p7",
    }
}

/// What the frames are, said of the input and of the output, so that nothing is converted.
const COLOUR: [&str; 8] =
    ["-color_range", "tv", "-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"];

/// The speeds of x264, fastest first.
const SPEEDS: [&str; 9] =
    ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"];

/// How the video is encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoSettings {
    /// In pixels; the timeline's.
    pub width: u32,
    /// In pixels; the timeline's.
    pub height: u32,
    /// Frames a second; the timeline's.
    pub fps: u32,
    /// Mean bits a second, from 100 kbit/s to 200 Mbit/s.
    pub bitrate_bps: u64,
    /// x264's speed, from `ultrafast` to `veryslow`.
    pub preset: String,
    /// Which encoder.
    pub encoder: Encoder,
    /// Encoder threads; 0 lets x264 decide. The number is part of what decides the result's bytes.
    pub threads: u32,
}

impl VideoSettings {
    /// Checks the values, and that they are the timeline's.
    ///
    /// # Errors
    /// `InvalidInput` that names the value and its range.
    pub fn validate(&self, timeline: &Timeline) -> Result<()> {
        let wrong = |message| Err(MediaError::new(ErrorKind::InvalidInput, message));
        if !SPEEDS.contains(&self.preset.as_str()) {
            return wrong(format!(
                "encoder speed {:?}: it must be one of {}",
                self.preset,
                SPEEDS.join(", ")
            ));
        }
        if !(100_000..=200_000_000).contains(&self.bitrate_bps) {
            return wrong(format!("{} bit/s: it must be from 100000 to 200000000", self.bitrate_bps));
        }
        let own = (self.width, self.height, self.fps);
        let theirs = (timeline.width, timeline.height, timeline.fps);
        match own == theirs {
            true => Ok(()),
            false => {
                wrong(format!("settings {own:?} (width, height, fps) differ from the timeline's {theirs:?}"))
            }
        }
    }

    /// Everything between ffmpeg's name and the end of its command line. `frames` is where raw
    /// frames come from: `pipe:0`, or a file.
    pub fn arguments(&self, frames: &OsStr, audio: &Path, out: &Path) -> Vec<OsString> {
        let (size, rate) = (format!("{}x{}", self.width, self.height), self.fps.to_string());
        let mut args = strings(&["-f", "rawvideo", "-pixel_format", "yuv420p", "-video_size", &size]);
        args.extend(strings(&COLOUR));
        args.extend(strings(&["-framerate", &rate, "-i"]));
        args.push(frames.to_owned());
        args.extend(strings(&["-protocol_whitelist", "file", "-i"]));
        args.push(file_url(audio));
        args.extend(strings(&["-map", "0:v:0", "-map", "1:a:0", "-c:a", "copy"]));
        args.extend(self.video_options());
        // Without times of making and names of versions, equal input gives equal bytes.
        args.extend(strings(&["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:v", "+bitexact+cgop"]));
        args.extend(strings(&["-movflags", "+faststart+write_colr", "-f", "mp4"]));
        args.push(file_url(out));
        args
    }

    /// The options of the video stream alone.
    pub fn video_options(&self) -> Vec<OsString> {
        // Players can seek, and platforms cut, at least every two seconds.
        let gop = (2 * self.fps).to_string();
        let mut args = self.encoder.options(&self.preset, self.bitrate_bps, self.threads);
        args.extend(strings(&["-profile:v", "high", "-pix_fmt", "yuv420p", "-g", &gop, "-bf", "2"]));
        args.extend(strings(&COLOUR));
        args
    }
}
