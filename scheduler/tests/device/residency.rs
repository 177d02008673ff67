//! How long models stay: idle for so long, pinned, loaded and unloaded by wish.

use crate::fake::{Desk, Model, ask, config, serve, small, start, start_as, until};
use crate::plan::{End, Plan};
use reelsmith_inference_core::{ErrorKind, ModelId};
use reelsmith_scheduler::{
    Asked, CancelToken, DeviceConfig, KeepAlive, ResidentModel, ScheduleError, Scheduler, Shutdown,
};
use std::time::Duration;

const SHORT: Duration = Duration::from_millis(20);

fn keeping(keep_alive: Duration, models: &[(&str, Model)]) -> (Scheduler, Desk) {
    start_as(DeviceConfig { keep_alive: Some(keep_alive), ..config(1000, 10) }, 1000, models)
}

fn wishing(scheduler: &Scheduler, keep_alive: KeepAlive) -> Scheduler {
    scheduler.as_asked(Asked { keep_alive, ..Asked::default() })
}

fn resident(scheduler: &Scheduler, model: &str) -> Option<ResidentModel> {
    scheduler.snapshot().residents.into_iter().find(|resident| resident.model == model)
}

async fn gone(scheduler: &Scheduler, model: &str) {
    until(scheduler, "it goes", |now| now.residents.iter().all(|resident| resident.model != model)).await;
}

#[tokio::test]
async fn a_model_goes_once_it_was_idle_for_as_long_as_it_was_to_stay() {
    let (scheduler, desk) = keeping(SHORT, &[("a", small())]);
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    gone(&scheduler, "a").await;
    let now = scheduler.snapshot();
    assert_eq!((now.used_bytes, now.counters.unloads, now.counters.evictions), (0, 1, 0));
    let last = now.decisions.last().unwrap();
    assert_eq!((last.action, last.model.as_deref()), ("unload", Some("a")));
    let told = last.reason.strip_prefix("idle for ").and_then(|rest| rest.split(' ').next()).unwrap();
    assert!(told.parse::<f64>().unwrap() < 19.0, "it did not wait for a request: {}", last.reason);
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["a"]);
    serve(&scheduler, "a", Plan::new(2)).await.unwrap();
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn the_snapshot_says_how_long_each_model_will_stay() {
    let (scheduler, desk) = keeping(Duration::from_secs(3600), &[("a", small()), ("b", small())]);
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    let idle = resident(&scheduler, "a").unwrap();
    let left = idle.unloads_in_seconds.unwrap();
    assert!((3500.0..=3600.0).contains(&left) && idle.idle_seconds.is_some(), "{idle:?}");
    scheduler.pin(&"a".into(), true).unwrap();
    let pinned = resident(&scheduler, "a").unwrap();
    assert_eq!((pinned.pinned, pinned.unloads_in_seconds), (true, None));
    let running = ask(&scheduler, "b", Plan { gated: true, ..Plan::new(2) }, &CancelToken::new());
    until(&scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.bytes == 10)).await;
    desk.arrived();
    let active = resident(&scheduler, "b").unwrap();
    assert_eq!((active.active, active.idle_seconds, active.unloads_in_seconds), (true, None, None));
    desk.pass();
    running.await.unwrap().unwrap();
}

#[tokio::test]
async fn the_latest_wish_of_a_request_goes_before_that_of_the_model_and_the_device() {
    let (scheduler, _desk) = keeping(Duration::ZERO, &[("a", small()), ("b", small()), ("c", small())]);
    serve(&wishing(&scheduler, KeepAlive::Forever), "a", Plan::new(1)).await.unwrap();
    scheduler.keep_alive(&"b".into(), KeepAlive::Forever).unwrap();
    serve(&scheduler, "b", Plan::new(2)).await.unwrap();
    serve(&scheduler, "a", Plan::new(3)).await.unwrap(); // Wishes nothing, and so changes nothing.
    serve(&scheduler, "c", Plan::new(4)).await.unwrap();
    gone(&scheduler, "c").await;
    let stays = |model| resident(&scheduler, model).is_some_and(|held| held.unloads_in_seconds.is_none());
    assert!(stays("a") && stays("b"));
    serve(&wishing(&scheduler, KeepAlive::For(Duration::ZERO)), "a", Plan::new(5)).await.unwrap();
    gone(&scheduler, "a").await;
    scheduler.keep_alive(&"b".into(), KeepAlive::AsSet).unwrap();
    gone(&scheduler, "b").await;
}

#[tokio::test]
async fn a_model_that_is_waited_for_does_not_go() {
    let (scheduler, desk) = keeping(Duration::ZERO, &[("a", small()), ("b", small())]);
    let open = CancelToken::new();
    let gated = |id| Plan { gated: true, ..Plan::new(id) };
    let first = ask(&scheduler, "a", gated(1), &open);
    desk_at_gate(&scheduler, &desk).await;
    let second = ask(&scheduler, "a", gated(2), &open);
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    first.await.unwrap().unwrap();
    desk.arrived();
    desk.pass();
    second.await.unwrap().unwrap();
    gone(&scheduler, "a").await;
    assert_eq!(scheduler.snapshot().counters.loads, 1, "it stayed for the second");
    desk.nothing_went_wrong();
}

async fn desk_at_gate(scheduler: &Scheduler, desk: &Desk) {
    until(scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.bytes == 10)).await;
    desk.arrived();
}

