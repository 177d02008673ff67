//! A whole episode with real mixing, encoding and drawing and a humming voice: what it makes, that a failed turn is
//! tried again alone, that a killed process is resumed, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::disallowed_methods, reason = "the child is told by its environment what to do")]

mod edges;
mod long;
mod script;
#[path = "../support/mod.rs"]
mod support;

use futures::StreamExt;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::sound::{Track, measure};
use reelsmith_pipelines::faults::{Faults, Moment};
use reelsmith_pipelines::script::{Music, parse_episode};
use reelsmith_pipelines::{
    ErrorKind, Event, Files, JobId, JobSpec, PipelineError, Podcast, PodcastOptions, PodcastReport, Runner,
};
use reelsmith_storage::{Artifact, JobState};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use support::Desk;

const SCRIPT: &str = "\
---
title: Two hums
author: The house
show: Humming
voices:
  Ada: hum
  Ben: hum
music:
  intro: tone.wav
  bed: calm
  outro: tone.wav
  intro_seconds: 2
  outro_seconds: 3
seed: 5
---
# One

Ada: The first turn has eight words to say.
Ben: [speed 1.2] And the second one fewer.

# Two <!-- the last -->

Ada: Here is the **third**. [pause 1s] It goes on.
";

async fn prepare(desk: &Desk, runner: &Runner, script: &str) -> Result<Podcast, PipelineError> {
    let tone = (0..48_000 * 6).flat_map(|n| [(n as f32 * 0.02).sin() * 0.3; 2]).collect();
    Track::new(48_000, 2, tone).unwrap().write_wav(&desk.dir.join("tone.wav")).unwrap();
    let document = parse_episode(script, "episode.md").map_err(PipelineError::from)?;
    let files = Files::Beside(desk.dir.clone());
    runner.prepare_podcast(&document, &PodcastOptions::default(), &files).await
}

async fn fetched(desk: &Desk, artifacts: &[Artifact], name: &str) -> PathBuf {
    let artifact = artifacts.iter().find(|artifact| artifact.name == name).expect(name);
    let path = desk.dir.join(name);
    desk.blobs().await.get_to_file(&artifact.digest, &path).await.expect("bytes");
    path
}

