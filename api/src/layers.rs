//! The middleware around every route, outermost first, each with its reason.

use crate::error::{ApiError, Code};
use crate::state::App;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::HeaderName;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

/// The header that carries a request's id, taken from the caller or made here.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a caller shall wait after a 503 for too many requests.
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// Puts limits on the routes that work: how many at once, how long, how large.
pub fn limited(router: Router<Arc<App>>, app: &Arc<App>) -> Router<Arc<App>> {
    let max_body = app.config.server.max_body;
    // Innermost: handlers see at most this many bytes.
    router
        .layer(DefaultBodyLimit::max(max_body))
        // A handler that hangs, or a caller who sends its body a byte a minute, gives its place back.
        .layer(from_fn_with_state(app.clone(), deadline))
        // Refusing at once is kinder than queueing without end: the caller learns when to come again.
        .layer(from_fn_with_state(app.clone(), concurrency))
}

/// Puts what every request needs around all routes.
pub fn observed(router: Router, app: &Arc<App>) -> Router {
    router
        // Counts what the caller got, errors of the layers inside included.
        .layer(from_fn_with_state(app.clone(), count))
        // A panic is one caller's 500, not a cut connection.
        .layer(CatchPanicLayer::custom(panicked))
        // The span carries the id, so that every log line of a request can be found from its answer.
        .layer(TraceLayer::new_for_http().make_span_with(span).on_request(()).on_failure(()))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        // Outermost: everything inside sees the id.
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

fn span<B>(request: &axum::http::Request<B>) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    tracing::info_span!("request", id, method = %request.method(), path = request.uri().path())
}

fn panicked(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError::new(
        Code::Internal,
        "something failed on the server; its log has the cause under this request's id",
    )
    .with_source(format!("panic: {text}"))
    .into_response()
}

async fn concurrency(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match app.requests.try_acquire() {
        Ok(_place) => next.run(request).await,
        Err(_) => ApiError::new(Code::Unavailable, "too many requests at once; try again in a second")
            .with_retry_after(BUSY_RETRY)
            .into_response(),
    }
}

async fn deadline(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let limit = app.config.server.timeout;
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let message = format!("the answer did not begin within {} s; try again later", limit.as_secs());
            ApiError::new(Code::Timeout, message).into_response()
        }
    }
}

async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let method = request.method().as_str().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    app.metrics.request(&method, &route, response.status().as_u16(), began.elapsed());
    response
}
