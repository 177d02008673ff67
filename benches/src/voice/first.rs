//! How soon a long text is heard: processor time until the first samples are handed out.

use super::speaker::Models;
use crate::cpu::own_seconds;
use crate::results::{machine, median, write};
use anyhow::Result;
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use reelsmith_inference_core::{Progress, Verdict};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A long text.
const PASSAGES: &str = include_str!("../../data/passages.txt");

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    models: Models,
    /// Precisions of Kokoro-82M to measure, and `student` for the small one.
    #[arg(long, value_delimiter = ',', default_value = "student,fp32")]
    precisions: Vec<String>,
    /// Measured runs, after one that warms up.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

#[derive(Debug, Serialize)]
struct Row {
    precision: String,
    /// Processor and wall seconds until the first samples.
    cpu: Vec<f64>,
    wall: Vec<f64>,
    /// Seconds of sound that they are.
    sound: f64,
}

/// Measures.
///
/// # Errors
/// If a model is missing or cannot speak.
pub(crate) fn run(args: &Args) -> Result<()> {
    let rows: Vec<Row> =
        args.precisions.iter().map(|precision| one(args, precision)).collect::<Result<_>>()?;
    let mut text = format!(
        "Time until the first samples of a text of {} characters are handed out, Kokoro-82M and its student (hibari), {}, {} threads, medians of {} \
         runs. {}.\n\n| model | CPU s | wall s | sound handed out s |\n|---|---|---|---|\n",
        PASSAGES.len(),
        args.models.voice,
        args.threads,
        args.runs,
        machine(),
    );
    for Row { precision, cpu, wall, sound } in &rows {
        let (cpu, wall) = (median(cpu.clone()), median(wall.clone()));
        text += &format!("| {precision} | **{cpu:.2}** | {wall:.2} | {sound:.1} |\n");
    }
    println!("{text}");
    write(&args.out, "first", &text, &rows)
}

fn one(args: &Args, precision: &str) -> Result<Row> {
    let mut kokoro = args.models.open(precision, args.threads)?;
    let request = SpeakRequest { text: PASSAGES.to_owned(), voice: args.models.voice.clone(), speed: 1.0 };
    let mut row = Row { precision: precision.to_owned(), cpu: vec![], wall: vec![], sound: 0.0 };
    for run in 0..=args.runs {
        let (cpu, wall) = (own_seconds(), Instant::now());
        let (heard, asked) = (Mutex::new(None), AtomicBool::new(false));
        let stop = |_: Progress| match asked.load(Ordering::Relaxed) {
            true => Verdict::Cancel,
            false => Verdict::Continue,
        };
        let mut take = |samples: &[f32]| {
            let took = (own_seconds() - cpu, wall.elapsed().as_secs_f64(), samples.len() as f64 / 24_000.0);
            heard.lock().expect("nobody panics with it").get_or_insert(took);
            asked.store(true, Ordering::Relaxed);
        };
        // What comes after the first samples is cancelled.
        let _ = kokoro.speak_to(&request, &mut take, &stop);
        let took = heard.into_inner().expect("nobody panics with it");
        let (cpu, wall, sound) = took.ok_or_else(|| anyhow::anyhow!("nothing was handed out"))?;
        eprintln!("{precision} run {run}: {cpu:.2} CPU s");
        // The first run warms the caches.
        if run > 0 {
            row.cpu.push(cpu);
            row.wall.push(wall);
        }
        row.sound = sound;
    }
    Ok(row)
}
