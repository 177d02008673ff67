//! Speech on its way out: brought to the wanted rate chunk by chunk, and written as WAV, as bare samples, or through
//! an ffmpeg child.

use super::super::output::Output;
use crate::cli::speech::{Sound as Args, SoundFormat};
use crate::exit::{Failure, Outcome};
use reelsmith_media::MediaError;
use reelsmith_media::ffmpeg::{Child, Ffmpeg, Input, Output as ChildOutput, file_url, strings};
use reelsmith_media::sound::Track;
use std::io::{ErrorKind, Read, Write};
use std::process::ChildStdin;
use std::thread::JoinHandle;

/// Samples a second of the voices.
pub(super) const SPOKEN: u32 = 24_000;

/// Bytes of a WAV file's header: RIFF, `fmt ` of 16 bytes, `data` (Microsoft, "Multimedia Programming Interface and Data
/// Specifications 1.0").
const HEADER: u32 = 44;

/// The rates that Opus has (RFC 6716, section 2).
const OPUS: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];

/// The form that was asked for, and can be had.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    format: SoundFormat,
    rate: u32,
}

impl Form {
    /// By name, or by the ending of the file.
    pub(super) fn of(args: &Args) -> Outcome<Self> {
        let ending = args.out.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let by_ending = match ending.as_str() {
            "wav" | "" => Some(SoundFormat::Wav),
            "pcm" | "raw" | "s16" => Some(SoundFormat::Pcm),
            "mp3" => Some(SoundFormat::Mp3),
            "flac" => Some(SoundFormat::Flac),
            "opus" | "ogg" => Some(SoundFormat::Opus),
            "aac" => Some(SoundFormat::Aac),
            _ => None,
        };
        let format = args.format.or(by_ending).ok_or_else(|| {
            Failure::usage(format!("the ending .{ending} tells no form of sound; name one with --format"))
        })?;
        let rates: &[u32] = match format {
            SoundFormat::Opus => &OPUS,
            // MPEG-1, -2 and -2.5 audio.
            SoundFormat::Mp3 => &[8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000],
            SoundFormat::Aac => &[
                8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 64_000, 88_200, 96_000,
            ],
            SoundFormat::Wav | SoundFormat::Pcm | SoundFormat::Flac => &[],
        };
        match rates.is_empty() || rates.contains(&args.rate) {
            true => Ok(Self { format, rate: args.rate }),
            false => {
                let message = format!("{format:?} has no rate of {} Hz; it has {rates:?}", args.rate);
                Err(Failure::usage(message))
            }
        }
    }

    /// Samples a second.
    pub(super) fn rate(self) -> u32 {
        self.rate
    }

    pub(super) fn needs_ffmpeg(self) -> bool {
        !matches!(self.format, SoundFormat::Wav | SoundFormat::Pcm)
    }

    /// What tells ffmpeg the form.
    fn arguments(self) -> &'static [&'static str] {
        match self.format {
            SoundFormat::Mp3 => &["-c:a", "libmp3lame", "-b:a", "128k", "-f", "mp3"],
            SoundFormat::Flac => &["-c:a", "flac", "-sample_fmt", "s16", "-f", "flac"],
            SoundFormat::Opus => &["-c:a", "libopus", "-b:a", "64k", "-f", "ogg"],
            SoundFormat::Aac => &["-c:a", "aac", "-b:a", "128k", "-f", "adts"],
            SoundFormat::Wav | SoundFormat::Pcm => &[],
        }
    }
}

/// Sound that is being written.
pub(super) struct Sound {
    form: Form,
    way: Way,
    /// Samples at the wanted rate.
    written: u64,
}

enum Way {
    /// 16-bit samples of our own.
    Own(Output),
    Encoded(Encoder),
}

/// A child that encodes.
struct Encoder {
    child: Child,
    input: Option<ChildStdin>,
    /// Passes on what it makes, unless it writes the file itself.
    passing: JoinHandle<Outcome<Output>>,
    is_over: bool,
}

impl Sound {
    /// Opens what is to be written; the child is tied to this thread.
    pub(super) fn open(form: Form, args: &Args, ffmpeg: Option<Ffmpeg>) -> Outcome<Self> {
        let mut output = Output::open(&args.out)?;
        let way = match ffmpeg {
            Some(ffmpeg) => Way::Encoded(Encoder::start(form, &ffmpeg, output)?),
            None => {
                if form.format == SoundFormat::Wav {
                    // How long it becomes is not known; a reader of a stream takes what comes.
                    output.write(&header(form.rate, u32::MAX))?;
                }
                Way::Own(output)
            }
        };
        Ok(Self { form, way, written: 0 })
    }

    /// Whether nobody listens any more.
    pub(super) fn is_over(&self) -> bool {
        match &self.way {
            Way::Own(output) => output.is_over(),
            Way::Encoded(encoder) => encoder.is_over,
        }
    }

