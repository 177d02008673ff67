//! Replays traces through the scheduler's own policy, beside the rules of others and the bounds, in simulated time.

use anyhow::{Context, Result};
use clap::Parser;
use reelsmith_benches_scheduler::contender::Contender;
use reelsmith_benches_scheduler::figures::{Figures, table};
use reelsmith_benches_scheduler::models::{Machine, Profile, models};
use reelsmith_benches_scheduler::plot::plot;
use reelsmith_benches_scheduler::trace::{Job, Kind, trace};
use std::path::PathBuf;

#[derive(Parser)]
#[command(about = "Replays traces through the scheduler's policy, beside the rules of others")]
struct Args {
    /// Seed of the first trace; the next ones have the following numbers.
    #[arg(long, default_value_t = 1000)]
    seed: u64,
    /// Traces of each kind.
    #[arg(long, default_value_t = 12)]
    traces: u64,
    /// Jobs of a trace; a burst has a fifth of them.
    #[arg(long, default_value_t = 500)]
    jobs: usize,
    /// Where the tables and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

const KINDS: [Kind; 6] =
    [Kind::Mix(0.5), Kind::Mix(0.7), Kind::Mix(0.85), Kind::Burst, Kind::Alternation, Kind::Media];

const CONTENDERS: [(Contender, Machine); 12] = [
    (Contender::CountedLru(4), Machine::DISK),
    (Contender::Ollama, Machine::DISK),
    (Contender::BytesLru, Machine::DISK),
    (Contender::Batching, Machine::DISK),
    (Contender::OneAtOnce, Machine::DISK),
    (Contender::Reelsmith, Machine::DISK),
    (Contender::CountedLru(4), Machine::PINNED),
    (Contender::Ollama, Machine::PINNED),
    (Contender::BytesLru, Machine::PINNED),
    (Contender::Batching, Machine::PINNED),
    (Contender::OneAtOnce, Machine::PINNED),
    (Contender::Reelsmith, Machine::PINNED),
];

fn main() -> Result<()> {
    let args = Args::parse();
    let models = models();
    let mut all = Vec::new();
    let mut markdown = format!(
        "{} traces of each kind from seed {}, {} jobs each (a burst: {}). Simulated time; the policy is the code that \
         serves. Rivals do one thing at once, as the row without loading ahead does; every policy is told what a run \
         takes within 15 %, and ours what the rest of a job takes too, which the product does not know yet. The \
         constants were chosen on seeds 1 to 12. `make bench-scheduler`.\n",
        args.traces,
        args.seed,
        args.jobs,
        args.jobs / 5
    );
    for kind in KINDS {
        let traces = traces(&args, kind, &models);
        let figures: Vec<Figures> = CONTENDERS
            .iter()
            .map(|(contender, machine)| Figures::of(&traces, &models, *machine, *contender, kind))
            .collect();
        markdown += &table(kind, &figures);
        all.extend(figures);
    }
    println!("{markdown}");
    let json = serde_json::to_string_pretty(&all)? + "\n";
    std::fs::create_dir_all(&args.out)
        .and_then(|()| std::fs::write(args.out.join("scheduler.md"), &markdown))
        .and_then(|()| std::fs::write(args.out.join("scheduler.json"), json))
        .and_then(|()| std::fs::write(args.out.join("scheduler.svg"), plot(&all)))
        .with_context(|| format!("write to {}", args.out.display()))
}

fn traces(args: &Args, kind: Kind, models: &[Profile]) -> Vec<Vec<Job>> {
    let count = if kind == Kind::Burst { args.jobs / 5 } else { args.jobs };
    (args.seed..args.seed + args.traces).map(|seed| trace(kind, seed, count, models)).collect()
}
