//! The service as a process on a real port: streams, ranges, a graceful end, and jobs that go on after it.
//!
//! `make setup-test` fetches the models.

use futures::StreamExt;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(540);

struct Service {
    child: Child,
    address: String,
    log: Option<std::thread::JoinHandle<String>>,
}

impl Service {
    /// Starts the service on a free port and waits until it says that it serves.
    fn start(data: &Path) -> Self {
        Self::start_with(data, &[])
    }

    /// The same with some settings in its environment.
    fn start_with(data: &Path, settings: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_reelsmith"))
            .args(["serve", "--listen", "127.0.0.1:0", "--offline", "--data-dir"])
            .arg(data)
            .env_remove("REELSMITH_CONFIG")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped"));
        let mut said = String::new();
        let address = loop {
            let mut line = String::new();
            let read = lines.read_line(&mut line).expect("UTF-8");
            assert!(read > 0, "the service ended: {said}(run `make setup-test` if models are missing)");
            said.push_str(&line);
            if let Some(address) = line.trim_end().strip_prefix("reelsmith is serving on ") {
                break address.to_owned();
            }
        };
        // Read on, so that the service never waits for us.
        let log = std::thread::spawn(move || {
            let mut rest = String::new();
            let _ = lines.read_to_string(&mut rest);
            rest
        });
        Self { child, address, log: Some(log) }
    }

