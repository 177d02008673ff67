//! Random operations on the store and on a few maps in memory must answer alike.

use crate::suite::{artifact, new_job};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use reelsmith_storage::{
    Artifact, Created, ErrorKind, Job, JobState, Jobs, ListJobs, NewJob, NewStep, SqliteStore, StorageError,
};
use serde_json::{Value, json};

#[derive(Debug, Clone)]
enum Op {
    Create { job: u8, tenant: Option<u8> },
    SetState { job: u8, to: JobState, error: Option<String> },
    Finish { job: u8, step: u8, outputs: u8 },
    Forget { job: u8, step: u8 },
    Append { job: u8, body: i32 },
    Reopen,
}

/// What the store is compared with: jobs in order of creation.
#[derive(Default)]
struct Model(Vec<Known>);

struct Known {
    id: String,
    tenant: Option<String>,
    state: JobState,
    error: Option<String>,
    steps: Vec<(String, Vec<Artifact>)>,
    events: Vec<Value>,
}

impl Model {
    fn find(&mut self, id: &str) -> Option<&mut Known> {
        self.0.iter_mut().find(|known| known.id == id)
    }
}

fn id(job: u8) -> String {
    format!("job-{job}")
}

fn operations() -> impl Strategy<Value = Vec<Op>> {
    let job = 0u8..4;
    let state = proptest::sample::select(JobState::ALL.to_vec());
    let op = prop_oneof![
        3 => (job.clone(), proptest::option::of(0u8..2)).prop_map(|(job, tenant)| Op::Create { job, tenant }),
        5 => (job.clone(), state, proptest::option::of("[a-z]{1,5}"))
            .prop_map(|(job, to, error)| Op::SetState { job, to, error }),
        3 => (job.clone(), 0u8..3, 0u8..3).prop_map(|(job, step, outputs)| Op::Finish { job, step, outputs }),
        1 => (job.clone(), 0u8..3).prop_map(|(job, step)| Op::Forget { job, step }),
        3 => (job, any::<i32>()).prop_map(|(job, body)| Op::Append { job, body }),
        1 => Just(Op::Reopen),
    ];
    proptest::collection::vec(op, 1..60)
}

async fn apply(store: &dyn Jobs, model: &mut Model, op: Op) -> Result<(), TestCaseError> {
    match op {
        Op::Create { job, tenant } => {
            create(store, model, &id(job), tenant.map(|n| format!("tenant-{n}"))).await
        }
        Op::SetState { job, to, error } => set_state(store, model, &id(job), to, error).await,
        Op::Finish { job, step, outputs } => {
            finish(store, model, &id(job), &format!("step-{step}"), outputs).await
        }
        Op::Forget { job, step } => {
            let name = format!("step-{step}");
            let had = model.find(&id(job)).is_some_and(|known| {
                let before = known.steps.len();
                known.steps.retain(|(step, _)| *step != name);
                known.steps.len() < before
            });
            prop_assert_eq!(store.forget_step(&id(job), &name).await.unwrap(), had);
            Ok(())
        }
        Op::Append { job, body } => {
            let body = json!({"n": body});
            let expected = model.find(&id(job)).map(|known| {
                known.events.push(body.clone());
                known.events.len() as u64
            });
            let answered = store.append_event(&id(job), "event", body).await;
            same(answered, expected.ok_or(ErrorKind::NotFound))
        }
        Op::Reopen => Ok(()),
    }
}

fn same<T: PartialEq + std::fmt::Debug>(
    answered: Result<T, StorageError>,
    expected: Result<T, ErrorKind>,
) -> Result<(), TestCaseError> {
    prop_assert_eq!(answered.map_err(|error| error.kind()), expected);
    Ok(())
}

async fn create(
    store: &dyn Jobs,
    model: &mut Model,
    id: &str,
    tenant: Option<String>,
) -> Result<(), TestCaseError> {
    let answer = store.create(NewJob { tenant: tenant.clone(), ..new_job(id) }).await.unwrap();
    prop_assert_eq!(matches!(answer, Created::New(_)), model.find(id).is_none());
    if model.find(id).is_none() {
        let state = JobState::Queued;
        model.0.push(Known {
            id: id.into(),
            tenant,
            state,
            error: None,
            steps: Vec::new(),
            events: Vec::new(),
        });
    }
    agrees(&answer.into_job(), model.find(id).unwrap())
}

