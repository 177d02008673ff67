//! What is shown of decisions: reasons, what requests need, when they are expected to begin.

use crate::fake::{ask, serve, small, start, until};
use crate::plan::Plan;
use reelsmith_inference_core::Footprint;
use reelsmith_scheduler::CancelToken;
use std::time::Duration;

const LONG: Duration = Duration::from_millis(500);

#[tokio::test]
async fn waiting_requests_say_what_they_need_when_they_begin_and_why_they_wait() {
    let (scheduler, desk) = start(1000, 10, &[("a", small()), ("b", small())]);
    let open = CancelToken::new();
    let gated = |id| Plan { gated: true, ..Plan::new(id) };
    for id in 1..3 {
        let running = ask(&scheduler, "a", gated(id), &open);
        until(&scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.bytes == 10)).await;
        desk.arrived();
        if id == 1 {
            tokio::time::sleep(LONG).await; // The time of a run that is measured.
            desk.pass();
            running.await.unwrap().unwrap();
        }
    }
    let mut waiting = Vec::new();
    for (id, model) in [(3, "a"), (4, "b"), (5, "a")] {
        waiting.push(ask(&scheduler, model, Plan::new(id), &open));
        until(&scheduler, "it waits", |now| now.queue.len() as u64 == id - 2).await;
    }
    let now = scheduler.snapshot();
    let starts: Vec<Option<f64>> = now.queue.iter().map(|queued| queued.starts_in_seconds).collect();
    let effort = Plan::new(3).request().text.len() as f64;
    let run = scheduler.learned().measured_run(&"a".into(), effort).unwrap();
    assert!(run >= LONG.as_secs_f64());
    let near = |start: Option<f64>, runs: f64| start.is_some_and(|start| (start - runs * run).abs() < 1e-6);
    assert!(near(starts[0], 1.0) && near(starts[2], 2.0), "{starts:?}");
    assert_eq!(starts[1], None, "the engine was not asked about b yet");
    assert_eq!(now.queue[0].needs, Some(Footprint { weights: 100, peak_activation: 10 }));
    assert!(now.queue.iter().all(|queued| queued.reason.is_some()), "{:?}", now.queue);
    let let_in = now.decisions.last().unwrap();
    assert_eq!((let_in.action, let_in.request, let_in.model.as_deref()), ("run", Some(2), Some("a")));
    assert!(let_in.reason.starts_with("the shortest: "), "{}", let_in.reason);
    assert_eq!(now.running.unwrap().reason.as_ref(), Some(&let_in.reason));
    desk.pass();
    for answer in waiting {
        answer.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn the_latest_decisions_are_remembered_with_their_reasons() {
    let (scheduler, _desk) = start(250, 10, &[("a", small()), ("b", small()), ("c", small())]);
    for (id, model) in (1..).zip(["a", "b", "c"].repeat(10)) {
        serve(&scheduler, model, Plan::new(id)).await.unwrap();
    }
    let decisions = scheduler.snapshot().decisions;
    assert_eq!(decisions.len(), 64);
    assert!(decisions.is_sorted_by(|a, b| a.seconds_ago >= b.seconds_ago), "the earliest first");
    let last: Vec<_> = decisions.iter().rev().take(3).map(|past| (past.action, past.request)).collect();
    assert_eq!(last, [("run", Some(30)), ("load", Some(30)), ("unload", None)]);
    let unload = &decisions[61];
    assert_eq!(unload.model.as_deref(), Some("a"));
    assert!(unload.reason.contains("bytes are missing"), "{}", unload.reason);
}
