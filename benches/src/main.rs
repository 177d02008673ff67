//! Benchmarks with peers beside us: `reelsmith-benches <subcommand>`.
//!
//! Each subcommand prepares a workload that every contender gets, measures all of them in turn in
//! one run on one machine, prints a Markdown table, and writes it with the raw figures to
//! `benches/results`.

mod assembly;
mod captions;
mod cpu;
mod voice;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Measures Reelsmith beside its peers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPU time of assembling a 30 s video, against the encoder's own cost, ffmpeg and MoviePy.
    Assembly(assembly::Args),
    /// What `assembly` runs as our contender.
    #[command(hide = true)]
    AssemblyOurs(assembly::OursArgs),
    /// Speed of the voice, against the kokoro-onnx package.
    Voice(voice::Args),
    /// What `voice` runs as our contender.
    #[command(hide = true)]
    VoiceOurs(voice::OursArgs),
    /// Word error rate of the voice, read back by Whisper.
    Words(voice::words::Args),
    /// Error of the word times, against independent aligners.
    Captions(captions::Args),
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Assembly(args) => assembly::run(&args),
        Command::AssemblyOurs(args) => assembly::run_ours(&args),
        Command::Voice(args) => voice::run(&args),
        Command::VoiceOurs(args) => voice::run_ours(&args),
        Command::Words(args) => voice::words::run(&args),
        Command::Captions(args) => captions::run(&args),
    }
}
