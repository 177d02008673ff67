//! `reelsmith embed` of the built binary, with the published model.

use serde_json::Value;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// The command with the models of this machine and settings of nobody, in `folder`.
#[expect(clippy::disallowed_methods, reason = "tests find the shared model cache as the product does")]
fn command(folder: &std::path::Path, args: &[&str]) -> Command {
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

fn run(folder: &std::path::Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("it starts")
}

fn rows(output: &Output) -> Vec<Value> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

fn vector(row: &Value) -> Vec<f32> {
    serde_json::from_value(row["embedding"].clone()).expect("numbers")
}

#[test]
fn arguments_lines_and_pipes_give_the_same_vectors_in_the_order_given() {
    let folder = tempfile::tempdir().expect("a folder");
    let texts = ["A cat sleeps.", "Interest rates rose.", "", "😀"];
    let given = rows(&run(folder.path(), &["embed", texts[0], texts[1], texts[2], texts[3]]));
    assert_eq!(given.len(), 4);
    for (index, row) in given.iter().enumerate() {
        assert_eq!((row["index"].as_u64(), vector(row).len()), (Some(index as u64), 384));
        assert_eq!(row["truncated"], false);
    }
    std::fs::write(folder.path().join("lines.txt"), texts.join("\n") + "\n").expect("written");
    let read = rows(&run(folder.path(), &["embed", "--lines", "lines.txt"]));
    assert_eq!(read, given);

    let mut child = command(folder.path(), &["embed", "-", "--format", "npy", "--out", "made/array.npy"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("it starts");
    child.stdin.take().expect("piped").write_all(texts.join("\n").as_bytes()).expect("written");
    assert!(child.wait().expect("it ends").success());
    let array = std::fs::read(folder.path().join("made/array.npy")).expect("there");
    assert!(array.starts_with(b"\x93NUMPY\x01\x00"));
    assert!(String::from_utf8_lossy(&array[..128]).contains("'shape': (4, 384)"));
    let numbers: Vec<f32> =
        array[128..].as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
    let expected: Vec<f32> = given.iter().flat_map(vector).collect();
    assert_eq!(numbers, expected);
    assert_eq!(std::fs::read_dir(folder.path().join("made")).expect("there").count(), 1);
}

#[test]
fn what_cannot_be_embedded_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("latin1.txt"), b"fine\ncaf\xe9\n").expect("written");
    std::fs::write(folder.path().join("empty.txt"), "").expect("written");
    for (args, code, says) in [
        (&["embed"][..], 2, "required"),
        (&["embed", "x", "--model", "kokoro-82m-fp32"], 2, "is no model for embed; name all-minilm-l6-v2"),
        (&["embed", "x", "--format", "npy"], 2, "name a file with --out"),
        (&["embed", "--lines", "none.txt"], 2, "none.txt"),
        (&["embed", "--lines", "latin1.txt"], 2, "line 2 is not UTF-8"),
        (&["embed", "--lines", "empty.txt"], 2, "the input is empty"),
        (&["embed", "x", "--out", "."], 2, "no name of a file"),
        (&["embed", "x", "--model", "gte-small"], 1, "models pull gte-small"),
    ] {
        let output = run(folder.path(), args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(says), "{args:?}: {says:?} is not in {said}");
        assert!(output.stdout.is_empty(), "{args:?}");
    }
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut lines = String::new();
    for n in 0..5000 {
        lines += &format!("line {n}\n");
    }
    std::fs::write(folder.path().join("lines.txt"), lines).expect("written");
    let mut child = command(folder.path(), &["embed", "--lines", "lines.txt"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
