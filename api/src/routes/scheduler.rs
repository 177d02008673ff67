//! What the devices are doing.

use crate::state::App;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// `GET /api/v1/scheduler`: every device's residents, bytes, runs and queue.
pub(super) async fn show(State(app): State<Arc<App>>) -> Response {
    Json(json!({"devices": [app.house.scheduler.snapshot()]})).into_response()
}