async fn set_state(
    store: &dyn Jobs,
    model: &mut Model,
    id: &str,
    to: JobState,
    error: Option<String>,
) -> Result<(), TestCaseError> {
    let answered = store.set_state(id, to, error.as_deref()).await.map(|job| job.state);
    let misplaced = error.is_some() && !matches!(to, JobState::Failed | JobState::Cancelled);
    let expected = match model.find(id) {
        _ if misplaced => Err(ErrorKind::InvalidInput),
        None => Err(ErrorKind::NotFound),
        Some(known) if !known.state.may_become(to) => Err(ErrorKind::Conflict),
        Some(known) => {
            if known.state != to {
                (known.state, known.error) = (to, error);
            }
            Ok(to)
        }
    };
    same(answered, expected)
}

async fn finish(
    store: &dyn Jobs,
    model: &mut Model,
    id: &str,
    name: &str,
    outputs: u8,
) -> Result<(), TestCaseError> {
    let outputs: Vec<Artifact> = (0..outputs).map(|n| artifact(&format!("{name}-{n}"))).collect();
    let step = NewStep { name: name.into(), outputs: outputs.clone(), seconds: 0.25, detail: Value::Null };
    let answered = store.finish_step(id, step).await.map(|record| record.outputs);
    let expected = model.find(id).ok_or(ErrorKind::NotFound).map(|known| {
        if !known.steps.iter().any(|(step, _)| step == name) {
            known.steps.push((name.into(), outputs));
        }
        known.steps.iter().find(|(step, _)| step == name).unwrap().1.clone()
    });
    same(answered, expected)
}

fn agrees(job: &Job, known: &Known) -> Result<(), TestCaseError> {
    prop_assert_eq!(&job.id, &known.id);
    prop_assert_eq!(&job.tenant, &known.tenant);
    prop_assert_eq!((job.state, &job.error), (known.state, &known.error));
    prop_assert_eq!(&job.spec, &new_job(&known.id).spec);
    Ok(())
}

async fn everything_agrees(store: &dyn Jobs, model: &Model) -> Result<(), TestCaseError> {
    let listed = store.list(ListJobs::default()).await.unwrap().jobs;
    prop_assert_eq!(listed.len(), model.0.len());
    for (job, known) in listed.iter().rev().zip(&model.0) {
        prop_assert!(job.spec.as_object().is_some_and(|spec| spec.keys().all(|key| key == "title")));
        let spec = new_job(&known.id).spec;
        prop_assert_eq!(job.spec.get("title"), spec.get("title"));
        agrees(&Job { spec, ..job.clone() }, known)?;
        let steps = store.steps(&known.id).await.unwrap();
        let steps: Vec<_> = steps.into_iter().map(|step| (step.name, step.outputs)).collect();
        prop_assert_eq!(&steps, &known.steps);
        let events = store.events_after(&known.id, 0, 0).await.unwrap();
        prop_assert!(events.iter().map(|event| event.seq).eq(1..=events.len() as u64));
        let bodies: Vec<Value> = events.into_iter().map(|event| event.body).collect();
        prop_assert_eq!(&bodies, &known.events);
    }
    let unfinished: Vec<String> = store.unfinished().await.unwrap().into_iter().map(|job| job.id).collect();
    let expected: Vec<String> =
        model.0.iter().filter(|known| !known.state.is_final()).map(|known| known.id.clone()).collect();
    prop_assert_eq!(unfinished, expected);
    Ok(())
}

async fn replay(operations: Vec<Op>) -> Result<(), TestCaseError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    let (mut store, mut model) = (SqliteStore::open(&path).await.unwrap(), Model::default());
    for op in operations {
        if matches!(op, Op::Reopen) {
            store.close().await;
            store = SqliteStore::open(&path).await.unwrap();
        }
        apply(&store, &mut model, op).await?;
    }
    let agreed = everything_agrees(&store, &model).await;
    store.close().await;
    agreed
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn sqlite_answers_as_the_model_does(operations in operations()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(replay(operations))?;
    }
}
