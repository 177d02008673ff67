//! Benchmarks with peers beside us: `reelsmith-benches <subcommand>`.
//!
//! Each subcommand prepares a workload that every contender gets, measures all of them in turn in
//! one run on one machine, prints a Markdown table, and writes it with the raw figures to
//! `benches/results`.

mod assembly;
mod captions;
mod chat;
mod contender;
mod cpu;
mod decision;
mod embed;
mod images_gpu;
mod job;
mod live;
mod networks;
mod results;
mod seams;
mod store;
mod transcribe;
mod tree;
mod voice;

use clap::{Parser, Subcommand};
use std::path::PathBuf;

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
    /// Processor time until a long text is heard.
    First(voice::first::Args),
    /// Word error rate of the voice, read back by Whisper.
    Words(voice::words::Args),
    /// Speed of language models, against llama.cpp as another project builds it.
    Chat(chat::Args),
    /// What `chat` runs as our contender.
    #[command(hide = true)]
    ChatOurs(chat::OursArgs),
    /// Error of the word times, against independent aligners.
    Captions(captions::Args),
    /// Time, processor and memory of the demo job, by stage.
    Job(job::Args),
    /// Speed of SDXL's networks at their true size, against PyTorch.
    Networks(networks::Args),
    /// What `networks` runs as our contender.
    #[command(hide = true)]
    NetworksOurs(networks::OursArgs),
    /// Pictures on an NVIDIA card, against diffusers.
    ImagesGpu(images_gpu::Args),
    /// What `images-gpu` runs as our contender.
    #[command(hide = true)]
    ImagesGpuOurs(images_gpu::OursArgs),
    /// Whether decoding in parts shows in a picture, against diffusers; and the memory of decoding.
    Seams(seams::Args),
    /// What `seams` runs to measure memory.
    #[command(hide = true)]
    SeamsOurs(seams::OursArgs),
    /// Speed of sentence embeddings, against sentence-transformers and ONNX Runtime.
    Embed(embed::Args),
    /// What `embed` runs as our contender.
    #[command(hide = true)]
    EmbedOurs(embed::OursArgs),
    /// Speed and errors of the recogniser, against faster-whisper.
    Transcribe(transcribe::Args),
    /// What `transcribe` runs as our contender.
    #[command(hide = true)]
    TranscribeOurs(transcribe::OursArgs),
    /// Cost of the store's calls as its rows grow.
    Store(store::Args),
    /// Time of a scheduling decision as the queue grows.
    Decision(decision::Args),
    /// A mixed trace on real models in a tight budget, against the same trace simulated.
    Live(live::Args),
}

/// Where `reelsmith models pull --set test` puts the models by default.
fn models() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| std::env::home_dir().unwrap_or_default().join(".cache"));
    cache.join("reelsmith/models")
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Assembly(args) => assembly::run(&args),
        Command::AssemblyOurs(args) => assembly::run_ours(&args),
        Command::Voice(args) => voice::run(&args),
        Command::VoiceOurs(args) => voice::run_ours(&args),
        Command::First(args) => voice::first::run(&args),
        Command::Words(args) => voice::words::run(&args),
        Command::Chat(args) => chat::run(&args),
        Command::ChatOurs(args) => chat::run_ours(&args),
        Command::Captions(args) => captions::run(&args),
        Command::Job(args) => job::run(&args),
        Command::Networks(args) => networks::run(&args),
        Command::NetworksOurs(args) => networks::run_ours(&args),
        Command::ImagesGpu(args) => images_gpu::run(&args),
        Command::ImagesGpuOurs(args) => images_gpu::run_ours(&args),
        Command::Seams(args) => seams::run(&args),
        Command::SeamsOurs(args) => seams::run_ours(&args),
        Command::Embed(args) => embed::run(&args),
        Command::EmbedOurs(args) => embed::run_ours(&args),
        Command::Transcribe(args) => transcribe::run(&args),
        Command::TranscribeOurs(args) => transcribe::run_ours(&args),
        Command::Store(args) => store::run(&args),
        Command::Decision(args) => decision::run(&args),
        Command::Live(args) => live::run(&args),
    }
}
