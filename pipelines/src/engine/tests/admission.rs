//! How many jobs are worked on at once, and which.

use super::*;
use std::collections::BTreeSet;

/// Collects the stored events of every job until `jobs` of them are over.
async fn until_over(told: impl Stream<Item = JobEvent>, jobs: usize) -> Vec<JobEvent> {
    let collected = async move {
        let (mut all, mut over, mut told) = (Vec::new(), 0, Box::pin(told));
        while over < jobs {
            let event = told.next().await.expect("the engine lives");
            over += usize::from(event.event.is_final());
            all.push(event);
        }
        all
    };
    tokio::time::timeout(Duration::from_secs(60), collected).await.expect("the jobs hang")
}

/// Starts an engine that looks at the rows only when it is told to.
async fn start_patient(place: &Place, slots: usize) -> Engine {
    let mut config = place.config(slots);
    config.reconcile_every = Duration::from_secs(3600);
    Engine::start(config, place.stores().await, vec![place.tiny.clone()]).await.unwrap()
}

/// The most jobs that were between their first step and their end at any moment.
fn most_at_once(told: &[JobEvent]) -> usize {
    let mut working = BTreeSet::new();
    let at_once = told.iter().map(|event| {
        if let Event::StepStarted { .. } = event.event {
            working.insert(&event.job);
        }
        if event.event.is_final() {
            working.remove(&event.job);
        }
        working.len()
    });
    at_once.max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_finished_one_after_the_other_in_the_order_in_which_they_came() {
    for slots in [1, 2] {
        let place = Place::new();
        let engine = start_patient(&place, slots).await;
        let told = engine.all_events();
        let jobs: Vec<JobId> = (0..6).map(|n| id(&format!("tiny-{n}"))).collect();
        for job in &jobs {
            engine.submit("tiny", job, json!({ "job": job })).await.unwrap();
        }
        let told = until_over(told, jobs.len()).await;
        assert!(most_at_once(&told) <= slots, "{slots} slots");
        let first = |job: &JobId, wanted: fn(&Event) -> bool| {
            told.iter().position(|e| e.job == *job && wanted(&e.event)).expect("it is told")
        };
        let started = |event: &Event| matches!(event, Event::StepStarted { .. });
        let starts: Vec<usize> = jobs.iter().map(|job| first(job, started)).collect();
        let ends: Vec<usize> = jobs.iter().map(|job| first(job, Event::is_final)).collect();
        // What comes so many places after a job had to wait for it or one beside it.
        for (ended, start) in ends.windows(slots).zip(&starts[slots..]) {
            assert!(ended.iter().min() < Some(start), "{slots} slots: {starts:?} {ends:?}");
        }
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_waits_as_queued_until_one_before_it_fails_or_is_cancelled() {
    let mut place = Place::new();
    let stuck = Arc::new(Notify::new());
    let tell = stuck.clone();
    place.faults = Faults::new(move |point| {
        if point.moment == Moment::During && point.job.0 == "tiny-stuck" {
            tell.notify_one();
        }
        Ok(())
    });
    let engine = start_patient(&place, 1).await;
    let (first, failing, last) = (id("tiny-stuck"), id("tiny-failing"), id("tiny-last"));
    engine.submit("tiny", &first, json!({ "waits": "first" })).await.unwrap();
    stuck.notified().await;
    engine.submit("tiny", &failing, json!({ "fails": "first" })).await.unwrap();
    engine.submit("tiny", &last, json!({})).await.unwrap();
    // The slot is taken, so that feeding it does nothing.
    engine.inner.feed(&engine.job(&last).await.unwrap()).await.unwrap();
    assert!(engine.inner.runs.get(&last).is_none());
    assert_eq!(engine.job(&failing).await.unwrap().state, JobState::Queued);
    assert_eq!(engine.job(&last).await.unwrap().state, JobState::Queued);

    engine.cancel(&first).await.unwrap();
    let over = tokio::time::timeout(Duration::from_secs(60), engine.wait(&last)).await;
    assert_eq!(over.expect("the job hangs").unwrap().state, JobState::Succeeded);
    assert_eq!(engine.job(&failing).await.unwrap().state, JobState::Failed);
    engine.shutdown().await;
}
