//! A running house with its router, on a data directory of its own and the models of this machine.

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use futures::StreamExt;
use reelsmith_api::config::{Config, Flags};
use reelsmith_api::house::{DataOwner, House};
use reelsmith_api::layers::observed;
use reelsmith_api::library::Library;
use reelsmith_api::routes::router;
use reelsmith_api::state::App;
use reelsmith_storage::{Artifact, JobState, Jobs, NewJob, NewStep, SqliteStore};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tower::ServiceExt;

/// Nothing here takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) struct Served {
    dir: TempDir,
    app: Arc<App>,
    router: Router,
}

#[expect(clippy::disallowed_methods, reason = "tests find the shared model cache as the product does")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

impl Served {
    /// Opens a house under `settings` (variables).
    pub(crate) async fn start(settings: &[(&str, &str)]) -> Self {
        Self::with_jobs(settings, &[]).await
    }

    /// The same, with jobs that were over before, and why.
    pub(crate) async fn with_jobs(
        settings: &[(&str, &str)],
        over: &[(&str, JobState, Option<&str>)],
    ) -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let data = dir.path().join("data").to_str().expect("UTF-8").to_owned();
        let settings: HashMap<&str, &str> = settings.iter().copied().collect();
        let environment = |name: &str| match name {
            "HOME" | "XDG_CACHE_HOME" | "PATH" | "REELSMITH_MODELS_DIR" => variable(name),
            _ => settings.get(name).map(ToString::to_string),
        };
        let flags = Flags { data_dir: Some(data), ..Flags::default() };
        let config = Config::layered(&flags, &environment).expect("settings");
        let library = Library::open(&config).expect("catalogue");
        let missing = library.missing(&library.for_short());
        assert!(missing.is_empty(), "{missing:?} are not here: run `make setup-test`");
        let owner = DataOwner::claim(&config, "test").expect("writable").expect("ours alone");
        let jobs = SqliteStore::open(&config.jobs_db()).await.expect("rows");
        for (id, state, why) in over {
            jobs.create(new_job(id)).await.expect("created");
            jobs.set_state(id, JobState::Running, None).await.expect("running");
            jobs.set_state(id, *state, *why).await.expect("over");
        }
        drop(jobs);
        let house = House::open(&config, library, owner, None).await.expect("house");
        let app = App::new(house, config);
        Self { dir, router: router(app.clone()), app }
    }

    /// Ends the house, so that nothing runs on in a folder that is about to vanish.
    pub(crate) async fn end(self) {
        self.app.stopping.cancel();
        self.app.house.shutdown().await;
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// What a caller gets from `routes` with the layers that are around all.
    pub(crate) async fn observed(&self, routes: Router, request: Request<Body>) -> Response {
        observed(routes, &self.app).oneshot(request).await.expect("routers do not fail")
    }

    /// Begins to stop, as a signal does.
    pub(crate) fn stopping(&self) {
        self.app.stopping.cancel();
    }

    pub(crate) async fn call(&self, request: Request<Body>) -> Response {
        tokio::time::timeout(PATIENCE, self.router.clone().oneshot(request))
            .await
            .expect("an answer in time")
            .expect("routers do not fail")
    }

    pub(crate) async fn get(&self, path: &str) -> Response {
        self.call(Request::get(path).body(Body::empty()).expect("request")).await
    }

    pub(crate) fn post_request(&self, body: &Value) -> Request<Body> {
        Request::builder()
            .method(Method::POST)
            .uri("/api/v1/jobs")
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body.to_string()))
            .expect("request")
    }

    pub(crate) async fn post(&self, body: &Value) -> (StatusCode, Value) {
        let response = self.call(self.post_request(body)).await;
        (response.status(), json_of(response).await)
    }

    /// A job that is over, of a kind that nobody runs.
    pub(crate) async fn add_job(&self, id: &str) {
        let jobs = &self.app.house.jobs;
        jobs.create(new_job(id)).await.expect("created");
        // The engine may have found it first, which leaves it failed; it is over either way.
        let _ = jobs.set_state(id, JobState::Cancelled, None).await;
        let job = jobs.get(id).await.expect("readable").expect("created above");
        assert!(job.state.is_final(), "{}", job.state);
    }

    /// Removes the stored bytes behind the back of the service.
    pub(crate) fn lose_bytes(&self) {
        std::fs::remove_dir_all(self.app.config.blobs_dir().join("sha256")).expect("removed");
    }

    /// A finished job with one artifact, `video.mp4`; gives the artifact's path.
    pub(crate) async fn finished_job(&self, content: &[u8]) -> String {
        let house = &self.app.house;
        let digest = house.blobs.put_bytes(Bytes::copy_from_slice(content)).await.expect("stored");
        self.add_job("job-1").await;
        let artifact = Artifact {
            digest,
            bytes: content.len() as u64,
            media_type: "video/mp4".into(),
            name: "video.mp4".into(),
            recipe: json!({"step": "video"}),
        };
        let step =
            NewStep { name: "video".into(), outputs: vec![artifact], seconds: 1.0, detail: Value::Null };
        house.jobs.finish_step("job-1", step).await.expect("recorded");
        "/api/v1/jobs/job-1/artifacts/video.mp4".into()
    }

    pub(crate) async fn delete(&self, location: &str) -> (StatusCode, Value) {
        let request = Request::delete(location).body(Body::empty()).expect("request");
        let response = self.call(request).await;
        (response.status(), json_of(response).await)
    }

    /// Opens the event stream of the job at `location`.
    pub(crate) async fn events(&self, location: &str, after: Option<u64>) -> Events {
        let mut request = Request::get(format!("{location}/events"));
        if let Some(after) = after {
            request = request.header("last-event-id", after.to_string());
        }
        let response = self.call(request.body(Body::empty()).expect("request")).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        let stream = response.into_body().into_data_stream().map(|piece| piece.expect("a whole stream"));
        Events { stream: Box::pin(stream), rest: String::new(), seen: Vec::new() }
    }
}