#[tokio::test]
async fn preloading_loads_and_runs_nothing() {
    let broken = Model { load: End::Fail, ..small() };
    let (scheduler, desk) =
        start(1000, 10, &[("a", small()), ("broken", broken), ("huge", Model { weights: 995, ..small() })]);
    let preload = async |model: &str| scheduler.preload(&model.into(), CancelToken::new()).await;
    preload("a").await.unwrap();
    preload("a").await.unwrap();
    let held = resident(&scheduler, "a").unwrap();
    assert_eq!((held.bytes, held.active), (100, false));
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1]);
    match preload("absent").await {
        Err(ScheduleError::Inference(error)) => assert_eq!(error.kind(), ErrorKind::UnknownModel),
        other => panic!("{other:?}"),
    }
    assert!(matches!(preload("broken").await, Err(ScheduleError::Inference(_))));
    assert!(matches!(preload("huge").await, Err(ScheduleError::TooLarge(_))), "it could never run");
    let now = scheduler.snapshot().counters;
    assert_eq!((now.loads, now.completed, now.failed, now.refused_too_large), (1, 3, 2, 1));
    assert!(scheduler.learned().measured_run(&"a".into(), 1.0).is_some_and(|rate| rate.is_finite()));
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn an_idle_model_is_unloaded_by_wish_between_two_steps_and_one_at_work_is_not() {
    let (scheduler, desk) = start(1000, 10, &[("a", small()), ("b", small())]);
    let unload = async |model: &str| scheduler.unload(&model.into()).await;
    assert!(!unload("b").await.unwrap(), "it was not loaded");
    serve(&scheduler, "b", Plan::new(1)).await.unwrap();
    let running = ask(&scheduler, "a", Plan { gated: true, steps: 2, ..Plan::new(2) }, &CancelToken::new());
    desk_at_gate(&scheduler, &desk).await;
    match unload("a").await {
        Err(ScheduleError::InUse { model }) => assert_eq!(model, ModelId::from("a")),
        other => panic!("{other:?}"),
    }
    let mut unloading = Box::pin(unload("b"));
    tokio::select! {
        biased;
        answer = &mut unloading => panic!("the device is at work: {answer:?}"),
        () = std::future::ready(()) => {}
    }
    desk.pass();
    desk.arrived();
    assert!(unloading.await.unwrap(), "the run has a step to go");
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["b"]);
    desk.pass();
    running.await.unwrap().unwrap();
    assert!(unload("a").await.unwrap());
    let now = scheduler.snapshot();
    assert_eq!((now.used_bytes, now.counters.unloads, now.counters.evictions), (0, 2, 0));
    scheduler.shutdown(Shutdown::Drain).await;
    assert!(matches!(unload("a").await, Err(ScheduleError::ShuttingDown)));
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn a_pinned_model_stays_whatever_comes() {
    let models = [("a", small()), ("b", small()), ("c", small()), ("d", small())];
    let config = DeviceConfig { keep_alive: Some(Duration::from_secs(3600)), ..config(320, 10) };
    let (scheduler, desk) = start_as(config, 320, &models);
    scheduler.pin(&"a".into(), true).unwrap();
    for (id, model) in ["a", "b", "c", "d", "b"].into_iter().enumerate() {
        serve(&scheduler, model, Plan::new(id as u64)).await.unwrap();
    }
    assert!(desk.seen(|seen| !seen.unloaded.contains(&"a".to_owned()) && seen.unloaded.len() == 2));
    let large = Plan { peak: 150, ..Plan::new(5) };
    match serve(&scheduler, "b", large).await {
        Err(error @ ScheduleError::PinnedOut { needed: 250, pinned: 100, limit: 320, .. }) => {
            assert!(error.to_string().starts_with("b needs 250 B on fake, where 100 B of 320 B are pinned"));
        }
        other => panic!("{other:?}"),
    }
    assert!(serve(&scheduler, "a", large).await.is_ok(), "what it holds itself is not in its way");
    scheduler.pin(&"a".into(), false).unwrap();
    serve(&scheduler, "b", large).await.unwrap();
    assert!(desk.seen(|seen| seen.unloaded.contains(&"a".to_owned())));
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn what_ran_out_of_memory_once_is_not_refused_for_what_is_pinned() {
    let (scheduler, desk) = start(1000, 10, &[("pinned", small()), ("other", small()), ("a", small())]);
    scheduler.pin(&"pinned".into(), true).unwrap();
    for (id, model) in [(1, "pinned"), (2, "other")] {
        serve(&scheduler, model, Plan::new(id)).await.unwrap();
    }
    let crowded = |id| Plan { end: End::NeedsRoom, ..Plan::new(id) };
    serve(&scheduler, "a", crowded(3)).await.unwrap();
    assert_eq!(scheduler.snapshot().counters.memory_retries, 1);
    serve(&scheduler, "other", Plan::new(4)).await.unwrap();
    serve(&scheduler, "a", crowded(5)).await.unwrap();
    assert_eq!(scheduler.snapshot().counters.memory_retries, 1, "room was made for it before");
    assert!(resident(&scheduler, "pinned").is_some() && resident(&scheduler, "other").is_none());
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn wishes_are_bounded_and_taken_back() {
    let (scheduler, _desk) = start(1000, 10, &[("a", small())]);
    let model = |n: u32| ModelId(format!("model-{n}"));
    for n in 0..256 {
        scheduler.pin(&model(n), true).unwrap();
    }
    let one_more = scheduler.pin(&"a".into(), true);
    assert!(matches!(one_more, Err(ScheduleError::InvalidConfig(_))), "{one_more:?}");
    scheduler.pin(&model(7), false).unwrap();
    scheduler.pin(&"a".into(), true).unwrap();
}
