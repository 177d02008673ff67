//! A job's events as server-sent events (HTML Living Standard, section 9.2).

use super::jobs::find;
use super::parameters::{Asked, Params};
use crate::error::{ApiError, ApiResult, Code};
use crate::layers::PlacedElsewhere;
use crate::state::App;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use reelsmith_pipelines::{JobEvent, JobId};
use serde::Deserialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

/// A comment is sent after this long without an event, so that proxies keep the connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a browser waits before it connects again.
const RETRY: Duration = Duration::from_secs(3);

/// Where to start, for callers who cannot set headers.
#[derive(Debug, Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

/// `GET /api/v1/jobs/{id}/events`: stored events after `Last-Event-ID` (or `?after=`), then live
/// ones, until the job is over.
pub(super) async fn follow(
    State(app): State<Arc<App>>,
    Params(id): Params<String>,
    Asked(query): Asked<After>,
    headers: HeaderMap,
) -> ApiResult {
    app.accepting()?;
    let job = find(&app, &id).await?;
    let after = after(&headers, query.after)?;
    if job.state.is_final() && nothing_after(&app, &id, after).await? {
        // Browsers connect again whenever a stream ends; this tells them that it is over.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let place = app.stream_place()?;
    let stopping = app.stopping.clone();
    let (events, private) = (app.house.runner.events(&JobId(id), after), app.private.clone());
    let stream = events.take_until(async move { stopping.cancelled().await }).map(move |event| {
        let _held = &place;
        Ok::<_, Infallible>(
            event.map_or_else(|error| failed(error.into()), |event| told(&private.event(event))),
        )
    });
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.extensions_mut().insert(PlacedElsewhere);
    Ok(response)
}

fn after(headers: &HeaderMap, query: Option<String>) -> ApiResult<Option<u64>> {
    let header = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    header
        .or(query)
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse().map_err(|_| {
                let message = format!("Last-Event-ID is {text}; expected the id of an event, a whole number");
                ApiError::new(Code::InvalidRequest, message)
            })
        })
        .transpose()
}

async fn nothing_after(app: &App, id: &str, after: Option<u64>) -> ApiResult<bool> {
    match after {
        None => Ok(false),
        Some(seq) => Ok(app.house.jobs.events_after(id, seq, 1).await?.is_empty()),
    }
}

/// Stored events carry their number as id; live progress has none, so that resuming skips it.
fn told(event: &JobEvent) -> Event {
    let sse = Event::default().event(event.event.kind()).retry(RETRY);
    let sse = match event.seq {
        Some(seq) => sse.id(seq.to_string()),
        None => sse,
    };
    let data = serde_json::to_string(event).expect("events are strings, numbers and lists");
    sse.data(data)
}

fn failed(error: ApiError) -> Event {
    let (_, name) = error.code().row();
    let response: Response = error.into_response();
    drop(response);
    Event::default().event("error").data(format!("{{\"kind\":\"error\",\"code\":\"{name}\"}}"))
}
