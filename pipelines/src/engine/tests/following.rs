//! What following a job costs the rows.

use super::*;
use reelsmith_storage::{EventRecord, JobPage, ListJobs, NewStep, StepRecord};

type Stored<T> = reelsmith_storage::Result<T>;

/// Rows that count how often they are read by somebody who follows a job.
struct Counting {
    rows: Arc<dyn Jobs>,
    events: AtomicUsize,
    jobs: AtomicUsize,
}

#[async_trait]
impl Jobs for Counting {
    async fn create(&self, job: NewJob) -> Stored<Created> {
        self.rows.create(job).await
    }
    async fn get(&self, id: &str) -> Stored<Option<Job>> {
        self.jobs.fetch_add(1, Ordering::SeqCst);
        self.rows.get(id).await
    }
    async fn list(&self, which: ListJobs) -> Stored<JobPage> {
        self.rows.list(which).await
    }
    async fn set_state(&self, id: &str, state: JobState, error: Option<&str>) -> Stored<Job> {
        self.rows.set_state(id, state, error).await
    }
    async fn finish_step(&self, job: &str, step: NewStep) -> Stored<StepRecord> {
        self.rows.finish_step(job, step).await
    }
    async fn step(&self, job: &str, name: &str) -> Stored<Option<StepRecord>> {
        self.rows.step(job, name).await
    }
    async fn steps(&self, job: &str) -> Stored<Vec<StepRecord>> {
        self.rows.steps(job).await
    }
    async fn forget_step(&self, job: &str, name: &str) -> Stored<bool> {
        self.rows.forget_step(job, name).await
    }
    async fn append_event(&self, job: &str, kind: &str, body: Value) -> Stored<u64> {
        self.rows.append_event(job, kind, body).await
    }
    async fn events_after(&self, job: &str, seq: u64, limit: u32) -> Stored<Vec<EventRecord>> {
        self.events.fetch_add(1, Ordering::SeqCst);
        self.rows.events_after(job, seq, limit).await
    }
    async fn unfinished(&self) -> Stored<Vec<Job>> {
        self.rows.unfinished().await
    }
    async fn count(&self, state: JobState) -> Stored<u64> {
        self.rows.count(state).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_costs_no_query_and_a_stored_event_one() {
    let place = Place::new();
    let Stores { jobs: rows, blobs } = place.stores().await;
    let counting = Arc::new(Counting { rows, events: AtomicUsize::new(0), jobs: AtomicUsize::new(0) });
    let stores = Stores { jobs: counting.clone(), blobs };
    let engine = Engine::start(place.config(1), stores, vec![place.tiny.clone()]).await.unwrap();
    let job = id("tiny-w");
    engine.submit("tiny", &job, json!({ "waits": "first" })).await.unwrap();
    let mut live = Box::pin(engine.events(&job, None));
    let step = StepKey::whole("first");
    // Until the step's own progress, which is the last thing that it tells before it waits.
    let is_progress = |event: &JobEvent| matches!(event.event, Event::Progress { .. });
    while !is_progress(&live.next().await.unwrap().unwrap()) {}

    let reads = || (counting.events.load(Ordering::SeqCst), counting.jobs.load(Ordering::SeqCst));
    let before = reads();
    for done in 0..100 {
        engine.inner.hub.progress(&job, &step, done, Some(100), "frames");
        assert!(is_progress(&live.next().await.unwrap().unwrap()));
    }
    assert_eq!(reads(), before, "progress was looked up in the rows");

    for attempt in 2..12 {
        engine.inner.hub.record(&job, Event::StepStarted { step: step.clone(), attempt }).await.unwrap();
        let told = live.next().await.unwrap().unwrap().event;
        assert_eq!(told, Event::StepStarted { step: step.clone(), attempt });
    }
    assert_eq!(reads(), (before.0 + 10, before.1));
    engine.cancel(&job).await.unwrap();
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_lags_behind_misses_no_stored_event() {
    let place = Place::new();
    let engine = place.start(1).await;
    let job = id("tiny-w");
    let mut live = Box::pin(engine.events(&job, None));
    engine.submit("tiny", &job, json!({ "waits": "first" })).await.unwrap();
    // Until the rows are read and only what is told is awaited.
    let mut seqs: Vec<u64> = Vec::new();
    loop {
        let event = live.next().await.unwrap().unwrap();
        seqs.extend(event.seq);
        if matches!(event.event, Event::Progress { .. }) {
            break;
        }
    }
    let step = StepKey::whole("first");
    for done in 0..2000 {
        engine.inner.hub.progress(&job, &step, done, None, "frames");
        if done == 5 {
            engine
                .inner
                .hub
                .record(&job, Event::StepFinished { step: step.clone(), seconds: 7.5 })
                .await
                .unwrap();
        }
    }
    // The telling of it was among what the reader was too slow for; long before the rows are looked at
    // without having been told, it is there all the same.
    let finished = |event: &JobEvent| matches!(event.event, Event::StepFinished { seconds: 7.5, .. });
    let read = async {
        loop {
            let event = live.next().await.unwrap().unwrap();
            seqs.extend(event.seq);
            if finished(&event) {
                break seqs;
            }
        }
    };
    let seqs = tokio::time::timeout(Duration::from_secs(15), read).await.expect("it was missed");
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    engine.cancel(&job).await.unwrap();
    let rest: Vec<JobEvent> = live.map(|event| event.unwrap()).collect().await;
    assert!(rest.last().unwrap().event.is_final());
    engine.shutdown().await;
}
