//! Files from the hub, and what becomes of a pull when the hub misbehaves.

use crate::server::{Reply, Server};
use crate::support::*;
use reelsmith_inference::store::{PullEvent, State, StoreConfig, StoreErrorKind};
use reelsmith_inference_core::ModelId;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

const LEN: usize = 3 << 20;

fn one_file(bytes: &[u8], sources: &[&str]) -> Vec<String> {
    vec![entry("m", LEXICON) + &file("dir/f.bin", bytes, sources)]
}

/// A pull of one file from a hub that answers so, and the requests it took.
async fn pull_from(
    bytes: &[u8],
    answer: impl Fn(usize) -> Reply + Send + Sync + 'static,
) -> (Bench, Result<(), StoreErrorKind>, Vec<Option<u64>>, String) {
    let server = Server::start(move |_, n| answer(n)).await;
    let bench = Bench::new(&one_file(bytes, &[&hub("a b/f.bin")]), config(&server.endpoint));
    let pulled = bench.pull("m").await;
    let said = pulled.as_ref().err().map(ToString::to_string).unwrap_or_default();
    for request in server.requests() {
        assert_eq!(request.path, "/o/r/resolve/v1/a%20b/f.bin");
    }
    let asked = server.requests().into_iter().map(|request| request.from).collect();
    (bench, pulled.map(drop).map_err(|error| error.kind()), asked, said)
}

fn assert_whole(bench: &Bench, bytes: &[u8]) {
    assert!(std::fs::read(bench.place("m", "dir/f.bin")).expect("in place") == bytes);
    assert_eq!(bench.store.state(&"m".into()).expect("known"), State::Present);
    assert_eq!(files_below(&bench.store.dir().join(".store/partial")), Vec::<std::path::PathBuf>::new());
}

fn assert_nothing(bench: &Bench) {
    assert!(!bench.place("m", "dir/f.bin").exists(), "nothing under the final name");
    assert_eq!(bench.store.ready(&"m".into()).expect_err("not there").kind(), StoreErrorKind::Missing);
}

