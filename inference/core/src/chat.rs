//! Conversations with language models.

use crate::{Control, ErrorKind, Footprint, InferenceError, Result};
use serde::{Deserialize, Serialize};

/// Tokens that an answer may have where the request does not say.
pub const DEFAULT_MAX_TOKENS: u32 = 1024;
/// The most messages of one request.
pub const MOST_MESSAGES: usize = 4096;
/// The most bytes of all messages of one request together.
pub const MOST_BYTES: usize = 8 << 20;
/// The most stop strings of one request, as OpenAI's API has it four times over.
pub const MOST_STOPS: usize = 16;
/// The most bytes of one stop string.
pub const MOST_STOP_BYTES: usize = 256;
/// The most bytes of a JSON schema.
pub const MOST_SCHEMA_BYTES: usize = 256 << 10;

/// Who says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Sets the frame for the whole conversation.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
}

impl Role {
    /// The name that chat templates and OpenAI's API use.
    pub fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who says it.
    pub role: Role,
    /// What is said. Nothing in it has a meaning of its own: what looks like a model's control token is text.
    pub content: String,
}

/// How the next token is chosen from what the model thinks likely.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 takes the likeliest; 1 draws as the model was trained. From 0 to 2.
    pub temperature: f32,
    /// Draws among so many of the likeliest; 0 is all. Up to 100,000.
    pub top_k: u32,
    /// Draws among the likeliest whose probabilities reach this sum. Above 0 up to 1.
    pub top_p: f32,
    /// Leaves out what is less likely than the likeliest by this factor. From 0 to 1.
    pub min_p: f32,
    /// Divides the logits of tokens among the last 64 by this; 1 is without effect. From 0.5 to 2.
    pub repeat_penalty: f32,
}

impl Default for Sampling {
    /// llama.cpp's defaults (`common/common.h`, `common_params_sampling`).
    fn default() -> Self {
        Self { temperature: 0.8, top_k: 40, top_p: 0.95, min_p: 0.05, repeat_penalty: 1.0 }
    }
}

impl Sampling {
    /// Always the likeliest token.
    pub fn greedy() -> Self {
        Self { temperature: 0.0, ..Self::default() }
    }
}

/// A conversation to be continued by an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The turns so far; at least one, the last one not the model's.
    pub messages: Vec<Message>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Seed of every draw.
    pub seed: u64,
    /// Tokens that the answer may have; [`DEFAULT_MAX_TOKENS`], or what the context leaves, where absent.
    pub max_tokens: Option<u32>,
    /// The answer ends before the first of these that it would contain. Not together with `schema`.
    pub stop: Vec<String>,
    /// A JSON schema, as JSON text; the answer is then a JSON document that satisfies it.
    pub schema: Option<String>,
}

impl ChatRequest {
    /// A question by itself, with everything else as usual.
    pub fn new(question: impl Into<String>) -> Self {
        Self {
            messages: vec![Message { role: Role::User, content: question.into() }],
            sampling: Sampling::default(),
            seed: 0,
            max_tokens: None,
            stop: Vec::new(),
            schema: None,
        }
    }

    /// Refuses what no implementation could do.
    ///
    /// # Errors
    /// `InvalidRequest` with the field and its allowed range.
    pub fn check(&self) -> Result<()> {
        self.check_messages()?;
        let Sampling { temperature, top_k, top_p, min_p, repeat_penalty } = self.sampling;
        within("temperature", temperature, 0.0, 2.0)?;
        within("top_p", top_p, f32::MIN_POSITIVE, 1.0)?;
        within("min_p", min_p, 0.0, 1.0)?;
        within("repeat_penalty", repeat_penalty, 0.5, 2.0)?;
        if top_k > 100_000 {
            return refused(format!("top_k is {top_k}; expected 0 (all) to 100000"));
        }
        if self.max_tokens == Some(0) {
            return refused("max_tokens is 0; expected 1 or more, or none");
        }
        if self.stop.len() > MOST_STOPS {
            return refused(format!(
                "there are {} stop strings; expected at most {MOST_STOPS}",
                self.stop.len()
            ));
        }
        if self.stop.iter().any(|stop| stop.is_empty() || stop.len() > MOST_STOP_BYTES) {
            return refused(format!("a stop string is empty or has more than {MOST_STOP_BYTES} bytes"));
        }
        self.check_schema()
    }

    fn check_messages(&self) -> Result<()> {
        let Some(last) = self.messages.last() else {
            return refused("there is no message; expected at least one");
        };
        if last.role == Role::Assistant {
            return refused("the last message is the assistant's own; expected one to answer");
        }
        if self.messages.len() > MOST_MESSAGES {
            let count = self.messages.len();
            return refused(format!("there are {count} messages; expected at most {MOST_MESSAGES}"));
        }
        let bytes: usize = self.messages.iter().map(|message| message.content.len()).sum();
        if bytes > MOST_BYTES {
            return refused(format!("the messages have {bytes} bytes; expected at most {MOST_BYTES}"));
        }
        if last.content.trim().is_empty() {
            return refused("the last message is empty; expected a text to answer");
        }
        match self.messages.iter().any(|message| message.content.contains('\0')) {
            true => refused("a message contains the character U+0000"),
            false => Ok(()),
        }
    }

