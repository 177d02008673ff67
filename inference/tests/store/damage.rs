//! Damage to what lies there, and disks that take no more.

use crate::server::{Reply, Server};
use crate::support::*;
use reelsmith_inference::store::{State, StoreErrorKind};
use reelsmith_inference_core::ModelId;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use tokio_util::sync::CancellationToken;

async fn pulled(bytes: &[u8]) -> (Bench, Server) {
    let body = bytes.to_vec();
    let server = Server::start(move |_, _| Reply::File(body.clone())).await;
    let bench =
        Bench::new(&[entry("m", LEXICON) + &file("f", bytes, &[&hub("f")])], config(&server.endpoint));
    bench.pull("m").await.expect("pulled");
    (bench, server)
}

/// Turns one bit and sets the modification time back, as an editor that covers its traces.
pub(crate) fn flip(path: &Path, at: u64) {
    let before = std::fs::metadata(path).and_then(|metadata| metadata.modified()).expect("there");
    let file = File::options().read(true).write(true).open(path).expect("opened");
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).expect("read");
    file.write_all_at(&[byte[0] ^ 1], at).expect("written");
    file.set_modified(before).expect("set back");
}

#[tokio::test]
async fn one_turned_bit_is_found_named_and_mended() {
    let bytes = weights(1, 500_000);
    let (bench, server) = pulled(&bytes).await;
    let id = ModelId::from("m");
    for at in [0, 250_000, 499_999] {
        bench.store.ready(&id).expect("right as pulled");
        flip(&bench.place("m", "f"), at);
        let error = bench.store.ready(&id).expect_err("changed");
        assert_eq!(error.kind(), StoreErrorKind::Corrupt);
        let said = error.to_string();
        for part in ["`f`", "`m`", &sha256(&bytes), "reelsmith models pull m"] {
            assert!(said.contains(part), "`{part}` in: {said}");
        }
        let verify = bench.store.verify(&id, &|_, _| (), &CancellationToken::new());
        assert_eq!(verify.expect_err("changed").kind(), StoreErrorKind::Corrupt);
        assert_eq!(bench.store.state(&id).expect("known"), State::Unverified);
        bench.pull("m").await.expect("mended");
        assert!(std::fs::read(bench.place("m", "f")).expect("there") == bytes);
    }
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_shortened_file_is_damaged_and_a_lost_one_is_missing() {
    let (bench, _server) = pulled(&weights(2, 1000)).await;
    let id = ModelId::from("m");
    File::options().write(true).open(bench.place("m", "f")).and_then(|f| f.set_len(999)).expect("cut");
    let error = bench.store.ready(&id).expect_err("cut");
    assert_eq!(error.kind(), StoreErrorKind::Corrupt);
    assert!(error.to_string().contains("999 bytes"), "{error}");
    std::fs::remove_file(bench.place("m", "f")).expect("removed");
    assert_eq!(bench.store.ready(&id).expect_err("gone").kind(), StoreErrorKind::Missing);
}

#[tokio::test]
async fn verified_files_are_not_hashed_again_and_verify_hashes_all() {
    let (bench, _server) = pulled(&weights(3, 600_000)).await;
    let id = ModelId::from("m");
    let hashed = std::sync::Mutex::new(0);
    let note = |done, bytes| {
        assert_eq!(bytes, 600_000);
        *hashed.lock().expect("alone") = done;
    };
    bench.store.verify(&id, &note, &CancellationToken::new()).expect("right");
    assert_eq!(*hashed.lock().expect("alone"), 600_000);
    let cancelled = CancellationToken::new();
    cancelled.cancel();
    let error = bench.store.verify(&id, &note, &cancelled).expect_err("cancelled");
    assert_eq!(error.kind(), StoreErrorKind::Cancelled);
    // A stamp stands for the hash, and a spoilt record of stamps only costs one.
    assert_eq!(bench.store.state(&id).expect("known"), State::Present);
    std::fs::write(bench.store.dir().join(".store/stamps/m.json"), b"{").expect("spoilt");
    assert_eq!(bench.store.state(&id).expect("known"), State::Unverified);
    bench.store.ready(&id).expect("hashed again");
    assert_eq!(bench.store.state(&id).expect("known"), State::Present);
}

#[tokio::test]
async fn a_stamp_for_other_bytes_is_not_taken_for_the_catalogues() {
    let (old, new) = (weights(4, 1000), weights(5, 1000));
    let (bench, _server) = pulled(&old).await;
    let entries = [entry("m", LEXICON) + &file("f", &new, &[&hub("f")])];
    let updated = reelsmith_inference::Store::new(
        bench.store.dir().to_owned(),
        catalogue(&entries),
        config(&nowhere()),
    );
    assert_eq!(updated.ready(&"m".into()).expect_err("other bytes").kind(), StoreErrorKind::Corrupt);
}

#[tokio::test]
async fn a_disk_that_is_too_small_is_refused_with_figures_before_anything_is_fetched() {
    let server = Server::start(|_, _| Reply::Status(500)).await;
    let huge = file("f", b"x", &[&hub("f")]).replace("bytes = 1\n", "bytes = 900000000000000\n");
    let bench = Bench::new(&[entry("m", LEXICON) + &huge], config(&server.endpoint));
    let error = bench.pull("m").await.expect_err("no disk is that large");
    assert_eq!(error.kind(), StoreErrorKind::DiskFull);
    assert!(error.to_string().contains("900000068 MB are needed"), "{error}");
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_disk_that_fills_up_meanwhile_is_told_and_leaves_nothing_final() {
    let bytes = weights(6, 100_000);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Reply::File(body.clone())).await;
    let bench =
        Bench::new(&[entry("m", LEXICON) + &file("f", &bytes, &[&hub("f")])], config(&server.endpoint));
    // The kernel's own full device: every write to it fails with ENOSPC.
    let partial = bench.partial("m", "f");
    std::fs::create_dir_all(partial.parent().expect("below")).expect("made");
    std::os::unix::fs::symlink("/dev/full", &partial).expect("linked");
    let error = bench.pull("m").await.expect_err("full");
    assert_eq!(error.kind(), StoreErrorKind::DiskFull);
    let said = error.to_string();
    assert!(said.contains("free some space") && said.contains("resumes"), "{said}");
    assert!(!bench.place("m", "f").exists());
    std::fs::remove_file(&partial).expect("the disk has room again");
    bench.pull("m").await.expect("pulled");
}

#[tokio::test]
async fn an_entry_for_other_platforms_only_says_so() {
    let elsewhere = match cfg!(target_os = "macos") {
        true => "linux-x86_64",
        false => "macos-aarch64",
    };
    let text =
        file("f", b"x", &[&hub("f")]).replace("sources", &format!("platform = \"{elsewhere}\"\nsources"));
    let bench = Bench::new(&[entry("m", LEXICON) + &text], config(&nowhere()));
    let error = bench.pull("m").await.expect_err("not for here");
    assert_eq!(error.kind(), StoreErrorKind::Unsupported);
    assert!(error.to_string().contains(elsewhere), "{error}");
    assert_eq!(bench.store.ready(&"m".into()).expect_err("not for here").kind(), StoreErrorKind::Unsupported);
}

#[tokio::test]
async fn a_lock_held_elsewhere_forbids_removal() {
    let (bench, _server) = pulled(&weights(7, 1000)).await;
    let lock =
        File::options().write(true).open(bench.store.dir().join(".store/locks/m.lock")).expect("there");
    lock.try_lock().expect("free");
    assert_eq!(bench.store.remove(&"m".into()).expect_err("held").kind(), StoreErrorKind::Busy);
    lock.unlock().expect("given back");
    bench.store.remove(&"m".into()).expect("removed");
    assert!(!bench.place("m", "f").exists());
}
