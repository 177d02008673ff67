//! What an HTTP caller is told when something fails: one table from kinds to status and body.
//!
//! The caller reads `message`; the cause underneath goes to the log only.

use crate::private::Private;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use reelsmith_pipelines::{ErrorKind as Pipeline, PipelineError};
use reelsmith_storage::{ErrorKind as Storage, StorageError};
use serde_json::{Value, json};
use std::error::Error as StdError;
use std::time::Duration;

/// What a caller can act on; its name stands in the body as `error.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body or a parameter is malformed.
    InvalidRequest,
    /// The script is wrong at a line and column (in `details`).
    InvalidScript,
    /// A preset, voice, mood or palette that does not exist.
    UnknownName,
    /// A stated limit was exceeded.
    LimitExceeded,
    /// The body is larger than the server takes.
    BodyTooLarge,
    /// The body is not JSON by its content type.
    UnsupportedMediaType,
    /// There is no such job, artifact or route.
    NotFound,
    /// The route has no such method.
    MethodNotAllowed,
    /// The job's state does not allow it.
    Conflict,
    /// The service is called by a name that is not its own.
    Misdirected,
    /// The range lies outside the artifact.
    RangeNotSatisfiable,
    /// Too many unfinished jobs.
    QueueFull,
    /// Too many requests or streams at once, or shutting down.
    Unavailable,
    /// The answer did not begin in time.
    Timeout,
    /// A model's files are missing or damaged.
    ModelUnavailable,
    /// ffmpeg or the inference library is missing or unusable.
    ToolUnavailable,
    /// No space is left.
    DiskFull,
    /// Anything else; the log has the cause under the request's id.
    Internal,
}

impl Code {
    /// The table: status and name.
    pub fn row(self) -> (StatusCode, &'static str) {
        match self {
            Code::InvalidRequest => (StatusCode::BAD_REQUEST, "invalid_request"),
            Code::InvalidScript => (StatusCode::UNPROCESSABLE_ENTITY, "invalid_script"),
            Code::UnknownName => (StatusCode::UNPROCESSABLE_ENTITY, "unknown_name"),
            Code::LimitExceeded => (StatusCode::UNPROCESSABLE_ENTITY, "limit_exceeded"),
            Code::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Code::UnsupportedMediaType => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Code::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Code::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
            Code::Conflict => (StatusCode::CONFLICT, "conflict"),
            Code::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected"),
            Code::RangeNotSatisfiable => (StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable"),
            Code::QueueFull => (StatusCode::TOO_MANY_REQUESTS, "queue_full"),
            Code::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            Code::Timeout => (StatusCode::SERVICE_UNAVAILABLE, "timeout"),
            Code::ModelUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "model_unavailable"),
            Code::ToolUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "tool_unavailable"),
            Code::DiskFull => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            Code::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        }
    }

    /// Every code, for the documentation's test.
    pub const ALL: [Code; 18] = [
        Code::InvalidRequest,
        Code::InvalidScript,
        Code::UnknownName,
        Code::LimitExceeded,
        Code::BodyTooLarge,
        Code::UnsupportedMediaType,
        Code::NotFound,
        Code::MethodNotAllowed,
        Code::Conflict,
        Code::Misdirected,
        Code::RangeNotSatisfiable,
        Code::QueueFull,
        Code::Unavailable,
        Code::Timeout,
        Code::ModelUnavailable,
        Code::ToolUnavailable,
        Code::DiskFull,
        Code::Internal,
    ];
}

/// An answer other than what was asked for.
#[derive(Debug)]
pub struct ApiError {
    code: Code,
    message: String,
    details: Box<Value>,
    retry_after: Option<Duration>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The result of a handler.
pub type ApiResult<T = Response> = Result<T, ApiError>;

impl ApiError {
    /// An error whose `message` the caller reads.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: Box::default(), retry_after: None, source: None }
    }

    /// The same, with facts for a program.
    pub fn with_details(self, details: Value) -> Self {
        Self { details: Box::new(details), ..self }
    }

    /// The same, with the time after which another try makes sense.
    pub fn with_retry_after(self, after: Duration) -> Self {
        Self { retry_after: Some(after), ..self }
    }

