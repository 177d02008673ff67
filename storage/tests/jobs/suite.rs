//! What everything that remembers jobs must do.

use reelsmith_storage::limits::{
    EVENT_BYTES, MESSAGE_BYTES, NAME_CHARS, PAGE_ROWS, RECIPE_BYTES, SPEC_BYTES,
};
use reelsmith_storage::{
    Artifact, Created, Digest, ErrorKind, Job, JobState, Jobs, ListJobs, NewJob, NewStep, StorageError,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Runs every case. They share the store, and use different jobs.
pub(crate) async fn conforms(jobs: &dyn Jobs) {
    a_job_comes_back_as_it_was_given(jobs).await;
    numbers_keep_every_bit(jobs).await;
    an_id_is_created_once_whoever_is_first(jobs).await;
    only_legal_changes_are_made(jobs).await;
    the_error_goes_with_the_state(jobs).await;
    a_step_is_finished_once(jobs).await;
    a_forgotten_step_can_be_finished_again(jobs).await;
    events_are_numbered_without_gaps_under_concurrency(jobs).await;
    pages_hold_every_job_once_while_others_arrive(jobs).await;
    unfinished_jobs_are_those_queued_or_running(jobs).await;
    what_is_unknown_is_said_to_be(jobs).await;
    values_beyond_the_limits_change_nothing(jobs).await;
    a_hundred_jobs_at_once_all_finish(jobs).await;
}

pub(crate) fn new_job(id: &str) -> NewJob {
    NewJob { id: id.into(), kind: "short".into(), spec: json!({"id": id, "title": id}), tenant: None }
}

pub(crate) fn artifact(name: &str) -> Artifact {
    let digest = Digest::of(name.as_bytes());
    Artifact {
        digest,
        bytes: name.len() as u64,
        media_type: "text/plain".into(),
        name: name.into(),
        recipe: json!({"of": name}),
    }
}

pub(crate) fn new_step(name: &str, outputs: &[&str]) -> NewStep {
    let outputs = outputs.iter().map(|name| artifact(name)).collect();
    NewStep { name: name.into(), outputs, seconds: 1.5, detail: json!({"cpu": 0.5}) }
}

async fn created(jobs: &dyn Jobs, id: &str) -> Job {
    jobs.create(new_job(id)).await.unwrap().into_job()
}

fn kind<T: std::fmt::Debug>(result: Result<T, StorageError>) -> ErrorKind {
    result.unwrap_err().kind()
}

async fn a_job_comes_back_as_it_was_given(jobs: &dyn Jobs) {
    let spec =
        json!({"title": "Größe \u{0}\u{1F600} \"quoted\"", "numbers": [0, -1, 1.5, u64::MAX], "none": null});
    let new = NewJob {
        id: "as-given_1.0".into(),
        kind: "short".into(),
        spec: spec.clone(),
        tenant: Some("Ærø".into()),
    };
    let Created::New(job) = jobs.create(new).await.unwrap() else { panic!("it is new") };
    assert_eq!((job.spec.clone(), job.tenant.as_deref(), job.state), (spec, Some("Ærø"), JobState::Queued));
    assert_eq!((job.error.clone(), job.created), (None, job.updated));
    let age = time::OffsetDateTime::now_utc() - job.created;
    assert!(age >= time::Duration::ZERO && age < time::Duration::minutes(1), "created {age} ago");
    assert_eq!(jobs.get("as-given_1.0").await.unwrap(), Some(job));
}

async fn numbers_keep_every_bit(jobs: &dyn Jobs) {
    // Every exponent, and fractions without a pattern.
    let bits = (1..2000u64).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let numbers: Vec<f64> = bits.map(f64::from_bits).filter(|number| number.is_finite()).collect();
    let spec = json!(numbers);
    jobs.create(NewJob { spec: spec.clone(), ..new_job("numbers") }).await.unwrap();
    assert!(jobs.get("numbers").await.unwrap().unwrap().spec == spec);
}

async fn an_id_is_created_once_whoever_is_first(jobs: &dyn Jobs) {
    let attempts = (0..16).map(|writer| {
        let mut new = new_job("contested");
        new.spec = json!({"writer": writer});
        jobs.create(new)
    });
    let answers: Vec<Created> = futures::future::try_join_all(attempts).await.unwrap();
    assert_eq!(answers.iter().filter(|answer| matches!(answer, Created::New(_))).count(), 1);
    let seen: Vec<Job> = answers.into_iter().map(Created::into_job).collect();
    assert!(seen.iter().all(|job| *job == seen[0]), "all were shown the same job");
}

async fn only_legal_changes_are_made(jobs: &dyn Jobs) {
    for from in JobState::ALL {
        for to in JobState::ALL {
            let id = format!("legal-{from}-{to}");
            created(jobs, &id).await;
            for state in path_to(from) {
                jobs.set_state(&id, *state, None).await.unwrap();
            }
            let before = jobs.get(&id).await.unwrap().unwrap();
            let changed = jobs.set_state(&id, to, None).await;
            if from.may_become(to) {
                let after = changed.unwrap();
                assert_eq!((after.state, after.updated > before.updated), (to, from != to), "{from} to {to}");
            } else {
                assert_eq!(kind(changed), ErrorKind::Conflict, "{from} to {to}");
                assert_eq!(jobs.get(&id).await.unwrap(), Some(before));
            }
        }
    }
}

fn path_to(state: JobState) -> &'static [JobState] {
    match state {
        JobState::Queued => &[],
        JobState::Running => &[JobState::Running],
        JobState::Succeeded => &[JobState::Running, JobState::Succeeded],
        JobState::Failed => &[JobState::Running, JobState::Failed],
        JobState::Cancelled => &[JobState::Cancelled],
    }
}

