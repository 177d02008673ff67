//! A real S3 server (SeaweedFS) on free ports of this machine, for as long as a test needs it.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) const ACCESS_KEY: &str = "test-access";
pub(crate) const SECRET_KEY: &str = "test-secret";
pub(crate) const BUCKET: &str = "artifacts";
/// A start on a quiet machine takes four seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// Killed when dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
    filer: u16,
    _data: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts the server and creates the bucket. Another process may take one of the ports between
    /// their choice and their use, so a start that fails is tried again with others.
    pub(crate) async fn start() -> Self {
        for _ in 0..3 {
            let mut server = Self::spawn();
            if server.ready().await {
                return server;
            }
        }
        panic!("the S3 server did not start three times over");
    }

    fn spawn() -> Self {
        let data = tempfile::tempdir().unwrap();
        let identities = serde_json::json!({"identities": [{
            "name": "test",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }]});
        let config = data.path().join("s3.json");
        std::fs::write(&config, identities.to_string()).unwrap();
        let ports = free_ports();
        let mut command = Command::new(program());
        command.args([
            "server",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-filer",
            "-s3",
            "-s3.autoCreateBucket=false",
        ]);
        command.args(["-volume.max=40", "-master.volumeSizeLimitMB=64", "-volume.minFreeSpace=1MiB"]);
        command.args(["-master.telemetry=false", "-s3.port.iceberg=0", "-s3.port.lance=0"]);
        command
            .arg(format!("-dir={}", data.path().display()))
            .arg(format!("-s3.config={}", config.display()));
        let names = ["master", "volume", "filer", "s3"];
        for (name, pair) in names.iter().zip(ports.chunks(2)) {
            command.arg(format!("-{name}.port={}", pair[0])).arg(format!("-{name}.port.grpc={}", pair[1]));
        }
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, filer: ports[4], port: ports[6], _data: data }
    }

    /// Waits until a bucket could be made; false if the process ended.
    async fn ready(&mut self) -> bool {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let bucket = format!("http://127.0.0.1:{}/buckets/{BUCKET}/", self.filer);
        let s3 = format!("http://127.0.0.1:{}/", self.port);
        let started = Instant::now();
        while started.elapsed() < PATIENCE && self.child.try_wait().unwrap().is_none() {
            let listening = client.get(&s3).send().await.is_ok();
            if listening && client.post(&bucket).send().await.is_ok_and(|made| made.status().is_success()) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }
}

/// Eight ports that were free a moment ago; held together, so that they differ.
fn free_ports() -> Vec<u16> {
    let held: Vec<_> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// The server's program, which `make setup-test` installs.
fn program() -> PathBuf {
    let tools = variable("REELSMITH_TEST_TOOLS").unwrap_or_else(|| {
        let cache = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
        cache.expect("HOME is set").join("reelsmith/tools")
    });
    let program = tools.join("venv/bin/weed");
    assert!(program.is_file(), "{} is missing: run `make setup-test`", program.display());
    program
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
