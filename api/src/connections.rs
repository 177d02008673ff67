//! Connections: how many at once, how long a request's head may take, and their graceful end.

pub mod descriptors;
mod stall;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use stall::Stalling;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// After a failed accept that is not the caller's doing (no file descriptor is left): trying again at
/// once would only burn a core.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// What callers may take of the service's connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once; further ones wait in the system's queue until one ends.
    pub connections: usize,
    /// How long the head of a request may take from the moment one could be sent; also how long an
    /// idle connection is kept.
    pub head: Duration,
    /// How long a caller may take nothing of what is sent to it.
    pub stall: Duration,
    /// How long open requests may take to end after the stop.
    pub drain: Duration,
}

/// How serving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every open request was answered.
    Drained,
    /// Some did not end in time and were cut.
    Cut,
}

/// Serves HTTP/1.1 on `listener` until `stop`, then takes no new connection and lets open requests end.
pub async fn serve(listener: TcpListener, router: Router, limits: Limits, stop: &CancellationToken) -> Ended {
    let mut http = http1::Builder::new();
    // Without a timer hyper measures no time, whatever the limit says.
    http.timer(TokioTimer::new()).header_read_timeout(limits.head);
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    // Cut connections end with this: their tasks stop when the token is dropped with its guard.
    let cut = CancellationToken::new();
    let _cut_at_end = cut.clone().drop_guard();
    loop {
        let accepted = tokio::select! {
            accepted = next(&listener, &places) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((stream, place)) = accepted else { break };
        let service = TowerToHyperService::new(router.clone());
        let stream = TokioIo::new(Stalling::new(stream, limits.stall));
        let connection = graceful.watch(http.serve_connection(stream, service));
        let cut = cut.clone();
        tokio::spawn(async move {
            let _place = place;
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(error = crate::error::chain(&error), "a connection ended early");
                },
                () = cut.cancelled() => {}
            }
        });
    }
    drop(listener);
    match tokio::time::timeout(limits.drain, graceful.shutdown()).await {
        Ok(()) => Ended::Drained,
        Err(_) => Ended::Cut,
    }
}

/// A place and then a connection for it; none only if the places are closed, which nobody does.
async fn next(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // An event is sent when it happens, not when a packet is full.
                let _ = stream.set_nodelay(true);
                return Some((stream, place));
            }
            Err(error) if is_the_callers(error.kind()) => {}
            Err(error) => {
                tracing::error!(%error, "a connection could not be taken; trying again in a second");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// The caller went away between asking and being taken.
fn is_the_callers(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionRefused | ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset)
}

#[cfg(test)]
mod tests;