async fn the_error_goes_with_the_state(jobs: &dyn Jobs) {
    created(jobs, "error").await;
    jobs.set_state("error", JobState::Running, None).await.unwrap();
    let failed = jobs.set_state("error", JobState::Failed, Some("the disk is full")).await.unwrap();
    assert_eq!(failed.error.as_deref(), Some("the disk is full"));
    assert_eq!(jobs.set_state("error", JobState::Failed, Some("another")).await.unwrap(), failed);
    assert_eq!(jobs.set_state("error", JobState::Queued, None).await.unwrap().error, None);
    let refused = jobs.set_state("error", JobState::Running, Some("no error")).await;
    assert_eq!(kind(refused), ErrorKind::InvalidInput);
    let long = "é".repeat(MESSAGE_BYTES);
    let cut = jobs.set_state("error", JobState::Failed, Some(&long)).await.unwrap().error.unwrap();
    assert!(cut.len() <= MESSAGE_BYTES && cut.ends_with("é…"), "{} bytes", cut.len());
}

async fn a_step_is_finished_once(jobs: &dyn Jobs) {
    created(jobs, "steps").await;
    let voice = jobs.finish_step("steps", new_step("voice/0", &["a.wav", "words.json"])).await.unwrap();
    assert_eq!(
        (voice.outputs.clone(), voice.seconds),
        (vec![artifact("a.wav"), artifact("words.json")], 1.5)
    );
    let attempts = (0..8).map(|n| {
        let mut step = new_step("mix", &[]);
        step.detail = json!({"attempt": n});
        jobs.finish_step("steps", step)
    });
    let answers = futures::future::try_join_all(attempts).await.unwrap();
    assert!(answers.iter().all(|answer| *answer == answers[0]), "the first record stays");
    assert_eq!(jobs.finish_step("steps", new_step("voice/0", &["other"])).await.unwrap(), voice);
    assert_eq!(jobs.step("steps", "voice/0").await.unwrap(), Some(voice.clone()));
    assert_eq!(jobs.step("steps", "video").await.unwrap(), None);
    assert_eq!(jobs.steps("steps").await.unwrap(), vec![voice, answers[0].clone()]);
}

async fn a_forgotten_step_can_be_finished_again(jobs: &dyn Jobs) {
    created(jobs, "forget").await;
    for step in ["a", "b"] {
        jobs.finish_step("forget", new_step(step, &["old"])).await.unwrap();
    }
    assert!(jobs.forget_step("forget", "a").await.unwrap());
    assert!(!jobs.forget_step("forget", "a").await.unwrap());
    assert_eq!(jobs.step("forget", "a").await.unwrap(), None);
    let again = jobs.finish_step("forget", new_step("a", &["new"])).await.unwrap();
    assert_eq!(again.outputs, [artifact("new")]);
    let names: Vec<String> = jobs.steps("forget").await.unwrap().into_iter().map(|step| step.name).collect();
    assert_eq!(names, ["b", "a"], "in the order in which they finished");
}

