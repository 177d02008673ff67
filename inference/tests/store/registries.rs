//! The real registries through the real clients, and clients that fail.

use crate::support::*;
use reelsmith_inference::store::{PullEvent, StoreConfig, StoreErrorKind};
use reelsmith_inference_core::Catalogue;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

fn builtin() -> Arc<Catalogue> {
    Arc::new(Catalogue::builtin().expect("valid"))
}

/// A program of the test's, to stand in front of or for a client.
fn script(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("made a program");
    path
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn all_voices_come_from_one_npm_archive_when_the_hub_is_not_there() {
    let tools = tempfile::tempdir().expect("a directory");
    let log = tools.path().join("log");
    let npm = script(tools.path(), "npm", &format!("echo run >> {}\nexec npm \"$@\"", log.display()));
    let bench = Bench::over(builtin(), StoreConfig { npm: Some(npm), ..config(&nowhere()) });
    let pulled = bench.pull("kokoro-voices").await.expect("npm serves");
    assert_eq!((pulled.files, pulled.bytes), (54, 54 * 522_240));
    assert_eq!(lines(&log), 1, "one archive, fetched once");
    assert_eq!(bench.store.ready(&"kokoro-voices".into()).expect("verified").files.len(), 54);
    assert_eq!(bench.told(|event| matches!(event, PullEvent::FellBack { .. })), 1, "one note for all 54");
    assert!(bench.told(|event| matches!(event, PullEvent::Archive { bytes: 1.., .. })) > 0);
    for left in ["archives", "tmp", "partial"] {
        let files = files_below(&bench.store.dir().join(".store").join(left));
        assert!(files.is_empty(), "{left} is tidied up: {files:?}");
    }
}

#[tokio::test]
async fn wheels_come_through_pip_for_any_platform_and_for_this_one() {
    let bench = Bench::over(builtin(), config(&nowhere()));
    // Pure data from one wheel, and the engine's library, which it requires, from a platform's.
    bench.pull("g2p-en").await.expect("pip serves");
    bench.store.ready(&"g2p-en".into()).expect("verified");
    let runtime = bench.store.ready(&"onnxruntime".into()).expect("verified");
    reelsmith_inference::runtime::load_onnxruntime(&runtime.files[0].path)
        .expect("it is a library that loads");
}

#[tokio::test]
async fn parts_are_joined_in_their_order_and_checked_as_one() {
    // Two published files stand for the parts of a third; their joint sha256 is computed here.
    let dir = tempfile::tempdir().expect("a directory");
    let status = tokio::process::Command::new("npm")
        .args(["pack", "--silent", "left-pad@1.3.0", "--cache", "cache"])
        .current_dir(dir.path())
        .stdout(std::process::Stdio::null())
        .status();
    assert!(status.await.expect("npm runs").success());
    let member = |wanted: &str| {
        let archive = std::fs::File::open(dir.path().join("left-pad-1.3.0.tgz")).expect("packed");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(archive));
        let mut entries = archive.entries().expect("a tar").map(|entry| entry.expect("an entry"));
        let mut entry =
            entries.find(|entry| entry.path().is_ok_and(|path| path.ends_with(wanted))).expect("a member");
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut bytes).expect("read");
        bytes
    };
    let (a, b) = (member("index.js"), member("package.json"));
    let parts = |first: &str, second: &str| {
        format!("{{ npm = [\"left-pad@1.3.0#{first}\", \"left-pad@1.3.0#{second}\"] }}")
    };
    let joined = [a.clone(), b.clone()].concat();
    let right = entry("right", LEXICON) + &file("f", &joined, &[&parts("index.js", "package.json")]);
    let swapped = entry("swapped", LEXICON) + &file("f", &joined, &[&parts("package.json", "index.js")]);
    let absent = entry("absent", LEXICON) + &file("f", &joined, &[&parts("index.js", "no/such/file")]);
    let long = entry("long", LEXICON) + &file("f", &joined, &[&parts("index.js", "README.md")]);
    let bench = Bench::new(&[right, swapped, absent, long], config(&nowhere()));
    bench.pull("right").await.expect("joined");
    assert!(std::fs::read(bench.place("right", "f")).expect("there") == joined);
    for (id, expected) in
        [("swapped", "sha256"), ("absent", "has no `no/such/file`"), ("long", "longer than it may be")]
    {
        let error = bench.pull(id).await.expect_err(id);
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!bench.place(id, "f").exists());
    }
}

