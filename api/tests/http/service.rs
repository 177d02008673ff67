//! The service itself: bodies, routes, probes, times, places, names.

use crate::house::{Served, json_of, script};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use serde_json::Value;

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
