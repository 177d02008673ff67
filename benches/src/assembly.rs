//! Assembly of a 30 s video, 1080x1920 at 30 frames a second: 6 stills with slow zoom and pan, 0.5 s
//! crossfades, word-highlighted captions, narration over ducked music, x264 at 8 Mbit/s.
//!
//! The floor is ffmpeg encoding the very same finished frames from a raw file, with the very same
//! options and the finished sound. Its file must equal ours byte for byte.

mod contenders;
mod ours;
mod report;
mod stills;
mod workload;

pub(crate) use ours::{OursArgs, run_ours};

use crate::cpu::Cost;
use crate::models;
use anyhow::{Context, Result, ensure};
use contenders::{Contender, Contest};
use reelsmith_media::ffmpeg::Ffmpeg;
use std::path::PathBuf;

/// Frame width in pixels.
pub(crate) const WIDTH: u32 = 1080;
/// Frame height in pixels.
pub(crate) const HEIGHT: u32 = 1920;
/// Frames a second.
pub(crate) const FPS: u32 = 30;
/// Frames of a crossfade: half a second.
pub(crate) const CROSSFADE: u32 = 15;
/// Frames of each of the six scenes: five seconds.
pub(crate) const SCENE: u32 = 150;
/// Scenes of the video.
pub(crate) const SCENES: usize = 6;
/// Bits a second of the video.
pub(crate) const BITRATE: u64 = 8_000_000;
/// Encoder threads of every contender.
pub(crate) const THREADS: u32 = 2;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Rounds; in each every contender runs once.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Rounds in which MoviePy takes part; it takes minutes.
    #[arg(long, default_value_t = 1)]
    moviepy_runs: usize,
    /// x264 speed.
    #[arg(long, default_value = "veryfast", value_parser = ["veryfast", "medium"])]
    speed: String,
    /// Python with moviepy 2.2, as benches/peers/assembly_setup.sh makes it.
    #[arg(long, default_value = ".cache/bench-assembly/bin/python")]
    python: PathBuf,
    /// Font file of the captions, for every contender.
    #[arg(long, default_value_os_t = models().join("font-montserrat/Montserrat_800ExtraBold.ttf"))]
    font: PathBuf,
    /// Where the workload and the results of the contenders go; a temporary folder if not given.
    #[arg(long)]
    keep: Option<PathBuf>,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// Runs the contest.
///
/// # Errors
/// If a tool is missing, a contender fails, or its file is not what was ordered.
pub(crate) fn run(args: &Args) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let dir = args.keep.as_deref().unwrap_or(scratch.path());
    let ffmpeg = Ffmpeg::locate(None, None)?;
    eprintln!("preparing the workload in {}", dir.display());
    workload::prepare(dir, &args.font)?;
    let contest =
        Contest { dir, ffmpeg: &ffmpeg, speed: &args.speed, font: &args.font, python: &args.python };
    contest.prepare_floor()?;
    let mut costs: Vec<(Contender, Cost)> = Vec::new();
    for round in 0..args.runs {
        let all = Contender::ALL.into_iter();
        for contender in all.filter(|who| *who != Contender::MoviePy || round < args.moviepy_runs) {
            let cost = contest.run(contender)?;
            eprintln!("round {}: {:<28} {:7.2} CPU s", round + 1, contender.name(), cost.cpu());
            costs.push((contender, cost));
        }
    }
    let floor = std::fs::read(contest.out(Contender::Floor))?;
    let same = |contender| std::fs::read(contest.out(contender)).map(|bytes| bytes == floor);
    ensure!(
        same(Contender::Pictures)? && same(Contender::Ours)?,
        "the floor encoded the frames and options that we did, but its file differs"
    );
    let report = report::Report::new(&contest, &costs);
    println!("{}", report.markdown());
    report.write(&args.out).with_context(|| format!("write to {}", args.out.display()))
}
