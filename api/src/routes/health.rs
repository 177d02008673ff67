//! Probes for orchestrators and Prometheus.

use crate::metrics::CONTENT_TYPE;
use crate::readiness::findings;
use crate::state::App;
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use reelsmith_storage::JobState;
use serde_json::json;
use std::sync::Arc;

/// `GET /health`: the process is alive.
pub(super) async fn alive() -> Response {
    Json(json!({"status": "ok", "version": env!("CARGO_PKG_VERSION")})).into_response()
}

/// `GET /ready`: everything needed to run a job is there; else 503 with the reasons.
pub(super) async fn ready(State(app): State<Arc<App>>) -> Response {
    let mut checks = findings(&app).await;
    checks.push(("accepting", app.accepting().err().map(|_| "shutting down".to_owned())));
    let ready = checks.iter().all(|(_, problem)| problem.is_none());
    let shown: serde_json::Map<String, serde_json::Value> = checks
        .into_iter()
        .map(|(name, problem)| (name.to_owned(), json!({"ok": problem.is_none(), "problem": problem})))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready, "checks": shown}))).into_response()
}

/// `GET /metrics`
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Response {
    app.metrics.device(app.device_view());
    // Only these: counting takes time in proportion to the answer, and jobs that are over pile up.
    for state in [JobState::Queued, JobState::Running] {
        // A store that cannot be read shows in /ready; the scrape goes on with the last counts.
        if let Ok(count) = app.house.jobs.count(state).await {
            app.metrics.jobs(state.name(), count);
        }
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics.encode()).into_response()
}
