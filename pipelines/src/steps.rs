//! The steps of jobs: plain async functions that read earlier steps' artifacts and store their own.

pub(crate) mod captions;
mod facts;
mod looks;
mod music;
mod painting;
pub(crate) mod pictures;
pub(crate) mod podcast;
pub(crate) mod report;
pub(crate) mod sound;
pub(crate) mod thumbnail;
pub(crate) mod video;
pub(crate) mod voice;

use crate::engine::StepContext;
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::Stage;
use crate::spec::Short;
use crate::timing::{Schedule, Spoken};
use reelsmith_storage::{Artifact, Digest, StepRecord};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::PathBuf;

/// How an artifact was made: step and version, what went in by hash, and with which parameters.
///
/// `version` is raised when the step's code changes what it makes.
fn recipe(step: &str, version: u32, inputs: &[&Artifact], parameters: Value) -> Value {
    let inputs: Vec<Value> = inputs
        .iter()
        .map(|input| json!({ "name": input.name, "sha256": input.digest.to_string() }))
        .collect();
    json!({ "step": step, "version": version, "inputs": inputs, "parameters": parameters })
}

/// The same where there are as many inputs as an episode has turns: a recipe has room for their number and the digest
/// of their list.
fn recipe_of_many(step: &str, version: u32, inputs: &[Artifact], parameters: Value) -> Value {
    let listed: Vec<Value> =
        inputs.iter().map(|input| json!([input.name, input.digest.to_string()])).collect();
    let inputs = json!({ "count": inputs.len(), "sha256": digest_of(&listed).to_string() });
    json!({ "step": step, "version": version, "inputs": inputs, "parameters": parameters })
}

/// Of a value as JSON.
fn digest_of(value: &impl Serialize) -> Digest {
    Digest::of(&serde_json::to_vec(value).expect("texts, numbers and lists are always JSON"))
}

/// The output of that name.
fn output<'a>(record: &'a StepRecord, name: &str) -> Result<&'a Artifact> {
    record.outputs.iter().find(|artifact| artifact.name == name).ok_or_else(|| {
        PipelineError::new(ErrorKind::Internal, format!("step {} has no output `{name}`", record.name))
    })
}

/// Records of a stage, one per part.
async fn records(context: &StepContext, stage: &Stage) -> Result<Vec<StepRecord>> {
    let mut records = Vec::new();
    for step in stage.steps() {
        records.push(context.record(&step).await?);
    }
    Ok(records)
}

/// What was spoken in each part of the stage `voice`, and the artifacts that say so.
async fn spoken(context: &StepContext, voice: &Stage) -> Result<(Vec<Spoken>, Vec<Artifact>)> {
    let (mut spoken, mut artifacts) = (Vec::new(), Vec::new());
    for (part, record) in records(context, voice).await?.iter().enumerate() {
        let artifact = output(record, &voice::words_name(part))?;
        spoken.push(context.read_json(artifact).await?);
        artifacts.push(artifact.clone());
    }
    Ok((spoken, artifacts))
}

/// Brings the recordings of the stage `voice` here; answers their files and artifacts.
async fn recordings(context: &StepContext, voice: &Stage) -> Result<(Vec<PathBuf>, Vec<Artifact>)> {
    let (mut files, mut artifacts) = (Vec::new(), Vec::new());
    for (part, record) in records(context, voice).await?.iter().enumerate() {
        let artifact = output(record, &voice::sound_name(part))?;
        files.push(context.fetch(&artifact.digest, &artifact.name).await?);
        artifacts.push(artifact.clone());
    }
    Ok((files, artifacts))
}

/// The time line of the video.
fn schedule(short: &Short, spoken: &[Spoken]) -> Schedule {
    let pauses: Vec<f64> = short.scenes.iter().map(|scene| scene.pause).collect();
    Schedule::lay(spoken, &pauses, short.preset.video.fps)
}
