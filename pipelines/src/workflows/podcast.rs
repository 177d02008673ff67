//! The job `podcast`: a script with speakers becomes an episode with chapters, transcript, cover and report.
//!
//! Cover → voice (a turn a step) → sound → transcript → report.

use crate::engine::{StepContext, StepOutput, Workflow};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::{Stage, StepKey};
use crate::runner::Parts;
use crate::spec::{JobSpec, Podcast};
use crate::steps;
use crate::steps::voice::Narration;
use async_trait::async_trait;
use reelsmith_inference_core::speech::SpeakRequest;
use reelsmith_media::sound::episode::MAX_SECONDS;
use serde_json::{Value, json};
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

/// Seconds of the episode up to the end of the turn before; turns are spoken in order.
async fn said_before(context: &StepContext, part: usize) -> Result<f64> {
    let Some(before) = part.checked_sub(1) else { return Ok(0.0) };
    let record = context.record(&StepKey::part("voice", before as u32)).await?;
    Ok(record.detail["found"][SO_FAR].as_f64().unwrap_or(0.0))
}

/// The field of a turn's detail that says how long the episode is when it ends.
const SO_FAR: &str = "episode_seconds";

/// Notes how long the episode has become.
///
/// # Errors
/// `Limit` if that is longer than it may be: what is yet to be spoken need not be.
fn in_time(podcast: &Podcast, part: usize, before: f64, mut spoken: StepOutput) -> Result<StepOutput> {
    let turn = &podcast.turns[part];
    let so_far = before + turn.pause + spoken.detail[steps::voice::SAID].as_f64().unwrap_or(0.0);
    if so_far > MAX_SECONDS {
        let (hours, of) = (MAX_SECONDS / 3600.0, podcast.turns.len());
        let message = format!(
            "line {}, {}: here the episode passes {hours:.0} h, after {} of {of} turns: divide it",
            turn.line,
            turn.speaker,
            part + 1
        );
        return Err(PipelineError::new(ErrorKind::Limit, message));
    }
    spoken.detail[SO_FAR] = json!(so_far);
    Ok(spoken)
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
        // What takes a moment and may fail comes before what takes hours.
        let after = ["sound", "transcript", "report"].map(Stage::one);
        Ok([Stage::one("cover"), voice_stage(&podcast)].into_iter().chain(after).collect())
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
                let before = said_before(context, part).await?;
                let spoken = steps::voice::run(parts, narration(&podcast, part), context).await;
                let spoken = spoken.map_err(|error| at_line(&podcast, part, error))?;
                in_time(&podcast, part, before, spoken)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_episode_that_becomes_too_long_is_given_up_at_the_turn_where_it_does() {
        let mut podcast = Podcast::of_turns(3);
        podcast.turns[1].pause = 10.0;
        let said = |seconds: f64| {
            let detail = json!({ steps::voice::SAID: seconds });
            StepOutput { artifacts: Vec::new(), detail }
        };
        let kept = in_time(&podcast, 1, MAX_SECONDS - 11.0, said(1.0)).unwrap();
        assert_eq!(kept.detail[SO_FAR], json!(MAX_SECONDS));
        let error = in_time(&podcast, 1, MAX_SECONDS - 11.0, said(1.5)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert!(
            error.to_string().contains("line 2, Ada: here the episode passes 2 h, after 2 of 3"),
            "{error}"
        );
    }
}
