//! The job `podcast`: a script with speakers becomes an episode with chapters, transcript, cover and report.
//!
//! Voice (a turn a step) → cover → sound → transcript → report.

use crate::engine::{StepContext, StepOutput, Workflow};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Stage, StepKey};
use crate::runner::Parts;
use crate::spec::{JobSpec, Podcast};
use crate::steps;
use crate::steps::voice::Narration;
use async_trait::async_trait;
use reelsmith_inference_core::speech::SpeakRequest;
use serde_json::Value;
use std::sync::Arc;

/// The kind of job.
pub const KIND: &str = "podcast";

/// The workflow of jobs of this kind.
pub(crate) struct PodcastWorkflow {
    parts: Arc<Parts>,
}

impl PodcastWorkflow {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }
}

/// The stage in which the turns are spoken.
pub(crate) fn voice_stage(podcast: &Podcast) -> Stage {
    Stage::many("voice", podcast.turns.len() as u32)
}

fn narration(podcast: &Podcast, part: usize) -> Narration<'_> {
    let turn = &podcast.turns[part];
    let request = SpeakRequest { text: turn.text.clone(), voice: turn.voice.clone(), speed: turn.speed };
    Narration { part, model: &podcast.model, request, models: &podcast.models }
}

/// Where the script has the turn that cannot be spoken.
fn at_line(podcast: &Podcast, part: usize, error: PipelineError) -> PipelineError {
    let turn = &podcast.turns[part];
    match error.kind() {
        ErrorKind::InvalidInput | ErrorKind::UnknownName => {
            let message = format!("line {}, {}: {error}", turn.line, turn.speaker);
            PipelineError::new(error.kind(), message).with_source(error)
        }
        _ => error,
    }
}

#[async_trait]
impl Workflow for PodcastWorkflow {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn stages(&self, spec: &Value) -> Result<Vec<Stage>> {
        let podcast = Podcast::from_value(spec)?;
        let once = ["cover", "sound", "transcript", "report"].map(Stage::one);
        Ok(std::iter::once(voice_stage(&podcast)).chain(once).collect())
    }

    /// The device speaks one turn at a time: a second one would only hold a slot while it waits.
    fn at_once(&self, _: &str) -> usize {
        1
    }

    async fn step(&self, step: &StepKey, spec: &Value, context: &StepContext) -> Result<StepOutput> {
        let podcast = Podcast::from_value(spec)?;
        let parts = &self.parts;
        let part = step.part.unwrap_or(0) as usize;
        match step.stage.as_str() {
            "voice" => {
                let spoken = steps::voice::run(parts, narration(&podcast, part), context).await;
                spoken.map_err(|error| at_line(&podcast, part, error))
            }
            "cover" => steps::podcast::cover::run(parts, &podcast, context).await,
            "sound" => steps::podcast::sound::run(parts, &podcast, context).await,
            "transcript" => steps::podcast::transcript::run(&podcast, context).await,
            "report" => steps::podcast::report::run(parts, &podcast, context).await,
            other => {
                let message = format!("there is no step `{other}` of a podcast");
                Err(PipelineError::new(ErrorKind::Internal, message))
            }
        }
    }
}
