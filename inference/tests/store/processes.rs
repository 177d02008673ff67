//! Several processes on one directory, and processes that are killed.

use crate::child::{ORDER, Order};
use crate::server::{Reply, Server};
use crate::support::*;
use reelsmith_inference::store::StoreErrorKind;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::Notify;

/// A process that pulls `m` into the bench's directory, and what it says line by line.
fn start(bench: &Bench, entries: &[String], endpoint: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let order =
        Order { dir: bench.store.dir().to_owned(), entries: entries.to_vec(), endpoint: endpoint.to_owned() };
    let order = serde_json::to_vec(&order).expect("serialises");
    std::fs::write(bench.dir.path().join(ORDER), order).expect("written");
    let mut child = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child::pull_as_ordered", "--ignored", "--nocapture"])
        .current_dir(bench.dir.path())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("started");
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    (child, lines)
}

async fn hear(lines: &mut Lines<BufReader<ChildStdout>>, wanted: &str) -> String {
    while let Some(line) = lines.next_line().await.expect("text") {
        if line.contains(wanted) {
            return line;
        }
    }
    panic!("the process ended without saying `{wanted}`");
}

#[tokio::test]
async fn a_killed_process_leaves_a_part_that_the_next_one_resumes() {
    let bytes = weights(1, 3 << 20);
    let body = bytes.clone();
    let server = Server::start(move |_, n| match n {
        0 => Reply::Stuck(body.clone(), 2 << 20),
        _ => Reply::File(body.clone()),
    })
    .await;
    let entries = [entry("m", LEXICON) + &file("f", &bytes, &[&hub("f")])];
    let bench = Bench::new(&entries, config(&server.endpoint));
    let (mut child, _lines) = start(&bench, &entries, &server.endpoint);
    let partial = bench.partial("m", "f");
    let length = || std::fs::metadata(&partial).map_or(0, |metadata| metadata.len());
    eventually("a megabyte is on disk", || length() >= 1 << 20).await;
    child.kill().await.expect("SIGKILL");
    let kept = length();
    assert!(!bench.place("m", "f").exists());
    assert_eq!(bench.store.ready(&"m".into()).expect_err("a part").kind(), StoreErrorKind::Missing);

    bench.pull("m").await.expect("resumed");
    assert_eq!(server.requests()[1].from, Some(kept));
    assert!(std::fs::read(bench.place("m", "f")).expect("there") == bytes);
}

#[tokio::test]
async fn two_processes_that_pull_at_once_both_succeed_and_fetch_once() {
    let bytes = weights(2, 200_000);
    let gate = Arc::new(Notify::new());
    let (body, closed) = (bytes.clone(), Arc::clone(&gate));
    let server = Server::start(move |_, _| Reply::Gated(body.clone(), Arc::clone(&closed))).await;
    let entries = [entry("m", LEXICON) + &file("f", &bytes, &[&hub("f")])];
    let bench = Bench::new(&entries, config(&server.endpoint));
    let (mut first, mut first_says) = start(&bench, &entries, &server.endpoint);
    eventually("the first asks for the file", || server.requests().len() == 1).await;
    let (mut second, mut second_says) = start(&bench, &entries, &server.endpoint);
    hear(&mut second_says, "Waiting").await;
    gate.notify_one();
    hear(&mut first_says, "files fetched: 1").await;
    hear(&mut second_says, "files fetched: 0").await;
    assert!(first.wait().await.expect("ended").success());
    assert!(second.wait().await.expect("ended").success());
    assert_eq!(server.requests().len(), 1);
    bench.store.ready(&"m".into()).expect("verified");
}
