//! The engine with small workflows: every job ends, no finished step is redone, whatever breaks.

mod admission;
mod following;
mod interruption;

use super::*;
use crate::faults::Moment;
use bytes::Bytes;
use futures::StreamExt;
use reelsmith_storage::{BlobConfig, SqliteStore};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Three stages; each step stores a few bytes made from the spec and counts itself.
#[derive(Default)]
struct Tiny {
    worked: AtomicUsize,
    /// Lets the step go on that stands at the gate.
    gate: Notify,
}

#[async_trait]
impl Workflow for Tiny {
    fn kind(&self) -> &'static str {
        "tiny"
    }

    fn stages(&self, spec: &Value) -> Result<Vec<Stage>> {
        match spec["refused"].as_bool() {
            Some(true) => Err(PipelineError::new(ErrorKind::InvalidInput, "this spec is refused")),
            _ => Ok(vec![Stage::one("first"), Stage::many("many", 6), Stage::one("last")]),
        }
    }

    async fn step(&self, step: &StepKey, spec: &Value, context: &StepContext) -> Result<StepOutput> {
        context.progress(1, 2, "halves")?;
        if spec["fails"].as_str() == Some(&step.to_string()) {
            return Err(PipelineError::new(ErrorKind::InvalidInput, "the picture is corrupt"));
        }
        if spec["panics"].as_str() == Some(&step.to_string()) {
            panic!("a bug");
        }
        if spec["gate"].as_str() == Some(&step.to_string()) {
            self.gate.notified().await;
        }
        if spec["waits"].as_str() == Some(&step.to_string()) {
            context.token().cancelled().await;
            return Err(PipelineError::new(ErrorKind::Cancelled, "cancelled"));
        }
        self.worked.fetch_add(1, Ordering::SeqCst);
        let recipe = json!({ "step": step.to_string() });
        let kept = Kept { name: format!("{step}.txt"), media_type: "text/plain", recipe: &recipe };
        let bytes = Bytes::from(format!("{step} of {spec}"));
        Ok(StepOutput { artifacts: vec![context.keep_bytes(bytes, kept).await?], detail: Value::Null })
    }
}

/// Steps of a tiny job.
const STEPS: usize = 8;

struct Place {
    dir: tempfile::TempDir,
    tiny: Arc<Tiny>,
    faults: Faults,
}

impl Place {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), tiny: Arc::default(), faults: Faults::default() }
    }

    async fn stores(&self) -> Stores {
        let jobs = Arc::new(SqliteStore::open(&self.dir.path().join("jobs.db")).await.unwrap());
        let blobs = BlobConfig::Local { dir: self.dir.path().join("blobs") };
        Stores { jobs, blobs: Blobs::open(&blobs).await.unwrap() }
    }

    fn config(&self, slots: usize) -> EngineConfig {
        EngineConfig {
            db: self.dir.path().join("engine.db"),
            scratch: self.dir.path().join("scratch"),
            slots,
            reconcile_every: Duration::from_millis(100),
            faults: self.faults.clone(),
        }
    }

    async fn start(&self, slots: usize) -> Engine {
        Engine::start(self.config(slots), self.stores().await, vec![self.tiny.clone()]).await.unwrap()
    }

    fn worked(&self) -> usize {
        self.tiny.worked.load(Ordering::SeqCst)
    }
}

fn id(name: &str) -> JobId {
    JobId(name.to_owned())
}

