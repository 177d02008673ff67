//! A whole Short with real pictures, sound and video and a humming voice: what it makes, that every
//! step can be repeated, and that cancelling or losing ffmpeg does no harm.

mod support;

use futures::StreamExt;
use reelsmith_pipelines::faults::{Faults, Moment};
use reelsmith_pipelines::report::PictureMaker;
use reelsmith_pipelines::{Event, JobEvent, JobId, Report, Runner};
use reelsmith_storage::{Artifact, JobState, Jobs};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use support::{Desk, SCRIPT, ffmpeg_of, is_at_work};

async fn events(runner: &Runner, job: &JobId) -> Vec<JobEvent> {
    runner.events(job, None).map(|event| event.expect("readable")).collect().await
}

async fn digests(jobs: &dyn Jobs, job: &JobId) -> BTreeMap<String, String> {
    let steps = jobs.steps(&job.0).await.expect("rows");
    let artifacts = steps.into_iter().flat_map(|step| step.outputs);
    artifacts.map(|artifact| (artifact.name, artifact.digest.to_string())).collect()
}

async fn text(desk: &Desk, artifacts: &[Artifact], name: &str) -> String {
    let artifact = artifacts.iter().find(|artifact| artifact.name == name).expect(name);
    let bytes = desk.blobs().await.get_bytes(&artifact.digest).await.expect("bytes");
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_becomes_a_video_with_captions_cover_and_report() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    let submitted = runner.submit(short.clone()).await.unwrap();
    assert!(submitted.new);
    let id = submitted.id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());

    let artifacts = runner.artifacts(&id).await.unwrap();
    for artifact in &artifacts {
        let recipe = &artifact.recipe;
        assert!(recipe["step"].is_string() && recipe["version"].is_u64(), "{}: {recipe}", artifact.name);
    }
    let srt = text(&desk, &artifacts, "captions.srt").await;
    let words = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.contains("-->") && line.parse::<u32>().is_err());
        lines.flat_map(str::split_whitespace).map(str::to_owned).collect()
    };
    assert_eq!(words(&srt), words("The first scene has eight words to say. The second scene is shorter."));
    assert!(text(&desk, &artifacts, "captions.vtt").await.starts_with("WEBVTT"));

    let report: Report = serde_json::from_str(&text(&desk, &artifacts, "report.json").await).unwrap();
    assert!(report.checks.iter().all(|check| check.ok), "{:?}", report.checks);
    assert!((report.loudness.loudness.integrated_lufs + 14.0).abs() <= 0.1);
    assert_eq!((report.video.width, report.video.height), (270, 480));
    assert_eq!(report.scenes.len(), 2);
    assert!(report.scenes.iter().all(|scene| scene.picture.source == PictureMaker::Card));
    assert_eq!((report.scenes[0].words, report.scenes[1].words), (8, 5));
    assert!((report.seconds - report.video.duration).abs() < 0.1);
    assert_eq!(report.seed, 5);
    assert_eq!(report.music, "mood calm");
    let steps: Vec<&str> = report.steps.iter().map(|step| step.step.as_str()).collect();
    for step in ["voice/0", "voice/1", "sound", "pictures/0", "pictures/1", "captions", "video", "thumbnail"]
    {
        assert!(steps.contains(&step), "{step} is not in {steps:?}");
    }

    let before = events(&runner, &id).await.len();
    let again = runner.submit(short).await.unwrap();
    assert_eq!((again.new, again.state, &again.id), (false, JobState::Succeeded, &id));
    assert_eq!(events(&runner, &id).await.len(), before, "the same command does nothing again");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_repeated_makes_the_same() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    let id = runner.submit(short.clone()).await.unwrap().id;
    runner.wait(&id).await.unwrap();
    let jobs = desk.jobs().await;
    let before = digests(jobs.as_ref(), &id).await;
    for step in ["voice/0", "sound", "pictures/1", "captions", "video", "thumbnail"] {
        for _ in 0..2 {
            assert!(jobs.forget_step(&id.0, step).await.unwrap());
            assert_eq!(runner.submit(short.clone()).await.unwrap().state, JobState::Queued);
            assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
            assert_eq!(digests(jobs.as_ref(), &id).await, before, "{step} made something else");
        }
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_the_video_leaves_nothing_and_can_be_resumed() {
    let desk = Desk::new();
    let encoding = Arc::new(tokio::sync::Notify::new());
    let (go_on, stay) = std::sync::mpsc::channel::<()>();
    let (tell, stay, dir) = (encoding.clone(), std::sync::Mutex::new(stay), desk.dir.clone());
    let faults = Faults::new(move |point| {
        if point.step.stage == "video" && point.moment == Moment::During && is_at_work(point, &dir) {
            tell.notify_one();
            // Stands in the middle of its work until it has been cancelled; goes on whenever it is resumed.
            let _ = stay.lock().expect("nobody panics here").recv();
        }
        Ok(())
    });
    let runner = desk.runner(2, faults).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    let id = runner.submit(short.clone()).await.unwrap().id;
    encoding.notified().await;
    assert!(ffmpeg_of(&desk.dir).is_some(), "ffmpeg is at work");
    let (canceller, cancelled) = (runner.clone(), id.clone());
    let cancelling = tokio::spawn(async move { canceller.cancel(&cancelled).await });
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Cancelled);
    drop(go_on);
    assert_eq!(cancelling.await.unwrap().unwrap(), JobState::Cancelled);
    assert_eq!(desk.left_over(), Vec::<std::path::PathBuf>::new());
    assert_eq!(ffmpeg_of(&desk.dir), None, "ffmpeg is still there");
    assert!(runner.artifacts(&id).await.unwrap().iter().all(|a| a.name != "video.mp4"));

    runner.submit(short).await.unwrap();
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    let told = events(&runner, &id).await;
    let starts = |name: &str| {
        let of =
            |e: &&JobEvent| matches!(&e.event, Event::StepStarted { step, .. } if step.to_string() == name);
        told.iter().filter(of).count()
    };
    assert_eq!((starts("voice/0"), starts("sound"), starts("video")), (1, 1, 2));
    assert_eq!(runner.cancel(&id).await.unwrap(), JobState::Succeeded);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_ffmpeg_is_run_again() {
    let desk = Desk::new();
    let dir = desk.dir.clone();
    let killed = Arc::new(AtomicBool::new(false));
    let once = killed.clone();
    let faults = Faults::new(move |point| {
        let here = point.step.stage == "video" && point.moment == Moment::During;
        if here
            && !once.load(Ordering::SeqCst)
            && let Some(pid) = ffmpeg_of(&dir)
        {
            once.store(true, Ordering::SeqCst);
            Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
        }
        Ok(())
    });
    let runner = desk.runner(1, faults).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    let id = runner.submit(short).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    assert!(killed.load(Ordering::SeqCst), "ffmpeg was never seen");
    let told = events(&runner, &id).await;
    let again = |e: &JobEvent| matches!(&e.event, Event::StepFailed { step, retry_in: Some(_), .. } if step.stage == "video");
    assert!(told.iter().any(again), "{told:#?}");
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn given_pictures_and_music_travel_with_the_job() {
    let desk = Desk::new();
    let picture =
        reelsmith_media::picture::Picture { width: 64, height: 64, rgb: [200, 90, 30].repeat(64 * 64) };
    picture.save_png(&desk.dir.join("orange.png")).unwrap();
    let tone = (0..48_000 * 4).map(|n| (n as f32 * 0.02).sin() * 0.3).collect();
    let music = reelsmith_media::sound::Track::new(48_000, 2, tone).unwrap();
    music.write_wav(&desk.dir.join("tone.wav")).unwrap();
    let runner = desk.runner(2, Faults::default()).await;
    let script = "---\npreset: small\nmusic: tone.wav\n---\n![x](orange.png)\nGiven things are kept.\n";
    let short = desk.prepare(&runner, script).await;
    std::fs::remove_file(desk.dir.join("orange.png")).unwrap();
    std::fs::remove_file(desk.dir.join("tone.wav")).unwrap();
    let id = runner.submit(short).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let report: Report =
        serde_json::from_str(&text(&desk, &runner.artifacts(&id).await.unwrap(), "report.json").await)
            .unwrap();
    assert_eq!(report.scenes[0].picture.source, PictureMaker::Given);
    let artifacts = runner.artifacts(&id).await.unwrap();
    let picture = artifacts.iter().find(|artifact| artifact.name == "picture-000").unwrap();
    assert_eq!(picture.media_type, "image/png");
    let inputs: Vec<&str> = report.inputs.iter().map(|input| input.name.as_str()).collect();
    assert_eq!(inputs, ["orange.png", "tone.wav"]);
    assert_eq!(report.title, "Given things are kept");
    runner.shutdown().await;
}
