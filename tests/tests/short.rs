//! The main job, whole and on real models: a script becomes a Short, which is probed, measured and read back by
//! programs that are not ours.

use reelsmith_tests::media::{self, output};
use reelsmith_tests::run::{finished_steps, make_short, run};
use reelsmith_tests::speech;
use serde_json::Value;
use std::path::{Path, PathBuf};

const SCRIPT: &str = "\
---
title: Three facts about water
preset: youtube_shorts
seed: 7
music: calm
---

## Oceans

About 71% of the Earth is covered by water, and most of it is salt.

## Ice

Only three percent is fresh, and two thirds of that is frozen.

## You

Drink a glass. Your brain will thank you.
";

/// What the script says, as a recogniser writes it.
const SPOKEN: &str = "About 71 percent of the Earth is covered by water, and most of it is salt. Only three percent is \
fresh, and two thirds of that is frozen. Drink a glass. Your brain will thank you.";

#[test]
fn a_script_becomes_a_short() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let script = dir.path().join("water.md");
    std::fs::write(&script, SCRIPT).expect("written");
    let out = dir.path().join("out");

    let first = run(make_short(&dir.path().join("home"), &script, &out).arg("--json"));
    assert_eq!(first.code(), 0, "{}", first.stderr);
    assert!(first.peak_bytes < 2_000_000_000, "the process tree held {} bytes", first.peak_bytes);
    let file = |ending: &str| the_only_file(&out, ending);

    let video = file("mp4");
    video_is_as_ordered(&video);
    loudness_is_as_ordered(&video);
    words_are_heard(&video);
    captions_say_the_script(&file("srt"), &file("vtt"));
    thumbnail_is_as_ordered(&file("jpg"));
    report_is_complete(&file("json"));

    let bytes = std::fs::read(&video).expect("readable");
    std::fs::remove_file(&video).expect("removable");
    let again = run(make_short(&dir.path().join("home"), &script, &out).arg("--json"));
    assert_eq!(again.code(), 0, "{}", again.stderr);
    assert_eq!(finished_steps(&again), finished_steps(&first), "no step was done a second time");
    assert_eq!(std::fs::read(&video).expect("written again"), bytes, "the very same video");
}

fn the_only_file(dir: &Path, ending: &str) -> PathBuf {
    let files =
        std::fs::read_dir(dir).expect("the output folder").map(|entry| entry.expect("an entry").path());
    let mut files = files.filter(|path| path.extension().is_some_and(|found| found == ending));
    let file = files.next().unwrap_or_else(|| panic!("{} has no .{ending}", dir.display()));
    assert_eq!(files.next(), None, "one .{ending} only");
    file
}

fn video_is_as_ordered(video: &Path) {
    let arguments = ["-v", "error", "-count_frames", "-show_streams", "-show_format", "-of", "json"];
    let probe: Value =
        serde_json::from_str(&output("ffprobe", &arguments, video, &[]).0).expect("ffprobe prints JSON");
    let (picture, sound) = (&probe["streams"][0], &probe["streams"][1]);
    let number =
        |value: &Value| value.as_str().expect("a number in a string").parse::<f64>().expect("a number");
    assert_eq!((&picture["width"], &picture["height"]), (&1080.into(), &1920.into()));
    assert_eq!(picture["avg_frame_rate"], "30/1");
    assert_eq!(picture["codec_name"], "h264");
    assert_eq!(picture["pix_fmt"], "yuv420p");
    assert_eq!((&picture["color_space"], &picture["color_range"]), (&"bt709".into(), &"tv".into()));
    assert_eq!(
        (&sound["codec_name"], &sound["sample_rate"], &sound["channels"]),
        (&"aac".into(), &"48000".into(), &2.into())
    );
    let (frames, seconds) = (number(&picture["nb_read_frames"]), number(&probe["format"]["duration"]));
    assert!((frames / 30.0 - seconds).abs() < 0.06, "{frames} frames in {seconds} s");
    assert!((8.0..30.0).contains(&seconds), "three short scenes take {seconds} s");
}

fn loudness_is_as_ordered(video: &Path) {
    let (loudness, peak) = media::loudness(video);
    assert!((loudness + 14.0).abs() <= 0.1, "{loudness} LUFS");
    assert!(peak <= -1.0, "{peak} dBTP");
}

fn words_are_heard(video: &Path) {
    let heard = speech::read_back(video);
    let errors = speech::word_error_rate(&speech::words(SPOKEN), &speech::words(&heard));
    assert!(errors < 0.05, "word error rate {errors:.3}: {heard}");
}

fn captions_say_the_script(srt: &Path, vtt: &Path) {
    let script = SCRIPT.splitn(3, "---").nth(2).expect("a body").lines();
    let written: String = script.filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join(" ");
    for path in [srt, vtt] {
        let text = std::fs::read_to_string(path).expect("readable");
        let is_word_line =
            |line: &&str| !line.contains("-->") && line.parse::<u32>().is_err() && *line != "WEBVTT";
        let shown: String = text.lines().filter(is_word_line).collect::<Vec<_>>().join(" ");
        assert_eq!(speech::words(&shown), speech::words(&written), "{}", path.display());
    }
}

fn thumbnail_is_as_ordered(thumbnail: &Path) {
    let arguments = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"];
    assert_eq!(output("ffprobe", &arguments, thumbnail, &[]).0.trim(), "1280,720");
    assert!(thumbnail.metadata().expect("there").len() < 2_000_000);
}

fn report_is_complete(report: &Path) {
    let report: Value = serde_json::from_slice(&std::fs::read(report).expect("readable")).expect("JSON");
    let text = report.to_string();
    for model in report["models"].as_array().expect("models") {
        assert!(model["licence"].as_str().is_some_and(|licence| !licence.is_empty()), "{model}");
        for file in model["files"].as_array().expect("files") {
            assert_eq!(file["sha256"].as_str().map(str::len), Some(64), "{model}");
        }
    }
    assert!(text.contains("kokoro"), "the voice's model is named");
    let checks = report["checks"].as_array().expect("checks");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["ok"] == true), "{checks:?}");
    let scenes = report["scenes"].as_array().expect("scenes");
    assert!(scenes.len() == 3 && scenes.iter().all(|scene| text_of(scene).contains("card")), "{scenes:?}");
    let steps = report["steps"].as_array().expect("steps");
    assert!(
        steps.iter().all(|step| step["seconds"].as_f64().is_some_and(|seconds| seconds >= 0.0)),
        "{steps:?}"
    );
}

fn text_of(value: &Value) -> String {
    value.to_string()
}
