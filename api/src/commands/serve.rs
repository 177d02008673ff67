//! `reelsmith serve`: the HTTP service, from its first to its last connection.

use super::Context;
use crate::connections::{self, Ended, Limits};
use crate::exit::{Failure, Outcome};
use crate::house::{DataOwner, House, locate_ffmpeg};
use crate::interrupt::unless;
use crate::painters::{self, Painters};
use crate::pulling::provide;
use crate::routes::router;
use crate::state::App;
use crate::watch;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Runs the service until it is told to stop.
pub(super) async fn serve(context: &mut Context) -> Outcome {
    let mut config = context.config.clone();
    // The very file that runs, even where an update has put another in its place.
    config.engine_program = config.device.isolate.then(|| PathBuf::from("/proc/self/exe"));
    let library = context.library()?;
    let painters = Painters::configured(&config, &library)?;
    unless(&context.cancel, locate_ffmpeg(&config)).await?;
    let owner = own_data(context)?;
    // Bound before the models are looked at: a taken port is told at once.
    let listener = TcpListener::bind(config.server.listen).await.map_err(|e| {
        Failure::io(format!("listen on {}; choose another address with --listen", config.server.listen), &e)
    })?;
    let needed = painters::needed(&library, painters.as_ref());
    provide(&library, &needed, context.reporter.teller(), &context.cancel).await?;
    let house = unless(&context.cancel, House::open(&config, library, owner, painters)).await?;
    let app = App::new(house, config);
    watch::start(&app);
    announce(&listener, &app);
    run(listener, &app, context.cancel.clone()).await;
    tracing::info!("stopping: running jobs are put by and go on at the next start");
    app.house.shutdown().await;
    tracing::info!("stopped");
    Ok(())
}

fn own_data(context: &Context) -> Outcome<DataOwner> {
    DataOwner::claim(&context.config, "serve")?.map_err(|owner| {
        let who = owner
            .map_or("another reelsmith".into(), |o| format!("`reelsmith {}` (process {})", o.command, o.pid));
        let dir = context.config.data_dir.display();
        Failure::failed(format!("{who} runs the jobs in {dir}; stop it, or choose another --data-dir"))
    })
}

fn announce(listener: &TcpListener, app: &App) {
    let address =
        listener.local_addr().map_or_else(|_| app.config.server.listen.to_string(), |a| a.to_string());
    tracing::info!(address, data_dir = %app.config.data_dir.display(), "serving");
    if !app.config.server.listen.ip().is_loopback() {
        tracing::warn!(
            "the API has no authentication: whoever reaches {address} can run jobs and read their results"
        );
    }
    // For people and scripts that wait for the service; log lines may be filtered away.
    eprintln!("reelsmith is serving on http://{address}");
}

/// Serves until `stop`, then lets open requests end within the configured time.
async fn run(listener: TcpListener, app: &Arc<App>, stop: CancellationToken) {
    let stopping = app.stopping.clone();
    tokio::spawn(async move {
        stop.cancelled().await;
        stopping.cancel();
    });
    let server = &app.config.server;
    let limits = Limits {
        connections: room_for(server.max_connections),
        head: server.head,
        stall: server.timeout,
        drain: server.drain,
    };
    if connections::serve(listener, router(app.clone()), limits, &app.stopping).await == Ended::Cut {
        tracing::warn!("some requests did not end in time and are cut");
    }
}

/// As many connections as are wished and as the process has file descriptors for: without any left, jobs
/// could open no file.
fn room_for(wanted: usize) -> usize {
    match connections::descriptors::make_room(wanted) {
        Ok(room) => {
            if room < wanted {
                tracing::warn!(wanted, room, "fewer connections than set: raise the limit of open files");
            }
            room
        }
        Err(error) => {
            tracing::warn!(%error, "the limit of open files is unknown");
            wanted
        }
    }
}