    fn check_schema(&self) -> Result<()> {
        let Some(schema) = &self.schema else { return Ok(()) };
        if schema.len() > MOST_SCHEMA_BYTES {
            let bytes = schema.len();
            return refused(format!(
                "the JSON schema has {bytes} bytes; expected at most {MOST_SCHEMA_BYTES}"
            ));
        }
        match self.stop.is_empty() {
            true => Ok(()),
            false => {
                refused("stop strings could cut a JSON document short; give either them or a JSON schema")
            }
        }
    }
}

fn within(name: &str, value: f32, least: f32, most: f32) -> Result<()> {
    match (least..=most).contains(&value) {
        true => Ok(()),
        false => refused(format!("{name} is {value}; expected {least} to {most}")),
    }
}

fn refused<T>(message: impl Into<String>) -> Result<T> {
    Err(InferenceError::new(ErrorKind::InvalidRequest, message))
}

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// The model was done, or a stop string came.
    Stop,
    /// It has as many tokens as it may.
    Length,
}

impl Finish {
    /// OpenAI's name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
        }
    }
}

/// What an answer took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the conversation, with what the template adds.
    pub prompt_tokens: u32,
    /// Those of them that an earlier request had worked out.
    pub cached_tokens: u32,
    /// Tokens of the answer.
    pub answer_tokens: u32,
    /// Until the first token was chosen.
    pub prefill_seconds: f64,
    /// From then to the end.
    pub decode_seconds: f64,
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatResponse {
    /// What the model says, without the stop string.
    pub text: String,
    /// Why it ended there.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
    /// Who answered: the model's name, and the server's where it was not this machine.
    pub answered_by: String,
}

/// A request of many that are answered together, and who watches it.
pub struct Asked<'a> {
    /// What is asked.
    pub request: &'a ChatRequest,
    /// Is told its progress and its text, and may cancel it alone.
    pub control: &'a dyn Control,
}

/// A loaded language model, or a server that has one.
pub trait Chat: Send {
    /// Tokens that a conversation and its answer may have together, where it is known.
    fn context_length(&self) -> Option<u32>;

    /// Bytes that [`Chat::chat`] will need for `request`.
    fn footprint(&self, request: &ChatRequest) -> Footprint;

    /// Answers. `control` is called before every token, and shown the text as it comes, in pieces of whole
    /// characters that make up the response's text. The same request gives the same text on the same device,
    /// whatever was asked before it.
    ///
    /// # Errors
    /// `InvalidRequest` with the allowed range, for a conversation that the context does not hold (with the numbers),
    /// and for a schema that cannot be satisfied or uses a keyword that is not supported (with its name);
    /// `Unfinished` if as many tokens as allowed did not satisfy the schema; `Unavailable` or `Denied` if a server
    /// does not answer; `ModelCorrupt`, `OutOfMemory`, `Cancelled`, or `Engine`.
    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse>;

    /// Answers several, which share the work of every step where the implementation can. The results are in the order
    /// of the requests; one that fails or is cancelled does not touch the others. Sharing changes the order in which
    /// numbers are added, so that a text may differ from the one that [`Chat::chat`] gives.
    fn chat_together(&mut self, asked: &[Asked<'_>]) -> Vec<Result<ChatResponse>> {
        asked.iter().map(|one| self.chat(one.request, one.control)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl FnOnce(&mut ChatRequest)) -> String {
        let mut request = ChatRequest::new("Why?");
        change(&mut request);
        let error = request.check().expect_err("it is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        error.to_string()
    }

    #[test]
    fn an_ordinary_question_is_taken() {
        ChatRequest::new("Why?").check().expect("nothing is wrong with it");
    }

    #[test]
    fn a_refusal_names_the_field_and_what_is_allowed() {
        assert!(refusal(|r| r.messages.clear()).contains("no message"));
        assert!(refusal(|r| r.messages[0].role = Role::Assistant).contains("assistant"));
        assert!(refusal(|r| r.messages[0].content = " \n".into()).contains("empty"));
        assert!(refusal(|r| r.messages[0].content = "a\0b".into()).contains("U+0000"));
        assert!(refusal(|r| r.messages[0].content = "a".repeat(MOST_BYTES + 1)).contains("at most 8388608"));
        assert!(refusal(|r| r.sampling.temperature = f32::NAN).contains("temperature"));
        assert!(refusal(|r| r.sampling.top_p = 0.0).contains("top_p"));
        assert!(refusal(|r| r.sampling.min_p = 1.5).contains("min_p is 1.5; expected 0 to 1"));
        assert!(refusal(|r| r.sampling.repeat_penalty = 0.0).contains("repeat_penalty"));
        assert!(refusal(|r| r.sampling.top_k = 100_001).contains("top_k"));
        assert!(refusal(|r| r.max_tokens = Some(0)).contains("max_tokens"));
        assert!(refusal(|r| r.stop = vec![String::new()]).contains("stop string"));
        assert!(refusal(|r| r.stop = vec!["a".into(); 17]).contains("at most 16"));
        assert!(refusal(|r| r.schema = Some(" ".repeat(MOST_SCHEMA_BYTES + 1))).contains("262144"));
        let both = refusal(|r| (r.stop, r.schema) = (vec!["x".into()], Some("{}".into())));
        assert!(both.contains("either"));
    }
}
