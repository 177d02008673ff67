//! `reelsmith speak` and `dialogue` of the built binary, with the real voice.

use serde_json::Value;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The command with the models of this machine and settings of nobody, in `folder`.
#[expect(clippy::disallowed_methods, reason = "tests find the shared model cache as the product does")]
fn command(folder: &Path, args: &[&str]) -> Command {
    let cache = std::env::var("XDG_CACHE_HOME").ok().filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.unwrap_or_else(|| std::env::home_dir().expect("a home directory").join(".cache"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_reelsmith"));
    command
        .args(["--offline", "--config", "/dev/null", "--models-dir"])
        .arg(cache.join("reelsmith/models"))
        .args(args)
        .env("HOME", folder)
        .current_dir(folder)
        .stdin(Stdio::null());
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("it starts")
}

fn done(folder: &Path, args: &[&str]) -> Vec<u8> {
    let output = run(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Codec, rate and seconds of a file's sound, decoded to its end.
fn probed(path: &Path) -> (String, u32, f64) {
    let output = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-count_packets",
            "-show_entries",
            "stream=codec_name,sample_rate:format=duration",
        ])
        .args(["-of", "json"])
        .arg(path)
        .output()
        .expect("ffprobe is here");
    let about: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let stream = &about["streams"][0];
    let rate = text(&stream["sample_rate"]).parse().expect("a number");
    (text(&stream["codec_name"]), rate, text(&about["format"]["duration"]).parse().expect("a number"))
}

fn seconds_of_pcm(bytes: &[u8], rate: f64) -> f64 {
    bytes.len() as f64 / 2.0 / rate
}

const TEXT: &str = "The ship left the harbor at dawn. It carried three hundred letters.";

#[test]
fn every_form_has_the_same_speech_at_its_rate() {
    let folder = tempfile::tempdir().expect("a folder");
    let pcm = done(folder.path(), &["speak", TEXT, "--out", "-", "--format", "pcm"]);
    let seconds = seconds_of_pcm(&pcm, 24_000.0);
    assert!((3.0..7.0).contains(&seconds), "{seconds}");
    let wav = done(folder.path(), &["speak", TEXT, "--out", "-"]);
    assert_eq!(wav[44..], pcm[..], "the same samples behind a header");
    for (name, rate, codec, slack) in [
        ("a.wav", "44100", "pcm_s16le", 0.01),
        ("b.mp3", "24000", "mp3", 0.15),
        ("c.flac", "48000", "flac", 0.01),
        ("d.opus", "24000", "opus", 0.1),
        ("e.aac", "24000", "aac", 0.5),
    ] {
        done(folder.path(), &["speak", TEXT, "--out", name, "--rate", rate]);
        let (found, at, length) = probed(&folder.path().join(name));
        assert_eq!(found, codec);
        // Opus is decoded at 48 kHz whatever it was made of.
        assert_eq!(at.to_string(), if codec == "opus" { "48000" } else { rate }, "{name}");
        assert!((length - seconds).abs() < slack, "{name}: {length} s for {seconds} s");
    }
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("there").flatten().map(|e| e.file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "{left:?}");
}

#[test]
fn a_stream_begins_before_the_text_is_spoken_and_ends_with_its_reader() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = command(folder.path(), &["speak", "-", "--out", "-", "--format", "pcm"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // Three minutes of speech, of which the first sentence is awaited.
    let text = format!("{TEXT} ").repeat(40);
    child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let mut first = vec![0; 24_000];
    let mut stdout = child.stdout.take().expect("piped");
    stdout.read_exact(&mut first).expect("half a second");
    assert!(child.try_wait().expect("it is asked").is_none(), "it goes on");
    drop(stdout);
    let since = std::time::Instant::now();
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(since.elapsed().as_secs() < 120, "it does not speak on to nobody");
}

#[test]
fn a_dialogue_has_its_voices_pauses_and_times() {
    let folder = tempfile::tempdir().expect("a folder");
    let script = "Ada: Good evening.\nBen: [speed 1.3] Thank you! [pause 1.5s] It is good to be here.\n";
    std::fs::write(folder.path().join("talk.txt"), script).expect("written");
    let args = ["dialogue", "talk.txt", "--voice", "Ada=bf_emma", "--voice", "Ben=am_adam:0.7+af_heart:0.3"];
    done(folder.path(), &[&args[..], &["--out", "talk.wav"]].concat());
    let timing: Value =
        serde_json::from_slice(&std::fs::read(folder.path().join("talk.json")).expect("there"))
            .expect("JSON");
    let lines = timing["lines"].as_array().expect("lines");
    let number = |line: &Value, key: &str| line[key].as_f64().expect("a number");
    assert_eq!(lines.len(), 3);
    assert_eq!((lines[0]["voice"].as_str(), lines[2]["speaker"].as_str()), (Some("bf_emma"), Some("Ben")));
    let gap = |at: usize| number(&lines[at], "start") - number(&lines[at - 1], "end");
    assert!((gap(1) - 0.35).abs() < 0.01 && (gap(2) - 1.5).abs() < 0.01, "{} {}", gap(1), gap(2));
    let words = lines[2]["words"].as_array().expect("words");
    assert_eq!(words[0]["text"], "It");
    assert!(number(&words[0], "start") >= number(&lines[2], "start"));
    assert!(number(&words[5], "end") <= number(&lines[2], "end"));
    let (_, _, length) = probed(&folder.path().join("talk.wav"));
    assert!((length - number(&timing, "seconds")).abs() < 0.01);
}

#[test]
fn what_cannot_be_said_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("talk.txt"), "Ada: Hello.\nBen: Hello.\n").expect("written");
    std::fs::write(folder.path().join("megabyte.txt"), "word ".repeat(210_000)).expect("written");
    std::fs::write(folder.path().join("latin1.txt"), b"caf\xe9").expect("written");
    for (args, says) in [
        (&["speak"][..], "required"),
        (&["speak", "🎉👍🏽"], "nothing to say"),
        (&["speak", "… — !?"], "nothing to say"),
        (&["speak", "Hello", "--voice", "af_haert"], "near it are af_heart"),
        (&["speak", "Hello", "--voice", "af_heart:NaN+am_adam"], "expected a number of 0 or more"),
        (&["speak", "Hello", "--voice", "af_heart:0"], "give one above 0"),
        (&["speak", "Hello", "--speed", "3"], "0.5 to 2"),
        (&["speak", "Hello", "--out", "a.xyz"], "name one with --format"),
        (&["speak", "Hello", "--out", "a.opus", "--rate", "44100"], "has no rate of 44100"),
        (&["speak", "--file", "megabyte.txt"], "split it"),
        (&["speak", "--file", "latin1.txt"], "is not UTF-8"),
        (&["dialogue", "talk.txt", "--voice", "Ada=bf_emma"], "Ben has no voice"),
        (&["dialogue", "talk.txt", "--voice", "Eve=bf_emma"], "nobody is called Eve"),
        (&["dialogue", "talk.txt", "--voice", "bf_emma"], "SPEAKER=VOICE"),
        (&["dialogue", "none.txt"], "cannot be read"),
    ] {
        let output = run(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {says:?} is not in {said}");
        assert!(!folder.path().join("speech.wav").exists(), "{args:?} leaves nothing");
    }
    let names = std::fs::read_dir(folder.path()).expect("there").flatten().map(|entry| entry.file_name());
    let mut left: Vec<_> = names.filter(|name| name != ".cache").collect();
    left.sort();
    assert_eq!(left, ["latin1.txt", "megabyte.txt", "talk.txt"], "nothing is left");
}