fn new_job(id: &str) -> NewJob {
    NewJob { id: id.into(), kind: "test".into(), spec: json!({"title": "A test"}), tenant: None }
}

/// Server-sent events as they arrive.
pub(crate) struct Events {
    stream: Pin<Box<dyn futures::Stream<Item = Bytes> + Send>>,
    rest: String,
    /// Id and data of each.
    pub(crate) seen: Vec<(Option<u64>, Value)>,
}

impl Events {
    /// Reads until one fits; it is the last of `seen` then.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Value) -> bool) {
        while let Some((_, event)) = self.next().await {
            if fits(&event) {
                return;
            }
        }
        panic!("the stream ended before: {:?}", self.seen);
    }

    pub(crate) async fn drain(&mut self) {
        while self.next().await.is_some() {}
    }

    async fn next(&mut self) -> Option<(Option<u64>, Value)> {
        loop {
            if let Some((block, rest)) = self.rest.split_once("\n\n") {
                let (block, rest) = (block.to_owned(), rest.to_owned());
                self.rest = rest;
                if let Some(event) = parse(&block) {
                    self.seen.push(event.clone());
                    return Some(event);
                }
                continue;
            }
            let piece =
                tokio::time::timeout(PATIENCE, self.stream.next()).await.expect("an event in time")?;
            self.rest.push_str(std::str::from_utf8(&piece).expect("UTF-8"));
        }
    }
}

/// A block of lines; none for a comment.
fn parse(block: &str) -> Option<(Option<u64>, Value)> {
    let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    let data = serde_json::from_str(field("data")?).expect("JSON");
    Some((field("id").map(|id| id.parse().expect("a number")), data))
}

pub(crate) async fn json_of(response: Response) -> Value {
    let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("body");
    serde_json::from_slice(&bytes).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&bytes)))
}

/// A job of one short scene.
pub(crate) fn script(title: &str) -> Value {
    json!({"kind": "short", "script": {"title": title, "music": "none", "scenes": [{"text": "This is a sentence."}]}})
}

/// Status, headers and body of a GET.
pub(crate) async fn http_get(
    served: &Served,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, HashMap<String, String>, Vec<u8>) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = served.call(request.body(Body::empty()).expect("request")).await;
    let status = response.status().as_u16();
    let text = |value: &axum::http::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let headers = response.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let body = axum::body::to_bytes(response.into_body(), 1 << 24).await.expect("body");
    (status, headers, body.to_vec())
}
