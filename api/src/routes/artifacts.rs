//! A job's artifacts: the list, and their bytes with ranges and validators.

use super::jobs::find;
use super::parameters::Params;
use crate::error::{ApiError, ApiResult, Code};
use crate::http_range::{Asked, asked, names_tag, range_stands};
use crate::state::App;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::response::Builder;
use axum::http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};
use axum::response::IntoResponse;
use reelsmith_pipelines::JobId;
use reelsmith_storage::Artifact;
use serde_json::{Value, json};
use std::ops::Range;
use std::sync::Arc;

/// `GET /api/v1/jobs/{id}/artifacts`
pub(super) async fn list(State(app): State<Arc<App>>, Params(id): Params<String>) -> ApiResult {
    let job = find(&app, &id).await?;
    let artifacts = app.house.runner.artifacts(&JobId(job.id)).await?;
    let shown: Vec<Value> = artifacts
        .iter()
        .map(|artifact| {
            json!({
                "name": artifact.name, "media_type": artifact.media_type, "bytes": artifact.bytes,
                "sha256": artifact.digest.to_string(), "recipe": artifact.recipe,
                "href": format!("/api/v1/jobs/{id}/artifacts/{}", artifact.name),
            })
        })
        .collect();
    Ok(Json(json!({"artifacts": shown})).into_response())
}

/// `GET` and `HEAD /api/v1/jobs/{id}/artifacts/{name}`
pub(super) async fn fetch(
    State(app): State<Arc<App>>,
    Params((id, name)): Params<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> ApiResult {
    let job = find(&app, &id).await?;
    let artifacts = app.house.runner.artifacts(&JobId(job.id)).await?;
    let Some(artifact) = artifacts.iter().find(|artifact| artifact.name == name) else {
        let names: Vec<&str> = artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
        let message = match names.is_empty() {
            true => format!("job {id} has no artifacts yet; follow its events"),
            false => format!("job {id} has no artifact {name}; it has {}", names.join(", ")),
        };
        return Err(ApiError::new(Code::NotFound, message));
    };
    answer(&app, artifact, &method, &headers).await
}

async fn answer(app: &App, artifact: &Artifact, method: &Method, headers: &HeaderMap) -> ApiResult {
    let etag = format!("\"{}\"", artifact.digest);
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let base = Response::builder()
        .header(header::ETAG, &etag)
        .header(header::ACCEPT_RANGES, "bytes")
        // The name may come to mean other bytes when a job is run again: ask each time, by the tag.
        .header(header::CACHE_CONTROL, "no-cache");
    if text(header::IF_NONE_MATCH).is_some_and(|tags| names_tag(tags, &etag)) {
        return Ok(finish(base.status(StatusCode::NOT_MODIFIED), Body::empty()));
    }
    // Ranges have a meaning for GET only (RFC 9110, section 14.2).
    let range = match *method == Method::GET && range_stands(text(header::IF_RANGE), &etag) {
        true => asked(text(header::RANGE), artifact.bytes),
        false => Asked::Whole,
    };
    let (status, part) = match range {
        Asked::Whole => (StatusCode::OK, 0..artifact.bytes),
        Asked::Part(part) => (StatusCode::PARTIAL_CONTENT, part),
        Asked::Unsatisfiable => return Ok(unsatisfiable(artifact.bytes)),
    };
    let mut response = base
        .status(status)
        .header(header::CONTENT_TYPE, &artifact.media_type)
        // What a browser is told it is, it is: never sniffed into something that runs.
        .header(header::X_CONTENT_TYPE_OPTIONS, "nosniff")
        .header(header::CONTENT_LENGTH, part.end - part.start);
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {}-{}/{}", part.start, part.end - 1, artifact.bytes);
        response = response.header(header::CONTENT_RANGE, range);
    }
    let body = match *method == Method::HEAD {
        true => Body::empty(),
        false => bytes(app, artifact, part).await?,
    };
    Ok(finish(response, body))
}

/// The bytes as a stream, never in memory as a whole.
async fn bytes(app: &App, artifact: &Artifact, part: Range<u64>) -> ApiResult<Body> {
    if part.is_empty() {
        return Ok(Body::empty());
    }
    let stream = app.house.blobs.get_range(&artifact.digest, part).await?;
    Ok(Body::from_stream(stream))
}

fn unsatisfiable(length: u64) -> axum::response::Response {
    let message = format!("the range lies outside the artifact, which has {length} bytes");
    let mut response = ApiError::new(Code::RangeNotSatisfiable, message).into_response();
    let value = format!("bytes */{length}").parse().expect("digits and ASCII signs are a header value");
    response.headers_mut().insert(header::CONTENT_RANGE, value);
    response
}

fn finish(builder: Builder, body: Body) -> axum::response::Response {
    builder.body(body).unwrap_or_else(|error| {
        ApiError::new(Code::Internal, "an artifact's media type is no header value")
            .with_source(error)
            .into_response()
    })
}
