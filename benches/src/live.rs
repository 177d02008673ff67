//! A mixed trace on real models, in a budget that forces swaps, and the same trace in the simulator with the times
//! measured here: how far the one stands for the other.

mod told;
mod work;

use crate::results::{machine, median, write};
use anyhow::{Context, Result};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use reelsmith_benches_scheduler::contender::Contender;
use reelsmith_benches_scheduler::models::{Machine, Profile};
use reelsmith_benches_scheduler::simulate::simulate;
use reelsmith_benches_scheduler::trace::{Job, Stage};
use reelsmith_inference::engine::LocalEngine;
use reelsmith_inference::store::{Store, StoreConfig};
use reelsmith_inference_core::Footprint;
use reelsmith_inference_core::catalogue::Catalogue;
use reelsmith_scheduler::{DeviceConfig, Scheduler, Shutdown};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;
use told::Told;
use work::Work;

/// Tokens of the language model's context, which decide its bytes.
const CONTEXT: u32 = 2048;
/// Bytes that may be given out, of those that the largest model needs: no room for the two largest.
const TIGHT: f64 = 1.15;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Requests of a trace.
    #[arg(long, default_value_t = 40)]
    jobs: usize,
    /// Traces, each with a seed of its own.
    #[arg(long, default_value_t = 3)]
    traces: u64,
    /// Seed of the first trace.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Requests come so many times as fast as they could be served without a swap.
    #[arg(long, default_value_t = 1.5)]
    pressure: f64,
    /// Loads and runs of each model that its times are taken from.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

/// What was measured of a model.
#[derive(Debug, Serialize)]
struct Times {
    model: &'static str,
    weights: u64,
    peak: u64,
    /// Seconds of an unload and the next load; of a run; calls of its control.
    load: f64,
    run: f64,
    steps: u64,
}

/// One trace.
#[derive(Debug, Serialize)]
struct Row {
    seed: u64,
    live: f64,
    simulated: f64,
    loads: u64,
    simulated_gb: f64,
    yields: u64,
    simulated_yields: usize,
}

/// Measures.
///
/// # Errors
/// If a model is missing or cannot do its work.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut local = engine(args)?;
    let mut times = Work::ALL
        .iter()
        .map(|work| Ok((*work, work.times(&mut local, args.runs)?)))
        .collect::<Result<Vec<_>>>()?;
    // The order in which the simulator serves them where they come at once.
    times.sort_by(|(_, a), (_, b)| (a.load + a.run).total_cmp(&(b.load + b.run)));
    let (works, times): (Vec<Work>, Vec<Times>) = times.into_iter().unzip();
    let largest = times.iter().map(|times| times.weights + times.peak).max().unwrap_or(0);
    let limit = (largest as f64 * TIGHT) as u64;
    let runtime = tokio::runtime::Runtime::new()?;
    let mut rows = Vec::new();
    for seed in args.seed..args.seed + args.traces {
        let asked = trace(args, seed, &times);
        let (live, loads, yields) = runtime.block_on(live(args, limit, &works, &times, &asked))?;
        let (simulated, simulated_gb, simulated_yields) = simulated(limit, &times, &asked);
        eprintln!("seed {seed}: live {live:.1} s, simulated {simulated:.1} s");
        rows.push(Row { seed, live, simulated, loads, simulated_gb, yields, simulated_yields });
    }
    let markdown = table(args, limit, &times, &rows);
    println!("{markdown}");
    write(&args.out, "live", &markdown, &serde_json::json!({ "models": times, "traces": rows }))
}

fn engine(args: &Args) -> Result<LocalEngine> {
    let catalogue = Arc::new(Catalogue::builtin().context("read the built-in catalogue")?);
    let store = Store::new(crate::models(), catalogue, StoreConfig::default());
    Ok(LocalEngine::new(store, args.threads).with_context(CONTEXT))
}

/// When each request comes, and for which model.
fn trace(args: &Args, seed: u64, times: &[Times]) -> Vec<(f64, usize)> {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut share = || (dice.next_u64() >> 11) as f64 / (1u64 << 53) as f64;
    let mean = times.iter().map(|times| times.run).sum::<f64>() / times.len() as f64;
    let mut at = 0.0;
    let one = |_| {
        at += -(1.0 - share()).ln() * mean / args.pressure;
        (at, (share() * times.len() as f64) as usize)
    };
    (0..args.jobs).map(one).collect()
}