#[tokio::test]
async fn a_package_that_is_not_there_is_named_with_what_the_client_said() {
    for source in [NO_PACKAGE, "{ pypi = [\"pip@999.0.0#f\"] }"] {
        let bench = Bench::new(&[entry("m", LEXICON) + &file("f", b"x", &[source])], config(&nowhere()));
        let error = bench.pull("m").await.expect_err("no such version");
        assert_eq!(error.kind(), StoreErrorKind::Unavailable);
        assert!(error.to_string().contains("999.0.0 (exit status: 1): "), "{error}");
    }
}

#[tokio::test]
async fn a_missing_client_is_named_with_the_package_to_install() {
    let absent = Some(PathBuf::from("/nonexistent/client"));
    let none = StoreConfig { npm: absent.clone(), pip: absent, ..config(&nowhere()) };
    let sources = [hub("f"), NO_PACKAGE.to_owned(), "{ pypi = [\"p@1.0#f\"] }".to_owned()];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let bench = Bench::new(&[entry("m", LEXICON) + &file("f", b"x", &sources)], none);
    let said = bench.pull("m").await.expect_err("no way").to_string();
    for part in
        ["cannot be reached", "apt install npm", "apt install python3-pip", "sha256", "run the same command"]
    {
        assert!(said.contains(part), "`{part}` in: {said}");
    }
}

/// A pull through a client that behaves so.
async fn pull_through(text: &str, patience: Duration) -> (StoreErrorKind, String, Bench) {
    let tools = tempfile::tempdir().expect("a directory");
    let npm = script(tools.path(), "npm", text);
    let config = StoreConfig { npm: Some(npm), client_timeout: patience, ..config(&nowhere()) };
    let source = "{ npm = [\"p@1.0.0#f\"] }";
    let bench = Bench::new(&[entry("m", LEXICON) + &file("f", b"x", &[source])], config);
    let error = bench.pull("m").await.expect_err("it fails");
    assert!(!bench.place("m", "f").exists());
    (error.kind(), error.to_string(), bench)
}

#[tokio::test]
async fn clients_that_fail_hang_or_deliver_rubbish_are_explained() {
    let long = Duration::from_secs(60);
    let (kind, said, _) = pull_through("echo 'npm error code ENOSPC' >&2; exit 1", long).await;
    assert_eq!(kind, StoreErrorKind::DiskFull, "{said}");
    let (kind, said, _) = pull_through("exit 0", long).await;
    assert!(kind == StoreErrorKind::Unavailable && said.contains("left 0 archives"), "{said}");
    let (kind, said, bench) = pull_through("echo rubbish > p-1.0.0.tgz", long).await;
    assert!(kind == StoreErrorKind::Unavailable && said.contains("cannot be read"), "{said}");
    assert!(files_below(&bench.store.dir().join(".store/archives")).is_empty(), "rubbish is not kept");
    let (kind, said, _) = pull_through("exec sleep 600", Duration::from_millis(500)).await;
    assert!(kind == StoreErrorKind::Unavailable && said.contains("was stopped"), "{said}");
    // The client is gone, but something that it started holds its error stream open.
    let (kind, said, _) = pull_through("sleep 5 & exit 3", long).await;
    assert!(kind == StoreErrorKind::Unavailable && said.contains("exit status: 3"), "{said}");
}

/// An npm archive of one member, `f`.
fn packed(dir: &Path, name: &str, bytes: &[u8]) {
    let out = std::fs::File::create(dir.join(format!("{name}.tgz"))).expect("created");
    let mut archive = tar::Builder::new(flate2::write::GzEncoder::new(out, flate2::Compression::fast()));
    let mut header = tar::Header::new_ustar();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "package/f", bytes).expect("packed");
    archive.into_inner().and_then(flate2::write::GzEncoder::finish).expect("written");
}

