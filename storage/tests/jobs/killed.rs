//! `kill -9` in the middle of writing loses nothing that was acknowledged.

use crate::suite::{new_job, new_step};
use reelsmith_storage::{JobState, Jobs, SqliteStore};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The child's part: writes for ever, and says on standard output what was acknowledged. It takes its
/// orders on standard input, and without any it ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "it is the child process of another test"]
async fn child() {
    let mut orders = String::new();
    std::io::stdin().read_line(&mut orders).unwrap();
    if orders.trim().is_empty() {
        return;
    }
    let store = SqliteStore::open(Path::new(orders.trim())).await.unwrap();
    let writers = (0..4).map(|writer| {
        let store = &store;
        async move {
            for n in 0.. {
                let id = format!("{}-{writer}-{n}", std::process::id());
                store.create(new_job(&id)).await.unwrap();
                let seq = store.append_event(&id, "begun", json!({"n": n})).await.unwrap();
                store.set_state(&id, JobState::Running, None).await.unwrap();
                store.finish_step(&id, new_step("voice", &["a", "b"])).await.unwrap();
                println!("ack {id} {seq}");
            }
        }
    });
    futures::future::join_all(writers).await;
}

fn spawn(path: &Path) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "killed::child", "--include-ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}", path.display()).unwrap();
    child
}

/// Lets a child write until it has acknowledged `count`, kills it, and answers all it acknowledged.
fn write_and_kill(path: PathBuf, count: usize) -> BTreeMap<String, u64> {
    let mut child = spawn(&path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    let mut take = |line: std::io::Result<String>| {
        if let Some(["ack", id, seq]) = line.unwrap().split(' ').collect::<Vec<_>>().get(..) {
            acknowledged.insert((*id).to_owned(), seq.parse().unwrap());
        }
        acknowledged.len()
    };
    while take(lines.next().expect("the child writes until it is killed")) < count {}
    child.kill().unwrap();
    for line in lines {
        take(line);
    }
    child.wait().unwrap();
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_to_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.db");
    let mut all = BTreeMap::new();
    for count in [1, 25, 60] {
        let at = path.clone();
        all.extend(tokio::task::spawn_blocking(move || write_and_kill(at, count)).await.unwrap());
        let store = SqliteStore::open(&path).await.unwrap();
        for (id, seq) in &all {
            let job = store.get(id).await.unwrap().expect("an acknowledged job");
            assert_eq!(job.state, JobState::Running, "{id}");
            assert_eq!(store.events_after(id, 0, 0).await.unwrap().len() as u64, *seq, "{id}");
            assert_eq!(store.steps(id).await.unwrap()[0].outputs.len(), 2, "{id}");
        }
        // What was under way is whole or absent.
        for job in store.unfinished().await.unwrap() {
            for step in store.steps(&job.id).await.unwrap() {
                assert_eq!(step.outputs.len(), 2, "{}", job.id);
            }
        }
        store.close().await;
    }
    assert!(all.len() >= 86);
}
