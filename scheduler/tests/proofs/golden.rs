//! What a snapshot shows at named points of one run, as text.

use crate::engine::{Fate, Model, Plan, Point};
use crate::stage::{Ending, Stage};
use reelsmith_scheduler::{RunningRequest, Shutdown, Snapshot};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

const MODELS: [Model; 3] = [
    Model { name: "a", weights: 100, peak: 20 },
    Model { name: "b", weights: 150, peak: 20 },
    Model { name: "c", weights: 60, peak: 20 },
];

/// All of a snapshot that does not depend on time.
fn show(name: &str, now: &Snapshot) -> String {
    let mut text =
        format!("{name}\n  {} of {} bytes\n", now.used_bytes, now.budget_bytes - now.reserve_bytes);
    for resident in &now.residents {
        let active = if resident.active { ", active" } else { "" };
        let _ = writeln!(text, "  holds {}: {} bytes{active}", resident.model, resident.bytes);
    }
    let show = |what: &str, request: &RunningRequest| {
        let RunningRequest { id, model, bytes, done, total, unit, .. } = request;
        let done = total.map_or("no step yet".to_owned(), |total| format!("{done} of {total} {unit}"));
        format!("  {what} {id} on {model}: {bytes} bytes, {done}\n")
    };
    text.extend(now.running.iter().map(|request| show("at work:", request)));
    text.extend(now.standing.iter().map(|request| show("stands still:", request)));
    text.extend(now.queue.iter().map(|queued| format!("  waits: {} for {}\n", queued.id, queued.model)));
    let counters = now.counters;
    for (name, count) in [
        ("submitted", counters.submitted),
        ("completed", counters.completed),
        ("loads", counters.loads),
        ("evictions", counters.evictions),
        ("yields", counters.yields),
        ("memory retries", counters.memory_retries),
    ] {
        if count > 0 {
            let _ = writeln!(text, "  {name}: {count}");
        }
    }
    text
}

#[test]
fn snapshots_at_named_points_are_those_of_the_golden_text() {
    let told = Arc::new(Mutex::new(String::new()));
    let shown = Arc::clone(&told);
    let tell = move |name: &str, now: &Snapshot| shown.lock().unwrap().push_str(&show(name, now));
    let stage = Stage::open(300, 8, &MODELS, |_, _| Fate::Go);
    tell("nothing was asked yet", &stage.now());
    stage.ask("c", Plan { steps: 0, peak: 20 });
    stage.settle();
    tell("c has served and stays", &stage.now());
    let script = tell.clone();
    let (mut files, mut attempts) = (0, 0);
    stage.direct(move |stage, point| {
        match point {
            Point::Load("a") => {
                files += 1;
                if files == 2 {
                    stage.ask("c", Plan { steps: 1, peak: 20 });
                    script("a is loaded for the second request, and a third for c comes", &stage.now());
                }
            }
            Point::Begin(1) => script("a begins, which was loaded for it", &stage.now()),
            Point::Begin(2) => script("c is let in between two steps of a", &stage.now()),
            Point::Begin(3) => {
                attempts += 1;
                let name = ["b takes the place of c, and finds no memory", "b begins anew, alone"];
                script(name[attempts - 1], &stage.now());
                return if attempts == 1 { Fate::OutOfMemory } else { Fate::Go };
            }
            _ => {}
        }
        Fate::Go
    });
    stage.ask("a", Plan { steps: 2, peak: 20 });
    stage.settle();
    stage.ask("b", Plan { steps: 0, peak: 20 });
    assert_eq!(stage.settle(), [Ending::Done; 4]);
    stage.direct(|_, _| Fate::Go);
    tell("the device is closed", &stage.close(Shutdown::Drain, 0));
    let told = told.lock().unwrap();
    assert_eq!(*told, include_str!("golden/points.txt"), "what is shown now:\n{told}");
}
