//! Jobs: create, list, show, cancel.

mod new;

use self::new::NewJob;
use super::parameters::{Asked, Params};
use crate::error::{ApiError, ApiResult, Code};
use crate::state::App;
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use reelsmith_pipelines::{Files, JobId, JobSpec, PipelineError, Submitted};
use reelsmith_storage::{Job, JobState, ListJobs};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Jobs on a page where the caller names no number.
const PAGE: u32 = 50;
/// Jobs on a page at most.
const PAGE_MAX: u32 = 500;
/// How long a caller shall wait when the queue is full.
const QUEUE_RETRY: Duration = Duration::from_secs(10);

/// `POST /api/v1/jobs`
pub(super) async fn create(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> ApiResult {
    app.accepting()?;
    let body = body.map_err(|e| too_large(&app, &e))?;
    let files = match &app.config.server.assets_dir {
        Some(dir) => Files::Within(dir.clone()),
        None => Files::Refused,
    };
    let runner = &app.house.runner;
    let told = |error: PipelineError| ApiError::from(error).hiding(&app.private);
    // A script of a megabyte takes a while to read.
    let parsed = tokio::task::spawn_blocking(move || NewJob::parse(&headers, &body)).await;
    let submitted = match parsed.map_err(ApiError::internal)?? {
        NewJob::Short(document, options) => {
            let short = runner.prepare(&document, &options, &files).await.map_err(told)?;
            submitted(&app, short).await?
        }
        NewJob::Podcast(document, options) => {
            let podcast = runner.prepare_podcast(&document, &options, &files).await.map_err(told)?;
            submitted(&app, podcast).await?
        }
    };
    let job = app.house.runner.job(&submitted.id).await?;
    let status = if submitted.new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let location = format!("/api/v1/jobs/{}", job.id);
    Ok((status, [(header::LOCATION, location)], Json(shown(&app, &job))).into_response())
}

fn too_large(app: &App, rejection: &BytesRejection) -> ApiError {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::new(
            Code::BodyTooLarge,
            format!(
                "the body is larger than {} bytes, the most that this server takes",
                app.config.server.max_body
            ),
        ),
        _ => ApiError::new(Code::InvalidRequest, "the body could not be read to its end"),
    }
}

/// Submits the job if there is a place for it. On a task of its own, so that a caller who goes away
/// does not let the next one in between the count and the submission.
async fn submitted(app: &Arc<App>, spec: impl JobSpec + 'static) -> ApiResult<Submitted> {
    let app = app.clone();
    let submission = tokio::spawn(async move {
        let _alone = app.admission.lock().await;
        admit(&app, &spec.id()).await?;
        app.house.runner.submit(spec).await.map_err(ApiError::from)
    });
    submission.await.unwrap_or_else(|error| Err(ApiError::internal(error)))
}

/// Refuses a job while too many are unfinished; one of those, or one that has succeeded, adds none.
async fn admit(app: &App, id: &JobId) -> ApiResult<()> {
    let unfinished = app.house.unfinished().await?;
    if unfinished < app.config.jobs.queue as u64 {
        return Ok(());
    }
    let known = app.house.jobs.get(&id.0).await?.map(|job| job.state);
    if matches!(known, Some(JobState::Queued | JobState::Running | JobState::Succeeded)) {
        return Ok(());
    }
    Err(ApiError::new(Code::QueueFull, format!("{unfinished} jobs are unfinished already; try again later"))
        .with_retry_after(QUEUE_RETRY))
}

/// The query of a list.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    state: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

/// `GET /api/v1/jobs`
pub(super) async fn list(State(app): State<Arc<App>>, Asked(query): Asked<ListQuery>) -> ApiResult {
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=PAGE_MAX).contains(&limit) {
        return Err(ApiError::new(
            Code::InvalidRequest,
            format!("limit is {limit}; expected 1 to {PAGE_MAX}"),
        ));
    }
    let state = query.state.as_deref().map(state_named).transpose()?;
    let page = app.house.jobs.list(ListJobs { tenant: None, state, cursor: query.cursor, limit }).await?;
    let jobs: Vec<Value> = page.jobs.iter().map(|job| shown(&app, job)).collect();
    Ok(Json(json!({"jobs": jobs, "next": page.next})).into_response())
}

fn state_named(name: &str) -> ApiResult<JobState> {
    JobState::from_name(name).ok_or_else(|| {
        let known = JobState::ALL.map(JobState::name).join(", ");
        ApiError::new(Code::InvalidRequest, format!("there is no state {name}; expected one of {known}"))
    })
}

/// `GET /api/v1/jobs/{id}`
pub(super) async fn show(State(app): State<Arc<App>>, Params(id): Params<String>) -> ApiResult {
    let job = find(&app, &id).await?;
    let steps = app.house.jobs.steps(&job.id).await?;
    let steps: Vec<Value> = steps
        .iter()
        .map(|step| json!({"name": step.name, "seconds": step.seconds, "finished": written(step.finished)}))
        .collect();
    let mut body = shown(&app, &job);
    body["spec"] = job.spec;
    body["steps"] = json!(steps);
    Ok(Json(body).into_response())
}

/// `DELETE /api/v1/jobs/{id}`: cancels it; what is over stays as it is.
pub(super) async fn cancel(State(app): State<Arc<App>>, Params(id): Params<String>) -> ApiResult {
    let job = find(&app, &id).await?;
    app.house.runner.cancel(&JobId(job.id)).await?;
    let job = find(&app, &id).await?;
    Ok((StatusCode::OK, Json(shown(&app, &job))).into_response())
}

/// The job of that id.
pub(super) async fn find(app: &App, id: &str) -> ApiResult<Job> {
    let unknown = || ApiError::no_job(id);
    // Ids are names of this form only; anything else need not reach the store.
    let plausible = id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if !plausible {
        return Err(unknown());
    }
    app.house.jobs.get(id).await?.ok_or_else(unknown)
}

/// A moment as RFC 3339 writes it.
fn written(time: time::OffsetDateTime) -> String {
    time.format(&time::format_description::well_known::Rfc3339).unwrap_or_default()
}

/// A job as the API shows it.
fn shown(app: &App, job: &Job) -> Value {
    let base = format!("/api/v1/jobs/{}", job.id);
    let error = job.error.as_deref().map(|error| app.private.hide(error));
    json!({
        "id": job.id, "kind": job.kind, "title": job.spec.get("title"), "state": job.state, "error": error,
        "created": written(job.created), "updated": written(job.updated),
        "links": {"self": base, "events": format!("{base}/events"), "artifacts": format!("{base}/artifacts")},
    })
}
