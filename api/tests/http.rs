//! The HTTP API over a real house: real stores, the real runner, the models of this machine.
//!
//! `make setup-test` fetches the models.

mod house;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use house::{Served, http_get, json_of, script};
use reelsmith_storage::JobState;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn wrong_jobs_are_refused_with_the_reason() {
    let served = Served::start(&[]).await;
    let cases = [
        (json!({"kind": "short"}), 400, "invalid_request", "script"),
        (json!({"kind": "long", "markdown": "x"}), 422, "unknown_name", "short"),
        (json!({"kind": "short", "markdown": "x", "script": {}}), 400, "invalid_request", "one of"),
        (json!({"kind": "short", "markdown": "x", "presett": "a"}), 400, "invalid_request", "presett"),
        (json!({"kind": "short", "markdown": ""}), 422, "invalid_script", "markdown:1:1"),
        (json!({"kind": "short", "script": {"scenes": [{"text": 3}]}}), 422, "invalid_script", "script:1"),
        (json!({"kind": "short", "markdown": "Words.", "preset": "tik_tok"}), 422, "unknown_name", "tiktok"),
        (json!({"kind": "short", "markdown": "Words.", "voice": "af_hart"}), 422, "unknown_name", "af_heart"),
    ];
    for (body, status, code, says) in cases {
        let (found, answer) = served.post(&body).await;
        assert_eq!((found.as_u16(), &answer["error"]["code"]), (status, &code.into()), "{body}: {answer}");
        let message = answer["error"]["message"].as_str().expect("a message");
        assert!(message.contains(says), "{says:?} is not in {message:?}");
    }
    let listed = json_of(served.get("/api/v1/jobs").await).await;
    assert_eq!(listed["jobs"], json!([]), "nothing was created");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_from_outside_name_no_files_of_the_server() {
    let served = Served::start(&[]).await;
    let secret = served.path("secret.png");
    std::fs::write(&secret, b"not for everybody").expect("file");
    for path in [secret.to_str().expect("UTF-8"), "../secret.png", "/etc/passwd"] {
        let body = json!({"kind": "short", "markdown": format!("## One\n\n![x]({path})\n\nWords.\n")});
        let (status, answer) = served.post(&body).await;
        assert!(status.is_client_error(), "{path}: {answer}");
        assert!(!answer.to_string().contains("not for everybody"), "{answer}");
    }
    let (status, answer) =
        served.post(&json!({"kind": "short", "markdown": "Words.", "music": "/etc/passwd"})).await;
    assert!(status.is_client_error(), "{answer}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_json_and_not_too_large() {
    let served = Served::start(&[("REELSMITH_SERVER_MAX_BODY", "2KiB")]).await;
    let post = |kind: &str, body: String| {
        let request =
            Request::builder().method(Method::POST).uri("/api/v1/jobs").header(header::CONTENT_TYPE, kind);
        served.call(request.body(Body::from(body)).expect("request"))
    };
    assert_eq!(post("text/plain", "{}".into()).await.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(post("application/json", "{".into()).await.status(), StatusCode::BAD_REQUEST);
    let capitals = post("Application/JSON; charset=utf-8", "{".into()).await;
    assert_eq!(capitals.status(), StatusCode::BAD_REQUEST, "its type is JSON, whatever the case");
    let large = post("application/json", " ".repeat(3000)).await;
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(json_of(large).await["error"]["code"], "body_too_large");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_routes_methods_and_jobs_answer_in_the_same_form() {
    let served = Served::start(&[]).await;
    for (path, status, code) in [
        ("/nothing", 404, "not_found"),
        ("/api/v1/jobs/none", 404, "not_found"),
        ("/api/v1/jobs/..%2f..%2fetc/events", 404, "not_found"),
        ("/api/v1/jobs/none/artifacts/video.mp4", 404, "not_found"),
        ("/api/v1/jobs?limit=0", 400, "invalid_request"),
        ("/api/v1/jobs?limit=many", 400, "invalid_request"),
        ("/api/v1/jobs?state=lost", 400, "invalid_request"),
        ("/api/v1/jobs?cursor=lost", 400, "invalid_request"),
        ("/api/v1/jobs?limit=1&limit=2", 400, "invalid_request"),
        ("/api/v1/jobs/%ff", 400, "invalid_request"),
        ("/api/v1/jobs/%ff/events", 400, "invalid_request"),
        ("/api/v1/jobs/none/events?after=1&after=2", 400, "invalid_request"),
        ("/api/v1/jobs/%ff/artifacts", 400, "invalid_request"),
        ("/api/v1/jobs/none/artifacts/%ff", 400, "invalid_request"),
    ] {
        let response = served.get(path).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
        assert!(response.headers().contains_key("x-request-id"), "{path}");
        assert_eq!(json_of(response).await["error"]["code"], code, "{path}");
    }
    let request =
        Request::builder().method(Method::PUT).uri("/api/v1/jobs").body(Body::empty()).expect("request");
    let response = served.call(request).await;
    assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert!(response.headers().contains_key(header::ALLOW));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_answers_429_but_knows_its_own_jobs() {
    let served = Served::start(&[("REELSMITH_JOBS_QUEUE", "1")]).await;
    let (status, first) = served.post(&script("One")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first}");
    let refused = served.call(served.post_request(&script("Two"))).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    let (status, again) = served.post(&script("One")).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &first["id"]), "the same job adds none");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_created_followed_cancelled_and_taken_up_again() {
    let served = Served::start(&[]).await;
    let created = served.call(served.post_request(&script("One"))).await;
    assert_eq!(created.status(), StatusCode::ACCEPTED);
    let location = created.headers()[header::LOCATION].to_str().expect("ASCII").to_owned();
    let job = json_of(created).await;
    assert_eq!(location, format!("/api/v1/jobs/{}", job["id"].as_str().expect("an id")));
    let mut events = served.events(&location, None).await;
    events.until(|event| event["kind"] == "step_started").await;

    let (status, cancelled) = served.delete(&location).await;
    assert_eq!((status, &cancelled["state"]), (StatusCode::OK, &"cancelled".into()));
    events.drain().await;
    let last = events.seen.last().expect("events").clone();
    assert_eq!((&last.1["kind"], &last.1["state"]), (&"state".into(), &"cancelled".into()));

    let told = events.seen.iter().filter_map(|(id, _)| *id).collect::<Vec<u64>>();
    assert!(told.windows(2).all(|pair| pair[1] == pair[0] + 1), "numbers without gaps: {told:?}");
    let mut rest = served.events(&location, Some(told[1])).await;
    rest.drain().await;
    let resumed: Vec<u64> = rest.seen.iter().filter_map(|(id, _)| *id).collect();
    assert_eq!(resumed, told[2..], "a client that was cut off misses none and sees none twice");

    let (status, again) = served.post(&script("One")).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &job["id"]));
    assert_ne!(again["state"], "cancelled");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn artifacts_come_whole_in_part_and_not_at_all() {
    let served = Served::start(&[]).await;
    let content: Vec<u8> = (0..600_000u32).map(|n| (n % 251) as u8).collect();
    let path = served.finished_job(&content).await;
    let (status, headers, body) = http_get(&served, &path, &[]).await;
    assert_eq!((status, body.len()), (200, content.len()));
    assert_eq!(body, content);
    assert_eq!((&*headers["accept-ranges"], &*headers["content-type"]), ("bytes", "video/mp4"));
    let etag = headers["etag"].clone();

    let (status, headers, body) = http_get(&served, &path, &[("range", "bytes=100-299999")]).await;
    assert_eq!((status, &*headers["content-range"]), (206, "bytes 100-299999/600000"));
    assert_eq!((body.as_slice(), &*headers["content-length"]), (&content[100..300_000], "299900"));
    let (status, _, body) = http_get(&served, &path, &[("range", "bytes=-5")]).await;
    assert_eq!((status, body.as_slice()), (206, &content[599_995..]));
    let (status, headers, _) = http_get(&served, &path, &[("range", "bytes=600000-")]).await;
    assert_eq!((status, &*headers["content-range"]), (416, "bytes */600000"));
    let (status, _, body) =
        http_get(&served, &path, &[("range", "bytes=0-0"), ("if-range", "\"other\"")]).await;
    assert_eq!((status, body.len()), (200, content.len()), "the bytes are other ones by now: all of them");
    let (status, _, body) = http_get(&served, &path, &[("range", "bytes=0-0"), ("if-range", &etag)]).await;
    assert_eq!((status, body.len()), (206, 1));
    let (status, _, body) = http_get(&served, &path, &[("if-none-match", &etag)]).await;
    assert_eq!((status, body.len()), (304, 0));

    let head = Request::builder().method(Method::HEAD).uri(&path).body(Body::empty()).expect("request");
    let response = served.call(head).await;
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "600000");
    assert!(axum::body::to_bytes(response.into_body(), 1).await.expect("body").is_empty());
    let head = Request::builder().method(Method::HEAD).uri(&path).header(header::RANGE, "bytes=0-9");
    let response = served.call(head.body(Body::empty()).expect("request")).await;
    assert_eq!(response.status(), StatusCode::OK, "ranges are for GET");
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "600000");
    let missing = served.get(&path.replace("video.mp4", "video.mov")).await;
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert!(json_of(missing).await["error"]["message"].as_str().is_some_and(|m| m.contains("video.mp4")));

    let jobs = path.split("/artifacts").next().expect("a job's path");
    let listed = json_of(served.get(&format!("{jobs}/artifacts")).await).await;
    assert_eq!(listed["artifacts"][0]["href"], path.as_str());
    let over = served.get(&format!("{jobs}/events?after=1000000")).await;
    assert_eq!(over.status(), StatusCode::NO_CONTENT, "a browser is told not to connect again");

    served.lose_bytes();
    let lost = served.get(&path).await;
    assert_eq!(lost.status(), StatusCode::NOT_FOUND);
    let told = json_of(lost).await.to_string();
    assert!(!told.contains(served.path("").to_str().expect("UTF-8")), "{told}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_page_without_gaps_or_repeats() {
    let served = Served::start(&[]).await;
    for n in 0..7 {
        served.add_job(&format!("job-{n}")).await;
    }
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = json_of(served.get(&format!("/api/v1/jobs?limit=3{cursor}")).await).await;
        let jobs = page["jobs"].as_array().expect("jobs");
        ids.extend(jobs.iter().map(|job| job["id"].as_str().expect("an id").to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(ids, (0..7).rev().map(|n| format!("job-{n}")).collect::<Vec<_>>());
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_tell_the_truth() {
    let served = Served::start(&[]).await;
    assert_eq!(served.get("/health").await.status(), StatusCode::OK);
    let ready = served.get("/ready").await;
    assert_eq!(ready.status(), StatusCode::OK);
    assert_eq!(json_of(ready).await["checks"]["models"]["ok"], true);
    served.add_job("job-1").await;
    let _ = served.get("/api/v1/jobs/job-1").await;
    let metrics = served.get("/metrics").await;
    let text = axum::body::to_bytes(metrics.into_body(), 1 << 20).await.expect("body");
    let text = String::from_utf8(text.to_vec()).expect("UTF-8");
    for line in [
        "reelsmith_http_requests_total{method=\"GET\",route=\"/api/v1/jobs/{id}\",status=\"200\"} 1",
        "reelsmith_jobs{state=\"queued\"} 0",
        "reelsmith_jobs{state=\"running\"} 0",
        "reelsmith_device_queue_depth 0",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("state=\"cancelled\""), "what is over is not counted at each scrape: {text}");
    served.stopping();
    let ready = served.get("/ready").await;
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = json_of(ready).await;
    assert_eq!(body["checks"]["accepting"]["ok"], false);
    let (status, _) = served.post(&script("One")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "no new work while stopping");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_takes_no_job_up_again() {
    let served = Served::start(&[("REELSMITH_JOBS_QUEUE", "1")]).await;
    let link = |job: &Value| job["links"]["self"].as_str().expect("a link").to_owned();
    let (status, one) = served.post(&script("One")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{one}");
    assert_eq!(served.delete(&link(&one)).await.0, StatusCode::OK);
    let (status, two) = served.post(&script("Two")).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{two}");
    let (status, refused) = served.post(&script("One")).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "it is known, but would be one more: {refused}");
    assert_eq!(served.delete(&link(&two)).await.0, StatusCode::OK);
    let (status, again) = served.post(&script("One")).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &one["id"]));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_jobs_at_once_the_last_place_goes_to_one() {
    let served = Served::start(&[("REELSMITH_JOBS_QUEUE", "1")]).await;
    let bodies: Vec<Value> = (0..8).map(|n| script(&format!("Number {n}"))).collect();
    let answers = futures::future::join_all(bodies.iter().map(|body| served.post(body))).await;
    let of = |wanted| answers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!((of(StatusCode::ACCEPTED), of(StatusCode::TOO_MANY_REQUESTS)), (1, 7), "{answers:?}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelling_what_is_over_leaves_it_as_it_is() {
    let states = [
        ("job-1", JobState::Succeeded, None),
        ("job-2", JobState::Failed, None),
        ("job-3", JobState::Cancelled, None),
    ];
    let served = Served::with_jobs(&[], &states).await;
    for (id, state, _) in states {
        let (status, job) = served.delete(&format!("/api/v1/jobs/{id}")).await;
        assert_eq!((status, &job["state"]), (StatusCode::OK, &state.name().into()));
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_failed_does_not_tell_the_servers_folders() {
    let folder = tempfile::tempdir().expect("temp dir");
    let assets = folder.path().to_str().expect("UTF-8");
    let why = format!("could not read {assets}/a/b.png: no such file");
    let settings = [("REELSMITH_SERVER_ASSETS_DIR", assets)];
    let served = Served::with_jobs(&settings, &[("job-1", JobState::Failed, Some(&why))]).await;
    let job = json_of(served.get("/api/v1/jobs/job-1").await).await;
    assert_eq!(job["error"], "could not read assets_dir/a/b.png: no such file");
    let jobs = json_of(served.get("/api/v1/jobs").await).await;
    assert_eq!(jobs["jobs"][0]["error"], job["error"]);
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_picture_is_told_without_the_folder_it_lies_in() {
    let assets = tempfile::tempdir().expect("temp dir");
    std::fs::write(assets.path().join("a.png"), b"no picture").expect("file");
    let dir = assets.path().to_str().expect("UTF-8");
    let served = Served::start(&[("REELSMITH_SERVER_ASSETS_DIR", dir)]).await;
    let body = json!({"kind": "short", "markdown": "## One\n\n![x](a.png)\n\nWords.\n"});
    let (status, answer) = served.post(&body).await;
    assert!(status.is_client_error(), "{answer}");
    let told = answer.to_string();
    assert!(told.contains("a.png") && !told.contains(dir), "{told}");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_time_is_written_as_rfc_3339() {
    let served = Served::start(&[]).await;
    let path = served.finished_job(b"bytes").await;
    let job = path.split("/artifacts").next().expect("the job's path");
    let body = axum::body::to_bytes(served.get(job).await.into_body(), 1 << 20).await.expect("body");
    let job: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
    for at in [&job["created"], &job["updated"], &job["steps"][0]["finished"]] {
        let text = at.as_str().unwrap_or_else(|| panic!("{at} in {job}"));
        let format = &time::format_description::well_known::Rfc3339;
        assert!(time::OffsetDateTime::parse(text, format).is_ok(), "{text}");
    }
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_keeps_its_place_to_its_last_byte_and_a_stream_does_not() {
    let served = Served::start(&[("REELSMITH_SERVER_MAX_REQUESTS", "1")]).await;
    let content = vec![7; 3 << 20];
    let path = served.finished_job(&content).await;
    let unread = served.get(&path).await;
    assert_eq!(unread.status(), StatusCode::OK);
    let refused = served.get("/api/v1/jobs").await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.headers().contains_key(header::RETRY_AFTER));
    assert_eq!(served.get("/health").await.status(), StatusCode::OK, "probes need no place");
    let body = axum::body::to_bytes(unread.into_body(), 4 << 20).await.expect("body");
    assert_eq!(body, content);
    assert_eq!(served.get("/api/v1/jobs").await.status(), StatusCode::OK);

    served.add_job("job-2").await;
    let _events = served.events("/api/v1/jobs/job-2", None).await;
    assert_eq!(served.get("/api/v1/jobs").await.status(), StatusCode::OK, "a stream has a place of its own");
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_of_others_are_turned_away_on_this_machine_only() {
    let ask = |host: &str| {
        Request::get("/api/v1/jobs").header(header::HOST, host).body(Body::empty()).expect("request")
    };
    let served = Served::start(&[("REELSMITH_SERVER_HOSTS", "studio.local")]).await;
    for host in ["localhost:8787", "127.0.0.1", "[::1]:8787", "studio.local:80"] {
        assert_eq!(served.call(ask(host)).await.status(), StatusCode::OK, "{host}");
    }
    let refused = served.call(ask("rebound.example:8787")).await;
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
    let told = json_of(refused).await;
    assert_eq!(told["error"]["code"], "misdirected");
    let message = told["error"]["message"].as_str().expect("a message");
    assert!(message.contains("rebound.example:8787") && message.contains("server.hosts"), "{message}");
    let absolute = Request::get("http://rebound.example/api/v1/jobs").body(Body::empty()).expect("request");
    assert_eq!(served.call(absolute).await.status(), StatusCode::MISDIRECTED_REQUEST);
    served.end().await;

    let open = Served::start(&[("REELSMITH_LISTEN", "0.0.0.0:8787")]).await;
    assert_eq!(open.call(ask("anything.example")).await.status(), StatusCode::OK);
    open.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn panics_are_counted_and_made_up_methods_share_a_series() {
    let served = Served::start(&[]).await;
    async fn broken() -> &'static str {
        panic!("a defect")
    }
    let routes = axum::Router::new().route("/broken", axum::routing::get(broken));
    let request = Request::get("/broken").body(Body::empty()).expect("request");
    let answer = served.observed(routes, request).await;
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(json_of(answer).await["error"]["code"], "internal");
    for method in ["BREW", "WHEN"] {
        let request = Request::builder().method(method).uri("/health").body(Body::empty()).expect("request");
        assert_eq!(served.call(request).await.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    let metrics = served.get("/metrics").await;
    let text = axum::body::to_bytes(metrics.into_body(), 1 << 20).await.expect("body");
    let text = String::from_utf8(text.to_vec()).expect("UTF-8");
    for line in [
        "reelsmith_http_requests_total{method=\"GET\",route=\"/broken\",status=\"500\"} 1",
        "reelsmith_http_requests_total{method=\"OTHER\",route=\"/health\",status=\"405\"} 2",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("BREW"), "{text}");
    served.end().await;
}
