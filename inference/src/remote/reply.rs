//! What comes back: chunks of a chat completion, or the whole of one.

use jsonschema::Validator;
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse, Finish};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Deserialize;

/// One chunk of a stream, or the whole answer in one.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Chunk {
    #[serde(default)]
    pub(super) choices: Vec<Choice>,
    pub(super) usage: Option<Counted>,
    /// What some servers send in place of an answer.
    pub(super) error: Option<serde_json::Value>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Choice {
    #[serde(alias = "message")]
    pub(super) delta: Option<Delta>,
    pub(super) finish_reason: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Delta {
    pub(super) content: Option<String>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(super) struct Counted {
    #[serde(default)]
    pub(super) prompt_tokens: u32,
    #[serde(default)]
    pub(super) completion_tokens: u32,
}

/// Why an answer ended, by OpenAI's names.
///
/// # Errors
/// The reason, where it is not the end of a text: it would be the same another time.
pub(super) fn finish(reason: &str) -> std::result::Result<Finish, (ErrorKind, String)> {
    match reason {
        "stop" => Ok(Finish::Stop),
        "length" => Ok(Finish::Length),
        "content_filter" => Err((ErrorKind::Denied, "the server's filter ended the answer".into())),
        other => {
            Err((ErrorKind::Engine, format!("the server ended the answer with `{}`", other.escape_default())))
        }
    }
}

/// Checks documents against the schema of a request, since a server may not keep to it.
///
/// # Errors
/// `InvalidRequest` if it is no JSON schema.
pub(super) fn validator(request: &ChatRequest) -> Result<Option<Validator>> {
    let Some(schema) = &request.schema else { return Ok(None) };
    let refused = |why: String| {
        InferenceError::new(ErrorKind::InvalidRequest, format!("the JSON schema cannot be used: {why}"))
    };
    let schema: serde_json::Value =
        serde_json::from_str(schema).map_err(|error| refused(format!("it is not JSON: {error}")))?;
    jsonschema::validator_for(&schema).map(Some).map_err(|error| refused(error.to_string()))
}

/// Holds an answer against the schema.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(answer: &ChatResponse, validator: Option<&Validator>) -> std::result::Result<(), String> {
    let Some(validator) = validator else { return Ok(()) };
    let document: serde_json::Value = serde_json::from_str(&answer.text)
        .map_err(|error| format!("it was asked for a JSON document and wrote something else: {error}"))?;
    validator
        .validate(&document)
        .map_err(|error| format!("its document does not satisfy the JSON schema: {error}"))
}
