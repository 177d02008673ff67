//! Requests that are dropped half-way, and rows that changed behind the engine's back.

use super::*;

/// Polls a future so often and drops it, as a server does with a request whose client has gone.
async fn cut<T>(future: impl Future<Output = T>, polls: usize) {
    let mut future = Box::pin(future);
    for _ in 0..polls {
        if futures::poll!(future.as_mut()).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// An engine that looks at the rows only when it is told to, and is told when a job stands in a step
/// that waits.
async fn start(place: &mut Place) -> (Engine, Arc<Notify>) {
    let stuck = Arc::new(Notify::new());
    let tell = stuck.clone();
    place.faults = Faults::new(move |point| {
        if point.moment == Moment::During && point.job.0.ends_with("stuck") {
            tell.notify_one();
        }
        Ok(())
    });
    let mut config = place.config(1);
    config.reconcile_every = Duration::from_secs(3600);
    let engine = Engine::start(config, place.stores().await, vec![place.tiny.clone()]).await.unwrap();
    (engine, stuck)
}

async fn ends(engine: &Engine, job: &JobId) -> JobState {
    let over = tokio::time::timeout(Duration::from_secs(60), engine.wait(job)).await;
    over.expect("the job hangs").unwrap().state
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_submission_is_carried_to_its_end() {
    let mut place = Place::new();
    let (engine, _) = start(&mut place).await;
    let mut told = Box::pin(engine.all_events());
    const CUTS: usize = 6;
    for polls in 1..=CUTS {
        let job = id(&format!("tiny-{polls}"));
        cut(engine.submit("tiny", &job, json!({ "polls": polls })), polls).await;
    }
    let all = async {
        let mut over = 0;
        while over < CUTS {
            let event = told.next().await.expect("the engine lives").event;
            over += usize::from(matches!(event, Event::State { state: JobState::Succeeded, .. }));
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("a job hangs");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_cancellation_is_carried_to_its_end() {
    let mut place = Place::new();
    let (engine, stuck) = start(&mut place).await;
    let job = id("tiny-stuck");
    for polls in 1..=4 {
        engine.submit("tiny", &job, json!({ "waits": "first" })).await.unwrap();
        stuck.notified().await;
        cut(engine.cancel(&job), polls).await;
        assert_eq!(ends(&engine, &job).await, JobState::Cancelled);
    }
    // Its slot is free again.
    engine.submit("tiny", &id("tiny-next"), json!({})).await.unwrap();
    assert_eq!(ends(&engine, &id("tiny-next")).await, JobState::Succeeded);
    assert_eq!(place.worked(), STEPS, "a step of the cancelled job went on");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_again_stops_what_an_earlier_cancellation_left_running() {
    let mut place = Place::new();
    let (engine, stuck) = start(&mut place).await;
    let job = id("tiny-stuck");
    engine.submit("tiny", &job, json!({ "waits": "first" })).await.unwrap();
    stuck.notified().await;
    engine.inner.stores.jobs.set_state(&job.0, JobState::Cancelled, None).await.unwrap();
    assert_eq!(engine.cancel(&job).await.unwrap(), JobState::Cancelled);
    assert!(engine.inner.runs.get(&job).is_none());
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_step_of_a_job_is_begun_that_its_row_calls_over() {
    let mut place = Place::new();
    let (engine, stuck) = start(&mut place).await;
    let job = id("tiny-stuck");
    engine.submit("tiny", &job, json!({ "gate": "first" })).await.unwrap();
    stuck.notified().await;
    engine.inner.stores.jobs.set_state(&job.0, JobState::Cancelled, None).await.unwrap();
    place.tiny.gate.notify_one();
    // The next job gets the slot only when the run of this one has ended.
    engine.submit("tiny", &id("tiny-next"), json!({})).await.unwrap();
    assert_eq!(ends(&engine, &id("tiny-next")).await, JobState::Succeeded);
    assert_eq!(place.worked(), 1 + STEPS);

    let stale = Job { state: JobState::Queued, ..engine.job(&job).await.unwrap() };
    let before = engine.inner.hub.stored(&job, 0).await.unwrap().len();
    engine.inner.feed(&stale).await.unwrap();
    assert!(engine.inner.runs.get(&job).is_none(), "a cancelled job was fed");
    assert_eq!(engine.inner.hub.stored(&job, 0).await.unwrap().len(), before);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_the_clockwork_does_not_know_is_fed_again() {
    let mut place = Place::new();
    let (engine, _) = start(&mut place).await;
    let job = id("tiny-unknown");
    let run = engine.inner.runs.begin(&job, 0, &engine.inner.stopping).unwrap();
    run.age(Duration::from_secs(2 * 3600));
    engine.submit("tiny", &job, json!({})).await.unwrap();
    assert_eq!(ends(&engine, &job).await, JobState::Succeeded);
    engine.shutdown().await;
}