    /// The process that runs its models, which is started with the first request.
    async fn engine(&self) -> u32 {
        let found = async {
            loop {
                if let Some(engine) = self.children().into_iter().find(|id| is_engine(*id)) {
                    return engine;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("it starts one")
    }

    fn children(&self) -> Vec<u32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("it runs");
        let children = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("children")).ok();
        let children: Vec<String> = tasks.filter_map(|task| children(task.ok()?)).collect();
        children.iter().flat_map(|ids| ids.split_whitespace()).filter_map(|id| id.parse().ok()).collect()
    }

    /// Sends SIGTERM and waits; gives the exit status and the log.
    fn terminate(mut self) -> (ExitStatus, String) {
        let sent =
            Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status().expect("kill runs");
        assert!(sent.success());
        let status = self.child.wait().expect("ends");
        (status, self.log.take().expect("it is read once").join().expect("log"))
    }
}

fn client() -> reqwest::Client {
    // reqwest is built without a TLS provider of its own; none is used here, but it wants one named.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

/// Reads server-sent events until one fits; gives all that were read. Ends with the stream.
async fn follow(client: &reqwest::Client, url: &str, fits: impl Fn(&Value) -> bool) -> Vec<Value> {
    let response = client.get(url).send().await.expect("an answer");
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    let (mut text, mut seen) = (String::new(), Vec::new());
    while let Some(piece) = tokio::time::timeout(PATIENCE, stream.next()).await.expect("in time") {
        let Ok(piece) = piece else { return seen };
        text.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
        while let Some((block, rest)) = text.split_once("\n\n") {
            let data = block.lines().find_map(|line| line.strip_prefix("data: "));
            let event = data.map(|data| serde_json::from_str::<Value>(data).expect("JSON"));
            text = rest.to_owned();
            if let Some(event) = event {
                let found = fits(&event);
                seen.push(event);
                if found {
                    return seen;
                }
            }
        }
    }
    seen
}

impl Drop for Service {
    fn drop(&mut self) {
        // Of a test that failed: what it started would hold its output open.
        let _ = self.child.kill();
    }
}

fn is_engine(process: u32) -> bool {
    let command = std::fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    command.split(|byte| *byte == 0).nth(1) == Some(b"engine")
}

/// Sends a signal to a process.
fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").arg(name).arg(process.to_string()).status().expect("kill runs");
    assert!(sent.success());
}

/// A short job, and where its events are.
async fn submitted(client: &reqwest::Client, address: &str, title: &str) -> String {
    let body = json!({"kind": "short", "script": {
        "title": title, "music": "none", "seed": 1,
        "scenes": [{"text": "This sentence takes some time to be said, and so do the others. ".repeat(3)}],
    }});
    let posted = client.post(format!("{address}/api/v1/jobs")).json(&body).send().await.expect("an answer");
    assert_eq!(posted.status(), 202);
    let job: Value = posted.json().await.expect("JSON");
    format!("{address}{}/events", job["links"]["self"].as_str().expect("a link"))
}

/// What the service's device does.
async fn device(client: &reqwest::Client, service: &Service) -> Value {
    let shown = client.get(format!("{}/api/v1/scheduler", service.address)).send().await.expect("an answer");
    shown.json::<Value>().await.expect("JSON")["devices"][0].take()
}

/// Waits for the first sentence to be begun.
async fn until_it_speaks(client: &reqwest::Client, service: &Service) {
    let speaks = async {
        while device(client, service).await["running"]["unit"] != "sentences" {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, speaks).await.expect("it speaks");
}

/// Has a job made whose engine gets a signal while it speaks; gives the service's log. No step sees it: the scheduler
/// tries the request again, in a process of its own.
async fn survives(name: &str, settings: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("temp dir");
    let client = client();
    let service = Service::start_with(&dir.path().join("data"), settings);
    let events = submitted(&client, &service.address, name).await;
    until_it_speaks(&client, &service).await;
    let first = service.engine().await;
    signal(name, first);
    let seen = follow(&client, &events, |_| false).await;
    let end = seen.last().expect("events");
    assert_eq!((&end["kind"], &end["state"]), (&"state".into(), &"succeeded".into()), "{end}");
    let failed = seen.iter().filter(|event| event["kind"] == "step_failed").count();
    assert_eq!(failed, 0, "{seen:?}");
    let device = device(&client, &service).await;
    assert_eq!(device["counters"]["engine_losses"], 1, "{device}");
    let second = service.engine().await;
    assert_ne!(second, first);
    let (status, log) = service.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!Path::new(&format!("/proc/{second}")).exists(), "its engine ends with it");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_of_the_engine_costs_a_try_and_not_the_service() {
    // As a failed assertion of native code ends it. SIGSEGV is no test: std takes the first one for itself.
    let log = survives("-ABRT", &[]).await;
    assert!(log.contains("ended by signal 6"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_hangs_is_ended_and_costs_a_try() {
    // Longer than a step takes where many tests run beside this one.
    let log = survives("-STOP", &[("REELSMITH_DEVICE_PATIENCE_SECONDS", "45")]).await;
    assert!(log.contains("did not answer for 45 s"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_engine_of_a_service_that_is_killed_ends_too() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (client, mut service) = (client(), Service::start(&dir.path().join("data")));
    submitted(&client, &service.address, "Killed").await;
    until_it_speaks(&client, &service).await;
    let engine = service.engine().await;
    service.child.kill().expect("killed");
    service.child.wait().expect("ended");
    let ends = async {
        while Path::new(&format!("/proc/{engine}")).exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, ends).await.expect("it ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminated_service_leaves_its_jobs_to_the_next_one() {
    let dir = tempfile::tempdir().expect("temp dir");
    let data = dir.path().join("data");
    let client = client();
    let first = Service::start(&data);

    let second = Command::new(env!("CARGO_BIN_EXE_reelsmith"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(&data)
        .output()
        .expect("starts");
    assert_eq!(second.status.code(), Some(1));
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(told.contains("`reelsmith serve`") && told.contains("--data-dir"), "{told}");

    let foreign = client.get(format!("{}/health", first.address)).header("host", "rebound.example");
    assert_eq!(foreign.send().await.expect("an answer").status(), 421);

    let body = json!({"kind": "short", "script": {
        "title": "A test", "music": "none", "seed": 1, "scenes": [{"text": "This is a short sentence."}],
    }});
    let posted =
        client.post(format!("{}/api/v1/jobs", first.address)).json(&body).send().await.expect("an answer");
    assert_eq!(posted.status(), 202);
    let job: Value = posted.json().await.expect("JSON");
    let path = job["links"]["self"].as_str().expect("a link").to_owned();
    let events = format!("{}{path}/events", first.address);
    let seen =
        follow(&client, &events, |event| event["kind"] == "step_finished" && event["step"] == "voice").await;
    assert!(seen.iter().any(|event| event["kind"] == "planned"));
    let first_address = first.address.clone();
    let (status, log) = first.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");

    let next = Service::start(&data);
    let ps = |server: &str, flags: &[&str]| {
        let mut ps = Command::new(env!("CARGO_BIN_EXE_reelsmith"));
        ps.args(["ps", "--server", server])
            .args(flags)
            .env_remove("REELSMITH_CONFIG")
            .output()
            .expect("starts")
    };
    let shown = String::from_utf8(ps(&next.address, &[]).stdout).expect("UTF-8");
    assert!(shown.starts_with("cpu: ") && shown.contains(" given out, "), "{shown}");
    let whole: Value = serde_json::from_slice(&ps(&next.address, &["--json"]).stdout).expect("JSON");
    assert_eq!(whole["devices"][0]["device"], "cpu", "{whole}");
    let nobody = ps(&first_address, &[]);
    let told = String::from_utf8_lossy(&nobody.stderr).into_owned();
    assert_eq!(nobody.status.code(), Some(1));
    assert!(told.contains("reelsmith serve") && told.contains("refused"), "{told}");
    let seen = follow(&client, &format!("{}{path}/events", next.address), |_| false).await;
    let last = seen.last().expect("events");
    assert_eq!((&last["kind"], &last["state"]), (&"state".into(), &"succeeded".into()), "{last}");
    let voice = seen.iter().filter(|e| e["kind"] == "step_finished" && e["step"] == "voice").count();
    assert_eq!(voice, 1, "what was finished is not redone");

    let video = format!("{}{path}/artifacts/video.mp4", next.address);
    let whole = client.get(&video).send().await.expect("an answer").bytes().await.expect("the video");
    assert_eq!(&whole[4..8], b"ftyp", "an MP4");
    let middle = whole.len() / 2;
    let range = format!("bytes={middle}-{}", middle + 9_999);
    let part = client.get(&video).header("range", range).send().await.expect("an answer");
    assert_eq!(part.status(), 206);
    assert_eq!(part.bytes().await.expect("bytes")[..], whole[middle..middle + 10_000]);
    let metrics = client.get(format!("{}/metrics", next.address)).send().await.expect("an answer");
    let metrics = metrics.text().await.expect("text");
    assert!(metrics.contains("reelsmith_step_duration_seconds_count{stage=\"video\"} 1"), "{metrics}");
    let (status, log) = next.terminate();
    assert_eq!(status.code(), Some(0), "{log}");
}
