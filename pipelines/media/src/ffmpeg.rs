//! ffmpeg and ffprobe as child processes: found once, run under a guard, never left behind.

mod child;

pub use child::{Child, Input, Output};

use crate::{ErrorKind, MediaError, Result};
use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Older versions lack options that are used here (`-fps_mode`, exact colour tags in MP4).
const MINIMUM_MAJOR: u32 = 5;

/// The most audio that is decoded into memory at once: 20 minutes of stereo at 48 kHz take 461 MB. A
/// second more is let in, as a decoded AAC file is a little longer than what was encoded.
const MAX_DECODED_SAMPLES: usize = (20 * 60 + 1) * 48_000 * 2;

/// Bytes that are read and converted at once.
const CHUNK: usize = 1 << 20;

/// An ffmpeg installation that was found to run.
#[derive(Debug, Clone)]
pub struct Ffmpeg {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
    version: String,
}

impl Ffmpeg {
    /// Finds the two programs, in the search path where no path is given, and runs both once.
    ///
    /// # Errors
    /// `ToolMissing` if one cannot be started or ffmpeg is older than 5.0.
    pub fn locate(ffmpeg: Option<&Path>, ffprobe: Option<&Path>) -> Result<Self> {
        let ffmpeg = ffmpeg.unwrap_or(Path::new("ffmpeg")).to_path_buf();
        let ffprobe = ffprobe.unwrap_or(Path::new("ffprobe")).to_path_buf();
        let version = version_of(&ffmpeg)?;
        version_of(&ffprobe)?;
        match major(&version) {
            Some(found) if found < MINIMUM_MAJOR => Err(MediaError::new(
                ErrorKind::ToolMissing,
                format!(
                    "{} is version {version}, but {MINIMUM_MAJOR}.0 or later is needed; \
                     install a newer ffmpeg or name one in the settings",
                    ffmpeg.display()
                ),
            )),
            _ => Ok(Self { ffmpeg, ffprobe, version }),
        }
    }

    /// The version that ffmpeg reported, for example `5.1.9-0+deb12u1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The program that encodes and decodes.
    pub fn ffmpeg_path(&self) -> &Path {
        &self.ffmpeg
    }

    /// The program that examines files.
    pub fn ffprobe_path(&self) -> &Path {
        &self.ffprobe
    }

    /// Decodes a file's first audio stream to interleaved samples in -1.0 ..= 1.0, resampled to
    /// `rate` Hz and mixed to `channels`.
    ///
    /// # Errors
    /// `InvalidInput` if the file is missing, `ToolFailed` if ffmpeg finds no audio in it, `Limit`
    /// if it is longer than 20 minutes of stereo at 48 kHz, or as many samples of another form.
    pub fn decode_audio(&self, path: &Path, rate: u32, channels: u16) -> Result<Vec<f32>> {
        let samples = self.decode(path, (rate, channels), None)?;
        match samples.len() > MAX_DECODED_SAMPLES {
            true => Err(too_long(&format!("the sound of {}", path.display()), rate, channels)),
            false => Ok(samples),
        }
    }

    /// Like [`Ffmpeg::decode_audio`], but stops after `seconds`, however long the file is.
    ///
    /// # Errors
    /// As [`Ffmpeg::decode_audio`]; `Limit` only if `seconds` itself is beyond the limit.
    pub fn decode_audio_start(
        &self,
        path: &Path,
        rate: u32,
        channels: u16,
        seconds: f64,
    ) -> Result<Vec<f32>> {
        if seconds * f64::from(rate) * f64::from(channels) > MAX_DECODED_SAMPLES as f64 {
            return Err(too_long(&format!("a sound of {seconds} s"), rate, channels));
        }
        self.decode(path, (rate, channels), Some(seconds))
    }