/// A client that notes what it is asked for and copies it from `dir`, where it is.
fn copying_npm(dir: &Path, log: &Path) -> PathBuf {
    let (log, from) = (log.display(), dir.display());
    script(dir, "npm", &format!("echo $2 >> {log}\ncp {from}/$2.tgz p-1.0.0.tgz || exit 1"))
}

#[tokio::test]
async fn an_interrupted_pull_keeps_its_archives() {
    let (a, b) = (weights(1, 50_000), weights(2, 50_000));
    let tools = tempfile::tempdir().expect("a directory");
    let log = tools.path().join("log");
    packed(tools.path(), "a@1.0.0", &a);
    let npm = copying_npm(tools.path(), &log);
    let source = "{ npm = [\"a@1.0.0#f\", \"b@1.0.0#f\"] }";
    let joined = [a, b.clone()].concat();
    let entries = [entry("m", LEXICON) + &file("f", &joined, &[source])];
    let bench = Bench::new(&entries, StoreConfig { npm: Some(npm), ..config(&nowhere()) });
    bench.pull("m").await.expect_err("the second part is missing");
    assert_eq!(lines(&log), 2);
    packed(tools.path(), "b@1.0.0", &b);
    bench.pull("m").await.expect("both are there");
    assert_eq!(lines(&log), 3, "the first archive was still there");
}

#[tokio::test]
async fn an_archive_that_was_damaged_in_the_cache_is_fetched_once_more() {
    let (a, b) = (weights(1, 50_000), weights(2, 50_000));
    let tools = tempfile::tempdir().expect("a directory");
    let log = tools.path().join("log");
    packed(tools.path(), "a@1.0.0", &a);
    // `b` cannot be had before the test packs it.
    let npm = copying_npm(tools.path(), &log);
    // One file of both archives, and one of the first alone, in another entry.
    let joined = [a.clone(), b.clone()].concat();
    let both = entry("both", LEXICON) + &file("f", &joined, &["{ npm = [\"a@1.0.0#f\", \"b@1.0.0#f\"] }"]);
    let alone = entry("alone", LEXICON).replace("family", "requires = [\"both\"]\nfamily")
        + &file("g", &a, &["{ npm = [\"a@1.0.0#f\"] }"])
        + &file("h", &a, &["{ npm = [\"a@1.0.0#f\"] }"]);
    let bench = Bench::new(&[both, alone], StoreConfig { npm: Some(npm), ..config(&nowhere()) });
    bench.pull("both").await.expect_err("`b` is not there");
    assert_eq!(lines(&log), 2);
    let cached = bench.store.dir().join(".store/archives/npm!a@1.0.0.tar");
    packed(tools.path(), "b@1.0.0", &b);

    // A turned bit is found by the sha256, a cut archive by what it holds.
    for damage in [crate::damage::flip as fn(&Path, u64), |path, at| {
        std::fs::File::options().write(true).open(path).and_then(|f| f.set_len(at)).expect("cut");
    }] {
        damage(&cached, 20_000);
        let before = lines(&log);
        bench.pull("alone").await.expect("mended in the same pull");
        assert!(std::fs::read(bench.place("both", "f")).expect("there") == joined);
        assert!(std::fs::read(bench.place("alone", "h")).expect("there") == a);
        let runs = std::fs::read_to_string(&log).expect("there");
        let runs: Vec<&str> = runs.lines().skip(before).collect();
        assert_eq!(runs.iter().filter(|run| **run == "a@1.0.0").count(), 1, "{runs:?}");
        assert_eq!(runs.len(), 2, "{runs:?}");

        // Once more from the start, with the first archive left behind by a pull that failed.
        std::fs::remove_file(tools.path().join("b@1.0.0.tgz")).expect("removed");
        for id in ["both", "alone"] {
            bench.store.remove(&id.into()).expect("removed");
        }
        bench.pull("both").await.expect_err("`b` is not there");
        packed(tools.path(), "b@1.0.0", &b);
    }

    // What is damaged at its origin is fetched once more, not for ever.
    packed(tools.path(), "a@1.0.0", &b);
    crate::damage::flip(&cached, 20_000);
    let before = lines(&log);
    let said = bench.pull("both").await.expect_err("other bytes").to_string();
    assert!(said.contains("sha256"), "{said}");
    assert_eq!(lines(&log) - before, 2, "each archive once");
}
