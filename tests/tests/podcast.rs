//! An episode, whole and on the real voice: the example is made, then probed, measured and read back by programs that
//! are not ours.

use reelsmith_tests::media::{self, output};
use reelsmith_tests::run::{finished_steps, make, run};
use reelsmith_tests::speech;
use serde_json::Value;
use std::path::{Path, PathBuf};

#[test]
fn the_example_becomes_an_episode() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (home, out) = (dir.path().join("home"), dir.path().join("out"));
    let script = reelsmith_tests::root().join("examples/the-leap-second.md");
    let first = run(make("podcast", &home, &script, &out).arg("--json"));
    assert_eq!(first.code(), 0, "{}", first.stderr);
    assert!(first.peak_bytes < 2_000_000_000, "the process tree held {} bytes", first.peak_bytes);
    let file = |ending: &str| out.join(format!("the-second-that-does-not-fit.{ending}"));

    let mp3 = file("mp3");
    let seconds = sound_is_as_ordered(&mp3);
    assert!((30.0..60.0).contains(&seconds), "{seconds} s");
    let (loudness, peak) = media::loudness(&mp3);
    assert!((loudness + 16.0).abs() <= 0.1, "{loudness} LUFS");
    assert!(peak <= -1.0, "{peak} dBTP");
    let report: Value = serde_json::from_slice(&std::fs::read(file("json")).expect("there")).expect("JSON");
    words_are_heard(&mp3, &report);
    let checks = report["checks"].as_array().expect("checks");
    assert!(checks.len() > 8 && checks.iter().all(|check| check["ok"] == true), "{checks:?}");
    transcripts_say_the_script(&file);
    let arguments = ["-v", "error", "-show_entries", "stream=width,height", "-of", "csv=p=0"];
    assert_eq!(output("ffprobe", &arguments, &file("jpg"), &[]).0.trim(), "3000,3000");

    let bytes = std::fs::read(&mp3).expect("readable");
    std::fs::remove_file(&mp3).expect("removable");
    let again = run(make("podcast", &home, &script, &out).arg("--json"));
    assert_eq!(again.code(), 0, "{}", again.stderr);
    assert_eq!(finished_steps(&again), finished_steps(&first), "no turn was spoken a second time");
    assert_eq!(std::fs::read(&mp3).expect("written again"), bytes, "the very same episode");
}

/// Answers its length.
fn sound_is_as_ordered(mp3: &Path) -> f64 {
    let arguments = ["-v", "error", "-show_streams", "-show_format", "-show_chapters", "-of", "json"];
    let probe: Value =
        serde_json::from_str(&output("ffprobe", &arguments, mp3, &[]).0).expect("ffprobe prints JSON");
    let (sound, picture) = (&probe["streams"][0], &probe["streams"][1]);
    assert_eq!((&sound["codec_name"], &sound["bit_rate"]), (&"mp3".into(), &"320000".into()));
    assert_eq!((&sound["sample_rate"], &sound["channels"]), (&"48000".into(), &2.into()));
    assert_eq!(
        (&picture["codec_name"], &picture["disposition"]["attached_pic"]),
        (&"mjpeg".into(), &1.into())
    );
    let tags = &probe["format"]["tags"];
    assert_eq!(tags["title"], "The second that does not fit");
    assert_eq!((&tags["artist"], &tags["album"]), (&"Small Hours".into(), &"Small Hours".into()));
    let chapters = probe["chapters"].as_array().expect("chapters");
    let titles: Vec<&str> = chapters.iter().filter_map(|chapter| chapter["tags"]["title"].as_str()).collect();
    assert_eq!(titles, ["A slow planet", "The extra second", "An end to it"]);
    probe["format"]["duration"].as_str().expect("a text").parse().expect("a number")
}

fn words_are_heard(mp3: &Path, report: &Value) {
    let turns = report["turns"].as_array().expect("turns");
    let said: Vec<&str> = turns.iter().filter_map(|turn| turn["text"].as_str()).collect();
    let heard = speech::read_back(mp3);
    let errors = speech::word_error_rate(&speech::words(&said.join(" ")), &speech::words(&heard));
    assert!(errors < 0.1, "word error rate {errors:.3}: {heard}");
}

fn transcripts_say_the_script(file: &impl Fn(&str) -> PathBuf) {
    let read = |ending: &str| std::fs::read_to_string(file(ending)).expect("readable");
    let (srt, vtt, txt) = (read("srt"), read("vtt"), read("txt"));
    assert!(srt.contains("\nBen: And who notices?"), "{srt}");
    assert!(vtt.contains("<v Ben>And who notices?"), "{vtt}");
    assert!(txt.contains("] The extra second\n") && txt.contains("] Ben: And who notices?"), "{txt}");
    let chapters: Value = serde_json::from_str(&read("chapters.json")).expect("JSON");
    assert_eq!(chapters["chapters"].as_array().map(Vec::len), Some(3));
}
