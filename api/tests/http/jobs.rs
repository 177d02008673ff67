//! Jobs and their artifacts.

use crate::house::{Served, http_get, json_of, script};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode, header};
use reelsmith_media::picture::Picture;
use reelsmith_media::sound::Track;
use reelsmith_storage::JobState;
use serde_json::{Value, json};

/// An episode's job with some settings.
fn podcast(settings: Value) -> Value {
    let mut body = json!({
        "kind": "podcast", "markdown": "Ann: The tide is out.\n\nBen: Then we walk.\n",
        "voices": {"Ann": "af_heart", "Ben": "bm_george"},
    });
    let own = settings.as_object().expect("an object").clone();
    body.as_object_mut().expect("an object").extend(own);
    body
}

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
        (json!({"markdown": "Words."}), 400, "invalid_request", "kind"),
        (json!({"kind": "podcast"}), 400, "invalid_request", "markdown"),
        (json!({"kind": "podcast", "markdown": "A: x", "preset": "a"}), 400, "invalid_request", "preset"),
        (json!({"kind": "podcast", "markdown": ""}), 422, "invalid_script", "markdown:1:1"),
        (podcast(json!({"voices": {"Ann": "af_hart"}})), 422, "unknown_name", "af_heart"),
        (podcast(json!({"intro": "/etc/passwd"})), 400, "invalid_request", "assets_dir"),
        (podcast(json!({"cover": "/etc/passwd"})), 400, "invalid_request", "assets_dir"),
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
async fn an_episode_is_made_and_handed_out() {
    let served = Served::start(&[]).await;
    let (status, job) = served.post(&podcast(json!({"seed": 4}))).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    assert_eq!(job["kind"], "podcast");
    let location = job["links"]["self"].as_str().expect("a link").to_owned();
    served.events(&location, None).await.drain().await;
    let made = json_of(served.get(&location).await).await;
    assert_eq!(made["state"], "succeeded", "{made}");
    let listed = json_of(served.get(&format!("{location}/artifacts")).await).await;
    let names: Vec<&str> =
        listed["artifacts"].as_array().expect("a list").iter().filter_map(|a| a["name"].as_str()).collect();
    for name in
        ["episode.mp3", "transcript.srt", "transcript.vtt", "chapters.json", "cover.jpg", "report.json"]
    {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let report = json_of(served.get(&format!("{location}/artifacts/report.json")).await).await;
    let checks = report["checks"].as_array().expect("checks");
    assert!(!checks.is_empty() && checks.iter().all(|check| check["ok"] == true), "{report}");
    let (status, again) = served.post(&podcast(json!({"seed": 4}))).await;
    assert_eq!((status, &again["id"]), (StatusCode::OK, &job["id"]));
    served.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_episode_takes_its_cover_and_intro_from_the_folder_for_that() {
    let assets = tempfile::tempdir().expect("temp dir");
    let tone = (0..48_000 * 4).flat_map(|n| [(n as f32 * 0.02).sin() * 0.3; 2]).collect();
    Track::new(48_000, 2, tone)
        .expect("a track")
        .write_wav(&assets.path().join("tone.wav"))
        .expect("written");
    std::fs::write(assets.path().join("words.wav"), "no sound").expect("written");
    let rgb = vec![90; 1500 * 1500 * 3];
    let picture = Picture { width: 1500, height: 1500, rgb };
    picture.save_png(&assets.path().join("cover.png")).expect("written");
    let dir = assets.path().to_str().expect("UTF-8");
    let served = Served::start(&[("REELSMITH_SERVER_ASSETS_DIR", dir)]).await;

    let (status, answer) = served.post(&podcast(json!({"bed": "words.wav"}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    let told = answer["error"]["message"].as_str().expect("a message");
    assert!(
        told.starts_with("music.bed: `words.wav` cannot be used as music") && !told.contains(dir),
        "{told}"
    );

    let settings = json!({"cover": "cover.png", "intro": "tone.wav", "seed": 4});
    let (status, job) = served.post(&podcast(settings)).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{job}");
    let location = job["links"]["self"].as_str().expect("a link").to_owned();
    served.events(&location, None).await.drain().await;
    let made = json_of(served.get(&location).await).await;
    assert_eq!(made["state"], "succeeded", "{made}");
    let report = json_of(served.get(&format!("{location}/artifacts/report.json")).await).await;
    assert_eq!((&report["intro"], &report["cover"]["source"]), (&"file tone.wav".into(), &"given".into()));
    assert_eq!(report["sound"]["cover"], json!([1400, 1400]));
    let inputs: Vec<&Value> =
        report["inputs"].as_array().expect("inputs").iter().map(|input| &input["name"]).collect();
    assert_eq!(inputs, ["tone.wav", "cover.png"]);
    let listed = json_of(served.get("/api/v1/jobs").await).await;
    assert_eq!(listed["jobs"][0]["title"], report["title"]);
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
