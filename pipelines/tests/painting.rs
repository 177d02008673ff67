//! Shorts whose scenes are painted by a model from their descriptions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use reelsmith_media::picture::load_bitmap;
use reelsmith_pipelines::faults::Faults;
use reelsmith_pipelines::images::Recipe;
use reelsmith_pipelines::report::PictureMaker;
use reelsmith_pipelines::{JobSpec, Painter, Report, Runner, Short};
use reelsmith_storage::JobState;
use support::Desk;
use support::painting::painter;

const SCRIPT: &str = "\
---
title: Painted
preset: small
voice: hum
seed: 41
music: none
---

## One

picture: a lantern fish in black water
The first scene is described.

## Two

picture: a lantern fish in black water
The second one too, in the same words.

## Three

The third is not.
";

/// A desk with a painter, whose preset has a frame of that size.
fn desk(frame: (u32, u32), painter: Option<Painter>) -> Desk {
    let mut desk = Desk::new();
    desk.painter = painter;
    let path = desk.dir.join("presets/small.toml");
    let (text, small) = (std::fs::read_to_string(&path).unwrap(), "width = 270\nheight = 480");
    assert!(text.contains(small), "the preset has changed");
    std::fs::write(&path, text.replacen(small, &format!("width = {}\nheight = {}", frame.0, frame.1), 1))
        .unwrap();
    desk
}

async fn finished(desk: &Desk, runner: &Runner, short: Short) -> Report {
    let id = runner.submit(short).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{:?}", job.error);
    let artifacts = runner.artifacts(&id).await.unwrap();
    let report = artifacts.iter().find(|artifact| artifact.name == "report.json").unwrap();
    serde_json::from_slice(&desk.blobs().await.get_bytes(&report.digest).await.unwrap()).unwrap()
}

/// The text of a PNG file under `keyword`, read by its chunks: PNG specification, section 11.3.3.4.
fn note(bytes: &[u8], keyword: &str) -> Option<String> {
    let mut at = 8;
    while at + 8 <= bytes.len() {
        let length = u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
        let (kind, data) = (&bytes[at + 4..at + 8], &bytes[at + 8..at + 8 + length]);
        let head = [keyword.as_bytes(), b"\0\0\0\0\0"].concat();
        if kind == b"iTXt" && data.starts_with(&head) {
            return Some(String::from_utf8(data[head.len()..].to_vec()).unwrap());
        }
        at += length + 12;
    }
    None
}

#[tokio::test(flavor = "multi_thread")]
async fn described_scenes_are_painted_enlarged_and_reported() {
    let desk = desk((900, 1600), Some(painter()));
    let runner = desk.runner(2, Faults::default()).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    assert!(
        !serde_json::to_string(&short).unwrap().contains("/somewhere"),
        "no place of this machine is told"
    );
    let report = finished(&desk, &runner, short).await;
    let sources: Vec<PictureMaker> = report.scenes.iter().map(|scene| scene.picture.source).collect();
    assert_eq!(sources, [PictureMaker::Model, PictureMaker::Model, PictureMaker::Card]);
    let roles: Vec<&str> = report.models.iter().map(|model| model.role.as_str()).collect();
    assert!(roles.contains(&"text-to-image") && roles.contains(&"upscale"), "{roles:?}");

    let recipes: Vec<&Recipe> =
        report.scenes.iter().filter_map(|scene| scene.picture.recipe.as_ref()).collect();
    let [first, second] = recipes[..] else { panic!("{recipes:?}") };
    assert_eq!((first.seed, second.seed), (41, 42), "the job's seed and the scene");
    assert_ne!(report.scenes[0].picture.sha256, report.scenes[1].picture.sha256);
    assert_eq!(first.prompt, "a lantern fish in black water");
    assert_eq!((first.steps, first.guidance_scale, first.model.name.as_str()), (3, 0.0, "stripes"));
    assert_eq!((first.width, first.height), (768, 1344), "SDXL's own size of the frame's shape");
    let upscaled = first.upscaled.as_ref().expect("it is smaller than the frame with its room for motion");
    assert_eq!((upscaled.width, upscaled.height), (1097, 1920));

    let digest = report.scenes[0].picture.sha256.parse().unwrap();
    let path = desk.dir.join("painted.png");
    desk.blobs().await.get_to_file(&digest, &path).await.unwrap();
    let bitmap = load_bitmap(&path).unwrap();
    assert_eq!((bitmap.width, bitmap.height), (1097, 1920));
    let bytes = std::fs::read(&path).unwrap();
    let parameters = note(&bytes, "parameters").expect("the file says how it was made");
    assert!(
        parameters.starts_with("a lantern fish in black water\nSteps: 3, Sampler: LCM, "),
        "{parameters}"
    );
    let json: Recipe = serde_json::from_str(&note(&bytes, "reelsmith").unwrap()).unwrap();
    assert_eq!(&json, first);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_large_enough_is_not_enlarged_and_repeating_makes_the_same() {
    let desk = desk((270, 480), Some(painter()));
    let runner = desk.runner(2, Faults::default()).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    let before = finished(&desk, &runner, short.clone()).await;
    assert!(before.scenes[0].picture.recipe.as_ref().unwrap().upscaled.is_none());
    let jobs = desk.jobs().await;
    assert!(jobs.forget_step(&short.id().0, "pictures/0").await.unwrap());
    let again = finished(&desk, &runner, short).await;
    assert_eq!(again.scenes[0].picture, before.scenes[0].picture);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_model_a_described_scene_is_a_card_and_the_reason_is_told() {
    let desk = desk((270, 480), None);
    let runner = desk.runner(2, Faults::default()).await;
    let short = desk.prepare(&runner, SCRIPT).await;
    assert!(short.painter.is_none());
    let report = finished(&desk, &runner, short).await;
    let picture = &report.scenes[0].picture;
    assert_eq!(picture.source, PictureMaker::Card);
    assert!(picture.why.contains("image_model"), "{}", picture.why);
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_painter_takes_part_only_where_something_is_described() {
    let desk = desk((270, 480), Some(painter()));
    let runner = desk.runner(2, Faults::default()).await;
    let plain = "---\npreset: small\nvoice: hum\n---\nNothing is described here.\n";
    let short = desk.prepare(&runner, plain).await;
    assert!(short.painter.is_none() && short.models.iter().all(|model| model.role != "text-to-image"));
    runner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_was_prepared_for_another_model_says_so() {
    let desk = desk((270, 480), Some(painter()));
    let runner = desk.runner(2, Faults::default()).await;
    let mut short = desk.prepare(&runner, SCRIPT).await;
    let choice = short.painter.as_mut().unwrap();
    choice.model.sha256 = "c".repeat(64);
    let id = runner.submit(short).await.unwrap().id;
    let job = runner.wait(&id).await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.unwrap();
    assert!(error.contains("stripes") && error.contains("image_model"), "{error}");
    runner.shutdown().await;
}
