//! The suite on a real S3 server, and what only a server can do: be unreachable, refuse, break off.

use crate::proxy::{Proxy, Way};
use crate::server::{ACCESS_KEY, BUCKET, SECRET_KEY, Server};
use crate::{Place, suite};
use object_store::aws::AmazonS3Builder;
use reelsmith_storage::{BlobConfig, Blobs, Digest, ErrorKind, S3Config};
use std::sync::Arc;

fn config(port: u16) -> S3Config {
    S3Config {
        endpoint: Some(format!("http://127.0.0.1:{port}")),
        bucket: BUCKET.into(),
        region: "us-east-1".into(),
        access_key: ACCESS_KEY.into(),
        secret_key: SECRET_KEY.into(),
        allow_http: true,
    }
}

async fn open(config: S3Config) -> reelsmith_storage::Result<Blobs> {
    Blobs::open(&BlobConfig::S3(config)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_conforms() {
    let server = Server::start().await;
    let blobs = open(config(server.port)).await.unwrap();
    let raw = AmazonS3Builder::new()
        .with_endpoint(format!("http://127.0.0.1:{}", server.port))
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .build()
        .unwrap();
    let place = Place { blobs, raw: Arc::new(raw), room: tempfile::tempdir().unwrap() };
    suite::conforms(&place).await;
    wrong_settings_are_named(&server).await;
    a_wire_cut_for_good_leaves_nothing(&server, &place).await;
    a_wire_cut_once_is_survived(&server, &place).await;
}

async fn wrong_settings_are_named(server: &Server) {
    let good = config(server.port);
    let cases = [
        (S3Config { secret_key: "wrong".into(), ..good.clone() }, ErrorKind::Denied),
        (S3Config { access_key: "nobody".into(), ..good.clone() }, ErrorKind::Denied),
        (S3Config { bucket: "absent".into(), ..good.clone() }, ErrorKind::NotFound),
        (S3Config { bucket: "a/b".into(), ..good.clone() }, ErrorKind::InvalidInput),
        (S3Config { allow_http: false, ..good.clone() }, ErrorKind::InvalidInput),
        (S3Config { endpoint: Some("127.0.0.1:1".into()), ..good.clone() }, ErrorKind::InvalidInput),
        (S3Config { secret_key: String::new(), ..good.clone() }, ErrorKind::InvalidInput),
    ];
    for (config, kind) in cases {
        let shown = format!("{config:?}");
        assert!(!shown.contains(SECRET_KEY), "{shown}");
        let error = open(config).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{shown}: {error}");
    }
}

async fn a_wire_cut_for_good_leaves_nothing(server: &Server, place: &Place) {
    let bytes = suite::content(800, 20 << 20);
    let digest = Digest::of(&bytes);
    let path = suite::file(place, "cut", &bytes);

    let up = Proxy::start(server.port, Way::Up, 10 << 20, false).await;
    let error = open(config(up.port)).await.unwrap().put_file(&path).await.unwrap_err();
    assert_eq!((error.kind(), up.cuts()), (ErrorKind::Unavailable, 1), "{error}");
    assert_eq!(place.blobs.size(&digest).await.unwrap(), None);
    assert_eq!(place.blobs.put_file(&path).await.unwrap().0, digest);

    let down = Proxy::start(server.port, Way::Down, 10 << 20, false).await;
    let target = place.room.path().join("cut-download/target");
    let error = open(config(down.port)).await.unwrap().get_to_file(&digest, &target).await.unwrap_err();
    assert_eq!((error.kind(), down.cuts()), (ErrorKind::Unavailable, 1), "{error}");
    assert_eq!(target.parent().unwrap().read_dir().unwrap().count(), 0, "neither the file nor a part of it");
}

async fn a_wire_cut_once_is_survived(server: &Server, place: &Place) {
    let bytes = suite::content(801, 20 << 20);
    let path = suite::file(place, "healed", &bytes);
    let up = Proxy::start(server.port, Way::Up, 10 << 20, true).await;
    let (digest, _) = open(config(up.port)).await.unwrap().put_file(&path).await.unwrap();
    assert_eq!(up.cuts(), 1);

    let down = Proxy::start(server.port, Way::Down, 10 << 20, true).await;
    let target = place.room.path().join("healed-download");
    open(config(down.port)).await.unwrap().get_to_file(&digest, &target).await.unwrap();
    assert_eq!(down.cuts(), 1);
    assert!(std::fs::read(&target).unwrap() == bytes);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_unavailable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    for endpoint in [format!("http://127.0.0.1:{port}"), format!("https://127.0.0.1:{port}")] {
        let error = open(S3Config { endpoint: Some(endpoint), ..config(port) }).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    }
}
