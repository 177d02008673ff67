//! Our side of the contest: transcribes a file a line and tells what it cost.

use super::{Ask, Heard};
use crate::cpu::own_seconds;
use anyhow::Result;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference::whisper::{Target, Whisper};
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::transcribe::{Sound, Transcribe, TranscribeOptions, TranscribeRequest};
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::time::Instant;

/// What `transcribe` starts.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    #[arg(long)]
    models: PathBuf,
    #[arg(long)]
    threads: usize,
    #[arg(long)]
    precision: String,
}

/// Answers every line of standard input with what was heard.
///
/// # Errors
/// If the model cannot be loaded or a file cannot be transcribed.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    load_onnxruntime(&args.models.join("onnxruntime/libonnxruntime.so"))?;
    let detector = args.models.join("silero-vad/silero_vad_16k_sequence.onnx");
    let target = if args.precision == "int8" { Target::CPU_8_BIT } else { Target::CPU };
    let model = args.models.join("whisper-base-ct2");
    let mut whisper = Whisper::open_for(&model, Some(&detector), args.threads, target)?;
    for line in std::io::stdin().lock().lines() {
        let Ask { sound, beams, batch } = serde_json::from_str(&line?)?;
        let bytes = std::fs::read(sound)?;
        let samples = bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        let options = TranscribeOptions {
            beams,
            batch,
            words: true,
            language: Some("en".into()),
            ..TranscribeOptions::default()
        };
        let request = TranscribeRequest { sound: Sound::samples(samples), options };
        let (cpu, wall) = (own_seconds(), Instant::now());
        let transcript = whisper.transcribe(&request, &NoControl)?;
        let (cpu, wall) = (own_seconds() - cpu, wall.elapsed().as_secs_f64());
        let words = transcript.segments.iter().flat_map(|segment| segment.words.iter().flatten());
        let words = words.map(|word| (word.text.clone(), word.start)).collect();
        let heard = Heard { cpu, wall, text: transcript.text(), words };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&heard)?)?;
        std::io::stdout().flush()?;
    }
    Ok(())
}
