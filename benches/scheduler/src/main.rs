//! Replays traces through the scheduler's own policy, beside the rules of others and the bounds.

mod bound;
mod contender;
mod models;
mod simulate;
mod trace;

use contender::Contender;
use models::{Machine, models};
use simulate::simulate;
use trace::{Kind, trace};

fn main() {
    let models = models();
    let seeds: Vec<u64> = (1..=12).collect();
    let who = [
        (Contender::CountedLru(4), Machine::DISK),
        (Contender::Ollama, Machine::DISK),
        (Contender::BytesLru, Machine::DISK),
        (Contender::CountedLru(4), Machine::PINNED),
        (Contender::Ollama, Machine::PINNED),
        (Contender::BytesLru, Machine::PINNED),
        (Contender::Batching, Machine::PINNED),
        (Contender::Reelsmith, Machine::DISK),
        (Contender::Reelsmith, Machine::PINNED),
    ];
    for (contender, machine) in who {
        print!("{:36} {:4}", contender.name(), if machine.host > 0 { "pin" } else { "disk" });
        for kind in [Kind::Mix(0.5), Kind::Mix(0.7), Kind::Mix(0.85), Kind::Burst, Kind::Alternation, Kind::Media] {
            let (mut ratio, mut worst, mut idle) = (0.0, 0.0, 0.0);
            let mut reference = 0.0f64;
            let mut ours = 0.0f64;
            for seed in &seeds {
                let count = if kind == Kind::Burst { 100 } else { 500 };
                let jobs = trace(kind, *seed, count, &models);
                let outcome = simulate(&jobs, &models, machine, contender);
                let fifo = simulate(&jobs, &models, Machine::PINNED, Contender::BytesLru);
                ratio += outcome.mean_latency() / bound::mean_latency(&jobs);
                worst += outcome.worst_wait(&jobs) / fifo.worst_wait(&jobs);
                ours = ours.max(outcome.worst_wait(&jobs));
                reference = reference.max(fifo.worst_wait(&jobs));
                idle += outcome.idle_while_queued / outcome.makespan;
            }
            let n = seeds.len() as f64;
            print!(" | {:5.2} w{:.2}/{:.2} i{:.3}", ratio / n, worst / n, ours / reference, idle / n);
        }
        println!();
    }
}
