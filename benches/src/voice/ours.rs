//! Our side of the contest: speaks a line of text at a time and tells what it cost.

use super::Cost;
use super::speaker::Models;
use crate::cpu::own_seconds;
use anyhow::Result;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use std::io::{BufRead, Write};
use std::time::Instant;

/// What `voice` starts.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    #[command(flatten)]
    models: Models,
    #[arg(long)]
    precision: String,
    #[arg(long)]
    threads: usize,
}

/// Answers every line of standard input, a JSON string, with its cost.
///
/// # Errors
/// If the model cannot be loaded or a text cannot be spoken.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    let mut kokoro = args.models.open(&args.precision, args.threads)?;
    for line in std::io::stdin().lock().lines() {
        let text = serde_json::from_str(&line?)?;
        let request = SpeakRequest { text, voice: args.models.voice.clone(), speed: 1.0 };
        let (cpu, wall) = (own_seconds(), Instant::now());
        let speech = kokoro.speak(&request, &NoControl)?;
        let audio = speech.samples.len() as f64 / f64::from(speech.sample_rate);
        let cost = Cost { cpu: own_seconds() - cpu, wall: wall.elapsed().as_secs_f64(), audio };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&cost)?)?;
        std::io::stdout().flush()?;
    }
    Ok(())
}