/// Seconds until all were served, models loaded, and requests let in between.
async fn live(
    args: &Args,
    limit: u64,
    works: &[Work],
    times: &[Times],
    asked: &[(f64, usize)],
) -> Result<(f64, u64, u64)> {
    let config =
        DeviceConfig { reserve_bytes: 0, queue_capacity: asked.len() + 1, ..DeviceConfig::new("cpu", limit) };
    let scheduler = Scheduler::start(config, Box::new(Told::new(engine(args)?, times)))?;
    // It learns what each takes, as the simulator knows it.
    for work in works {
        work.ask(&scheduler).await?;
    }
    let before = scheduler.snapshot().counters;
    let (begun, mut requests) = (Instant::now(), JoinSet::new());
    for (at, work) in asked {
        let (scheduler, work, at) = (scheduler.clone(), works[*work], Duration::from_secs_f64(*at));
        requests.spawn(async move {
            tokio::time::sleep_until((begun + at).into()).await;
            work.ask(&scheduler).await
        });
    }
    while let Some(served) = requests.join_next().await {
        served??;
    }
    let seconds = begun.elapsed().as_secs_f64();
    let after = scheduler.snapshot().counters;
    scheduler.shutdown(Shutdown::Drain).await;
    Ok((seconds, after.loads - before.loads, after.yields - before.yields))
}

/// The same in simulated time: seconds, gigabytes loaded, and requests let in between.
fn simulated(limit: u64, times: &[Times], asked: &[(f64, usize)]) -> (f64, f64, usize) {
    let models: Vec<Profile> = times.iter().map(Times::profile).collect();
    let job = |at: f64, model: usize| {
        let seconds = times[model].run;
        Job { at, tenant: 0, stages: vec![Stage { model, service: seconds, expected: seconds }] }
    };
    let first: f64 = times.iter().map(|times| times.load + times.run).sum();
    let mut jobs: Vec<Job> = (0..times.len()).map(|model| job(0.0, model)).collect();
    jobs.extend(asked.iter().map(|(at, model)| job(first + at, *model)));
    let machine = Machine { limit, host: 0, warm: false };
    let outcome = simulate(&jobs, &models, machine, Contender::OneAtOnce);
    let begun: u64 = times.iter().map(|times| times.weights).sum();
    let gigabytes = (outcome.swapped_bytes - begun) as f64 / 1e9;
    (outcome.makespan - first, gigabytes, outcome.interruptions)
}

impl Times {
    fn needs(&self) -> Footprint {
        Footprint { weights: self.weights, peak_activation: self.peak }
    }

    fn profile(&self) -> Profile {
        Profile {
            id: self.model.into(),
            load: Some(self.load),
            needs: self.needs(),
            step: self.run / self.steps.max(1) as f64,
            mean: self.run,
            spread: 0.0,
            share: 0.0,
        }
    }
}

fn table(args: &Args, limit: u64, times: &[Times], rows: &[Row]) -> String {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let mut text = format!(
        "{} requests for {} models through the scheduler on the real engine, {} threads, {:.0} MB of memory: the largest \
         model and {:.0} % more, and every model is known to need what it says once loaded. Requests come {} times as fast as they could be served without a swap. The simulator \
         replays the same requests with the medians below, of {} loads and {} runs each. {}.\n\n\
         | model | weights MB | peak MB | load s | run s | steps |\n|---|---|---|---|---|---|\n",
        args.jobs,
        times.len(),
        args.threads,
        mb(limit),
        (TIGHT - 1.0) * 100.0,
        args.pressure,
        args.runs,
        2 * args.runs,
        machine()
    );
    for Times { model, weights, peak, load, run, steps } in times {
        let (weights, peak) = (mb(*weights), mb(*peak));
        text += &format!("| {model} | {weights:.0} | {peak:.0} | {load:.2} | {run:.2} | {steps} |\n");
    }
    text += "\n| seed | live s | simulated s | ratio | loads | simulated GB loaded | let in between | simulated |\n\
             |---|---|---|---|---|---|---|---|\n";
    for row in rows {
        text += &format!(
            "| {} | {:.1} | {:.1} | **{:.3}** | {} | {:.2} | {} | {} |\n",
            row.seed,
            row.live,
            row.simulated,
            row.live / row.simulated,
            row.loads,
            row.simulated_gb,
            row.yields,
            row.simulated_yields
        );
    }
    let ratio = median(rows.iter().map(|row| row.live / row.simulated).collect());
    text + &format!("\nMedian ratio {ratio:.3}.\n")
}