    /// Writes samples as they are spoken. A chunk begins and ends in quiet, so that each is resampled by itself.
    pub(super) fn add(&mut self, samples: &[f32]) -> Outcome {
        let track = Track::new(SPOKEN, 1, samples.to_vec()).and_then(|track| track.resampled(self.form.rate));
        let samples = track.map_err(media_failure)?.samples;
        self.written += samples.len() as u64;
        match &mut self.way {
            Way::Own(output) => {
                let bytes: Vec<u8> =
                    samples.iter().flat_map(|sample| integer(*sample).to_le_bytes()).collect();
                output.write(&bytes)
            }
            Way::Encoded(encoder) => encoder.write(&samples),
        }
    }

    /// Ends the sound; a file gets its name.
    pub(super) fn finish(self) -> Outcome {
        match self.way {
            Way::Own(mut output) => {
                let bytes = u32::try_from(self.written * 2).unwrap_or(u32::MAX);
                if self.form.format == SoundFormat::Wav && output.temporary().is_some() {
                    output.rewrite(&header(self.form.rate, bytes))?;
                }
                output.finish()
            }
            Way::Encoded(encoder) => encoder.finish(),
        }
    }
}

fn integer(sample: f32) -> i16 {
    (sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16
}

/// A header for so many bytes of mono 16-bit samples.
fn header(rate: u32, bytes: u32) -> Vec<u8> {
    let mut header = b"RIFF".to_vec();
    header.extend(bytes.saturating_add(HEADER - 8).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16u32.to_le_bytes());
    for (value, size) in [(1, 2), (1, 2), (rate, 4), (2 * rate, 4), (2, 2), (16, 2)] {
        header.extend(&value.to_le_bytes()[..size]);
    }
    header.extend(b"data");
    header.extend(bytes.to_le_bytes());
    header
}

impl Encoder {
    fn start(form: Form, ffmpeg: &Ffmpeg, mut output: Output) -> Outcome<Self> {
        let rate = form.rate.to_string();
        let mut args = strings(&["-f", "f32le", "-ar", &rate, "-ac", "1", "-i", "pipe:0"]);
        args.extend(strings(form.arguments()));
        // A file is written by the child itself, which goes back to its head at the end.
        match output.temporary() {
            Some(path) => args.extend([std::ffi::OsString::from("-y"), file_url(path)]),
            None => args.extend(strings(&["pipe:1"])),
        }
        let mut child =
            ffmpeg.run("encode the speech", &args, Input::Pipe, ChildOutput::Bytes).map_err(media_failure)?;
        let (input, mut made) = (child.take_stdin(), child.take_stdout());
        let passing = std::thread::spawn(move || {
            let mut bytes = vec![0; 1 << 14];
            loop {
                match made.read(&mut bytes) {
                    Ok(0) => return Ok(output),
                    Ok(count) => output.write(&bytes[..count])?,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(Failure::io("read what ffmpeg makes", &error)),
                }
                if output.is_over() {
                    return Ok(output);
                }
            }
        });
        Ok(Self { child, input: Some(input), passing, is_over: false })
    }

    fn write(&mut self, samples: &[f32]) -> Outcome {
        let Some(input) = &mut self.input else { return Ok(()) };
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        if input.write_all(&bytes).is_err() || self.passing.is_finished() {
            // Why is told by the child's end or the thread's.
            self.input = None;
            self.is_over = true;
        }
        Ok(())
    }

    fn finish(mut self) -> Outcome {
        drop(self.input.take());
        let output =
            self.passing.join().map_err(|_| Failure::failed("the thread that passes sound on ended"))??;
        if !output.is_over() {
            self.child.wait().map_err(media_failure)?;
        }
        output.finish()
    }
}

fn media_failure(error: MediaError) -> Failure {
    crate::house::pipeline_failure(error.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_follows() {
        let header = header(22_050, 1000);
        assert_eq!(header.len(), HEADER as usize);
        let number = |at: usize| u32::from_le_bytes(header[at..at + 4].try_into().expect("four bytes"));
        assert_eq!((number(4), number(24), number(28), number(40)), (1036, 22_050, 44_100, 1000));
        assert_eq!((integer(1.5), integer(-2.0), integer(0.0)), (i16::MAX, -i16::MAX, 0));
    }

    #[test]
    fn the_form_is_named_or_told_by_the_ending() {
        let form = |out: &str, format, rate| Form::of(&Args { format, rate, out: out.into() });
        assert_eq!(form("a.mp3", None, 24_000).expect("known").format, SoundFormat::Mp3);
        assert_eq!(form("-", None, 8_000).expect("known").format, SoundFormat::Wav);
        assert_eq!(form("a.mp3", Some(SoundFormat::Pcm), 24_000).expect("known").format, SoundFormat::Pcm);
        assert!(form("a.xyz", None, 24_000).expect_err("unknown").message.contains(".xyz"));
        assert!(form("a.opus", None, 44_100).expect_err("no such rate").message.contains("48000"));
    }
}
