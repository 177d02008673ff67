//! What a voice takes of this machine's memory, and what happens when there is not enough: in a process
//! of its own for each, since memory is counted by process.
#![cfg(target_os = "linux")]

use reelsmith_inference::kokoro::Kokoro;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference_core::speech::{Speak, SpeakRequest};
use reelsmith_inference_core::{Catalogue, ErrorKind, ModelId, NoControl};
use std::path::PathBuf;
use std::process::Command;

const MODEL: &str = "kokoro-82m-fp32";

/// One sentence without a mark, so that its runs are as long as runs may be: the worst case.
const ENDLESS: &str = "the wide river runs past seven quiet towns and under many old stone bridges ";

/// A file of the default model directory.
fn file(path: &str) -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let cache = cache.or_else(|| Some(std::env::home_dir()?.join(".cache"))).expect("a home directory");
    let path = cache.join("reelsmith/models").join(path);
    assert!(path.exists(), "{} is missing: run `make setup-test`", path.display());
    path
}

fn open(model: &str) -> reelsmith_inference_core::Result<Kokoro> {
    load_onnxruntime(&file("onnxruntime/libonnxruntime.so"))?;
    let memory = Catalogue::builtin().expect("valid").get(&ModelId::from(model))?.memory;
    let path = file(&format!("{model}/kokoro.onnx"));
    let kokoro = Kokoro::open(&path, &file("kokoro-voices"), &file("g2p-en/oov.onnx"), 2)?;
    Ok(kokoro.with_memory(memory.expect("a model has one")))
}

fn request(text: &str, voice: &str, speed: f32) -> SpeakRequest {
    SpeakRequest { text: text.trim().to_owned(), voice: voice.to_owned(), speed }
}

/// A figure of /proc/self/status, in bytes.
fn status(key: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("there");
    let line = status.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()).expect("listed");
    kilobytes.parse::<u64>().expect("a figure") * 1024
}

/// Runs the ignored test `name` of this binary as a process, with `arguments` in a file of its working directory.
fn alone(name: &str, arguments: &str) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("arguments"), arguments).expect("written");
    let output = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", name, "--ignored", "--nocapture"])
        .current_dir(dir.path())
        .output()
        .expect("started");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
#[ignore = "run by other tests as a process of its own"]
fn speak_and_measure() {
    let arguments = std::fs::read_to_string("arguments").expect("there");
    let [model, sentences, voice, speed] = arguments.split(' ').collect::<Vec<_>>()[..] else {
        panic!("four")
    };
    let text = ENDLESS.repeat(sentences.parse().expect("a number"));
    let request = request(&text, voice, speed.parse().expect("a number"));
    let before = status("VmRSS");
    let mut kokoro = open(model).expect("it loads");
    // A word loads what is read when it is first needed: the lexicon of each accent.
    for voice in ["bm_george", "af_heart"] {
        kokoro.speak(&self::request("Yes.", voice, 1.0), &NoControl).expect("it speaks");
    }
    let (loading, loaded) = (status("VmHWM") - before, status("VmRSS") - before);
    // 5 sets the peak back to what is resident now (proc(5), clear_refs).
    std::fs::write("/proc/self/clear_refs", "5").expect("ours");
    kokoro.speak(&request, &NoControl).expect("it speaks");
    let peak = status("VmHWM") - before - loaded;
    let stated = kokoro.footprint(&request);
    let after = status("VmRSS") - before;
    println!("figures {loading} {loaded} {peak} {after} {} {}", stated.weights, stated.peak_activation);
}

#[test]
fn what_is_stated_is_what_a_voice_takes() {
    // A short run, and the longest ones: of a usual voice and a slow one, and of a slow request.
    let cases = [(1, "af_heart", 1.0), (4, "af_heart", 1.0), (3, "af_nicole", 1.0), (2, "bm_george", 0.5)];
    for (sentences, voice, speed) in cases {
        let said = alone("speak_and_measure", &format!("{MODEL} {sentences} {voice} {speed}"));
        let line = said.lines().find_map(|line| line.strip_prefix("figures ")).expect("told");
        let figures: Vec<u64> = line.split(' ').map(|figure| figure.parse().expect("a figure")).collect();
        let [loading, loaded, peak, after, weights, activation] = figures[..] else { panic!("six: {line}") };
        assert!(loading <= weights + activation && loaded <= weights, "{line}");
        assert!(peak <= activation && after <= weights, "{line}");
        // Nor much more than that: what is stated keeps others off the device.
        assert!(weights < loaded + loaded / 8, "{line}");
        assert!(sentences == 1 || activation < peak + peak / 2, "{line}");
        assert!(weights + activation < 1_100_000_000, "{line}");
    }
}

/// Allows this process so many bytes of address space beyond what it has.
fn allow(more: u64) {
    let limit = status("VmSize") + more;
    let status = Command::new("prlimit")
        .args(["--pid", &std::process::id().to_string(), &format!("--as={limit}")])
        .status()
        .expect("prlimit of util-linux");
    assert!(status.success());
}

#[test]
#[ignore = "run by other tests as a process of its own"]
fn load_with_too_little() {
    load_onnxruntime(&file("onnxruntime/libonnxruntime.so")).expect("it loads");
    allow(200 << 20);
    let error = open(MODEL).map(drop).expect_err("325 MB of weights cannot be had");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error:?}");
}

#[test]
#[ignore = "run by other tests as a process of its own"]
fn speak_with_too_little() {
    let mut kokoro = open(MODEL).expect("it loads");
    kokoro.speak(&request("Yes.", "af_heart", 1.0), &NoControl).expect("it speaks");
    allow(150 << 20);
    let error = kokoro
        .speak(&request(&ENDLESS.repeat(5), "af_heart", 1.0), &NoControl)
        .expect_err("400 MB cannot be had");
    assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error:?}");
    kokoro.speak(&request("Yes.", "af_heart", 1.0), &NoControl).expect("what fits is spoken afterwards");
}

#[test]
fn too_little_memory_is_told_and_what_fits_still_speaks() {
    for name in ["load_with_too_little", "speak_with_too_little"] {
        assert!(alone(name, "").contains("1 passed"));
    }
}