async fn events_are_numbered_without_gaps_under_concurrency(jobs: &dyn Jobs) {
    const WRITERS: u64 = 8;
    const EACH: u64 = 40;
    created(jobs, "events").await;
    created(jobs, "other").await;
    let writer = |writer: u64| async move {
        let mut last = 0;
        for n in 0..EACH {
            let seq =
                jobs.append_event("events", "progress", json!({"writer": writer, "n": n})).await.unwrap();
            assert!(seq > last, "{seq} after {last}");
            last = seq;
            jobs.append_event("other", "noise", Value::Null).await.unwrap();
        }
    };
    futures::future::join_all((0..WRITERS).map(writer)).await;

    let mut seen = Vec::new();
    loop {
        let last = seen.len() as u64;
        let page = jobs.events_after("events", last, 37).await.unwrap();
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 37);
        seen.extend(page);
    }
    let numbers: Vec<u64> = seen.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (1..=WRITERS * EACH).collect::<Vec<_>>());
    for writer in 0..WRITERS {
        let own =
            seen.iter().filter(|event| event.body["writer"] == writer).map(|event| event.body["n"].clone());
        assert_eq!(own.collect::<Vec<_>>(), (0..EACH).map(Value::from).collect::<Vec<_>>());
    }
    assert!(jobs.events_after("events", u64::MAX, 0).await.unwrap().is_empty());
    assert_eq!(jobs.events_after("other", 0, u32::MAX).await.unwrap().len() as u64, WRITERS * EACH);
}

async fn pages_hold_every_job_once_while_others_arrive(jobs: &dyn Jobs) {
    let tenant = Some("pager".to_owned());
    let make = |n: usize| {
        let mut new = new_job(&format!("page-{n:03}"));
        new.tenant = tenant.clone();
        new
    };
    for n in 0..23 {
        jobs.create(make(n)).await.unwrap();
    }
    let mut which = ListJobs { tenant: tenant.clone(), limit: 5, ..ListJobs::default() };
    let mut seen = Vec::new();
    loop {
        let page = jobs.list(which.clone()).await.unwrap();
        seen.extend(page.jobs.into_iter().map(|job| job.id));
        jobs.create(make(100 + seen.len())).await.unwrap();
        match page.next {
            Some(next) => which.cursor = Some(next),
            None => break,
        }
    }
    let expected: Vec<String> = (0..23).rev().map(|n| format!("page-{n:03}")).collect();
    assert_eq!(seen, expected, "newest first, each once, the late ones not");

    jobs.set_state("page-007", JobState::Cancelled, None).await.unwrap();
    let cancelled = ListJobs { tenant, state: Some(JobState::Cancelled), ..ListJobs::default() };
    let page = jobs.list(cancelled).await.unwrap();
    assert_eq!((page.jobs.len(), page.jobs[0].id.as_str(), page.next), (1, "page-007", None));
    for cursor in ["", "x", "-1", "0"] {
        let wrong = ListJobs { cursor: Some(cursor.into()), ..ListJobs::default() };
        assert_eq!(kind(jobs.list(wrong).await), ErrorKind::InvalidInput, "{cursor:?}");
    }
    let all = jobs.list(ListJobs { limit: u32::MAX, ..ListJobs::default() }).await.unwrap();
    assert!(all.jobs.len() <= PAGE_ROWS as usize);
}

async fn unfinished_jobs_are_those_queued_or_running(jobs: &dyn Jobs) {
    for state in JobState::ALL {
        let id = format!("unfinished-{state}");
        created(jobs, &id).await;
        for step in path_to(state) {
            jobs.set_state(&id, *step, None).await.unwrap();
        }
    }
    let unfinished = jobs.unfinished().await.unwrap();
    let mine: Vec<&str> =
        unfinished.iter().map(|job| job.id.as_str()).filter(|id| id.starts_with("unfinished-")).collect();
    assert_eq!(mine, ["unfinished-queued", "unfinished-running"]);
    assert!(unfinished.is_sorted_by_key(|job| job.created));
    assert!(unfinished.iter().all(|job| !job.state.is_final()));
}

