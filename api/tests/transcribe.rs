//! `reelsmith transcribe` of the built binary: a sentence that the voice says, in files of many kinds.

use reelsmith_inference::kokoro::Kokoro;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference_core::NoControl;
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use tempfile::TempDir;

const SENTENCE: &str = "The harbour was quiet when the first boats came back with the morning catch.";

#[expect(clippy::disallowed_methods, reason = "tests find the shared model cache as the product does")]
fn models() -> PathBuf {
    let cache = std::env::var("XDG_CACHE_HOME").ok().filter(|dir| !dir.is_empty()).map(PathBuf::from);
    cache
        .unwrap_or_else(|| std::env::home_dir().expect("a home directory").join(".cache"))
        .join("reelsmith/models")
}

/// A folder with `said.wav`, `film.mp4` that says the same, `mute.mp4` and `silence.wav`.
static FILES: LazyLock<TempDir> = LazyLock::new(|| {
    let models = models();
    load_onnxruntime(&models.join("onnxruntime/libonnxruntime.so")).expect("ONNX Runtime loads");
    let (voices, oov) = (models.join("kokoro-voices"), models.join("g2p-en/oov.onnx"));
    let mut kokoro =
        Kokoro::open(&models.join("kokoro-82m-fp32/kokoro.onnx"), &voices, &oov, 2).expect("the voice loads");
    let request = SpeakRequest { text: SENTENCE.to_owned(), voice: "bf_emma".to_owned(), speed: 1.0 };
    let speech = kokoro.speak(&request, &NoControl).expect("it speaks");
    let folder = tempfile::tempdir().expect("a folder");
    let raw: Vec<u8> = speech.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    std::fs::write(folder.path().join("said.raw"), raw).expect("written");
    let picture = ["-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=6", "-pix_fmt", "yuv420p"];
    ffmpeg(folder.path(), &["-f", "f32le", "-ar", "24000", "-ac", "1", "-i", "said.raw", "said.wav"]);
    ffmpeg(folder.path(), &[&["-i", "said.wav"], &picture[..], &["film.mp4"]].concat());
    ffmpeg(folder.path(), &[&picture[..], &["mute.mp4"]].concat());
    ffmpeg(folder.path(), &["-f", "lavfi", "-i", "anullsrc=r=44100", "-t", "20", "silence.wav"]);
    folder
});

fn ffmpeg(folder: &Path, args: &[&str]) {
    let done =
        Command::new("ffmpeg").args(["-nostdin", "-v", "error"]).args(args).current_dir(folder).status();
    assert!(done.expect("ffmpeg starts").success(), "{args:?}");
}

struct Ended {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs it in the folder of [`FILES`], with settings of nobody.
fn run(args: &[&str], input: Stdio) -> Ended {
    let home = tempfile::tempdir().expect("a folder");
    let output = Command::new(env!("CARGO_BIN_EXE_reelsmith"))
        .args(["--offline", "--config", "/dev/null", "--models-dir"])
        .arg(models())
        .arg("transcribe")
        .args(args)
        .env("HOME", home.path())
        .current_dir(FILES.path())
        .stdin(input)
        .output()
        .expect("starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ended { code: output.status.code().unwrap_or(-1), stdout, stderr }
}

fn heard(text: &str) -> String {
    let text = text.to_lowercase().replace("harbor ", "harbour ");
    text.chars().filter(|c| c.is_alphanumeric() || *c == ' ').collect::<String>().trim().to_owned()
}

#[test]
fn a_film_is_written_down_in_every_form() {
    let text = run(&["film.mp4"], Stdio::null());
    assert_eq!(text.code, 0, "{}", text.stderr);
    assert_eq!(heard(&text.stdout.replace('\n', " ")), heard(SENTENCE));
    let verbose =
        run(&["said.wav", "--words", "--format", "verbose_json", "--language", "en"], Stdio::null());
    let verbose: Value = serde_json::from_str(&verbose.stdout).expect("JSON");
    assert_eq!(verbose["language"], "en");
    let words = verbose["words"].as_array().expect("words");
    assert_eq!(words.len(), SENTENCE.split(' ').count(), "{words:?}");
    let duration = verbose["duration"].as_f64().expect("seconds");
    assert!(words.windows(2).all(|pair| pair[0]["start"].as_f64() <= pair[1]["start"].as_f64()));
    assert!(
        words.iter().all(|word| word["end"].as_f64().is_some_and(|end| end <= duration + 0.01)),
        "{words:?}"
    );
    let srt = run(&["film.mp4", "--format", "srt", "--out", "made/film.srt"], Stdio::null());
    assert_eq!((srt.code, srt.stdout.as_str()), (0, ""), "{}", srt.stderr);
    let srt = std::fs::read_to_string(FILES.path().join("made/film.srt")).expect("written");
    assert!(srt.starts_with("1\n00:00:0") && heard(&srt).contains("the morning catch"), "{srt}");
}

#[test]
fn standard_input_may_be_a_film_too() {
    let film = std::fs::File::open(FILES.path().join("film.mp4")).expect("made");
    let ended = run(&["-", "--beams", "1"], Stdio::from(film));
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    assert_eq!(heard(&ended.stdout.replace('\n', " ")), heard(SENTENCE));
    assert!(ended.stderr.contains("transcribe"), "progress is told: {}", ended.stderr);
}

#[test]
fn eight_bits_and_batches_hear_the_same_words() {
    for args in [&["--precision", "int8"][..], &["--precision", "int8", "--batch", "4"], &["--batch", "4"]] {
        let ended = run(&[&["said.wav", "--beams", "1"], args].concat(), Stdio::null());
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(heard(&ended.stdout.replace('\n', " ")), heard(SENTENCE), "{args:?}");
    }
}

#[test]
fn silence_is_no_text_and_no_error() {
    let ended = run(&["silence.wav", "--format", "vtt"], Stdio::null());
    assert_eq!((ended.code, ended.stdout.trim()), (0, "WEBVTT"), "{}", ended.stderr);
}

#[test]
fn what_cannot_be_heard_is_told_with_the_exit_code_of_wrong_input() {
    for (args, said) in [
        (&["mute.mp4"][..], "mute.mp4 holds no sound"),
        (&["none.wav"], "there is no file none.wav"),
        (&["said.wav", "--language", "klingon"], "`klingon` is no language of this model"),
        (&["said.wav", "--model", "kokoro-82m-fp32"], "is no model for transcribe; "),
        (&["said.wav", "--beams", "0"], "0 is not in 1..=16"),
        (&["said.wav", "--precision", "int4"], "invalid value 'int4'"),
    ] {
        let ended = run(args, Stdio::null());
        assert_eq!(ended.code, 2, "{args:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(said), "{args:?}: {}", ended.stderr);
    }
}