async fn events(engine: &Engine, job: &JobId) -> Vec<JobEvent> {
    engine.events(job, None).map(|event| event.unwrap()).collect().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_through_its_stages_and_tells_them() {
    let place = Place::new();
    let engine = place.start(2).await;
    let (job, spec) = (id("tiny-a"), json!({ "n": 1 }));
    assert_eq!(engine.submit("tiny", &job, spec.clone()).await.unwrap(), (true, JobState::Queued));
    assert_eq!(engine.wait(&job).await.unwrap().state, JobState::Succeeded);
    assert_eq!(engine.submit("tiny", &job, spec).await.unwrap(), (false, JobState::Succeeded));
    assert_eq!(place.worked(), STEPS);

    let artifacts = engine.artifacts(&job).await.unwrap();
    assert_eq!(artifacts.len(), STEPS);
    assert_eq!(artifacts[0].name, "first.txt");
    let stored = events(&engine, &job).await;
    let seqs: Vec<u64> = stored.iter().filter_map(|e| e.seq).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    let finished = stored.iter().filter(|e| matches!(e.event, Event::StepFinished { .. })).count();
    assert_eq!(finished, STEPS);
    assert!(stored.last().unwrap().event.is_final());
    let rest: Vec<_> = engine.events(&job, Some(3)).map(|e| e.unwrap().seq).collect().await;
    assert_eq!(rest.first(), Some(&Some(4)));
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_jobs_submitted_at_once_all_finish() {
    let place = Place::new();
    let engine = place.start(MAX_SLOTS).await;
    let submits = (0..100).map(|n| {
        let engine = engine.clone();
        tokio::spawn(async move {
            let job = id(&format!("tiny-{n}"));
            engine.submit("tiny", &job, json!({ "n": n })).await.unwrap();
            engine.wait(&job).await.unwrap()
        })
    });
    for done in futures::future::join_all(submits).await {
        let done = done.unwrap();
        assert_eq!(done.state, JobState::Succeeded, "{}: {:?}", done.id, done.error);
    }
    assert_eq!(place.worked(), 100 * STEPS, "a step ran twice");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_fails_for_good_fails_the_job_and_resuming_keeps_the_rest() {
    let place = Place::new();
    let engine = place.start(2).await;
    let job = id("tiny-f");
    engine.submit("tiny", &job, json!({ "fails": "many/3" })).await.unwrap();
    let failed = engine.wait(&job).await.unwrap();
    assert_eq!((failed.state, failed.error.as_deref()), (JobState::Failed, Some("the picture is corrupt")));
    let told = events(&engine, &job).await;
    assert!(told.iter().any(
        |e| matches!(&e.event, Event::StepFailed { step, retry_in: None, .. } if step.to_string() == "many/3")
    ));

    let panicking = id("tiny-p");
    engine.submit("tiny", &panicking, json!({ "panics": "last" })).await.unwrap();
    let failed = engine.wait(&panicking).await.unwrap();
    assert!(failed.error.unwrap().contains("met a bug in this program: a bug"));

    let refused = id("tiny-r");
    engine.submit("tiny", &refused, json!({ "refused": true })).await.unwrap();
    assert_eq!(engine.wait(&refused).await.unwrap().error.as_deref(), Some("this spec is refused"));
    let unknown = engine.submit("strange", &id("x"), Value::Null).await.unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::InvalidInput);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_may_pass_is_tried_again_and_nothing_finished_is_redone() {
    for moment in [Moment::Before, Moment::During, Moment::Worked, Moment::Recorded] {
        let mut place = Place::new();
        let hits = Arc::new(AtomicUsize::new(0));
        let counted = hits.clone();
        place.faults = Faults::new(move |point| {
            let here = point.step.to_string() == "many/2" && point.moment == moment;
            match here && counted.fetch_add(1, Ordering::SeqCst) == 0 {
                true => Err(PipelineError::new(ErrorKind::ToolFailed, "ffmpeg was killed")),
                false => Ok(()),
            }
        });
        let engine = place.start(2).await;
        let job = id("tiny-t");
        engine.submit("tiny", &job, json!({})).await.unwrap();
        assert_eq!(engine.wait(&job).await.unwrap().state, JobState::Succeeded, "{moment:?}");
        // Only a step that had worked, but not been recorded, works again.
        let again = usize::from(moment == Moment::Worked);
        assert_eq!(place.worked(), STEPS + again, "{moment:?}");
        assert_eq!(engine.artifacts(&job).await.unwrap().len(), STEPS, "{moment:?}");
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_that_cannot_store_its_work_fails_the_job_after_its_tries() {
    let mut place = Place::new();
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = hits.clone();
    place.faults = Faults::new(move |point| match point.step.to_string() == "last" {
        true if point.moment == Moment::Before => {
            counted.fetch_add(1, Ordering::SeqCst);
            Err(PipelineError::new(ErrorKind::Storage, "the store does not answer"))
        }
        _ => Ok(()),
    });
    let mut config = place.config(2);
    // Nobody feeds the job again meanwhile.
    config.reconcile_every = Duration::from_secs(3600);
    let engine = Engine::start(config, place.stores().await, vec![place.tiny.clone()]).await.unwrap();
    let job = id("tiny-s");
    engine.submit("tiny", &job, json!({})).await.unwrap();
    let over = tokio::time::timeout(Duration::from_secs(60), engine.wait(&job)).await;
    let over = over.expect("the job hangs").unwrap();
    assert_eq!((over.state, over.error.as_deref()), (JobState::Failed, Some("the store does not answer")));
    assert_eq!(hits.load(Ordering::SeqCst), 3);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_stops_the_step_and_submitting_again_resumes() {
    let mut place = Place::new();
    let stuck = Arc::new(Notify::new());
    let tell = stuck.clone();
    place.faults = Faults::new(move |point| {
        if point.moment == Moment::During && point.step.to_string() == "last" {
            tell.notify_one();
        }
        Ok(())
    });
    let engine = place.start(2).await;
    let job = id("tiny-c");
    let spec = json!({ "waits": "last" });
    engine.submit("tiny", &job, spec.clone()).await.unwrap();
    stuck.notified().await;
    assert_eq!(engine.cancel(&job).await.unwrap(), JobState::Cancelled);
    assert_eq!(engine.job(&job).await.unwrap().state, JobState::Cancelled);
    assert_eq!(place.worked(), STEPS - 1);
    assert_eq!(engine.cancel(&job).await.unwrap(), JobState::Cancelled);

    engine.submit("tiny", &job, spec).await.unwrap();
    stuck.notified().await;
    assert_eq!(engine.job(&job).await.unwrap().state, JobState::Running);
    assert_eq!(place.worked(), STEPS - 1, "a finished step was redone");
    let planned =
        engine.inner.hub.stored(&job, 0).await.unwrap().into_iter().rev().find_map(|e| match e.event {
            Event::Planned { finished, .. } => Some(finished.len()),
            _ => None,
        });
    assert_eq!(planned, Some(STEPS - 1));
    engine.shutdown().await;
    // Shutting down leaves the job resumable.
    let stores = place.stores().await;
    assert_eq!(stores.jobs.get(&job.0).await.unwrap().unwrap().state, JobState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn resuming_at_the_very_moment_of_the_end_does_not_wait() {
    let place = Place::new();
    let mut config = place.config(2);
    // Nothing but the submission itself may feed the job.
    config.reconcile_every = Duration::from_secs(3600);
    let engine = Engine::start(config, place.stores().await, vec![place.tiny.clone()]).await.unwrap();
    let job = id("tiny-m");
    let spec = json!({ "fails": "last" });
    for _ in 0..10 {
        engine.submit("tiny", &job, spec.clone()).await.unwrap();
        let over = tokio::time::timeout(Duration::from_secs(60), engine.wait(&job)).await;
        assert_eq!(over.expect("the job hangs").unwrap().state, JobState::Failed);
    }
    for _ in 0..10 {
        engine.submit("tiny", &job, spec.clone()).await.unwrap();
        let over = engine.cancel(&job).await.unwrap();
        assert!(over.is_final());
        assert_eq!(engine.job(&job).await.unwrap().state, over);
    }
    assert_eq!(place.worked(), STEPS - 1);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_takes_up_what_was_unfinished() {
    let mut place = Place::new();
    let stuck = Arc::new(Notify::new());
    let tell = stuck.clone();
    place.faults = Faults::new(move |point| {
        if point.moment == Moment::Before && point.step.to_string() == "last" {
            tell.notify_one();
            return Err(PipelineError::new(ErrorKind::Busy, "wait").with_retry_after(Duration::from_secs(60)));
        }
        Ok(())
    });
    let job = id("tiny-s");
    let first = place.start(2).await;
    first.submit("tiny", &job, json!({})).await.unwrap();
    stuck.notified().await;
    first.shutdown().await;
    drop(first);
    std::fs::write(place.dir.path().join("scratch/steps/left"), "half").unwrap();
    place.faults = Faults::default();

    let second = place.start(2).await;
    assert!(!place.dir.path().join("scratch/steps/left").exists());
    assert_eq!(second.wait(&job).await.unwrap().state, JobState::Succeeded);
    assert_eq!(place.worked(), STEPS, "a finished step was redone");
    second.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_artifact_is_made_again() {
    let place = Place::new();
    let engine = place.start(2).await;
    let job = id("tiny-l");
    engine.submit("tiny", &job, json!({})).await.unwrap();
    engine.wait(&job).await.unwrap();
    let artifacts = engine.artifacts(&job).await.unwrap();
    engine.inner.stores.blobs.delete(&artifacts[2].digest).await.unwrap();
    assert_eq!(engine.submit("tiny", &job, json!({})).await.unwrap(), (false, JobState::Queued));
    assert_eq!(engine.wait(&job).await.unwrap().state, JobState::Succeeded);
    assert_eq!(place.worked(), STEPS + 1);
    let mut again = engine.artifacts(&job).await.unwrap();
    again.sort_by(|a, b| a.name.cmp(&b.name));
    let mut before = artifacts;
    before.sort_by(|a, b| a.name.cmp(&b.name));
    assert_eq!(again, before, "the same step made something else");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_the_clockwork_lost_is_fed_again() {
    let place = Place::new();
    let stores = place.stores().await;
    let new = NewJob { id: "tiny-o".into(), kind: "tiny".into(), spec: json!({}), tenant: None };
    stores.jobs.create(new).await.unwrap();
    let engine = place.start(2).await;
    assert_eq!(engine.wait(&id("tiny-o")).await.unwrap().state, JobState::Succeeded);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_at_a_time_and_slots_in_range() {
    let place = Place::new();
    let engine = place.start(1).await;
    let second = Engine::start(place.config(1), place.stores().await, Vec::new()).await.err().unwrap();
    assert_eq!(second.kind(), ErrorKind::InUse);
    for slots in [0, MAX_SLOTS + 1] {
        let error = Engine::start(place.config(slots), place.stores().await, Vec::new()).await.err().unwrap();
        assert!(error.to_string().contains("1 to 16"), "{error}");
    }
    engine.shutdown().await;
    let late = engine.submit("tiny", &id("late"), Value::Null).await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::Interrupted);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_progress_reaches_a_listener_and_is_not_stored() {
    let place = Place::new();
    let engine = place.start(2).await;
    let job = id("tiny-w");
    engine.submit("tiny", &job, json!({ "waits": "first" })).await.unwrap();
    let mut live = Box::pin(engine.events(&job, None));
    loop {
        let event = live.next().await.unwrap().unwrap();
        if let Event::StepStarted { .. } = event.event {
            break;
        }
    }
    engine.inner.hub.progress(&job, &StepKey::whole("first"), 7, Some(9), "frames");
    let progress = loop {
        let event = live.next().await.unwrap().unwrap();
        if let Event::Progress { done, .. } = event.event
            && done == 7
        {
            break event;
        }
    };
    assert_eq!(progress.seq, None);
    engine.cancel(&job).await.unwrap();
    let last = live.collect::<Vec<_>>().await.pop().unwrap().unwrap();
    assert!(matches!(last.event, Event::State { state: JobState::Cancelled, .. }), "{last:?}");
    let stored = engine.inner.hub.stored(&job, 0).await.unwrap();
    assert!(stored.iter().all(|e| !matches!(e.event, Event::Progress { .. })));
    engine.shutdown().await;
}
