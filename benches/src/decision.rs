//! How the time of one scheduling decision grows with the queue.

use crate::results::{machine, write};
use anyhow::Result;
use reelsmith_inference_core::{Footprint, ModelId};
use reelsmith_scheduler::policy::{self, Device, Resident, View, Waiting};
use serde::Serialize;
use std::hint::black_box;
use std::path::PathBuf;
use std::time::Instant;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// Time of a decision at a length of the queue.
#[derive(Debug, Serialize)]
struct Row {
    queued: u64,
    microseconds: f64,
}

/// Measures and prints.
///
/// # Errors
/// If the results cannot be written.
pub(crate) fn run(args: &Args) -> Result<()> {
    let rows: Vec<Row> = [10, 100, 1_000, 10_000].into_iter().map(decide).collect();
    let mut markdown = format!(
        "One decision of the scheduler, one device, 20 models, 10 of them resident. {}.\n\n| queued | µs |\n|---|---|\n",
        machine()
    );
    rows.iter().for_each(|row| markdown += &format!("| {} | {:.2} |\n", row.queued, row.microseconds));
    println!("{markdown}");
    write(&args.out, "decision", &markdown, &rows)
}

fn decide(queued: u64) -> Row {
    let model = |n: u64| ModelId(format!("model-{}", n % 20));
    let resident = |n| Resident { model: model(n), bytes: 100, last_used: n, reload: 1.0, pinned: false };
    let device = Device {
        limit: 1000,
        used: 1000,
        residents: (0..10).map(resident).collect(),
        runs: Vec::new(),
        loading: None,
        loaded_for: None,
        loads_beside: false,
    };
    let needs = Footprint { weights: 100, peak_activation: 50 };
    let waiting = |id: u64| Waiting {
        id,
        model: model(id + 11),
        needs,
        service: 1.0 + (id % 7) as f64,
        after: 0.0,
        load: 1.0,
        waited: (queued - id) as f64 / 10.0,
        patience: 10_000.0,
        weight: 1.0,
    };
    let queue: Vec<Waiting> = (0..queued).map(waiting).collect();
    let view = View { queue: &queue, devices: std::slice::from_ref(&device) };
    let turns = (200_000 / queued).max(20);
    let started = Instant::now();
    for _ in 0..turns {
        black_box(policy::next(black_box(&view)));
    }
    Row { queued, microseconds: started.elapsed().as_secs_f64() * 1e6 / turns as f64 }
}
