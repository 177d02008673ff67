//! Parts of a request's address; what is malformed is told in the form of all errors.

use crate::error::{ApiError, Code};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

/// Parameters in the path.
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Params<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Path::from_request_parts(parts, state).await;
        read.map(|Path(value)| Self(value)).map_err(|e| malformed(e.status(), e.body_text()))
    }
}

/// Parameters after the question mark.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = Query::from_request_parts(parts, state).await;
        read.map(|Query(value)| Self(value)).map_err(|e| malformed(e.status(), e.body_text()))
    }
}

fn malformed(status: StatusCode, text: String) -> ApiError {
    match status.is_server_error() {
        true => ApiError::internal(text),
        false => ApiError::new(Code::InvalidRequest, text),
    }
}
