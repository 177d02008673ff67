//! Counts the steps of running jobs for the metrics.

use crate::state::App;
use futures::StreamExt;
use reelsmith_pipelines::Event;
use std::sync::Arc;

/// Counts until the service stops.
pub fn start(app: &Arc<App>) {
    let app = app.clone();
    tokio::spawn(async move {
        let mut events =
            Box::pin(app.house.runner.all_events().take_until(app.stopping.clone().cancelled_owned()));
        while let Some(event) = events.next().await {
            match event.event {
                Event::StepFinished { step, seconds } => app.metrics.step_finished(&step.stage, seconds),
                Event::StepFailed { step, .. } => app.metrics.step_failed(&step.stage),
                _ => {}
            }
        }
    });
}
