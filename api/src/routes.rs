//! The routes of the HTTP API. `docs/api.md` is the reference.

mod artifacts;
mod events;
mod health;
mod jobs;
mod parameters;
mod scheduler;

use crate::error::{ApiError, Code};
use crate::layers;
use crate::state::App;
use axum::Router;
use axum::http::{Method, Uri};
use axum::routing::{get, post};
use std::sync::Arc;

/// Every route with its layers.
pub fn router(app: Arc<App>) -> Router {
    let jobs = Router::new()
        .route("/api/v1/jobs", post(jobs::create).get(jobs::list))
        .route("/api/v1/jobs/{id}", get(jobs::show).delete(jobs::cancel))
        .route("/api/v1/jobs/{id}/events", get(events::follow))
        .route("/api/v1/jobs/{id}/artifacts", get(artifacts::list))
        .route("/api/v1/jobs/{id}/artifacts/{name}", get(artifacts::fetch))
        .route("/api/v1/scheduler", get(scheduler::show));
    let router = layers::limited(jobs, &app)
        // Probes answer even while every place for work is taken.
        .route("/health", get(health::alive))
        .route("/ready", get(health::ready))
        .route("/metrics", get(health::metrics))
        .fallback(no_route)
        .method_not_allowed_fallback(no_method)
        .with_state(app.clone());
    layers::observed(router, &app)
}

async fn no_route(uri: Uri) -> ApiError {
    ApiError::new(Code::NotFound, format!("there is nothing at {}; docs/api.md lists the routes", uri.path()))
}

async fn no_method(method: Method, uri: Uri) -> ApiError {
    ApiError::new(Code::MethodNotAllowed, format!("{} does not answer {method}", uri.path()))
}
