//! Memory: what fits, what is evicted, what out-of-memory leads to.

use crate::fake::{Able, Model, ask, config, serve, small, start, start_as, until};
use crate::plan::{End, Plan};
use reelsmith_inference_core::{ErrorKind, Footprint, ModelId};
use reelsmith_scheduler::{CancelToken, DeviceConfig, MemoryUse, ScheduleError, Scheduler};

fn residents(scheduler: &Scheduler) -> Vec<String> {
    scheduler.snapshot().residents.into_iter().map(|resident| resident.model).collect()
}

#[tokio::test]
async fn what_never_fits_is_refused_with_the_arithmetic() {
    let huge = Model { weights: 900 << 20, peak: 200 << 20, ..Model::default() };
    let (scheduler, desk) = start((1 << 30) - 50, 10, &[("huge", huge), ("small", small())]);
    let open = CancelToken::new();
    let busy = ask(&scheduler, "small", Plan { gated: true, ..Plan::new(1) }, &open);
    until(&scheduler, "it runs", |now| now.running.as_ref().is_some_and(|it| it.unit == "files")).await;
    desk.arrived();
    // While the device is at work the engine cannot be asked; the answer comes once it is free.
    let refused = ask(&scheduler, "huge", Plan::new(2), &open);
    until(&scheduler, "it waits", |now| now.queue.len() == 1).await;
    desk.pass();
    busy.await.unwrap().unwrap();
    let error = refused.await.unwrap().unwrap_err();
    let ScheduleError::TooLarge(arithmetic) = &error else { panic!("{error}") };
    assert_eq!(arithmetic.needed.total(), 1100 << 20);
    let shown = error.to_string();
    for part in
        ["huge", "900.00 MiB + peak 200.00 MiB = 1.07 GiB", "reserve 50 B", "1153433600", "1073741774 bytes"]
    {
        assert!(shown.contains(part), "{part:?} in {shown}");
    }
    // From now on it is known, and refused at once even while the device is at work.
    let busy = ask(&scheduler, "small", Plan { gated: true, ..Plan::new(3) }, &open);
    desk_arrived(&desk).await;
    assert!(matches!(serve(&scheduler, "huge", Plan::new(4)).await, Err(ScheduleError::TooLarge(_))));
    desk.pass();
    busy.await.unwrap().unwrap();
    assert_eq!(scheduler.snapshot().counters.refused_too_large, 2);
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 3]);
}

async fn desk_arrived(desk: &crate::fake::Desk) {
    tokio::task::yield_now().await;
    desk.arrived();
}