/// How often each step was started.
async fn starts(runner: &Runner, id: &JobId) -> BTreeMap<String, usize> {
    let mut starts = BTreeMap::new();
    let mut events = Box::pin(runner.events(id, None));
    while let Some(event) = events.next().await {
        if let Event::StepStarted { step, .. } = event.expect("readable").event {
            *starts.entry(step.to_string()).or_default() += 1;
        }
    }
    starts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_becomes_an_episode_with_chapters_transcript_cover_and_report() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    let podcast = prepare(&desk, &runner, SCRIPT).await.unwrap();
    let id = runner.submit(podcast.clone()).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
    let artifacts = runner.artifacts(&id).await.unwrap();
    let report = std::fs::read(fetched(&desk, &artifacts, "report.json").await).unwrap();
    let report: PodcastReport = serde_json::from_slice(&report).unwrap();
    assert!(report.checks.iter().all(|check| check.ok), "{:?}", report.checks);
    assert_eq!(
        (report.turns.len(), report.intro.as_str(), report.bed.as_str()),
        (4, "file tone.wav", "mood calm")
    );

    let mp3 = fetched(&desk, &artifacts, "episode.mp3").await;
    let ffmpeg = Ffmpeg::locate(None, None).unwrap();
    let decoded = Track::decode(&ffmpeg, &mp3, 600.0).unwrap();
    let loudness = measure(&decoded).unwrap();
    assert!((loudness.integrated_lufs + 16.0).abs() <= 0.1, "{loudness:?}");
    assert!(loudness.true_peak_dbtp <= -1.0, "{loudness:?}");
    assert!((decoded.seconds() - report.seconds).abs() < 0.1, "{} for {}", decoded.seconds(), report.seconds);
    let (tags, sound) = (&report.sound.tags, &report.sound);
    assert_eq!(
        (tags["title"].as_str(), tags["artist"].as_str(), tags["album"].as_str()),
        ("Two hums", "The house", "Humming")
    );
    assert_eq!((sound.bitrate, sound.cover), (320_000, Some((1400, 1400))));
    let titles: Vec<&str> = sound.chapters.iter().map(|chapter| chapter.title.as_str()).collect();
    assert_eq!(titles, ["One", "Two"]);
    assert!((report.turns[0].start - 2.0).abs() < 1e-6, "the intro is heard alone for as long as asked");
    let chapter = report.turns[2].start - sound.chapters[1].start;
    assert!((0.0..=0.51).contains(&chapter), "a chapter begins shortly before its words: {chapter}");

    let text = std::fs::read_to_string(fetched(&desk, &artifacts, "transcript.txt").await).unwrap();
    assert!(text.contains("] Two\n") && text.contains("Ada: Here is the third."), "{text}");
    let srt = std::fs::read_to_string(fetched(&desk, &artifacts, "transcript.srt").await).unwrap();
    assert!(srt.contains("Ben: And the second one fewer."), "{srt}");
    let vtt = std::fs::read_to_string(fetched(&desk, &artifacts, "transcript.vtt").await).unwrap();
    assert!(vtt.contains("<v Ben>And the second one fewer."), "{vtt}");
    let chapters = std::fs::read(fetched(&desk, &artifacts, "chapters.json").await).unwrap();
    let chapters: serde_json::Value = serde_json::from_slice(&chapters).unwrap();
    assert_eq!((&chapters["version"], &chapters["chapters"][1]["title"]), (&"1.2.0".into(), &"Two".into()));
    let cover = reelsmith_media::picture::load(&fetched(&desk, &artifacts, "cover.jpg").await).unwrap();
    assert_eq!((cover.width, cover.height), (3000, 3000));

    let again = runner.submit(podcast).await.unwrap();
    assert_eq!((again.new, again.state, again.id), (false, JobState::Succeeded, id));
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_turn_is_tried_again_alone() {
    let desk = Desk::new();
    let tries = Arc::new(AtomicU32::new(0));
    let counted = tries.clone();
    let faults = Faults::new(move |point| {
        let here = point.step.to_string() == "voice/1" && point.moment == Moment::During && point.done > 0;
        match here && counted.fetch_add(1, Ordering::SeqCst) == 0 {
            true => Err(PipelineError::new(ErrorKind::ToolFailed, "the voice broke")),
            false => Ok(()),
        }
    });
    let runner = desk.runner(2, faults).await;
    let podcast = prepare(&desk, &runner, SCRIPT).await.unwrap();
    let id = runner.submit(podcast).await.unwrap().id;
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    for (step, count) in starts(&runner, &id).await {
        assert_eq!(count, if step == "voice/1" { 2 } else { 1 }, "{step}");
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_that_fails_for_good_is_all_that_the_next_submission_speaks_again() {
    let desk = Desk::new();
    let works = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let now = works.clone();
    let faults = Faults::new(move |point| {
        let here = point.step.to_string() == "voice/2" && point.moment == Moment::During;
        match here && !now.load(Ordering::SeqCst) {
            true => Err(PipelineError::new(ErrorKind::InvalidInput, "nobody can say this")),
            false => Ok(()),
        }
    });
    let runner = desk.runner(2, faults).await;
    let podcast = prepare(&desk, &runner, SCRIPT).await.unwrap();
    let id = runner.submit(podcast.clone()).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    let message = job.error.expect("a message");
    assert!(message.contains("nobody can say this"), "{message}");
    assert_eq!(starts(&runner, &id).await["cover"], 1, "what takes a moment comes first");
    works.store(true, Ordering::SeqCst);
    assert_eq!(runner.submit(podcast).await.unwrap().id, id);
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    let starts = starts(&runner, &id).await;
    assert_eq!((starts["voice/0"], starts["voice/1"], starts["voice/2"], starts["voice/3"]), (1, 1, 2, 1));
    runner.shutdown().await;
}

const KILL_AT: &str = "REELSMITH_TEST_KILL_AT";
const DESK: &str = "REELSMITH_TEST_DESK";
const HERE: &str = "here, kill me";

/// Not a test by itself: the process that is killed.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn child() {
    let desk = Desk::at(Path::new(&std::env::var(DESK).expect("told by the parent")));
    let kill_at = std::env::var(KILL_AT).expect("told by the parent");
    let dir = desk.dir.clone();
    let faults = Faults::new(move |at| {
        let here = format!("{} {:?}", at.step, at.moment) == kill_at;
        if here && (at.moment != Moment::During || support::is_at_work(at, &dir)) {
            println!("{HERE}");
            loop {
                std::thread::park();
            }
        }
        Ok(())
    });
    tokio::runtime::Runtime::new().expect("a runtime").block_on(async {
        let runner = desk.runner(1, faults).await;
        let podcast = prepare(&desk, &runner, SCRIPT).await.expect("a good script");
        let id = runner.submit(podcast).await.expect("submitted").id;
        runner.wait(&id).await.expect("a row");
        runner.shutdown().await;
    });
}

fn run_and_kill(desk: &Path, kill_at: &str) {
    let mut child = Command::new(std::env::current_exe().expect("a running test has a path"))
        .args(["child", "--exact", "--ignored", "--nocapture"])
        .env(DESK, desk)
        .env(KILL_AT, kill_at)
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let stood = lines.any(|line| line.ends_with(HERE));
    child.kill().expect("killed");
    child.wait().expect("ended");
    assert!(stood, "the child never came to: {kill_at}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_resumed_and_no_turn_is_spoken_twice() {
    let desk = Desk::new();
    for kill_at in ["cover Worked", "voice/1 During", "voice/2 Recorded", "sound During", "transcript Before"]
    {
        run_and_kill(&desk.dir, kill_at);
    }
    let runner = desk.runner(1, Faults::default()).await;
    let podcast = prepare(&desk, &runner, SCRIPT).await.unwrap();
    let id = runner.submit(podcast).await.unwrap().id;
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    assert_eq!(desk.left_over(), Vec::<PathBuf>::new());
    let starts = starts(&runner, &id).await;
    for (step, count) in
        [("voice/0", 1), ("voice/1", 2), ("voice/2", 1), ("voice/3", 1), ("cover", 2), ("sound", 2)]
    {
        assert_eq!(starts[step], count, "{step} of {starts:?}");
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_music_there_is_none() {
    let desk = Desk::new();
    let runner = desk.runner(2, Faults::default()).await;
    let podcast =
        prepare(&desk, &runner, "---\nvoices: { Ada: hum }\n---\nAda: Only words here.\n").await.unwrap();
    assert_eq!((podcast.title.as_str(), podcast.chapters.len()), ("Only words here", 0));
    let id = runner.submit(podcast).await.unwrap().id;
    assert_eq!(runner.wait(&id).await.unwrap().state, JobState::Succeeded);
    let artifacts = runner.artifacts(&id).await.unwrap();
    let report = std::fs::read(fetched(&desk, &artifacts, "report.json").await).unwrap();
    let report: PodcastReport = serde_json::from_slice(&report).unwrap();
    assert_eq!([&report.intro, &report.bed, &report.outro], ["none"; 3]);
    assert!(report.chapters.is_empty() && report.sound.chapters.is_empty());
    let ffmpeg = Ffmpeg::locate(None, None).unwrap();
    let decoded = Track::decode(&ffmpeg, &fetched(&desk, &artifacts, "episode.mp3").await, 60.0).unwrap();
    let quiet = |from: f64, to: f64| {
        let samples = &decoded.samples[(from * 96_000.0) as usize..(to * 96_000.0) as usize];
        samples.iter().fold(0f32, |peak, sample| peak.max(sample.abs()))
    };
    assert!(quiet(0.05, 0.35) < 1e-3, "{}", quiet(0.05, 0.35));
    assert!(quiet(report.seconds - 0.6, report.seconds - 0.1) < 1e-3);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_meant_is_refused_where_it_stands() {
    let desk = Desk::new();
    let runner = desk.runner(1, Faults::default()).await;
    let picture =
        reelsmith_media::picture::Picture { width: 900, height: 1600, rgb: vec![90; 900 * 1600 * 3] };
    picture.save_png(&desk.dir.join("small.png")).unwrap();
    std::fs::write(desk.dir.join("words.txt"), "no sound").unwrap();
    let long = format!("hum: {}", "word ".repeat(700));
    for (script, says) in [
        ("", "episode.md:1:1: nobody says anything"),
        ("# One\n", "nobody says anything"),
        ("# One\nhum: Hello.\n# Two\n", "episode.md:3:1: nobody says anything in this chapter"),
        ("Hello.\n", "episode.md:1:1: nobody says this"),
        ("hum: Hello.\n# Two\nHello.\n", "episode.md:3:1: nobody says this"),
        ("hum: Hello.\n## Part\n", "episode.md:2:1: chapters have no parts"),
        ("hum: [laughs] Hello.\n", "is no direction"),
        ("hum: ...\n", "says nothing that can be spoken"),
        ("hum: Hello.\n---\n", "a rule says nothing here"),
        ("hum: Hello.\n| a | b |\n", "a table cannot be spoken"),
        (&long, "characters at a stretch"),
        ("Ada: Hello.\n", "episode.md:1:1: Ada has no voice"),
        ("---\nvoices: { Ada: hum }\n---\nAda: Hi.\nAdda: Hi.\n", "Adda has no voice; did you mean `Ada`?"),
        (
            "---\nvoices: { Ada: humm }\n---\nAda: Hi.\n",
            "episode.md:2:16: there is no voice `humm`; did you mean `hum`?",
        ),
        ("---\nvoices: { Ada: hum:0.5+hom:0.5 }\n---\nAda: Hi.\n", "there is no voice `hom`"),
        ("---\nvoices: { Ada: hum, Eve: hum }\n---\nAda: Hi.\n", "nobody is called `Eve`"),
        ("---\nvoices: hum\n---\nAda: Hi.\n", "found `hum`"),
        ("---\ntitel: x\n---\nhum: Hi.\n", "unknown setting `titel`"),
        ("---\nmusic: { into: calm }\n---\nhum: Hi.\n", "did you mean `intro`"),
        ("---\nmusic: { bed: clam }\n---\nhum: Hi.\n", "unknown mood `clam`"),
        ("---\nmusic: { bed: none.mp3 }\n---\nhum: Hi.\n", "`none.mp3` cannot be read"),
        (
            "---\nmusic: { bed: words.txt }\n---\nhum: Hi.\n",
            "episode.md:2:15: `words.txt` cannot be used as music: could not decode",
        ),
        ("---\nmusic: { intro_seconds: 99 }\n---\nhum: Hi.\n", "a number from 0.5 to 60"),
        ("---\ncover: small.png\n---\nhum: Hi.\n", "900x1600 pixels; podcast directories take 1400"),
        ("---\ncover: http://x/y.png\n---\nhum: Hi.\n", "is an address"),
        ("---\nlanguage: de\n---\nhum: Hi.\n", "English is the only language"),
        ("---\nspeed: 3\n---\nhum: Hi.\n", "a number from 0.5 to 2"),
        ("---\nstyle: mauve\n---\nhum: Hi.\n", "there is no palette `mauve`"),
        ("---\ntitle: x\n", "does not end"),
    ] {
        let error = prepare(&desk, &runner, script).await.expect_err(script);
        assert!(error.to_string().contains(says), "{script:?}: {says:?} is not in {error}");
    }
    let turns = |count: usize, text: &str| format!("hum: {text}\n").repeat(count);
    for (script, says) in [
        (turns(1001, "Hi."), "the script has 1001 turns"),
        (turns(1000, &"word ".repeat(50)), "the limit is 2 h"),
        ("# x\nhum: Hi.\n".repeat(101), "the script has 101 chapters"),
        (turns(150_000, "Hi."), "bytes"),
    ] {
        let error = prepare(&desk, &runner, &script).await.expect_err(says);
        assert!(error.to_string().contains(says), "{says:?} is not in {error}");
    }
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_command_sets_goes_before_the_script() {
    let desk = Desk::new();
    let runner = desk.runner(1, Faults::default()).await;
    let before = prepare(&desk, &runner, SCRIPT).await.unwrap();
    let document = parse_episode(SCRIPT, "episode.md").unwrap();
    let options = PodcastOptions {
        seed: Some(9),
        bed: Some(Music::None),
        speed: Some(0.9),
        voices: BTreeMap::from([("Ada".to_owned(), "hum:2".to_owned())]),
        ..PodcastOptions::default()
    };
    let files = Files::Beside(desk.dir.clone());
    let after = runner.prepare_podcast(&document, &options, &files).await.unwrap();
    assert_ne!(before.id(), after.id());
    assert_eq!((after.seed, after.turns[0].speed, after.turns[1].speed), (9, 0.9, 1.2));
    assert_eq!((after.turns[0].voice.as_str(), after.turns[1].voice.as_str()), ("hum:2", "hum"));
    assert_eq!(after.music.bed, reelsmith_pipelines::spec::MusicChoice::None);
    runner.shutdown().await;
}
