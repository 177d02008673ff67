//! The end: drained, cancelled, or left without a handle.

use crate::fake::{Desk, ask, serve, small, start, until};
use crate::plan::Plan;
use reelsmith_scheduler::{CancelToken, ScheduleError, Scheduler, Shutdown};
use std::time::Duration;
use tokio::task::JoinHandle;

type Asked = Vec<JoinHandle<crate::fake::Answer>>;

/// One request at its gate, two that wait.
async fn in_the_middle() -> (Scheduler, Desk, Asked) {
    let (scheduler, desk) = start(1000, 10, &[("a", small()), ("b", small())]);
    let open = CancelToken::new();
    let mut asked = vec![ask(&scheduler, "a", Plan { gated: true, ..Plan::new(1) }, &open)];
    until(&scheduler, "the first runs", |now| now.running.is_some()).await;
    desk.arrived();
    for id in 2..4 {
        asked.push(ask(&scheduler, "b", Plan::new(id), &open));
        until(&scheduler, "it waits", |now| now.queue.len() as u64 == id - 1).await;
    }
    (scheduler, desk, asked)
}

fn shut(scheduler: &Scheduler, how: Shutdown) -> JoinHandle<()> {
    let scheduler = scheduler.clone();
    tokio::spawn(async move { scheduler.shutdown(how).await })
}

#[tokio::test]
async fn draining_serves_what_was_taken_and_refuses_the_rest() {
    let (scheduler, desk, asked) = in_the_middle().await;
    let ending = shut(&scheduler, Shutdown::Drain);
    until(&scheduler, "it closes", |now| now.closing).await;
    assert!(matches!(serve(&scheduler, "a", Plan::new(9)).await, Err(ScheduleError::ShuttingDown)));
    assert!(!ending.is_finished());
    desk.pass();
    for answer in asked {
        answer.await.unwrap().unwrap();
    }
    ending.await.unwrap();
    desk.seen(|seen| assert!(seen.held.is_empty(), "every model is unloaded: {:?}", seen.held));
    desk.gone.try_recv().expect("the engine is dropped before the shutdown returns");
    scheduler.shutdown(Shutdown::Cancel).await; // A second time is harmless.
}

#[tokio::test]
async fn cancelling_ends_the_running_one_and_gives_the_others_back() {
    let (scheduler, desk, asked) = in_the_middle().await;
    let ending = shut(&scheduler, Shutdown::Cancel);
    until(&scheduler, "it closes", |now| now.closing).await;
    desk.pass();
    for answer in asked {
        assert!(matches!(answer.await.unwrap(), Err(ScheduleError::ShuttingDown)));
    }
    ending.await.unwrap();
    assert_eq!(desk.seen(|seen| (seen.begun.clone(), seen.finished.len())), (vec![1], 0));
    assert_eq!(scheduler.snapshot().counters.refused_closing, 3);
}

#[tokio::test]
async fn a_drain_can_be_cut_short() {
    let (scheduler, desk, asked) = in_the_middle().await;
    let draining = shut(&scheduler, Shutdown::Drain);
    until(&scheduler, "it closes", |now| now.closing).await;
    let cancelling = shut(&scheduler, Shutdown::Cancel);
    until(&scheduler, "the queue is given back", |now| now.queue.is_empty()).await;
    desk.pass();
    draining.await.unwrap();
    cancelling.await.unwrap();
    for answer in asked {
        assert!(matches!(answer.await.unwrap(), Err(ScheduleError::ShuttingDown)));
    }
}

#[tokio::test]
async fn the_thread_ends_with_the_last_handle() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    let clone = scheduler.clone();
    drop(scheduler);
    serve(&clone, "a", Plan::new(2)).await.unwrap();
    drop(clone);
    let gone = tokio::task::spawn_blocking(move || desk.gone.recv_timeout(Duration::from_secs(20)));
    gone.await.unwrap().expect("the engine is dropped");
}
