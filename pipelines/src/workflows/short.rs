//! The job `short`: a script becomes a vertical video with captions, cover and report.
//!
//! Voice (a scene a step) → sound → pictures (a scene a step) → captions → video → thumbnail → report.

use crate::engine::{StepContext, StepOutput, Workflow};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Stage, StepKey};
use crate::runner::Parts;
use crate::spec::{JobSpec, Short, VoiceChoice};
use crate::steps;
use crate::steps::voice::Narration;
use async_trait::async_trait;
use reelsmith_inference_core::speech::SpeakRequest;
use serde_json::Value;
use std::sync::Arc;

/// The kind of job.
pub const KIND: &str = "short";

/// The workflow of jobs of this kind.
pub(crate) struct ShortWorkflow {
    parts: Arc<Parts>,
}

impl ShortWorkflow {
    pub(crate) fn new(parts: Arc<Parts>) -> Self {
        Self { parts }
    }
}

/// The stage in which the scenes are spoken.
pub(crate) fn voice_stage(short: &Short) -> Stage {
    Stage::many("voice", short.scenes.len() as u32)
}

/// The stage in which the scenes get their pictures.
pub(crate) fn pictures_stage(short: &Short) -> Stage {
    Stage::many("pictures", short.scenes.len() as u32)
}

fn narration(short: &Short, scene: usize) -> Narration<'_> {
    let VoiceChoice { model, voice, speed } = &short.voice;
    let text = short.scenes[scene].text.clone();
    let request = SpeakRequest { text, voice: voice.clone(), speed: *speed };
    Narration { part: scene, model, request, models: &short.models }
}

#[async_trait]
impl Workflow for ShortWorkflow {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn stages(&self, spec: &Value) -> Result<Vec<Stage>> {
        let short = Short::from_value(spec)?;
        Ok(vec![
            voice_stage(&short),
            Stage::one("sound"),
            pictures_stage(&short),
            Stage::one("captions"),
            Stage::one("video"),
            Stage::one("thumbnail"),
            Stage::one("report"),
        ])
    }

    /// The device speaks one scene at a time: a second one would only hold a slot while it waits.
    fn at_once(&self, stage: &str) -> usize {
        match stage {
            "voice" => 1,
            _ => 4,
        }
    }

    async fn step(&self, step: &StepKey, spec: &Value, context: &StepContext) -> Result<StepOutput> {
        let short = Short::from_value(spec)?;
        let parts = &self.parts;
        let scene = step.part.unwrap_or(0) as usize;
        match step.stage.as_str() {
            "voice" => steps::voice::run(parts, narration(&short, scene), context).await,
            "sound" => steps::sound::run(parts, &short, context).await,
            "pictures" => steps::pictures::run(parts, &short, scene, context).await,
            "captions" => steps::captions::run(&short, context).await,
            "video" => steps::video::run(parts, &short, context).await,
            "thumbnail" => steps::thumbnail::run(parts, &short, context).await,
            "report" => steps::report::run(parts, &short, context).await,
            other => {
                Err(PipelineError::new(ErrorKind::Internal, format!("there is no step `{other}` of a short")))
            }
        }
    }
}
