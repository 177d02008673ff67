//! How the cost of rows and bytes grows: `cargo run --release -p reelsmith-storage --example growth -- [rows]`.
//!
//! Prints, for 10³ jobs up to `rows` (10⁶ by default; each with 2 steps, 2 artifacts and 5 events),
//! the median and the 95th percentile of each call in milliseconds; then the rate and the peak memory
//! of storing one large file.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot be taken ends the program")]

use reelsmith_storage::{
    Artifact, BlobConfig, Blobs, Digest, JobState, Jobs, ListJobs, NewJob, NewStep, SqliteStore,
};
use serde_json::json;
use sqlx::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

const CALLS: usize = 300;
const BLOB_BYTES: u64 = 512 << 20;

#[tokio::main]
async fn main() {
    let most: u64 = std::env::args().nth(1).map_or(1_000_000, |rows| rows.parse().unwrap());
    println!("{:>9} {:>14} {:>9} {:>9}", "jobs", "call", "p50 ms", "p95 ms");
    let sizes = std::iter::successors(Some(1000), |rows| Some(rows * 10));
    for rows in sizes.take_while(|rows| *rows <= most) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.db");
        SqliteStore::open(&path).await.unwrap().close().await;
        fill(&path, rows).await;
        let store = SqliteStore::open(&path).await.unwrap();
        measure(&store, rows).await;
        store.close().await;
    }
    blob().await;
}

/// Jobs as the product leaves them, in one transaction.
async fn fill(path: &Path, rows: u64) {
    let mut connection = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    let spec = json!({"title": "t", "narration": "n".repeat(1500)}).to_string();
    let counted =
        |to: u64| format!("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {to})");
    let statements = [
        format!(
            "INSERT INTO jobs (id, kind, spec, tenant, state, created_us, updated_us) {} SELECT 'old-' || i, 'short', \
             '{spec}', 'tenant-' || (i % 50), CASE WHEN i % 20 = 0 THEN 'failed' ELSE 'succeeded' END, i, i FROM n",
            counted(rows)
        ),
        "INSERT INTO steps (job, name, seconds, detail, finished_us) SELECT j.seq, s.name, 1.0, 'null', 1 FROM jobs j, \
         (SELECT 'voice' AS name UNION SELECT 'video') s"
            .into(),
        "INSERT INTO artifacts (step, position, digest, bytes, media_type, name, recipe) SELECT seq, 0, randomblob(32), \
         1000, 'video/mp4', 'video.mp4', '{}' FROM steps"
            .into(),
        format!(
            "INSERT INTO events (job, seq, kind, body, at_us) {} SELECT j.seq, n.i, 'step', '{{\"step\":\"voice\"}}', 1 \
             FROM jobs j, n",
            counted(5)
        ),
    ];
    let mut transaction = connection.begin().await.unwrap();
    for statement in statements {
        sqlx::query(&statement).execute(&mut *transaction).await.unwrap();
    }
    transaction.commit().await.unwrap();
    connection.close().await.unwrap();
}

fn artifact(n: usize) -> Artifact {
    let (media_type, name) = ("video/mp4".into(), "video.mp4".into());
    Artifact { digest: Digest::of(&n.to_le_bytes()), bytes: 1, media_type, name, recipe: json!({"n": n}) }
}

async fn measure(store: &SqliteStore, rows: u64) {
    let old = |n: usize| format!("old-{}", 1 + (n as u64).wrapping_mul(7919) % rows);
    timed(rows, "create", async |n| {
        let spec = json!({"title": "t", "narration": "n".repeat(1500)});
        let new =
            NewJob { id: format!("new-{n}"), kind: "short".into(), spec, tenant: Some("tenant-1".into()) };
        store.create(new).await.map(drop)
    })
    .await;
    timed(rows, "set state", async |n| {
        store.set_state(&format!("new-{n}"), JobState::Running, None).await.map(drop)
    })
    .await;
    timed(rows, "finish step", async |n| {
        let step =
            NewStep { name: "voice".into(), outputs: vec![artifact(n)], seconds: 1.0, detail: json!(null) };
        store.finish_step(&format!("new-{n}"), step).await.map(drop)
    })
    .await;
    timed(rows, "append event", async |n| {
        store.append_event(&old(n), "step", json!({"n": n})).await.map(drop)
    })
    .await;
    timed(rows, "get", async |n| store.get(&old(n)).await.map(drop)).await;
    timed(rows, "steps", async |n| store.steps(&old(n)).await.map(drop)).await;
    timed(rows, "events", async |n| store.events_after(&old(n), 0, 0).await.map(drop)).await;
    let tenant = |n: usize| Some(format!("tenant-{}", n % 50));
    timed(rows, "first page", async |_| store.list(ListJobs::default()).await.map(drop)).await;
    timed(rows, "tenant's page", async |n| {
        store.list(ListJobs { tenant: tenant(n), ..ListJobs::default() }).await.map(drop)
    })
    .await;
    timed(rows, "failed page", async |n| {
        let state = Some(JobState::Failed);
        store.list(ListJobs { tenant: tenant(n), state, ..ListJobs::default() }).await.map(drop)
    })
    .await;
    timed(rows, "unfinished", async |_| store.unfinished().await.map(drop)).await;
}

async fn timed(rows: u64, call: &str, mut once: impl AsyncFnMut(usize) -> reelsmith_storage::Result<()>) {
    let mut times: Vec<Duration> = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let started = Instant::now();
        once(n).await.unwrap();
        times.push(started.elapsed());
    }
    times.sort();
    let at = |share: f64| times[(share * (CALLS - 1) as f64) as usize].as_secs_f64() * 1e3;
    println!("{rows:>9} {call:>14} {:>9.3} {:>9.3}", at(0.5), at(0.95));
}

async fn blob() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    std::fs::File::create(&source).unwrap().set_len(BLOB_BYTES).unwrap();
    let blobs = Blobs::open(&BlobConfig::Local { dir: folder.path().join("blobs") }).await.unwrap();
    let before = peak_memory();
    let started = Instant::now();
    let (digest, _) = blobs.put_file(&source).await.unwrap();
    let put = started.elapsed();
    let started = Instant::now();
    blobs.get_to_file(&digest, &target).await.unwrap();
    let rate = |time: Duration| BLOB_BYTES as f64 / time.as_secs_f64() / 1e6;
    println!(
        "a file of {} MiB: put {:.0} MB/s, get {:.0} MB/s",
        BLOB_BYTES >> 20,
        rate(put),
        rate(started.elapsed())
    );
    println!("peak memory grew by {} MiB", (peak_memory() - before) >> 10);
}

/// The most memory this process has held so far, in KiB (proc(5), `VmHWM`); 0 where there is no /proc.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
