//! Requests: order, progress, cancelling, the bound of the queue.

use crate::fake::{ask, serve, small, start, until};
use crate::plan::Plan;
use reelsmith_inference_core::{ErrorKind, ModelId, Progress};
use reelsmith_scheduler::{CancelToken, DeviceConfig, ScheduleError, Scheduler, Shutdown};
use std::sync::{Arc, Mutex};
use std::time::Duration;

fn gated(id: u64, steps: u64) -> Plan {
    Plan { gated: true, steps, ..Plan::new(id) }
}

#[tokio::test]
async fn requests_of_a_loaded_model_go_together_and_get_their_own_answer() {
    let (scheduler, desk) = start(1000, 10, &[("a", small()), ("b", small())]);
    let open = CancelToken::new();
    let first = ask(&scheduler, "a", gated(1, 1), &open);
    until(&scheduler, "the first runs", |now| now.running.is_some()).await;
    desk.arrived();
    let mut rest = Vec::new();
    for id in 2..6 {
        rest.push(ask(&scheduler, ["a", "b"][id as usize % 2], Plan::new(id), &open));
        until(&scheduler, "it waits", |now| now.queue.len() as u64 == id - 1).await;
    }
    let now = scheduler.snapshot();
    assert_eq!(now.queue.iter().map(|queued| queued.id).collect::<Vec<_>>(), [2, 3, 4, 5]);
    assert_eq!(now.running.map(|running| (running.id, running.model)), Some((1, "a".into())));
    desk.pass();
    assert_eq!(first.await.unwrap().unwrap().sample_rate, 1);
    for (id, answer) in (2..).zip(rest) {
        assert_eq!(answer.await.unwrap().unwrap().sample_rate, id);
    }
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 2, 4, 3, 5]);
    let counters = scheduler.snapshot().counters;
    assert_eq!((counters.submitted, counters.completed, counters.loads), (5, 5, 2));
    desk.nothing_went_wrong();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_arrives_and_a_stuck_listener_does_not_hold_the_device() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (enter, entered) = std::sync::mpsc::channel();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Mutex::new(released);
    let listener = {
        let heard = Arc::clone(&heard);
        move |now: Progress| {
            heard.lock().unwrap().push(now);
            if now.unit == "sentences" && now.done == 1 {
                enter.send(()).unwrap();
                released.lock().unwrap().recv_timeout(Duration::from_secs(20)).expect("released by the test");
            }
        }
    };
    let speaking = {
        let scheduler = scheduler.clone();
        tokio::spawn(async move {
            scheduler.speak(&ModelId("a".into()), gated(1, 3).request(), listener, CancelToken::new()).await
        })
    };
    tokio::task::spawn_blocking(move || {
        desk.arrived();
        desk.pass();
        entered.recv_timeout(Duration::from_secs(20)).expect("the first sentence is reported");
        // The listener is stuck now; the device goes through the other two sentences nevertheless.
        for _ in 0..2 {
            desk.arrived();
            desk.pass();
        }
        while desk.seen(|seen| seen.finished.is_empty()) {
            std::thread::yield_now();
        }
        release.send(()).unwrap();
    })
    .await
    .unwrap();
    assert_eq!(speaking.await.unwrap().unwrap().sample_rate, 1);
    let heard = heard.lock().unwrap();
    let last = Progress { done: 3, total: Some(3), unit: "sentences" };
    assert_eq!(heard.last(), Some(&last), "the last state is told before the answer");
    let sentences: Vec<u64> =
        heard.iter().filter(|now| now.unit == "sentences").map(|now| now.done).collect();
    assert!(sentences.is_sorted() && sentences.starts_with(&[1]), "{sentences:?}");
}

#[tokio::test]
async fn a_cancelled_request_leaves_the_queue_at_once_and_never_runs() {
    let (scheduler, desk) = start(1000, 2, &[("a", small())]);
    let (open, cancel) = (CancelToken::new(), CancelToken::new());
    let first = ask(&scheduler, "a", gated(1, 1), &open);
    until(&scheduler, "the first runs", |now| now.running.is_some()).await;
    desk.arrived();
    let second = ask(&scheduler, "a", Plan::new(2), &cancel);
    let third = ask(&scheduler, "a", Plan::new(3), &open);
    until(&scheduler, "two wait", |now| now.queue.len() == 2).await;
    cancel.cancel();
    assert!(matches!(second.await.unwrap(), Err(ScheduleError::Cancelled)), "while the first still runs");
    assert_eq!(scheduler.snapshot().queue.len(), 1, "its place is free");
    assert!(matches!(
        scheduler.speak(&ModelId("a".into()), Plan::new(4).request(), |_| {}, cancel).await,
        Err(ScheduleError::Cancelled)
    ));
    desk.pass();
    first.await.unwrap().unwrap();
    third.await.unwrap().unwrap();
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 3]);
    assert_eq!(scheduler.snapshot().counters.cancelled, 1);
}

