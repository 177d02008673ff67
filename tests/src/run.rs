//! Runs of `reelsmith make short` and `make podcast`, watched from outside.

use crate::{command, process};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A whole run may not take longer than this; a hang fails its test in place of hanging it.
const LIMIT: Duration = Duration::from_secs(600);

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// Exit status.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: String,
    /// All of standard error.
    pub stderr: String,
    /// The most that the process and its children held at once, in bytes (sampled).
    pub peak_bytes: u64,
}

impl Ended {
    /// The exit code, or -1 when a signal ended it.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }
}

/// `make short script --out out`, offline, with its state in `home`; add what else is wanted.
pub fn make_short(home: &Path, script: &Path, out: &Path) -> Command {
    make("short", home, script, out)
}

/// The same for any kind of product.
pub fn make(kind: &str, home: &Path, script: &Path, out: &Path) -> Command {
    let mut command = command(home);
    command.args(["make", kind, "--offline", "--out"]).arg(out).arg(script);
    command
}

/// Runs `command` to its end.
///
/// # Panics
/// When it cannot start, or runs beyond the limit.
pub fn run(command: &mut Command) -> Ended {
    run_with(command, |_| {})
}

/// Runs `command` to its end and calls `watch` with its process number a few hundred times a second, until it ends.
///
/// # Panics
/// When it cannot start, or runs beyond the limit.
pub fn run_with(command: &mut Command, mut watch: impl FnMut(u32)) -> Ended {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts");
    let stdout = drain(child.stdout.take().expect("piped"));
    let stderr = drain(child.stderr.take().expect("piped"));
    let started = Instant::now();
    let mut peak_bytes = 0;
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        watch(child.id());
        peak_bytes = peak_bytes.max(process::tree_resident_bytes(child.id()));
        assert_in_time(&mut child, started);
        std::thread::park_timeout(Duration::from_millis(5));
    };
    let text =
        |handle: std::thread::JoinHandle<String>| handle.join().expect("reading a pipe does not panic");
    Ended { status, stdout: text(stdout), stderr: text(stderr), peak_bytes }
}

fn assert_in_time(child: &mut Child, started: Instant) {
    if started.elapsed() > LIMIT {
        child.kill().expect("a running child can be killed");
        panic!("still running after {LIMIT:?}");
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The steps that were finished, from the stored events, which a second run tells again: a step that is redone is
/// there twice.
///
/// # Panics
/// When a line of a run with `--json` is no JSON.
pub fn finished_steps(ended: &Ended) -> Vec<String> {
    let events =
        ended.stdout.lines().map(|line| serde_json::from_str::<Value>(line).expect("a JSON object a line"));
    let finished = events.filter(|event| event["kind"] == "step_finished");
    let mut steps: Vec<_> = finished.map(|event| event["step"].to_string()).collect();
    assert!(!steps.is_empty(), "steps are told");
    steps.sort();
    steps
}