    /// The same, with the cause for the log.
    pub fn with_source(self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self { source: Some(source.into()), ..self }
    }

    /// A fault of the service, whose cause goes to the log.
    pub fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Code::Internal, FAULT).with_source(cause)
    }

    /// The same, with the places of this machine that it names replaced; the log has it in full.
    pub fn hiding(self, private: &Private) -> Self {
        let message = private.hide(&self.message);
        match message == self.message {
            true => self,
            false => {
                let full = self.source.unwrap_or_else(|| self.message.into());
                Self { message, source: Some(full), ..self }
            }
        }
    }

    /// There is no job of that id.
    pub fn no_job(id: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no job {id}; GET /api/v1/jobs lists them"))
    }

    /// What a caller can act on.
    pub fn code(&self) -> Code {
        self.code
    }
}

impl From<PipelineError> for ApiError {
    fn from(error: PipelineError) -> Self {
        let code = match error.kind() {
            Pipeline::InvalidScript => Code::InvalidScript,
            Pipeline::InvalidInput => Code::InvalidRequest,
            Pipeline::UnknownName => Code::UnknownName,
            Pipeline::Limit => Code::LimitExceeded,
            Pipeline::ModelMissing | Pipeline::ModelCorrupt => Code::ModelUnavailable,
            Pipeline::ToolMissing => Code::ToolUnavailable,
            Pipeline::Busy => Code::QueueFull,
            Pipeline::NotFound => Code::NotFound,
            Pipeline::Conflict | Pipeline::Cancelled => Code::Conflict,
            Pipeline::Interrupted | Pipeline::InUse | Pipeline::OutOfMemory => Code::Unavailable,
            Pipeline::DiskFull => Code::DiskFull,
            _ => Code::Internal,
        };
        let details = error
            .script()
            .map_or(Value::Null, |script| json!({"line": script.line(), "column": script.column()}));
        let retry_after = error.retry_after();
        let from_below = StdError::source(&error)
            .and_then(|cause| cause.downcast_ref::<StorageError>())
            .is_some_and(names_places);
        Self { retry_after, ..Self::told(code, from_below, error).with_details(details) }
    }
}

impl From<StorageError> for ApiError {
    fn from(error: StorageError) -> Self {
        let code = match error.kind() {
            Storage::NotFound => Code::NotFound,
            Storage::Conflict => Code::Conflict,
            Storage::InvalidInput | Storage::TooLarge => Code::InvalidRequest,
            Storage::DiskFull => Code::DiskFull,
            Storage::Unavailable => Code::Unavailable,
            _ => Code::Internal,
        };
        let from_below = names_places(&error);
        Self::told(code, from_below, error)
    }
}

/// What the file system, the object store or the database said names files, folders and servers; what
/// storage itself refused names only what the caller sent.
fn names_places(error: &StorageError) -> bool {
    StdError::source(error).is_some()
}

/// Told for every fault of the service's own.
const FAULT: &str = "something failed on the server; its log has the cause under this request's id";

/// What callers are told instead of a message that may name places of the server; none where the
/// message is theirs to act on.
fn instead(code: Code, from_below: bool) -> Option<&'static str> {
    match code {
        Code::Internal => Some(FAULT),
        Code::Unavailable => Some("the service cannot do this right now; try again later"),
        Code::DiskFull => Some("the server has no space left; nothing was lost: try again later"),
        Code::ToolUnavailable => {
            Some("a program or library that the server needs is missing or unusable; its log says which")
        }
        Code::ModelUnavailable => {
            Some("a model that this needs is missing or damaged on the server; its log says which")
        }
        Code::NotFound if from_below => {
            Some("the bytes of this are no longer in the store; send the job again")
        }
        _ if from_below => Some("the store refused this; the server's log has the cause"),
        _ => None,
    }
}