#[tokio::test]
async fn a_running_request_ends_at_its_next_step_when_cancelled_or_dropped() {
    let (scheduler, desk) = start(1000, 10, &[("a", small())]);
    for drop_it in [false, true] {
        let cancel = CancelToken::new();
        let running = ask(&scheduler, "a", gated(1, 1000), &cancel);
        until(&scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.bytes == 10)).await;
        desk.arrived();
        desk.pass();
        desk.arrived();
        if drop_it {
            running.abort();
            assert!(running.await.unwrap_err().is_cancelled());
            desk.pass();
        } else {
            cancel.cancel();
            desk.pass();
            assert!(matches!(running.await.unwrap(), Err(ScheduleError::Cancelled)));
        }
        assert_eq!(
            serve(&scheduler, "a", Plan::new(2)).await.unwrap().sample_rate,
            2,
            "the device is free again"
        );
        assert_eq!(scheduler.snapshot().used_bytes, 100, "only the weights are held");
    }
    assert_eq!(scheduler.snapshot().counters.cancelled, 2);
    assert_eq!(desk.seen(|seen| seen.finished.clone()), [2, 2]);
}

#[tokio::test]
async fn cancelling_a_load_gives_its_bytes_back() {
    use crate::fake::Model;
    let (scheduler, desk) = start(1000, 10, &[("a", Model { gated_load: true, ..small() })]);
    let cancel = CancelToken::new();
    let loading = ask(&scheduler, "a", Plan::new(1), &cancel);
    until(&scheduler, "it loads", |now| now.running.is_some()).await;
    desk.arrived();
    assert_eq!(scheduler.snapshot().used_bytes, 100);
    cancel.cancel();
    desk.pass();
    assert!(matches!(loading.await.unwrap(), Err(ScheduleError::Cancelled)));
    let now = scheduler.snapshot();
    assert_eq!((now.used_bytes, now.residents.len(), now.counters.loads), (0, 0, 0));
    assert!(desk.seen(|seen| seen.begun.is_empty()));
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back() {
    let (scheduler, desk) = start(1000, 2, &[("a", small())]);
    let open = CancelToken::new();
    let busy = async || match serve(&scheduler, "a", Plan::new(9)).await {
        Err(ScheduleError::Busy { waiting, retry_after, .. }) => (waiting, retry_after),
        other => panic!("{other:?}"),
    };
    let mut held = vec![ask(&scheduler, "a", gated(1, 1), &open)];
    until(&scheduler, "the first runs", |now| now.running.is_some()).await;
    desk.arrived();
    for id in 2..4 {
        held.push(ask(&scheduler, "a", gated(id, 1), &open));
        until(&scheduler, "it waits", |now| now.queue.len() as u64 == id - 1).await;
    }
    let (waiting, after) = busy().await;
    assert_eq!((waiting, after.as_secs()), (2, 3), "a second for each of three, as nothing is measured yet");
    tokio::time::sleep(Duration::from_millis(300)).await; // The service time that is measured below.
    desk.pass();
    desk.arrived();
    held.push(ask(&scheduler, "a", gated(4, 1), &open));
    until(&scheduler, "two wait again", |now| now.queue.len() == 2).await;
    let mean = Duration::from_secs_f64(scheduler.snapshot().mean_service_seconds.unwrap());
    assert!(mean >= Duration::from_millis(300), "{mean:?}");
    let (waiting, after) = busy().await;
    let all = 3 * mean;
    assert!(waiting == 2 && (all * 9 / 10..all * 11 / 10).contains(&after), "{after:?} of {mean:?} for each");
    for _ in 0..2 {
        desk.pass();
        desk.arrived();
    }
    desk.pass();
    for answer in held {
        answer.await.unwrap().unwrap();
    }
    assert_eq!(scheduler.snapshot().counters.refused_busy, 2);
}

#[tokio::test]
async fn what_the_engine_refuses_is_passed_on() {
    let (scheduler, _desk) = start(1000, 10, &[("a", small())]);
    match serve(&scheduler, "absent", Plan::new(1)).await {
        Err(ScheduleError::Inference(error)) => assert_eq!(error.kind(), ErrorKind::UnknownModel),
        other => panic!("{other:?}"),
    }
    let failing = Plan { end: crate::plan::End::Fail, ..Plan::new(2) };
    match serve(&scheduler, "a", failing).await {
        Err(ScheduleError::Inference(error)) => assert_eq!(error.kind(), ErrorKind::Engine),
        other => panic!("{other:?}"),
    }
    serve(&scheduler, "a", Plan::new(3)).await.unwrap();
    assert_eq!(scheduler.snapshot().counters.failed, 2);
    scheduler.shutdown(Shutdown::Drain).await;
}

#[test]
fn settings_that_cannot_work_are_refused() {
    struct Never;
    impl reelsmith_inference_core::Engine for Never {
        fn footprint(
            &self,
            _: &ModelId,
        ) -> reelsmith_inference_core::Result<reelsmith_inference_core::Footprint> {
            panic!("never asked")
        }
        fn load(
            &mut self,
            _: &ModelId,
            _: &dyn reelsmith_inference_core::Control,
        ) -> reelsmith_inference_core::Result<reelsmith_inference_core::Resident> {
            panic!("never asked")
        }
    }
    let good = DeviceConfig::new("cpu", 8 << 30);
    assert_eq!((good.limit(), good.queue_capacity), (7 << 30, 64));
    let wrong = [
        (DeviceConfig { reserve_bytes: 8 << 30, ..good.clone() }, "reserve"),
        (DeviceConfig { budget_bytes: 0, reserve_bytes: 0, ..good.clone() }, "budget"),
        (DeviceConfig { queue_capacity: 0, ..good }, "queue capacity"),
    ];
    for (config, named) in wrong {
        let error = Scheduler::start(config, Box::new(Never)).map(drop).unwrap_err();
        assert!(error.to_string().contains(named), "{error}");
    }
}