    fn decode(&self, path: &Path, form: (u32, u16), seconds: Option<f64>) -> Result<Vec<f32>> {
        let mut samples = Vec::new();
        // One sample beyond the limit is read, so that the caller can tell that there is more.
        let most = MAX_DECODED_SAMPLES as u64 + 1;
        self.decode_pieces(path, form, (seconds, most), &mut |piece| {
            samples.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(samples)
    }

    /// Decodes a file's first audio stream to its end, or its first seconds, or that many samples, and hands the
    /// interleaved samples out in pieces of whole frames; the error of `take` ends the work.
    pub(crate) fn decode_pieces(
        &self,
        path: &Path,
        (rate, channels): (u32, u16),
        (seconds, most): (Option<f64>, u64),
        take: &mut dyn FnMut(&[f32]) -> Result<()>,
    ) -> Result<()> {
        must_be_file(path)?;
        let mut args = strings(&["-protocol_whitelist", "file", "-i"]);
        args.push(file_url(path));
        args.extend(strings(&["-map", "0:a:0"]));
        if let Some(seconds) = seconds {
            args.extend(strings(&["-t", &seconds.to_string()]));
        }
        args.extend(strings(&["-ac", &channels.to_string(), "-ar", &rate.to_string()]));
        args.extend(strings(&["-f", "f32le", "-c:a", "pcm_f32le", "pipe:1"]));
        let what = format!("decode the sound of {}", path.display());
        let mut child = self.run(&what, &args, Input::None, Output::Bytes)?;
        let mut stdout = child.take_stdout().take(most.saturating_mul(4));
        let (mut samples, mut bytes) = (Vec::new(), Vec::with_capacity(CHUNK));
        loop {
            bytes.clear();
            samples.clear();
            let read = stdout.by_ref().take(CHUNK as u64).read_to_end(&mut bytes);
            read.map_err(|error| MediaError::io(&what, error))?;
            // A chunk holds whole frames, unless ffmpeg was stopped within one.
            samples.extend(bytes.as_chunks::<4>().0.iter().map(|&bytes| f32::from_le_bytes(bytes)));
            take(&samples)?;
            if bytes.len() < CHUNK {
                break;
            }
        }
        if stdout.limit() > 0 {
            child.wait()?;
        }
        Ok(())
    }

    /// Starts ffmpeg. `what` says what for in error messages, as "encode out.mp4".
    ///
    /// The child is tied to the calling thread: it is killed when that thread or the whole process
    /// dies, and when the returned guard is dropped.
    ///
    /// # Errors
    /// `ToolMissing` if it cannot be started.
    pub fn run(&self, what: &str, args: &[OsString], input: Input, output: Output) -> Result<Child> {
        Child::start(&self.ffmpeg, what, args, input, output)
    }

    /// Runs ffprobe to its end and gives back what it printed.
    ///
    /// # Errors
    /// `ToolMissing` if it cannot be started, `ToolFailed` if it fails.
    pub fn examine(&self, what: &str, args: &[OsString]) -> Result<Vec<u8>> {
        let mut child = Child::start_bare(&self.ffprobe, what, args)?;
        let mut bytes = Vec::new();
        child.take_stdout().read_to_end(&mut bytes).map_err(|error| MediaError::io(what, error))?;
        child.wait()?;
        Ok(bytes)
    }
}

/// A path as an ffmpeg argument that can only mean that local file: neither an option (`-x.wav`),
/// nor another protocol (`http:…`, `concat:…`).
pub fn file_url(path: &Path) -> OsString {
    let mut url = OsString::from("file:");
    url.push(path);
    url
}

/// Arguments from plain strings.
pub fn strings(args: &[&str]) -> Vec<OsString> {
    args.iter().map(OsString::from).collect()
}

fn too_long(what: &str, rate: u32, channels: u16) -> MediaError {
    let minutes = MAX_DECODED_SAMPLES as f64 / (f64::from(rate) * f64::from(channels)) / 60.0;
    let message = format!(
        "{what} is too long: {minutes:.0} minutes is the limit at {rate} Hz in {channels} channel(s); give a \
         shorter one"
    );
    MediaError::new(ErrorKind::Limit, message)
}

fn must_be_file(path: &Path) -> Result<()> {
    match path.is_file() {
        true => Ok(()),
        false => Err(MediaError::new(
            ErrorKind::InvalidInput,
            format!("there is no file {}; check the path", path.display()),
        )),
    }
}

fn version_of(program: &Path) -> Result<String> {
    let output = Command::new(program).arg("-version").output().map_err(|error| missing(program, error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    // "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) …"
    let mut words = text.lines().next().unwrap_or_default().split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("ffmpeg" | "ffprobe"), Some("version"), Some(version)) => Ok(version.to_owned()),
        _ => Err(MediaError::new(
            ErrorKind::ToolMissing,
            format!("{} does not report itself as ffmpeg; {INSTALL}", program.display()),
        )),
    }
}

/// The leading number of a release's version; none for a build from git (`N-109542-g…`).
fn major(version: &str) -> Option<u32> {
    let digits = version.trim_start_matches('n');
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

const INSTALL: &str = "install ffmpeg 5.0 or later (Debian, Ubuntu: apt-get install ffmpeg)";

fn missing(program: &Path, error: std::io::Error) -> MediaError {
    let name: &OsStr = program.as_os_str();
    MediaError::new(ErrorKind::ToolMissing, format!("could not start {}: {error}; {INSTALL}", name.display()))
        .with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_distributions_and_git_are_read() {
        assert_eq!(major("5.1.9-0+deb12u1"), Some(5));
        assert_eq!(major("n7.1"), Some(7));
        assert_eq!(major("4.4"), Some(4));
        assert_eq!(major("N-109542-g0a9ff5b"), None);
    }

    #[test]
    fn the_limit_of_a_sound_is_told_for_its_rate_and_channels() {
        let told = |rate, channels| too_long("it", rate, channels).to_string();
        assert!(told(48_000, 2).contains("20 minutes is the limit at 48000 Hz in 2 channel(s)"));
        assert!(told(16_000, 1).contains("120 minutes is the limit at 16000 Hz in 1 channel(s)"));
    }

    #[test]
    fn an_absent_program_says_how_to_install_it() {
        let error = Ffmpeg::locate(Some(Path::new("/nowhere/ffmpeg")), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ToolMissing);
        assert!(error.to_string().contains("/nowhere/ffmpeg"));
        assert!(error.to_string().contains("apt-get install ffmpeg"));
    }

    #[test]
    fn another_program_is_not_taken_for_ffmpeg() {
        let error = Ffmpeg::locate(Some(Path::new("true")), None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ToolMissing);
    }

    #[test]
    fn a_path_can_be_neither_an_option_nor_a_protocol() {
        assert_eq!(file_url(Path::new("-y.wav")), "file:-y.wav");
        assert_eq!(file_url(Path::new("http://x/y")), "file:http://x/y");
    }
}
