//! What is sent: OpenAI's request for a chat completion (API reference, "Create chat completion").

use reelsmith_inference_core::chat::{ChatRequest, Message};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Serialize)]
struct Body<'a> {
    model: &'a str,
    messages: &'a [Message],
    stream: bool,
    stream_options: Value,
    temperature: f32,
    top_p: f32,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_tokens: Option<u32>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    stop: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    response_format: Option<Value>,
}

/// The body of a request. What OpenAI's API has no name for (`top_k`, `min_p`, `repeat_penalty`) is left out: servers
/// refuse what they do not know.
pub(super) fn of(model: &str, request: &ChatRequest) -> Result<String> {
    let body = Body {
        model,
        messages: &request.messages,
        stream: true,
        stream_options: json!({ "include_usage": true }),
        temperature: request.sampling.temperature,
        top_p: request.sampling.top_p,
        // Servers read it as a signed number.
        seed: request.seed & (u64::MAX >> 1),
        max_tokens: request.max_tokens,
        stop: &request.stop,
        response_format: request.schema.as_deref().map(format).transpose()?,
    };
    Ok(serde_json::to_string(&body).expect("texts and numbers are always JSON"))
}

fn format(schema: &str) -> Result<Value> {
    let schema: Value = serde_json::from_str(schema).map_err(|error| {
        InferenceError::new(
            ErrorKind::InvalidRequest,
            format!("the JSON schema cannot be used: it is not JSON: {error}"),
        )
    })?;
    Ok(
        json!({ "type": "json_schema", "json_schema": { "name": "answer", "strict": true, "schema": schema } }),
    )
}