#[tokio::test]
async fn the_idle_model_used_least_recently_goes_first() {
    let (scheduler, desk) = start(320, 10, &[("a", small()), ("b", small()), ("c", small()), ("d", small())]);
    for (id, model) in ["a", "b", "c", "a", "d", "b"].into_iter().enumerate() {
        serve(&scheduler, model, Plan::new(id as u64)).await.unwrap();
    }
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["b", "c"]);
    assert_eq!(residents(&scheduler), ["a", "d", "b"]);
    let now = scheduler.snapshot();
    assert_eq!((now.counters.evictions, now.counters.loads, now.used_bytes), (2, 5, 300));
    assert!(desk.seen(|seen| seen.most) <= 320);
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn a_large_run_makes_room_beside_its_own_weights() {
    let (scheduler, desk) = start(320, 10, &[("a", small()), ("b", small())]);
    serve(&scheduler, "b", Plan::new(1)).await.unwrap();
    serve(&scheduler, "a", Plan::new(2)).await.unwrap();
    serve(&scheduler, "a", Plan { peak: 200, ..Plan::new(3) }).await.unwrap();
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["b"]);
    let refused = serve(&scheduler, "a", Plan { peak: 221, ..Plan::new(4) }).await;
    assert!(matches!(refused, Err(ScheduleError::TooLarge(_))), "{refused:?}");
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn weights_that_a_loaded_model_corrects_are_booked_anew() {
    let grown = Model { exact: Some(250), ..small() };
    let shrunk = Model { exact: Some(40), ..small() };
    let (scheduler, desk) = start(320, 10, &[("grown", grown), ("shrunk", shrunk), ("a", small())]);
    serve(&scheduler, "shrunk", Plan::new(1)).await.unwrap();
    assert_eq!(scheduler.snapshot().used_bytes, 40);
    serve(&scheduler, "a", Plan::new(2)).await.unwrap();
    serve(&scheduler, "grown", Plan::new(3)).await.unwrap();
    assert_eq!(desk.seen(|seen| seen.unloaded.clone()), ["shrunk", "a"], "250 and 10 beside 100 exceed 320");
    assert_eq!(scheduler.snapshot().used_bytes, 250, "what it really holds is booked once there is room");
    serve(&scheduler, "grown", Plan::new(4)).await.unwrap();
    assert_eq!(scheduler.snapshot().used_bytes, 250);
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn out_of_memory_evicts_the_others_and_tries_once_more() {
    let crowded = Model { load: End::NeedsSpace, ..small() };
    let never = Model { load: End::OutOfMemory, ..small() };
    let (scheduler, desk) =
        start(1000, 10, &[("a", small()), ("b", small()), ("crowded", crowded), ("never", never)]);
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    serve(&scheduler, "b", Plan { end: End::NeedsSpace, ..Plan::new(2) }).await.unwrap();
    assert_eq!(residents(&scheduler), ["b"], "the run was tried again with nothing else on the device");
    serve(&scheduler, "crowded", Plan::new(3)).await.unwrap();
    assert_eq!(residents(&scheduler), ["crowded"], "and so was the load");
    serve(&scheduler, "a", Plan::new(4)).await.unwrap();
    for (model, plan) in [("a", Plan { end: End::OutOfMemory, ..Plan::new(5) }), ("never", Plan::new(6))] {
        match serve(&scheduler, model, plan).await {
            Err(ScheduleError::Inference(error)) => assert_eq!(error.kind(), ErrorKind::OutOfMemory),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 2, 2, 3, 4, 5, 5], "each at most twice");
    assert_eq!(scheduler.snapshot().counters.memory_retries, 4);
    let held = scheduler.snapshot().used_bytes;
    assert_eq!(held, desk.seen(|seen| seen.held.values().sum::<u64>()), "the ledger agrees with the device");
    desk.nothing_went_wrong();
}

#[tokio::test]
async fn what_fell_short_is_made_room_for_the_next_time() {
    let large = Model { weights: 400, ..small() };
    let (scheduler, desk) = start(1000, 10, &[("a", large), ("b", large)]);
    let crowded = |id| Plan { end: End::NeedsSpace, ..Plan::new(id) };
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    serve(&scheduler, "b", crowded(2)).await.unwrap();
    assert_eq!(scheduler.snapshot().counters.memory_retries, 1);
    serve(&scheduler, "a", Plan::new(3)).await.unwrap();
    assert_eq!(residents(&scheduler), ["b", "a"]);
    serve(&scheduler, "b", crowded(4)).await.unwrap();
    assert_eq!(desk.seen(|seen| seen.begun.clone()), [1, 2, 2, 3, 4], "no second retry");
    assert_eq!((residents(&scheduler), scheduler.snapshot().counters.memory_retries), (vec!["b".into()], 1));
    serve(&scheduler, "b", Plan { peak: 590, ..Plan::new(5) }).await.unwrap();
    desk.nothing_went_wrong();
}

async fn paint(scheduler: &Scheduler, plan: Plan) -> MemoryUse {
    let model = ModelId("painter".into());
    scheduler
        .generate(&model, plan.picture(), |_| {}, |_| {}, CancelToken::new())
        .await
        .map(|served| served.memory)
        .unwrap()
}

#[tokio::test]
async fn a_reply_says_what_was_reckoned_and_what_was_measured() {
    let painter = Model { able: Able::Generate, ..small() };
    let (scheduler, _desk) =
        start_as(DeviceConfig { host_memory: true, ..config(320, 10) }, 320, &[("painter", painter)]);
    let first = paint(&scheduler, Plan::new(1)).await;
    assert_eq!(first.estimate, Footprint { weights: 100, peak_activation: 10 });
    assert!(first.loaded, "the model was loaded for it");
    let second = paint(&scheduler, Plan { peak: 20, ..Plan::new(2) }).await;
    assert_eq!((second.estimate.peak_activation, second.loaded), (20, false));
    for memory in [first, second] {
        let told = memory.measured.is_some_and(|measured| measured.before > 0 && measured.peak > 0);
        assert_eq!(told, cfg!(target_os = "linux"), "{memory:?}");
    }
    let (scheduler, _desk) = start(320, 10, &[("painter", painter)]);
    assert_eq!(paint(&scheduler, Plan::new(1)).await.measured, None, "memory of another kind is not made up");
}
