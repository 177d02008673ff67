//! Speed of the voice against the `kokoro-onnx` package: the same graph, precision, phonemes, threads and
//! cores, in turn. Ours starts from the text; the peer is given the phonemes, which costs it nothing.

pub(crate) mod first;
mod ours;
pub(crate) mod speaker;
pub(crate) mod words;

pub(crate) use ours::{OursArgs, run_ours};

use crate::contender::Contender;
use crate::results::{machine, median, write};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use speaker::Models;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What prepares the peer.
const SETUP: &str = "benches/peers/voice_setup.sh";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    models: Models,
    /// Rounds; in each both speak every text once, in turn.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Precisions to compare.
    #[arg(long, value_delimiter = ',', default_value = "fp32,fp16,q8")]
    precisions: Vec<String>,
    /// Threads of either.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What is spoken: one sentence, a scene of a Short, a paragraph.
const TEXTS: [(&str, &str); 3] = [
    ("sentence", "The ship left the harbor at dawn, carrying sugar, cotton, and three hundred letters."),
    (
        "scene",
        "Every second, the sun turns four million tons of matter into light. Most of it misses the earth \
         entirely, and the little that does not has kept us warm for four billion years.",
    ),
    (
        "paragraph",
        "Have you ever wondered how bees find their way home? They remember the shape of the land, and they \
         watch the sun. When a cloud hides it, they read the pattern of the light in the blue parts of the sky. \
         A bee that finds flowers comes back and dances for the others. The angle of the dance tells them where to \
         fly, and its length tells them how far. Nobody teaches a bee to dance, and yet every one of them can. It \
         took us a hundred years to understand what they were saying.",
    ),
];

/// What it cost to speak one text.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Cost {
    cpu: f64,
    wall: f64,
    audio: f64,
}

#[derive(Debug, Serialize)]
struct Row {
    precision: String,
    text: &'static str,
    ours: Vec<Cost>,
    peer: Vec<Cost>,
}

/// Runs the contest.
///
/// # Errors
/// If a model or a tool is missing or a contender fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut rows = Vec::new();
    for precision in &args.precisions {
        rows.extend(contest(args, precision)?);
    }
    let markdown = table(args, &rows);
    println!("{markdown}");
    write(&args.out, "voice", &markdown, &rows)
}

fn contest(args: &Args, precision: &str) -> Result<Vec<Row>> {
    let phonemes: Vec<String> = {
        let mut kokoro = args.models.open(precision, 1)?;
        TEXTS.iter().map(|(_, text)| Ok(kokoro.phonemes(text, &args.models.voice)?)).collect::<Result<_>>()?
    };
    let threads = args.threads.to_string();
    let model = args.models.model(precision);
    let mut ours = Contender::start(
        Command::new(std::env::current_exe()?).args([
            Path::new("voice-ours"),
            Path::new("--models"),
            &args.models.models,
            Path::new("--voice"),
            Path::new(&args.models.voice),
            Path::new("--precision"),
            Path::new(precision),
            Path::new("--threads"),
            Path::new(&threads),
        ]),
        SETUP,
    )?;
    let mut peer = Contender::start(
        Command::new(&args.models.python).args([
            Path::new("benches/peers/voice_kokoro_onnx.py"),
            &model,
            &args.models.models.join("kokoro-voices"),
            Path::new(&args.models.voice),
            Path::new(&threads),
        ]),
        SETUP,
    )?;
    let mut rows: Vec<Row> = TEXTS
        .iter()
        .map(|(name, _)| Row { precision: precision.to_owned(), text: name, ours: vec![], peer: vec![] })
        .collect();
    for round in 0..=args.runs {
        for (row, ((_, text), phonemes)) in rows.iter_mut().zip(TEXTS.iter().zip(&phonemes)) {
            let (a, b) = (ours.ask::<Cost>(&json(text)?)?, peer.ask::<Cost>(&json(phonemes)?)?);
            eprintln!("{precision} round {round} {}: ours {:.2}, peer {:.2} CPU s", row.text, a.cpu, b.cpu);
            // The first round warms the caches.
            if round > 0 {
                row.ours.push(a);
                row.peer.push(b);
            }
        }
    }
    Ok(rows)
}

/// A text as a line.
fn json(text: &str) -> Result<String> {
    Ok(serde_json::to_string(text)?)
}

fn table(args: &Args, rows: &[Row]) -> String {
    let mut text = format!(
        "Kokoro-82M, {} threads, {}, against `kokoro-onnx` with the same graph and phonemes, {} rounds in turn. RTF is \
         time by the seconds of sound (medians); the ratio is ours by the peer's time for the same text (median \
         of each round's own). {}.\n\n\
         | precision | text | sound s | RTF wall | RTF CPU | peer RTF wall | peer RTF CPU | wall ratio | CPU ratio |\n\
         |---|---|---|---|---|---|---|---|---|\n",
        args.threads,
        args.models.voice,
        args.runs,
        machine(),
    );
    for row in rows {
        let rtf =
            |costs: &[Cost], of: fn(&Cost) -> f64| median(costs.iter().map(|c| of(c) / c.audio).collect());
        let ratio = |of: fn(&Cost) -> f64| {
            median(row.ours.iter().zip(&row.peer).map(|(a, b)| of(a) / of(b)).collect())
        };
        text += &format!(
            "| {} | {} | {:.1} | {:.3} | {:.3} | {:.3} | {:.3} | **{:.2}** | **{:.2}** |\n",
            row.precision,
            row.text,
            median(row.ours.iter().map(|c| c.audio).collect()),
            rtf(&row.ours, |c| c.wall),
            rtf(&row.ours, |c| c.cpu),
            rtf(&row.peer, |c| c.wall),
            rtf(&row.peer, |c| c.cpu),
            ratio(|c| c.wall),
            ratio(|c| c.cpu),
        );
    }
    text
}