#[tokio::test]
async fn a_file_comes_is_verified_and_is_not_fetched_again() {
    let bytes = weights(1, LEN);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Reply::File(body.clone())).await;
    let bench = Bench::new(&one_file(&bytes, &[&hub("f")]), config(&server.endpoint));
    assert_eq!(bench.store.state(&"m".into()).expect("known"), State::Absent);
    let pulled = bench.pull("m").await.expect("pulled");
    assert_eq!((pulled.files, pulled.bytes), (1, LEN as u64));
    assert_whole(&bench, &bytes);
    let verified = bench.store.ready(&"m".into()).expect("verified");
    assert_eq!(verified.path("dir/f.bin"), Some(bench.place("m", "dir/f.bin").as_path()));
    assert_eq!(verified.files[0].sha256.to_string(), sha256(&bytes));
    let full = PullEvent::Progress {
        model: "m".into(),
        file: "dir/f.bin".into(),
        done: LEN as u64,
        bytes: LEN as u64,
    };
    assert!(bench.told(|event| *event == full) >= 1);
    assert_eq!(bench.told(|event| matches!(event, PullEvent::Ready { .. })), 1);

    assert_eq!(bench.pull("m").await.expect("nothing to do").files, 0);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(bench.store.remove(&"m".into()).expect("removed"), LEN as u64);
    assert_eq!(bench.store.state(&"m".into()).expect("known"), State::Absent);
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_resumed_where_it_ended() {
    let bytes = weights(2, LEN);
    let body = bytes.clone();
    let (bench, pulled, asked, said) = pull_from(&bytes, move |n| match n {
        0 => Reply::Cut(body.clone(), 1_500_000),
        1 => Reply::Cut(body.clone(), 70_000),
        _ => Reply::File(body.clone()),
    })
    .await;
    assert_eq!(pulled, Ok(()), "{said}");
    // What the kernel had not delivered when the connection closed may be missing, so no exact numbers.
    let starts: Vec<u64> = asked[1..].iter().map(|from| from.expect("a range")).collect();
    assert_eq!(asked[0], None);
    assert_eq!(starts.len(), 2);
    assert!(starts[0] > 0 && starts[0] <= 1_500_000 && starts[1] >= starts[0], "{starts:?}");
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn a_server_that_ignores_ranges_is_read_from_the_start() {
    let bytes = weights(3, LEN);
    let body = bytes.clone();
    let (bench, pulled, _, said) = pull_from(&bytes, move |n| match n {
        0 => Reply::Cut(body.clone(), 2_000_000),
        _ => Reply::Whole(body.clone()),
    })
    .await;
    assert_eq!(pulled, Ok(()), "{said}");
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn a_hub_that_falls_silent_is_given_up_after_a_while() {
    for after in [None, Some(1_200_000)] {
        let bytes = weights(4, LEN);
        let body = bytes.clone();
        let since = Instant::now();
        let (bench, pulled, asked, said) = pull_from(&bytes, move |_| match after {
            None => Reply::Silence,
            Some(after) => Reply::Stuck(body.clone(), after),
        })
        .await;
        assert!(since.elapsed() < Duration::from_secs(20), "{:?}", since.elapsed());
        if after.is_none() {
            assert_eq!(pulled, Err(StoreErrorKind::Unavailable));
            assert!(said.contains("no answer in time") && said.contains("sha256"), "{said}");
            assert_eq!(asked.len(), 3, "a few attempts, then no more");
            assert_nothing(&bench);
        } else {
            // Each attempt brought something, so it was worth another.
            assert_eq!(pulled, Ok(()), "{said}");
            assert_whole(&bench, &bytes);
        }
    }
}

#[tokio::test]
async fn refusals_are_final_and_named() {
    let bytes = weights(5, 1000);
    let (bench, pulled, asked, said) = pull_from(&bytes, |_| Reply::Status(404)).await;
    assert_eq!(pulled, Err(StoreErrorKind::Unavailable));
    assert!(said.contains("404") && said.contains("model hub (o/r)"), "{said}");
    assert_eq!(asked.len(), 1, "a missing file is asked for once");
    assert_nothing(&bench);
}

#[tokio::test]
async fn an_overloaded_hub_is_asked_again() {
    let bytes = weights(6, 1000);
    let body = bytes.clone();
    let (bench, pulled, asked, said) = pull_from(&bytes, move |n| match n {
        0 => Reply::Status(503),
        1 => Reply::Status(429),
        _ => Reply::File(body.clone()),
    })
    .await;
    assert_eq!(pulled, Ok(()), "{said}");
    assert_eq!(asked.len(), 3);
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn lengths_that_lie_are_found_out() {
    let bytes = weights(7, 100_000);
    for (lie, expected) in [(99_999, "99999 bytes"), (100_001, "100001 bytes")] {
        let body = bytes.clone();
        let (bench, pulled, _, said) = pull_from(&bytes, move |_| Reply::Declared(body.clone(), lie)).await;
        assert_eq!(pulled, Err(StoreErrorKind::Unavailable));
        assert!(said.contains(expected), "{said}");
        assert_nothing(&bench);
    }
    // The right length is stated, and less comes.
    let body = bytes[..60_000].to_vec();
    let (bench, pulled, ..) = pull_from(&bytes, move |_| Reply::Declared(body.clone(), 100_000)).await;
    assert_eq!(pulled, Err(StoreErrorKind::Unavailable));
    assert_nothing(&bench);
    // No length is stated, and more comes than can be right: it is not written down.
    let (bench, pulled, _, said) = pull_from(&bytes, |_| Reply::Unmeasured(vec![0; 50 << 20])).await;
    assert_eq!(pulled, Err(StoreErrorKind::Unavailable));
    assert!(said.contains("more than 100000 bytes"), "{said}");
    let kept = std::fs::metadata(bench.partial("m", "dir/f.bin")).map_or(0, |metadata| metadata.len());
    assert!(kept <= 100_000, "{kept}");
    // Without a length, the right bytes are right.
    let body = bytes.clone();
    let (bench, pulled, _, said) = pull_from(&bytes, move |_| Reply::Unmeasured(body.clone())).await;
    assert_eq!(pulled, Ok(()), "{said}");
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn a_redirection_is_followed() {
    let bytes = weights(8, 100_000);
    let body = bytes.clone();
    let elsewhere = Server::start(move |_, _| Reply::File(body.clone())).await;
    let target = format!("{}/blob", elsewhere.endpoint);
    let (bench, pulled, _, said) = pull_from(&bytes, move |_| Reply::Redirect(target.clone())).await;
    assert_eq!(pulled, Ok(()), "{said}");
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn wrong_bytes_are_thrown_away_and_the_next_source_serves() {
    let (right, wrong) = (weights(9, 100_000), weights(10, 100_000));
    let server = Server::start(move |request, _| match request.path.ends_with("bad") {
        true => Reply::File(wrong.clone()),
        false => Reply::File(weights(9, 100_000)),
    })
    .await;
    let sources = [hub("bad"), hub("good")];
    let sources: Vec<&str> = sources.iter().map(String::as_str).collect();
    let bench = Bench::new(&one_file(&right, &sources), config(&server.endpoint));
    bench.pull("m").await.expect("the second source serves");
    assert_whole(&bench, &right);
    let fell_back =
        |event: &PullEvent| matches!(event, PullEvent::FellBack { reason, .. } if reason.contains("sha256"));
    assert_eq!(bench.told(fell_back), 1);
    assert_eq!(server.requests().len(), 2, "wrong bytes are not asked for twice");
}

#[tokio::test]
async fn a_spoilt_part_is_blamed_on_the_part() {
    let bytes = weights(11, LEN);
    let body = bytes.clone();
    let server = Server::start(move |_, _| Reply::File(body.clone())).await;
    let bench = Bench::new(&one_file(&bytes, &[&hub("f")]), config(&server.endpoint));
    for spoilt in [vec![0; 1_000_000], vec![0; LEN], vec![0; LEN + 5]] {
        let partial = bench.partial("m", "dir/f.bin");
        std::fs::create_dir_all(partial.parent().expect("below")).expect("made");
        std::fs::write(&partial, &spoilt).expect("written");
        bench.pull("m").await.expect("fetched anew");
        assert_whole(&bench, &bytes);
        bench.store.remove(&"m".into()).expect("removed");
    }
}

#[tokio::test]
async fn a_hub_that_is_not_there_is_found_out_once_for_many_files() {
    let (n, bytes) = (40, weights(12, 10));
    let files: String = (0..n).map(|n| file(&format!("f{n}"), &bytes, &[&hub("f"), NO_PACKAGE])).collect();
    let bench =
        Bench::new(&[entry("m", LEXICON) + &files], StoreConfig { parallel: 16, ..config(&nowhere()) });
    let error = bench.pull("m").await.expect_err("no source has it");
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    let said = error.to_string();
    assert!(said.contains("cannot be reached") && said.contains("left-pad@999.0.0"), "{said}");
    let told =
        |event: &PullEvent| matches!(event, PullEvent::FellBack { source, .. } if source.contains("hub"));
    assert_eq!(bench.told(told), 1);
}

#[tokio::test]
async fn offline_uses_no_network_and_says_what_lacks() {
    let bytes = weights(13, 1000);
    let server = Server::start(|_, _| Reply::Status(500)).await;
    let offline = StoreConfig { offline: true, ..config(&server.endpoint) };
    let bench = Bench::new(&one_file(&bytes, &[&hub("f")]), offline);
    let error = bench.pull("m").await.expect_err("it lacks");
    assert_eq!(error.kind(), StoreErrorKind::Offline);
    assert!(error.to_string().contains("`m`"), "{error}");
    assert_eq!(server.requests().len(), 0);
    // A file laid there by hand, as on a machine without a network, is verified and taken.
    let place = bench.place("m", "dir/f.bin");
    std::fs::create_dir_all(place.parent().expect("below")).expect("made");
    std::fs::write(&place, &bytes).expect("written");
    assert_eq!(bench.store.state(&"m".into()).expect("known"), State::Unverified);
    bench.pull("m").await.expect("all is there");
    bench.store.ready(&"m".into()).expect("verified");
}

#[tokio::test]
async fn cancelling_ends_the_pull_and_the_next_goes_on() {
    let bytes = weights(14, LEN);
    let body = bytes.clone();
    let server = Server::start(move |_, n| match n {
        0 => Reply::Stuck(body.clone(), 2 << 20),
        _ => Reply::File(body.clone()),
    })
    .await;
    let patient = StoreConfig { stall_timeout: Duration::from_secs(60), ..config(&server.endpoint) };
    let bench = Bench::new(&one_file(&bytes, &[&hub("f")]), patient);
    let cancel = CancellationToken::new();
    let stop = cancel.clone();
    let at_progress = move |event: &PullEvent| {
        if matches!(event, PullEvent::Progress { done, .. } if *done > 0) {
            stop.cancel();
        }
    };
    let error = bench.pull_until("m", cancel, at_progress).await.expect_err("cancelled");
    assert_eq!(error.kind(), StoreErrorKind::Cancelled);
    assert_nothing(&bench);
    assert!(matches!(bench.store.state(&"m".into()).expect("known"), State::Partial { present: 1.., .. }));
    bench.pull("m").await.expect("resumed");
    assert!(server.requests()[1].from.is_some_and(|from| from >= 1 << 20));
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn a_dropped_pull_leaves_no_lock_behind() {
    let bytes = weights(15, LEN);
    let body = bytes.clone();
    let server = Server::start(move |_, n| match n {
        0 => Reply::Stuck(body.clone(), 2 << 20),
        _ => Reply::File(body.clone()),
    })
    .await;
    let patient = StoreConfig { stall_timeout: Duration::from_secs(60), ..config(&server.endpoint) };
    let bench = Bench::new(&one_file(&bytes, &[&hub("f")]), patient);
    let partial = bench.partial("m", "dir/f.bin");
    let grown = || std::fs::metadata(&partial).is_ok_and(|metadata| metadata.len() >= 1 << 20);
    tokio::select! {
        _ = bench.pull("m") => panic!("the server holds back the rest"),
        () = eventually("the first megabyte is on disk", grown) => {}
    }
    assert_nothing(&bench);
    bench.pull("m").await.expect("resumed");
    assert_whole(&bench, &bytes);
}

#[tokio::test]
async fn several_models_share_a_pull_and_failures_are_told_together() {
    let bytes = weights(16, 1000);
    let body = bytes.clone();
    let server = Server::start(move |request, _| match request.path.ends_with("lost") {
        true => Reply::Status(404),
        false => Reply::File(body.clone()),
    })
    .await;
    let entries = [
        entry("good", LEXICON) + &file("f", &bytes, &[&hub("f")]),
        entry("lost-1", LEXICON) + &file("f", &bytes, &[&hub("lost")]),
        entry("lost-2", LEXICON) + &file("f", &bytes, &[&hub("lost")]),
        entry("all", &format!("{LEXICON}\nrequires = [\"good\", \"lost-1\", \"lost-2\"]"))
            + &file("f", &bytes, &[&hub("f")]),
    ];
    let bench = Bench::new(&entries, config(&server.endpoint));
    let error = bench.pull("all").await.expect_err("two are lost");
    let said = error.to_string();
    assert!(said.contains("`lost-1`") && said.contains("`lost-2`"), "{said}");
    for id in ["good", "all"] {
        bench.store.ready(&ModelId::from(id)).expect("the others came");
    }
}
