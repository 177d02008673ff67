//! A job whose process is killed in every step, before, during and after its work, and that is
//! resumed by the next process each time: it ends well, no finished step is redone, and what comes out
//! is what an undisturbed job makes.
#![expect(clippy::disallowed_methods, reason = "the child is told by its environment what to do")]

mod support;

use reelsmith_pipelines::faults::{Faults, Moment};
use reelsmith_pipelines::{Event, JobId, Runner};
use reelsmith_storage::{JobState, Jobs};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use support::{Desk, SCRIPT, ffmpeg_of, is_at_work};

/// Every step, in the order in which one slot takes them.
const STEPS: [&str; 9] =
    ["voice/0", "voice/1", "sound", "pictures/0", "pictures/1", "captions", "video", "thumbnail", "report"];

/// Where the child is to be killed; empty for nowhere.
const KILL_AT: &str = "REELSMITH_TEST_KILL_AT";
/// The child's desk.
const DESK: &str = "REELSMITH_TEST_DESK";
/// What the child prints when it is where it is to be killed.
const HERE: &str = "here, kill me";

fn point(step: &str, moment: Moment) -> String {
    format!("{step} {moment:?}")
}

async fn submit(desk: &Desk, runner: &Runner) -> JobId {
    let short = desk.prepare(runner, SCRIPT).await;
    runner.submit(short).await.expect("submitted").id
}

/// Not a test by itself: the process that is killed.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let desk = Desk::at(Path::new(&std::env::var(DESK).expect("told by the parent")));
    let kill_at = std::env::var(KILL_AT).expect("told by the parent");
    let dir = desk.dir.clone();
    let faults = Faults::new(move |at| {
        let here = point(&at.step.to_string(), at.moment) == kill_at;
        if here && (at.moment != Moment::During || is_at_work(at, &dir)) {
            println!("{HERE}");
            loop {
                std::thread::park();
            }
        }
        Ok(())
    });
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let runner = desk.runner(1, faults).await;
        let id = submit(&desk, &runner).await;
        let job = runner.wait(&id).await.expect("a row");
        assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
        runner.shutdown().await;
    });
}

/// Runs a child until it stands at `kill_at`, and kills it there with SIGKILL. Answers whether an
/// ffmpeg worked for it then, which must not outlive it.
fn run_and_kill(desk: &Path, kill_at: &str) -> bool {
    let test = std::env::current_exe().expect("a running test has a path");
    let mut child = Command::new(test)
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(DESK, desk)
        .env(KILL_AT, kill_at)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    // The test harness may have written something on the same line before.
    let stood = lines.any(|line| line.ends_with(HERE));
    let ffmpeg = ffmpeg_of(desk);
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(stood, "the child never came to: {kill_at}");
    // The kernel kills it with its parent, and that takes a moment.
    let killed = std::time::Instant::now();
    while ffmpeg_of(desk).is_some() {
        assert!(killed.elapsed().as_secs() < 30, "{kill_at}: ffmpeg outlived its parent");
        std::thread::yield_now();
    }
    ffmpeg.is_some()
}

async fn outputs(jobs: &dyn Jobs, id: &JobId) -> BTreeMap<String, String> {
    let steps = jobs.steps(&id.0).await.expect("rows");
    let artifacts = steps.into_iter().flat_map(|step| step.outputs);
    // The report tells how long each step took, which differs.
    let kept = artifacts.filter(|artifact| artifact.name != "report.json");
    kept.map(|artifact| (artifact.name, artifact.digest.to_string())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_in_every_step_a_job_still_ends_well() {
    let undisturbed = Desk::new();
    let runner = undisturbed.runner(1, Faults::default()).await;
    let id = submit(&undisturbed, &runner).await;
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    runner.shutdown().await;

    let desk = Desk::new();
    let moments = [Moment::Before, Moment::During, Moment::Worked];
    for step in STEPS {
        for moment in moments {
            let with_ffmpeg = moment == Moment::During && ["sound", "video"].contains(&step);
            assert_eq!(run_and_kill(&desk.dir, &point(step, moment)), with_ffmpeg, "{step} {moment:?}");
        }
        run_and_kill(&desk.dir, &point(step, Moment::Recorded));
    }
    let runner = desk.runner(1, Faults::default()).await;
    assert_eq!(submit(&desk, &runner).await, id, "the same script is the same job");
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    assert!(desk.left_over().is_empty(), "{:?}", desk.left_over());
    runner.shutdown().await;

    let jobs = desk.jobs().await;
    for step in STEPS {
        // Once for each kill that came before its record, and once when it was left in peace: the kill
        // after the record must not have cost a start.
        assert_eq!(starts(jobs.as_ref(), &id, step).await, moments.len() + 1, "{step} was redone");
    }
    assert_eq!(outputs(jobs.as_ref(), &id).await, outputs(undisturbed.jobs().await.as_ref(), &id).await);
}

async fn starts(jobs: &dyn Jobs, id: &JobId, name: &str) -> usize {
    let (mut count, mut seq) = (0, 0);
    loop {
        let events = jobs.events_after(&id.0, seq, 0).await.expect("rows");
        let Some(last) = events.last() else { return count };
        seq = last.seq;
        for event in events {
            if let Ok(Event::StepStarted { step, .. }) = serde_json::from_value(event.body) {
                count += usize::from(step.to_string() == name);
            }
        }
    }
}
