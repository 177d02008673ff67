//! Ctrl-C and termination: the first asks the work to stop, the second stops the process.

use crate::exit::{Exit, Failure, Outcome};
use std::future::Future;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that the first SIGINT or SIGTERM cancels; the second ends the process at once.
///
/// # Errors
/// The system refuses a handler.
pub fn token() -> std::io::Result<CancellationToken> {
    let token = CancellationToken::new();
    let cancelled = token.clone();
    let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        either(&mut signals).await;
        cancelled.cancel();
        either(&mut signals).await;
        std::process::exit(i32::from(Exit::Cancelled.code()));
    });
    Ok(token)
}

/// Does `work`, which is given up once `cancel` comes: what may be dropped half-way.
///
/// # Errors
/// Those of the work; `Cancelled`.
pub async fn unless<T>(cancel: &CancellationToken, work: impl Future<Output = Outcome<T>>) -> Outcome<T> {
    tokio::select! {
        done = work => done,
        () = cancel.cancelled() => Err(Failure::cancelled("cancelled")),
    }
}

async fn either((interrupt, terminate): &mut (Signal, Signal)) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
