//! Bytes: one conformance suite, run on local files and on a real S3 server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod faults;
mod proxy;
mod s3;
mod server;
mod suite;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use reelsmith_storage::{BlobConfig, Blobs};
use std::sync::Arc;
use tempfile::TempDir;

/// A store under test, a second door to the same place behind its back, and room for files.
struct Place {
    blobs: Blobs,
    raw: Arc<dyn ObjectStore>,
    room: TempDir,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn local_files_conform() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("made/on/opening");
    let blobs = Blobs::open(&BlobConfig::Local { dir: dir.clone() }).await.unwrap();
    let raw = Arc::new(LocalFileSystem::new_with_prefix(&dir).unwrap());
    suite::conforms(&Place { blobs, raw, room: tempfile::tempdir().unwrap() }).await;
}

#[tokio::test]
async fn abandoned_uploads_are_swept_and_young_ones_are_not() {
    use std::time::{Duration, SystemTime};
    let folder = tempfile::tempdir().unwrap();
    let shelf = folder.path().join("sha256/ab");
    std::fs::create_dir_all(&shelf).unwrap();
    for (name, hours) in [("abcd#1", 25), ("abce#1", 1), ("abcf", 25)] {
        let file = std::fs::File::create(shelf.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(hours * 3600)).unwrap();
    }
    Blobs::open(&BlobConfig::Local { dir: folder.path().into() }).await.unwrap();
    let mut left: Vec<_> = shelf.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["abce#1", "abcf"]);
}
