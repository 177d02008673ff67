//! How the time of one decision grows with the queue: `cargo run --release -p reelsmith-scheduler --example decision_time`.

use reelsmith_inference_core::{Footprint, ModelId};
use reelsmith_scheduler::policy::{self, Device, Resident, Waiting};
use std::hint::black_box;
use std::time::Instant;

fn main() {
    let model = |n: u64| ModelId(format!("model-{}", n % 20));
    let resident = |n| Resident { model: model(n), bytes: 100, last_used: n };
    let device = Device { limit: 1000, used: 1000, residents: (0..10).map(resident).collect(), active: None };
    println!("{:>8} {:>14}", "queued", "us a decision");
    for queued in [10u64, 100, 1_000, 10_000] {
        let needs = Footprint { weights: 100, peak_activation: 50 };
        let queue: Vec<Waiting> =
            (0..queued).map(|id| Waiting { id, model: model(id + 11), needs }).collect();
        let turns = 2_000_000 / queued;
        let started = Instant::now();
        for _ in 0..turns {
            black_box(policy::next(black_box(&queue), black_box(std::slice::from_ref(&device))));
        }
        println!("{queued:>8} {:>14.3}", started.elapsed().as_secs_f64() * 1e6 / turns as f64);
    }
}
