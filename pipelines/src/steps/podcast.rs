//! The steps of an episode, but for the voices.

pub(crate) mod cover;
pub(crate) mod report;
pub(crate) mod sound;
pub(crate) mod transcript;

use super::output;
use crate::engine::StepContext;
use crate::error::Result;
use crate::events::StepKey;
use crate::rundown::Rundown;
use reelsmith_storage::Artifact;

/// The time line, as the step `sound` has laid it, and the artifact that says so.
async fn rundown(context: &StepContext) -> Result<(Rundown, Artifact)> {
    let record = context.record(&StepKey::whole("sound")).await?;
    let artifact = output(&record, sound::RUNDOWN)?.clone();
    Ok((context.read_json(&artifact).await?, artifact))
}
