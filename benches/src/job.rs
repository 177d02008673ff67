//! The demo job after set-up: time, processor and memory of each stage and of the whole process tree.

use crate::cpu::KilledOnDrop;
use crate::results::{machine, write};
use crate::tree;
use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The script.
    #[arg(long, default_value = "examples/the-moon-is-leaving.md")]
    script: PathBuf,
    /// The platform.
    #[arg(long, default_value = "youtube_shorts")]
    preset: String,
    /// The program; the one beside this one if not given.
    #[arg(long)]
    reelsmith: Option<PathBuf>,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// Memory is looked at so often.
const SAMPLE: Duration = Duration::from_millis(20);

/// What a stretch of the job took.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    steps: u32,
    wall: f64,
    cpu: f64,
    /// The most that all processes held at once, pages that they share counted in each.
    peak_bytes: u64,
}

/// Runs the job once and prints its table.
///
/// # Errors
/// If the job cannot be started or fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let scratch = tempfile::tempdir()?;
    let beside = std::env::current_exe()?.with_file_name("reelsmith");
    let program = args.reelsmith.as_ref().unwrap_or(&beside);
    let mut command = Command::new(program);
    // Nothing is left from earlier runs, so nothing is skipped.
    command.env("REELSMITH_DATA_DIR", scratch.path().join("data"));
    command
        .args(["make", "short", "--json", "--preset", &args.preset, "--out"])
        .arg(scratch.path().join("out"));
    command.arg(&args.script).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = KilledOnDrop(command.spawn().with_context(|| format!("start {}", program.display()))?);
    let lines = BufReader::new(child.0.stdout.take().context("the output is piped")?).lines();
    let (send, events) = sync_channel(64);
    let reader = std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| send.send(line)));
    let started = Instant::now();
    let mut whole = Row { name: "**whole job**".into(), steps: 0, wall: 0.0, cpu: 0.0, peak_bytes: 0 };
    let mut rows: Vec<Row> = Vec::new();
    let mut video_seconds = f64::NAN;
    let mut last = (Instant::now(), 0.0);
    loop {
        let event = match events.recv_timeout(SAMPLE) {
            Ok(line) => {
                serde_json::from_str::<Value>(&line).with_context(|| format!("read the event {line:?}"))?
            }
            Err(RecvTimeoutError::Timeout) => Value::Null,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        if event["kind"] == "step_started" {
            let step = event["step"].as_str().context("a step has a name")?;
            let stage = step.split('/').next().unwrap_or(step);
            if rows.last().is_none_or(|row| row.name != stage) {
                rows.push(Row { name: stage.to_owned(), steps: 0, wall: 0.0, cpu: 0.0, peak_bytes: 0 });
            }
            if let Some(row) = rows.last_mut() {
                row.steps += 1;
            }
        }
        if event["kind"] == "finished" {
            video_seconds = event["report"]["seconds"].as_f64().unwrap_or(f64::NAN);
        }
        // A process that has ended shows nothing any more; its last figures stand.
        let Some(usage) = tree::usage(child.0.id()) else { continue };
        let spent = (last.0.elapsed().as_secs_f64(), usage.cpu_seconds - last.1);
        last = (Instant::now(), usage.cpu_seconds);
        for row in rows.last_mut().into_iter().chain([&mut whole]) {
            row.wall += spent.0;
            row.cpu += spent.1;
            row.peak_bytes = row.peak_bytes.max(usage.resident_bytes);
        }
    }
    let status = child.0.wait()?;
    ensure!(status.success(), "the job failed: {status}");
    if reader.join().is_err() {
        bail!("the thread that reads the job's events panicked");
    }
    whole.wall = started.elapsed().as_secs_f64();
    whole.steps = rows.iter().map(|row| row.steps).sum();
    rows.push(whole);
    let markdown = table(args, video_seconds, &rows);
    println!("{markdown}");
    write(&args.out, "job", &markdown, &rows)
}

fn table(args: &Args, video_seconds: f64, rows: &[Row]) -> String {
    let mut text = format!(
        "`reelsmith make short {} --preset {}`, {video_seconds:.1} s of video, models fetched beforehand and nothing left \
         of earlier runs. CPU and memory are those of all processes; memory is resident, sampled every {} ms, \
         with shared pages counted in each process. What comes before the first step counts in the whole alone. {}.\n\n\
         | stage | steps | wall s | CPU s | peak MiB |\n|---|---|---|---|---|\n",
        args.script.display(),
        args.preset,
        SAMPLE.as_millis(),
        machine()
    );
    for row in rows {
        let mib = row.peak_bytes as f64 / 1024.0 / 1024.0;
        text += &format!("| {} | {} | {:.1} | {:.1} | {mib:.0} |\n", row.name, row.steps, row.wall, row.cpu);
    }
    text
}
