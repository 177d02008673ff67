//! How the cost of rows and bytes grows: each call with 10³ jobs in the store up to 10⁶ (each with 2 steps, 2
//! artifacts and 5 events), then one large file.

use crate::results::{machine, median, percentile, write};
use anyhow::{Context, Result};
use reelsmith_storage::{
    Artifact, BlobConfig, Blobs, Digest, JobState, Jobs, ListJobs, NewJob, NewStep, SqliteStore,
};
use serde::Serialize;
use serde_json::json;
use sqlx::Connection;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The most jobs, a power of ten from 1000.
    #[arg(long, default_value_t = 1_000_000)]
    jobs: u64,
    /// Where the table and the figures go.
    #[arg(long, default_value = "benches/results")]
    out: PathBuf,
}

const CALLS: usize = 300;
const BLOB_BYTES: u64 = 512 << 20;

/// A call at a number of jobs, in milliseconds.
#[derive(Debug, Serialize)]
struct Row {
    jobs: u64,
    call: &'static str,
    p50: f64,
    p95: f64,
}

/// Measures and prints.
///
/// # Errors
/// If a store cannot be made or a call fails.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let mut rows = Vec::new();
    let sizes = std::iter::successors(Some(1000), |jobs| Some(jobs * 10));
    for jobs in sizes.take_while(|jobs| *jobs <= args.jobs) {
        eprintln!("{jobs} jobs");
        rows.extend(runtime.block_on(at(jobs))?);
    }
    let blob = runtime.block_on(blob())?;
    let markdown = format!("{}\n{blob}\n", table(&rows));
    println!("{markdown}");
    write(&args.out, "store", &markdown, &rows)
}

fn table(rows: &[Row]) -> String {
    let mut sizes: Vec<u64> = rows.iter().map(|row| row.jobs).collect();
    sizes.dedup();
    let mut text = format!(
        "SQLite with `synchronous=FULL`, milliseconds a call, median / 95th percentile of {CALLS} calls, by the number of \
         jobs in the store. {}.\n\n| call |",
        machine()
    );
    sizes.iter().for_each(|jobs| text += &format!(" {jobs} |"));
    text += &format!("\n|---|{}\n", "---|".repeat(sizes.len()));
    for row in rows.iter().filter(|row| Some(&row.jobs) == sizes.first()) {
        text += &format!("| {} |", row.call);
        for of in rows.iter().filter(|of| of.call == row.call) {
            text += &format!(" {:.2} / {:.2} |", of.p50, of.p95);
        }
        text += "\n";
    }
    text
}

async fn at(jobs: u64) -> Result<Vec<Row>> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("rows.db");
    SqliteStore::open(&path).await?.close().await;
    fill(&path, jobs).await?;
    let store = SqliteStore::open(&path).await?;
    let rows = measure(&store, jobs).await?;
    store.close().await;
    Ok(rows)
}

/// Jobs as the product leaves them, in one transaction.
async fn fill(path: &Path, rows: u64) -> Result<()> {
    let path = path.to_str().context("the temporary directory's path is UTF-8")?;
    let mut connection = sqlx::SqliteConnection::connect(path).await?;
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
    let mut transaction = connection.begin().await?;
    for statement in statements {
        sqlx::query(&statement).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(connection.close().await?)
}

fn artifact(n: usize) -> Artifact {
    let (media_type, name) = ("video/mp4".into(), "video.mp4".into());
    Artifact { digest: Digest::of(&n.to_le_bytes()), bytes: 1, media_type, name, recipe: json!({"n": n}) }
}

async fn measure(store: &SqliteStore, jobs: u64) -> Result<Vec<Row>> {
    let old = |n: usize| format!("old-{}", 1 + (n as u64).wrapping_mul(7919) % jobs);
    let tenant = |n: usize| Some(format!("tenant-{}", n % 50));
    let create = timed(jobs, "create", async |n| {
        let spec = json!({"title": "t", "narration": "n".repeat(1500)});
        let id = format!("new-{n}");
        store
            .create(NewJob { id, kind: "short".into(), spec, tenant: Some("tenant-1".into()) })
            .await
            .map(drop)
    });
    let set_state = timed(jobs, "set state", async |n| {
        store.set_state(&format!("new-{n}"), JobState::Running, None).await.map(drop)
    });
    let finish_step = timed(jobs, "finish step", async |n| {
        let (name, outputs, detail) = ("voice".into(), vec![artifact(n)], json!(null));
        store
            .finish_step(&format!("new-{n}"), NewStep { name, outputs, seconds: 1.0, detail })
            .await
            .map(drop)
    });
    let append_event = timed(jobs, "append event", async |n| {
        store.append_event(&old(n), "step", json!({"n": n})).await.map(drop)
    });
    let get = timed(jobs, "get", async |n| store.get(&old(n)).await.map(drop));
    let steps = timed(jobs, "steps", async |n| store.steps(&old(n)).await.map(drop));
    let events = timed(jobs, "events", async |n| store.events_after(&old(n), 0, 0).await.map(drop));
    let first = timed(jobs, "first page", async |_| store.list(ListJobs::default()).await.map(drop));
    let of_tenant = timed(jobs, "tenant's page", async |n| {
        store.list(ListJobs { tenant: tenant(n), ..ListJobs::default() }).await.map(drop)
    });
    let failed = timed(jobs, "tenant's failed page", async |n| {
        let state = Some(JobState::Failed);
        store.list(ListJobs { tenant: tenant(n), state, ..ListJobs::default() }).await.map(drop)
    });
    let unfinished = timed(jobs, "unfinished", async |_| store.unfinished().await.map(drop));
    // In this order: what is written is read and changed by those after.
    Ok(vec![
        create.await?,
        set_state.await?,
        finish_step.await?,
        append_event.await?,
        get.await?,
        steps.await?,
        events.await?,
        first.await?,
        of_tenant.await?,
        failed.await?,
        unfinished.await?,
    ])
}

async fn timed(
    jobs: u64,
    call: &'static str,
    mut once: impl AsyncFnMut(usize) -> reelsmith_storage::Result<()>,
) -> Result<Row> {
    let mut times = Vec::with_capacity(CALLS);
    for n in 0..CALLS {
        let started = Instant::now();
        once(n).await.with_context(|| format!("{call} with {jobs} jobs"))?;
        times.push(started.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Row { jobs, call, p50: median(times.clone()), p95: percentile(times, 0.95) })
}

/// Stores one large file and reads it back, in constant memory.
async fn blob() -> Result<String> {
    let folder = tempfile::tempdir()?;
    let (source, target) = (folder.path().join("source"), folder.path().join("target"));
    std::fs::File::create(&source)?.set_len(BLOB_BYTES)?;
    let blobs = Blobs::open(&BlobConfig::Local { dir: folder.path().join("blobs") }).await?;
    let before = peak_memory();
    let started = Instant::now();
    let (digest, _) = blobs.put_file(&source).await?;
    let put = BLOB_BYTES as f64 / started.elapsed().as_secs_f64() / 1e6;
    let started = Instant::now();
    blobs.get_to_file(&digest, &target).await?;
    let get = BLOB_BYTES as f64 / started.elapsed().as_secs_f64() / 1e6;
    let grown = peak_memory().saturating_sub(before) >> 10;
    let mib = BLOB_BYTES >> 20;
    Ok(format!(
        "A file of {mib} MiB: put at {put:.0} MB/s, got at {get:.0} MB/s; peak memory grew by {grown} MiB."
    ))
}

/// The most memory this process has held so far, in KiB (proc(5), `VmHWM`); 0 where there is no /proc.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or(0)
}
