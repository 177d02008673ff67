//! Callers that go away half-way, and files that change under way.

use crate::Place;
use crate::suite::{content, file};
use reelsmith_storage::{Digest, ErrorKind};
use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

/// Polls `future` at most `polls` times, then drops it where it stands.
async fn cut<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| match future.as_mut().poll(context) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending if left == 0 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

/// 0, 1, 2 … 20, then in growing strides, so that early and late moments are both met.
fn moments() -> impl Iterator<Item = usize> {
    (0..20).chain((0..).map(|n| 20 + n * n * 3))
}

pub(crate) async fn a_dropped_upload_leaves_nothing(place: &Place) {
    let bytes = content(700, 20 << 20);
    let digest = Digest::of(&bytes);
    let path = file(place, "dropped", &bytes);
    let mut cuts = 0;
    for polls in moments() {
        match cut(place.blobs.put_file(&path), polls).await {
            Some(done) => {
                assert_eq!(done.unwrap(), (digest, bytes.len() as u64));
                break;
            }
            None => {
                cuts += 1;
                // The last request may have been on its way already; then the object is whole.
                if let Some(size) = place.blobs.size(&digest).await.unwrap() {
                    assert_eq!(size, bytes.len() as u64);
                    assert!(place.blobs.get_bytes(&digest).await.unwrap() == bytes);
                    place.blobs.delete(&digest).await.unwrap();
                }
            }
        }
    }
    assert!(cuts > 5, "only {cuts} moments were tried");
    assert!(place.blobs.get_bytes(&digest).await.unwrap() == bytes);
    if Path::new(place.blobs.place()).is_dir() {
        let shelf = Path::new(place.blobs.place()).join("sha256").join(&digest.to_string()[..2]);
        eventually("staged files are removed", || names(&shelf).iter().all(|name| !name.contains('#'))).await;
    }
}

pub(crate) async fn a_dropped_download_leaves_nothing(place: &Place) {
    let bytes = content(701, 12 << 20);
    let digest = place.blobs.put_bytes(bytes.clone()).await.unwrap();
    let folder = place.room.path().join("downloads");
    let target = folder.join("target");
    let mut cuts = 0;
    for polls in moments() {
        if cut(place.blobs.get_to_file(&digest, &target), polls).await.is_some() {
            break;
        }
        cuts += 1;
        if target.exists() {
            assert!(std::fs::read(&target).unwrap() == bytes, "what is visible is whole");
            std::fs::remove_file(&target).unwrap();
        }
    }
    assert!(cuts >= 2, "only {cuts} moments were tried");
    assert!(std::fs::read(&target).unwrap() == bytes);
    eventually("temporary files are removed", || names(&folder) == ["target"]).await;
}

pub(crate) async fn a_file_that_changes_meanwhile_is_refused(place: &Place) {
    let bytes = content(702, 20 << 20);
    let digest = Digest::of(&bytes);
    let path = file(place, "changing", &bytes);
    let mut refused = 0;
    // The file is hashed, then read again: flip its last byte at each moment in between.
    for polls in 1..40 {
        std::fs::write(&path, &bytes).unwrap();
        let mut put = pin!(place.blobs.put_file(&path));
        if cut(put.as_mut(), polls).await.is_none() {
            let mut file = OpenOptions::new().write(true).open(&path).unwrap();
            file.seek(SeekFrom::End(-1)).unwrap();
            file.write_all(&[bytes[bytes.len() - 1] ^ 1]).unwrap();
            match put.await {
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::Conflict, "{error}");
                    assert_eq!(place.blobs.size(&digest).await.unwrap(), None, "nothing became visible");
                    refused += 1;
                }
                // Changed before or after both readings: then what is stored is what its name says.
                Ok((stored, _)) => {
                    place.blobs.get_to_file(&stored, &place.room.path().join("stored")).await.unwrap();
                    place.blobs.delete(&stored).await.unwrap();
                }
            }
        }
        place.blobs.delete(&digest).await.unwrap();
        if refused > 0 {
            return;
        }
    }
    panic!("no change between the two readings was noticed");
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect()
}

/// Cleaning up after a dropped future goes on behind it; waits for that, at most ten seconds.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what} within ten seconds");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
