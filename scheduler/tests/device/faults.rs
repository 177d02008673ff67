//! Panics in the engine, wherever they come from, cost one request and no more.

use crate::fake::{Model, serve, small, start};
use crate::plan::{End, Plan};
use reelsmith_inference_core::ErrorKind;
use reelsmith_scheduler::{ScheduleError, Shutdown};

fn panicked(answer: crate::fake::Answer, model: &str) {
    match answer {
        Err(ScheduleError::Panicked { model: named, message }) => {
            assert_eq!(named, model);
            assert!(message.contains("as planned"), "{message}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_panic_costs_one_request_and_its_model() {
    let loading = Model { load: End::Panic, ..small() };
    let pricing = Model { price_panics: true, ..small() };
    let dropping = Model { drop_panics: true, ..small() };
    let models =
        [("a", small()), ("b", small()), ("loading", loading), ("pricing", pricing), ("dropping", dropping)];
    let (scheduler, desk) = start(250, 10, &models);
    serve(&scheduler, "b", Plan::new(1)).await.unwrap();
    serve(&scheduler, "a", Plan::new(2)).await.unwrap();

    panicked(serve(&scheduler, "a", Plan { end: End::Panic, ..Plan::new(3) }).await, "a");
    assert_eq!(
        desk.seen(|seen| seen.unloaded.clone()),
        ["a"],
        "the model that panicked is gone, the other stays"
    );
    serve(&scheduler, "a", Plan::new(4)).await.unwrap();

    panicked(serve(&scheduler, "loading", Plan::new(5)).await, "loading");
    panicked(serve(&scheduler, "pricing", Plan::new(6)).await, "pricing");
    serve(&scheduler, "dropping", Plan::new(7)).await.unwrap();
    serve(&scheduler, "a", Plan::new(8)).await.unwrap();
    serve(&scheduler, "b", Plan::new(9)).await.unwrap(); // Evicts the one whose dropping panics.
    assert!(desk.seen(|seen| seen.unloaded.contains(&"dropping".to_owned())));

    let now = scheduler.snapshot();
    assert_eq!((now.counters.panics, now.counters.failed, now.counters.completed), (3, 3, 6));
    assert_eq!(now.used_bytes, desk.seen(|seen| seen.held.values().sum::<u64>()));
    desk.nothing_went_wrong();
    scheduler.shutdown(Shutdown::Drain).await;
}

#[tokio::test]
async fn what_was_lost_with_the_engines_process_is_loaded_anew_and_tried_once_more() {
    let (scheduler, desk) = start(250, 10, &[("a", small()), ("b", small())]);
    serve(&scheduler, "a", Plan::new(1)).await.unwrap();
    serve(&scheduler, "b", Plan::new(2)).await.unwrap();

    serve(&scheduler, "a", Plan { end: End::LostOnce, ..Plan::new(3) }).await.unwrap();
    let mut unloaded = desk.seen(|seen| seen.unloaded.clone());
    unloaded.sort();
    assert_eq!(unloaded, ["a", "b"], "nothing that was loaded is there any more");
    let now = scheduler.snapshot();
    assert_eq!((now.counters.engine_losses, now.counters.loads, now.counters.completed), (1, 3, 3));
    assert_eq!(now.residents.iter().map(|resident| &*resident.model).collect::<Vec<_>>(), ["a"]);

    match serve(&scheduler, "b", Plan { end: End::Lost, ..Plan::new(4) }).await {
        Err(ScheduleError::Inference(error)) => assert_eq!(error.kind(), ErrorKind::Lost),
        other => panic!("{other:?}"),
    }
    let now = scheduler.snapshot();
    assert_eq!((now.counters.engine_losses, now.counters.failed), (3, 1), "it is not tried for ever");
    assert_eq!(now.used_bytes, 0);
    serve(&scheduler, "b", Plan::new(5)).await.unwrap();
    desk.nothing_went_wrong();
    scheduler.shutdown(Shutdown::Drain).await;
}
