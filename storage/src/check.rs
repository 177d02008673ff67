//! Values on their way into rows, measured against [`crate::limits`]. Shared by every implementation,
//! so that what one takes the others take.

use crate::limits::{
    EVENT_BYTES, MESSAGE_BYTES, NAME_CHARS, PAGE_ROWS, RECIPE_BYTES, SPEC_BYTES, STEP_OUTPUTS,
};
use crate::{Artifact, ErrorKind, NewJob, NewStep, Result, StorageError};
use serde_json::Value;

/// A valid new job; answers its spec as JSON.
pub(crate) fn new_job(job: &NewJob) -> Result<String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if job.id.is_empty() || job.id.len() > NAME_CHARS || !job.id.chars().all(allowed) {
        let message = format!(
            "job id {:?}: 1 to {NAME_CHARS} letters, digits, dots, underscores or hyphens are expected",
            job.id
        );
        return Err(StorageError::new(ErrorKind::InvalidInput, message));
    }
    name("the job's kind", &job.kind)?;
    job.tenant.as_deref().map_or(Ok(()), |tenant| name("the job's tenant", tenant))?;
    json("the job's spec", &job.spec, SPEC_BYTES)
}

/// A valid finished step; answers its detail as JSON.
pub(crate) fn new_step(step: &NewStep) -> Result<String> {
    name("the step's name", &step.name)?;
    if !step.seconds.is_finite() || step.seconds < 0.0 {
        let message =
            format!("step {:?} took {} s: a finite time from 0 is expected", step.name, step.seconds);
        return Err(StorageError::new(ErrorKind::InvalidInput, message));
    }
    if step.outputs.len() > STEP_OUTPUTS {
        let message =
            format!("step {:?} has {} outputs; {STEP_OUTPUTS} are allowed", step.name, step.outputs.len());
        return Err(StorageError::new(ErrorKind::TooLarge, message));
    }
    json("the step's detail", &step.detail, RECIPE_BYTES)
}

/// A valid artifact; answers its size and its recipe as JSON.
pub(crate) fn artifact(artifact: &Artifact) -> Result<(i64, String)> {
    name("the artifact's name", &artifact.name)?;
    name("the artifact's media type", &artifact.media_type)?;
    let bytes = i64::try_from(artifact.bytes).map_err(|_| {
        let message = format!("artifact {:?} of {} bytes: more than can be", artifact.name, artifact.bytes);
        StorageError::new(ErrorKind::InvalidInput, message)
    })?;
    Ok((bytes, json("the artifact's recipe", &artifact.recipe, RECIPE_BYTES)?))
}

/// A valid event; answers its body as JSON.
pub(crate) fn event(kind: &str, body: &Value) -> Result<String> {
    name("the event's kind", kind)?;
    json("the event's body", body, EVENT_BYTES)
}

/// An error message, cut to [`MESSAGE_BYTES`] at a character.
pub(crate) fn message(text: &str) -> String {
    const ELLIPSIS: &str = "…";
    if text.len() <= MESSAGE_BYTES {
        return text.to_owned();
    }
    format!("{}{ELLIPSIS}", &text[..text.floor_char_boundary(MESSAGE_BYTES - ELLIPSIS.len())])
}

/// The number of rows to answer: what was asked for, or `default` for 0, at most a page.
pub(crate) fn rows(limit: u32, default: u32) -> u32 {
    if limit == 0 { default } else { limit.min(PAGE_ROWS) }
}

fn name(what: &str, text: &str) -> Result<()> {
    let characters = text.chars().count();
    if (1..=NAME_CHARS).contains(&characters) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("{what} is {text:?}: 1 to {NAME_CHARS} printable characters are expected");
    Err(StorageError::new(ErrorKind::InvalidInput, message))
}

fn json(what: &str, value: &Value, limit: usize) -> Result<String> {
    let text = value.to_string();
    if text.len() <= limit {
        return Ok(text);
    }
    let message =
        format!("{what} takes {} bytes as JSON; {limit} are allowed: store it as an artifact", text.len());
    Err(StorageError::new(ErrorKind::TooLarge, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_message_is_a_beginning_within_the_limit(text in "\\PC{0,64}", times in 1usize..400) {
            let text = text.repeat(times);
            let cut = message(&text);
            prop_assert!(cut.len() <= MESSAGE_BYTES);
            if text.len() <= MESSAGE_BYTES {
                prop_assert_eq!(cut, text);
            } else {
                let kept = cut.strip_suffix('…').expect("a cut message ends with an ellipsis");
                prop_assert!(text.starts_with(kept) && kept.len() > MESSAGE_BYTES - 8);
            }
        }
    }
}
