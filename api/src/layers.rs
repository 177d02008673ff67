//! The middleware around every route, outermost first, each with its reason.

use crate::error::{ApiError, Code};
use crate::holding::Holding;
use crate::state::App;
use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderName, Method, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::any::Any;
use std::net::IpAddr;
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
        // A page of another site whose name was pointed at this machine is not a caller of this service.
        .layer(from_fn_with_state(app.clone(), host))
        // A panic is one caller's 500, not a cut connection.
        .layer(CatchPanicLayer::custom(panicked))
        // Counts what the caller got, the answers of all layers inside included.
        .layer(from_fn_with_state(app.clone(), count))
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
    ApiError::internal(format!("panic: {text}")).into_response()
}

/// Marks an answer whose body has a place of its own, so that it need not keep that of the request.
#[derive(Debug, Clone, Copy)]
pub struct PlacedElsewhere;

/// An answer keeps its place until its last byte is sent: each holds a socket, and often a file.
async fn concurrency(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let Ok(place) = app.requests.clone().try_acquire_owned() else {
        return ApiError::new(Code::Unavailable, "too many requests at once; try again in a second")
            .with_retry_after(BUSY_RETRY)
            .into_response();
    };
    let mut response = next.run(request).await;
    match response.extensions_mut().remove::<PlacedElsewhere>() {
        Some(PlacedElsewhere) => response,
        None => response.map(|body| Body::new(Holding { body, _held: place })),
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
    let method = method_label(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    app.metrics.request(method, &route, response.status().as_u16(), began.elapsed());
    response
}

/// The methods of RFC 9110 and PATCH by name: a caller may send any token, and each would be a series.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        Method::PATCH => "PATCH",
        Method::TRACE => "TRACE",
        Method::CONNECT => "CONNECT",
        _ => "OTHER",
    }
}

/// Refuses names that are not this machine's, where only this machine is served.
async fn host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let server = &app.config.server;
    if server.listen.ip().is_loopback()
        && let Some(name) = stranger(&request, &server.hosts)
    {
        let message = format!(
            "{name} is not a name of this service, which listens on this machine only; \
             use localhost, or add the name to the setting server.hosts"
        );
        return ApiError::new(Code::Misdirected, message).into_response();
    }
    next.run(request).await
}

/// The first name by which the request calls the service and that is not one of its own. A request
/// without a name comes from no browser and passes.
fn stranger(request: &Request, known: &[String]) -> Option<String> {
    let named = request.uri().authority().map(|authority| authority.as_str().as_bytes());
    let headers = request.headers().get_all(header::HOST).iter().map(|value| value.as_bytes());
    let unknown = |name: &&[u8]| !is_own(name, known);
    named.into_iter().chain(headers).find(unknown).map(|name| String::from_utf8_lossy(name).into_owned())
}

fn is_own(name: &[u8], known: &[String]) -> bool {
    let Ok(authority) = Authority::try_from(name) else { return false };
    let host = authority.host();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    // Only a name can be pointed at another address afterwards, never an address.
    address.is_ok_and(|address| address.is_loopback())
        || host.eq_ignore_ascii_case("localhost")
        || known.iter().any(|known| known.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_and_those_configured_are_its_own() {
        let known = ["box.local".to_owned()];
        for own in ["localhost", "LOCALHOST:80", "127.0.0.1:8787", "[::1]", "[::1]:8787", "Box.Local:1"] {
            assert!(is_own(own.as_bytes(), &known), "{own}");
        }
        for other in [
            "evil.example",
            "evil.example:8787",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "192.168.1.2",
            "[fe80::1]",
            "box.local.evil.example",
            "",
            "localhost@evil.example",
            "a b",
            "\u{ff}",
        ] {
            assert!(!is_own(other.as_bytes(), &known), "{other}");
        }
    }

    #[test]
    fn a_method_of_the_callers_own_making_makes_no_series() {
        let made_up = Method::from_bytes(b"BREW").expect("a token");
        assert_eq!(method_label(&made_up), "OTHER");
        assert_eq!(method_label(&Method::DELETE), "DELETE");
    }
}
