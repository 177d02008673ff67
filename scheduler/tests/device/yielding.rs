//! Runs that let others in between two of their steps.

use crate::fake::{Desk, Model, ask, serve, small, start, until};
use crate::plan::{End, Plan};
use reelsmith_scheduler::{CancelToken, ScheduleError, Scheduler, Shutdown};
use std::time::Duration;

const LONG: Duration = Duration::from_secs(1);

/// `long` has been seen to take long, and every other model to take no time; all of them are loaded.
async fn practised(limit: u64, others: &[&str]) -> (Scheduler, Desk) {
    let models: Vec<(&str, Model)> = ["long"].iter().chain(others).map(|name| (*name, small())).collect();
    let (scheduler, desk) = start(limit, 10, &models);
    let first = ask(&scheduler, "long", Plan { gated: true, ..Plan::new(1) }, &CancelToken::new());
    until(&scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.unit == "files")).await;
    desk.arrived();
    tokio::time::sleep(LONG).await; // The time of a run that is measured.
    desk.pass();
    first.await.unwrap().unwrap();
    for (id, other) in (2..).zip(others) {
        serve(&scheduler, other, Plan::new(id)).await.unwrap();
    }
    (scheduler, desk)
}

fn long(id: u64) -> Plan {
    Plan { gated: true, steps: 2, ..Plan::new(id) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_request_goes_between_two_steps_of_a_long_one() {
    let (scheduler, desk) = practised(1000, &["short"]).await;
    let open = CancelToken::new();
    let slow = ask(&scheduler, "long", long(10), &open);
    desk.arrived();
    let quick = ask(&scheduler, "short", Plan::new(11), &open);
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    assert_eq!(quick.await.unwrap().unwrap().sample_rate, 11);
    assert!(!slow.is_finished(), "the long one has a step to go");
    assert_eq!(scheduler.snapshot().counters.yields, 1);
    desk.arrived();
    desk.pass();
    assert_eq!(slow.await.unwrap().unwrap().sample_rate, 10);
    assert_eq!(desk.seen(|seen| seen.finished.clone()), [1, 2, 11, 10]);
    desk.nothing_went_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_has_no_room_beside_the_long_one_waits_for_its_end() {
    let (scheduler, desk) = practised(220, &["short"]).await;
    let open = CancelToken::new();
    let slow = ask(&scheduler, "long", Plan { peak: 100, ..long(10) }, &open);
    desk.arrived();
    let quick = ask(&scheduler, "short", Plan::new(11), &open);
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    desk.arrived();
    desk.pass();
    slow.await.unwrap().unwrap();
    quick.await.unwrap().unwrap();
    assert_eq!(desk.seen(|seen| seen.finished.clone()), [1, 2, 10, 11]);
    assert!(desk.seen(|seen| seen.most) <= 220);
    desk.nothing_went_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_fails_or_panics_between_two_steps_disturbs_nobody() {
    let (scheduler, desk) = practised(1000, &["failing", "panicking", "starved"]).await;
    let open = CancelToken::new();
    let slow = ask(&scheduler, "long", long(10), &open);
    desk.arrived();
    let ends = [("failing", End::Fail), ("panicking", End::Panic), ("starved", End::OutOfMemory)];
    let mut between = Vec::new();
    for (id, (model, end)) in (11..).zip(ends) {
        between.push(ask(&scheduler, model, Plan { end, ..Plan::new(id) }, &open));
    }
    until(&scheduler, "they wait", |now| now.queue.len() == 3).await;
    desk.pass();
    let starved = between.pop().unwrap();
    for answer in between {
        let error = answer.await.unwrap().unwrap_err();
        assert!(matches!(error, ScheduleError::Inference(_) | ScheduleError::Panicked { .. }), "{error}");
    }
    desk.arrived();
    desk.pass();
    assert_eq!(slow.await.unwrap().unwrap().sample_rate, 10);
    let error = starved.await.unwrap().unwrap_err();
    assert!(matches!(error, ScheduleError::Inference(_)), "there is no memory for it even alone: {error}");
    let now = scheduler.snapshot();
    assert_eq!(now.used_bytes, desk.seen(|seen| seen.held.values().sum::<u64>()), "the books are right");
    desk.nothing_went_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_finds_no_memory_beside_a_long_one_is_served_alone_after_it() {
    let (scheduler, desk) = practised(1000, &["starved", "idle", "pinned"]).await;
    scheduler.pin(&"pinned".into(), true).unwrap();
    let open = CancelToken::new();
    let slow = ask(&scheduler, "long", long(10), &open);
    desk.arrived();
    let starved = ask(&scheduler, "starved", Plan { end: End::NeedsRoom, ..Plan::new(11) }, &open);
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    desk.arrived();
    let now = scheduler.snapshot();
    assert_eq!(now.counters.memory_retries, 1);
    assert_eq!(now.queue.iter().map(|queued| queued.id).collect::<Vec<_>>(), [6], "it waits again");
    assert_eq!(now.running.map(|it| it.model), Some("long".into()), "the long one goes on");
    desk.pass();
    assert_eq!(slow.await.unwrap().unwrap().sample_rate, 10, "nobody disturbed it");
    assert_eq!(starved.await.unwrap().unwrap().sample_rate, 11);
    let now = scheduler.snapshot();
    let left: Vec<_> = now.residents.iter().map(|resident| resident.model.as_str()).collect();
    assert_eq!(left, ["pinned", "starved"], "it was alone but for what is pinned");
    let last: Vec<_> = now.decisions.iter().rev().take(3).map(|past| (past.action, past.request)).collect();
    assert_eq!(last, [("run", Some(6)), ("unload", None), ("unload", None)]);
    assert_eq!((now.counters.failed, now.counters.memory_retries), (0, 1));
    desk.nothing_went_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shutdown_ends_what_stands_still_too() {
    let (scheduler, desk) = practised(1000, &["short"]).await;
    let open = CancelToken::new();
    let slow = ask(&scheduler, "long", long(10), &open);
    desk.arrived();
    let quick = ask(&scheduler, "short", Plan { gated: true, ..Plan::new(11) }, &open);
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    desk.arrived();
    let now = scheduler.snapshot();
    assert_eq!(now.running.map(|it| it.model), Some("short".into()));
    assert_eq!(now.standing.iter().map(|it| it.model.as_str()).collect::<Vec<_>>(), ["long"]);
    let closing = tokio::spawn({
        let scheduler = scheduler.clone();
        async move { scheduler.shutdown(Shutdown::Cancel).await }
    });
    until(&scheduler, "it closes", |now| now.closing).await;
    desk.pass();
    closing.await.unwrap();
    for answer in [slow, quick] {
        assert!(matches!(answer.await.unwrap(), Err(ScheduleError::ShuttingDown)));
    }
    assert_eq!(scheduler.snapshot().used_bytes, 0);
    desk.nothing_went_wrong();
}