impl ApiError {
    /// Tells callers `error` or what stands for it, and keeps it for the log.
    fn told(code: Code, from_below: bool, error: impl StdError + Send + Sync + 'static) -> Self {
        let message = instead(code, from_below).map_or_else(|| error.to_string(), str::to_owned);
        Self::new(code, message).with_source(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, name) = self.code.row();
        let cause = self.source.as_deref().map(chain).unwrap_or_default();
        match status {
            StatusCode::INTERNAL_SERVER_ERROR => {
                tracing::error!(code = name, told = self.message, cause, "request failed");
            }
            _ if status.is_server_error() => {
                tracing::warn!(code = name, told = self.message, cause, "request refused")
            }
            _ => tracing::debug!(code = name, told = self.message, cause, "request refused"),
        }
        let mut error = json!({"code": name, "message": self.message});
        if !self.details.is_null() {
            error["details"] = *self.details;
        }
        let mut response = (status, Json(json!({"error": error}))).into_response();
        let retry_after = self.retry_after.or(match self.code {
            Code::QueueFull | Code::Unavailable | Code::Timeout => Some(Duration::from_secs(5)),
            _ => None,
        });
        if let Some(after) = retry_after {
            // Whole seconds, at least one: zero would invite a busy loop.
            let seconds = after.as_secs_f64().ceil().max(1.0) as u64;
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// An error and its causes, outermost first.
pub fn chain(error: &(dyn StdError + Send + Sync + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn body(error: ApiError) -> (StatusCode, Option<String>, Value) {
        let response = error.into_response();
        let status = response.status();
        let retry =
            response.headers().get(header::RETRY_AFTER).map(|v| v.to_str().expect("ascii").to_string());
        let bytes = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("body");
        (status, retry, serde_json::from_slice(&bytes).expect("JSON"))
    }

    #[tokio::test]
    async fn a_full_queue_says_when_to_come_again() {
        let error =
            PipelineError::new(Pipeline::Busy, "12 jobs wait").with_retry_after(Duration::from_millis(1500));
        let (status, retry, body) = body(error.into()).await;
        assert_eq!((status, retry.as_deref()), (StatusCode::TOO_MANY_REQUESTS, Some("2")));
        assert_eq!(body["error"]["code"], "queue_full");
        assert_eq!(body["error"]["message"], "12 jobs wait");
    }

    #[tokio::test]
    async fn the_servers_own_faults_do_not_tell_its_paths() {
        let below = || std::io::Error::other("below");
        let stored = |kind| StorageError::new(kind, "could not read /srv/secret/place").with_source(below());
        let of = |kind| ApiError::from(PipelineError::new(kind, "could not read /srv/secret/place"));
        for (error, expected) in [
            (of(Pipeline::Internal), 500),
            (of(Pipeline::Storage), 500),
            (of(Pipeline::DiskFull), 507),
            (of(Pipeline::ToolMissing), 503),
            (of(Pipeline::ModelMissing), 503),
            (of(Pipeline::ModelCorrupt), 503),
            (stored(Storage::NotFound).into(), 404),
            (stored(Storage::Denied).into(), 500),
            (stored(Storage::DiskFull).into(), 507),
            (PipelineError::from(stored(Storage::NotFound)).into(), 404),
            (PipelineError::from(stored(Storage::InvalidInput)).into(), 400),
        ] {
            let (status, _, body) = body(error).await;
            assert_eq!(status.as_u16(), expected, "{body}");
            assert!(!body.to_string().contains("/srv"), "{body}");
        }
    }

    #[tokio::test]
    async fn what_a_caller_got_wrong_is_told_as_it_is() {
        let error = StorageError::new(Storage::InvalidInput, "the cursor is malformed");
        assert_eq!(body(error.into()).await.2["error"]["message"], "the cursor is malformed");
        let error = PipelineError::new(Pipeline::UnknownName, "there is no preset `x`");
        assert_eq!(body(error.into()).await.2["error"]["message"], "there is no preset `x`");
    }

    #[test]
    fn every_code_is_documented_with_its_status() {
        let doc = include_str!("../../docs/api.md");
        for code in Code::ALL {
            let (status, name) = code.row();
            let row = format!("| {} | `{name}` |", status.as_u16());
            assert!(doc.contains(&row), "docs/api.md lacks the row {row}");
        }
    }
}
