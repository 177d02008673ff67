//! The suite on SQLite, and what a file brings with it: two processes, damage, newer versions.

use crate::suite::{self, new_job};
use reelsmith_storage::{Created, ErrorKind, Jobs, SqliteStore};
use serde_json::json;
use sqlx::Connection;
use std::path::PathBuf;
use tempfile::TempDir;

fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/on/opening/rows.db");
    (folder, path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_conforms() {
    let (_folder, path) = file();
    suite::conforms(&SqliteStore::open(&path).await.unwrap()).await;
}

/// Stores on one file stand for processes: they share nothing but the file.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_of_eight_that_open_a_new_file_at_once_finds_its_tables_made() {
    for _ in 0..10 {
        let (_folder, path) = file();
        let openers = (0..8).map(|_| tokio::spawn(opened(path.clone())));
        for opener in futures::future::join_all(openers).await {
            opener.unwrap();
        }
    }
}

async fn opened(path: PathBuf) {
    let store = SqliteStore::open(&path).await.unwrap();
    assert!(store.get("none").await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_stores_write_side_by_side() {
    let (_folder, path) = file();
    let stores = futures::future::try_join_all((0..4).map(|_| SqliteStore::open(&path))).await.unwrap();
    let work = stores.iter().enumerate().map(|(n, store)| async move {
        store.create(new_job("shared")).await.unwrap();
        let mut own = 0;
        for turn in 0..50 {
            let created = store.create(new_job(&format!("turn-{turn}"))).await.unwrap();
            own += usize::from(matches!(created, Created::New(_)));
            store.append_event("shared", "turn", json!({"store": n, "turn": turn})).await.unwrap();
        }
        own
    });
    let own: usize = futures::future::join_all(work).await.into_iter().sum();
    assert_eq!(own, 50, "each job was created by exactly one store");
    let events = stores[0].events_after("shared", 0, 0).await.unwrap();
    assert!(events.iter().map(|event| event.seq).eq(1..=200));
}

#[tokio::test]
async fn rows_are_durable_by_setting() {
    let (_folder, path) = file();
    let store = SqliteStore::open(&path).await.unwrap();
    store.create(new_job("a")).await.unwrap();
    let mode = std::fs::read(&path).unwrap()[18..20].to_vec();
    assert_eq!(mode, [2, 2], "write-ahead log (sqlite.org/fileformat.html, offsets 18 and 19)");
    store.close().await;
    assert_eq!(store.get("a").await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(SqliteStore::open(&path).await.unwrap().get("a").await.unwrap().is_some());
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt_and_left_alone() {
    let (folder, _) = file();
    let path = folder.path().join("notes.txt");
    let notes = "these are notes, not rows. ".repeat(200);
    std::fs::write(&path, &notes).unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(error.to_string().contains("notes.txt"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), notes);
}

#[tokio::test]
async fn a_newer_versions_file_is_not_touched() {
    let (_folder, path) = file();
    SqliteStore::open(&path).await.unwrap().close().await;
    let mut newer = sqlx::SqliteConnection::connect(path.to_str().unwrap()).await.unwrap();
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (999, 'newer', current_timestamp, true, x'00', 0)")
        .execute(&mut newer)
        .await
        .unwrap();
    newer.close().await.unwrap();
    let error = SqliteStore::open(&path).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Incompatible, "{error}");
    assert!(error.to_string().contains("newer version"), "{error}");
}

#[tokio::test]
async fn a_folder_in_the_way_is_an_error_not_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let error = SqliteStore::open(folder.path()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
}
