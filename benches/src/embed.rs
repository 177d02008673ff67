//! Speed of sentence embeddings against sentence-transformers and a plain ONNX Runtime run: the same weights in fp32,
//! threads and cores, in turn.

use crate::contender::Contender;
use crate::cpu::own_seconds;
use crate::results::{machine, median, write};
use anyhow::{Context, Result, ensure};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use reelsmith_graph::Target;
use reelsmith_inference::embed::Embedder;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::embed::{Embed, EmbedRequest};
use serde::{Deserialize, Serialize};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What prepares the peers.
const SETUP: &str = "benches/peers/embed_setup.sh";
const MODEL: &str = "all-minilm-l6-v2";

/// Words that sentences are cut from.
const PASSAGES: &str = include_str!("../data/passages.txt");

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Python with sentence-transformers, torch and onnxruntime.
    #[arg(long, default_value = ".cache/bench-embed/venv/bin/python")]
    python: PathBuf,
    /// Sentences of one round.
    #[arg(long, default_value_t = 1000)]
    sentences: usize,
    /// Rounds; in each all embed the sentences once, in turn.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// Threads of each.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// Our contender.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    #[arg(long)]
    threads: usize,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Cost {
    cpu: f64,
    wall: f64,
    #[serde(skip_serializing)]
    first: Vec<f32>,
}

#[derive(Debug, Serialize)]
struct Row {
    peer: &'static str,
    ours: Vec<Cost>,
    theirs: Vec<Cost>,
}

/// Sentences of 4 to 60 words, short ones more often, from running text.
fn sentences(count: usize) -> Vec<String> {
    let words: Vec<&str> = PASSAGES.split_whitespace().collect();
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    let mut below = |n: usize| ((u64::from(dice.next_u32()) * n as u64) >> 32) as usize;
    let one = |_| {
        let length = 4 + below(57).min(below(57));
        let start = below(words.len() - length);
        words[start..start + length].join(" ")
    };
    (0..count).map(one).collect()
}

/// Runs the contest.
///
/// # Errors
/// If a model or a tool is missing, a contender fails, or they disagree.
pub(crate) fn run(args: &Args) -> Result<()> {
    let (threads, model) = (args.threads.to_string(), crate::models().join(MODEL));
    let line = serde_json::to_string(&sentences(args.sentences))?;
    let mut ours = Contender::start(
        Command::new(std::env::current_exe()?).args(["embed-ours", "--threads", &threads]),
        SETUP,
    )?;
    let script = Path::new("benches/peers/embed_peers.py");
    let peer = |name: &str| {
        let mut command = Command::new(&args.python);
        Contender::start(command.arg(script).arg(name).arg(&model).arg(&threads), SETUP)
    };
    let mut peers = [("sentence-transformers", peer("st")?), ("ONNX Runtime", peer("ort")?)];
    let mut rows = peers.each_ref().map(|(peer, _)| Row { peer, ours: vec![], theirs: vec![] });
    for round in 0..=args.runs {
        for (row, (name, peer)) in rows.iter_mut().zip(&mut peers) {
            let (a, b) = (ours.ask::<Cost>(&line)?, peer.ask::<Cost>(&line)?);
            let dot: f32 = a.first.iter().zip(&b.first).map(|(a, b)| a * b).sum();
            ensure!(dot > 0.9999, "{name} has another vector for the first sentence: cosine {dot}");
            eprintln!("round {round}: ours {:.2}, {name} {:.2} CPU s", a.cpu, b.cpu);
            // The first round warms the caches.
            if round > 0 {
                row.ours.push(a);
                row.theirs.push(b);
            }
        }
    }
    let markdown = table(args, &rows);
    println!("{markdown}");
    write(&args.out, "embed", &markdown, &rows)
}

fn table(args: &Args, rows: &[Row]) -> String {
    let mut text = format!(
        "{MODEL} in fp32 on {} sentences of 4 to 60 words, {} threads, {} rounds in turn. Seconds are medians; a ratio is \
         the median of each round's own, ours by the peer's. {}.\n\n\
         | peer | ours CPU s | peer CPU s | ours wall s | peer wall s | CPU ratio | wall ratio |\n\
         |---|---|---|---|---|---|---|\n",
        args.sentences,
        args.threads,
        args.runs,
        machine(),
    );
    for row in rows {
        let middle = |costs: &[Cost], of: fn(&Cost) -> f64| median(costs.iter().map(of).collect());
        let ratio = |of: fn(&Cost) -> f64| {
            median(row.ours.iter().zip(&row.theirs).map(|(a, b)| of(a) / of(b)).collect())
        };
        text += &format!(
            "| {} | {:.2} | {:.2} | {:.2} | {:.2} | **{:.2}** | **{:.2}** |\n",
            row.peer,
            middle(&row.ours, |cost| cost.cpu),
            middle(&row.theirs, |cost| cost.cpu),
            middle(&row.ours, |cost| cost.wall),
            middle(&row.theirs, |cost| cost.wall),
            ratio(|cost| cost.cpu),
            ratio(|cost| cost.wall),
        );
    }
    text
}

/// Answers every line of standard input, a JSON list of texts, with its cost.
///
/// # Errors
/// If the model cannot be loaded or run.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    reelsmith_inference::runtime::load_onnxruntime(&crate::models().join("onnxruntime/libonnxruntime.so"))?;
    let mut embedder = Embedder::open(&crate::models().join(MODEL), Target::CPU, args.threads)?;
    for line in std::io::stdin().lock().lines() {
        let request = EmbedRequest { texts: serde_json::from_str(&line?)? };
        let (cpu, wall) = (own_seconds(), Instant::now());
        let made = embedder.embed(&request, &NoControl)?;
        let cost = Cost { cpu: own_seconds() - cpu, wall: wall.elapsed().as_secs_f64(), first: Vec::new() };
        let first = made.into_iter().next().context("a text has an embedding")?.vector;
        println!("{}", serde_json::json!({ "cpu": cost.cpu, "wall": cost.wall, "first": first }));
    }
    Ok(())
}