async fn what_is_unknown_is_said_to_be(jobs: &dyn Jobs) {
    assert_eq!(jobs.get("unknown").await.unwrap(), None);
    assert_eq!(jobs.step("unknown", "a").await.unwrap(), None);
    assert!(jobs.steps("unknown").await.unwrap().is_empty());
    assert!(jobs.events_after("unknown", 0, 0).await.unwrap().is_empty());
    assert!(!jobs.forget_step("unknown", "a").await.unwrap());
    assert_eq!(kind(jobs.set_state("unknown", JobState::Running, None).await), ErrorKind::NotFound);
    assert_eq!(kind(jobs.finish_step("unknown", new_step("a", &[])).await), ErrorKind::NotFound);
    assert_eq!(kind(jobs.append_event("unknown", "a", Value::Null).await), ErrorKind::NotFound);
}

async fn values_beyond_the_limits_change_nothing(jobs: &dyn Jobs) {
    // A JSON string takes two quotes beside its characters.
    let sized = |bytes: usize| Value::from("x".repeat(bytes - 2));
    let long = "n".repeat(NAME_CHARS);
    for id in ["", "a b", "a/b", "ä", &format!("{long}n")] {
        assert_eq!(kind(jobs.create(new_job(id)).await), ErrorKind::InvalidInput, "{id:?}");
    }
    created(jobs, &long).await;
    let with_spec = |id: &str, spec| NewJob { spec, ..new_job(id) };
    jobs.create(with_spec("spec-fits", sized(SPEC_BYTES))).await.unwrap();
    assert_eq!(kind(jobs.create(with_spec("spec", sized(SPEC_BYTES + 1))).await), ErrorKind::TooLarge);
    assert_eq!(jobs.get("spec").await.unwrap(), None);

    created(jobs, "limits").await;
    jobs.append_event("limits", "fits", sized(EVENT_BYTES)).await.unwrap();
    assert_eq!(kind(jobs.append_event("limits", "a", sized(EVENT_BYTES + 1)).await), ErrorKind::TooLarge);
    assert_eq!(kind(jobs.append_event("limits", "a\nb", Value::Null).await), ErrorKind::InvalidInput);
    assert_eq!(jobs.events_after("limits", 0, 0).await.unwrap().len(), 1);

    let heavy = |bytes| {
        let mut step = new_step("step", &["first", "second"]);
        step.outputs[1].recipe = sized(bytes);
        step
    };
    assert_eq!(kind(jobs.finish_step("limits", heavy(RECIPE_BYTES + 1)).await), ErrorKind::TooLarge);
    for seconds in [f64::NAN, f64::INFINITY, -1.0] {
        let step = NewStep { seconds, ..new_step("step", &[]) };
        assert_eq!(kind(jobs.finish_step("limits", step).await), ErrorKind::InvalidInput);
    }
    assert!(jobs.steps("limits").await.unwrap().is_empty());
    jobs.finish_step("limits", heavy(RECIPE_BYTES)).await.unwrap();
}

async fn a_hundred_jobs_at_once_all_finish(jobs: &dyn Jobs) {
    let life = |n: usize| async move {
        let id = format!("hundred-{n}");
        created(jobs, &id).await;
        jobs.set_state(&id, JobState::Running, None).await.unwrap();
        for step in ["voice", "sound", "video"] {
            jobs.finish_step(&id, new_step(step, &["out"])).await.unwrap();
            jobs.append_event(&id, "step_finished", json!({"step": step})).await.unwrap();
            assert!(jobs.step(&id, step).await.unwrap().is_some(), "what was answered is seen");
        }
        jobs.set_state(&id, JobState::Succeeded, None).await.unwrap();
        assert_eq!(jobs.steps(&id).await.unwrap().len(), 3);
        id
    };
    let done: BTreeSet<String> = futures::future::join_all((0..100).map(life)).await.into_iter().collect();
    assert_eq!(done.len(), 100);
}
