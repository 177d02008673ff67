//! Panics in the engine, wherever they come from, cost one request and no more.

use crate::fake::{Model, serve, small, start};
use crate::plan::{End, Plan};
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
