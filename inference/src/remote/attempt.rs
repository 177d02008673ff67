//! One try at an answer.

use super::events::Lines;
use super::reply::{Chunk, Counted, finish};
use super::{GLANCE, RemoteConfig, go_on};
use crate::writer::Writer;
use futures::StreamExt;
use reelsmith_inference_core::chat::{ChatRequest, ChatResponse, Finish, Usage};
use reelsmith_inference_core::{Control, ErrorKind, InferenceError};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use std::future::Future;
use std::time::{Duration, Instant};

/// The most bytes of a whole answer, with what is around the text.
const MOST_BYTES: usize = 64 << 20;
/// The most bytes of an answer that does not come in pieces, and of the text of any.
const MOST_TEXT: usize = 8 << 20;
/// The most bytes that are read of an error.
const MOST_ERROR: usize = 16 << 10;
/// The most characters of a server's error that are told.
const MOST_TOLD: usize = 300;

/// Why a try gave no answer.
pub(super) enum Failed {
    /// It will not pass.
    Final(InferenceError),
    /// It may pass.
    Passing {
        /// What happened.
        why: String,
        /// When the server wants to be asked again.
        after: Option<Duration>,
        /// Whether text has been shown.
        shown: bool,
    },
}

impl From<InferenceError> for Failed {
    fn from(error: InferenceError) -> Self {
        Self::Final(error)
    }
}

fn passing<T>(why: impl Into<String>, shown: bool) -> Result<T, Failed> {
    Err(Failed::Passing { why: why.into(), after: None, shown })
}

pub(super) struct Attempt<'a> {
    pub(super) config: &'a RemoteConfig,
    pub(super) client: &'a reqwest::Client,
    pub(super) body: &'a str,
    pub(super) request: &'a ChatRequest,
    pub(super) control: &'a dyn Control,
}

/// An answer as it grows.
struct Growing<'a> {
    attempt: &'a Attempt<'a>,
    writer: Writer,
    begun: Instant,
    first: Option<Instant>,
    pieces: u32,
    bytes: usize,
    counted: Option<Counted>,
    finish: Option<Finish>,
    stopped: bool,
    /// The server has said that nothing follows.
    done: bool,
}

impl Attempt<'_> {
    pub(super) async fn run(&self) -> Result<ChatResponse, Failed> {
        let begun = Instant::now();
        let address = format!("{}/chat/completions", self.config.url.trim_end_matches('/'));
        let mut asked =
            self.client.post(address).header(CONTENT_TYPE, "application/json").body(self.body.to_owned());
        if let Some(key) = &self.config.key {
            asked = asked.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let response = match self.patiently(asked.send(), 0).await? {
            Some(Ok(response)) => response,
            Some(Err(error)) => return passing(causes(&error), false),
            None => return passing(self.silence(), false),
        };
        if !response.status().is_success() {
            return Err(self.refusal(response).await?);
        }
        let streams = response
            .headers()
            .get(CONTENT_TYPE)
            .is_none_or(|kind| !kind.as_bytes().starts_with(b"application/json"));
        let mut growing = Growing::new(self, begun);
        self.read(response, &mut growing, streams).await?;
        growing.ended()
    }

    /// Waits, but no longer than the read time-out, and asks now and then whether to go on.
    async fn patiently<T>(
        &self,
        work: impl Future<Output = T>,
        done: u64,
    ) -> Result<Option<T>, InferenceError> {
        tokio::pin!(work);
        let end = tokio::time::Instant::now() + self.config.read;
        loop {
            go_on(self.control, done, self.request.max_tokens)?;
            let glance = (tokio::time::Instant::now() + GLANCE).min(end);
            tokio::select! {
                result = &mut work => return Ok(Some(result)),
                () = tokio::time::sleep_until(glance) => {}
            }
            if tokio::time::Instant::now() >= end {
                return Ok(None);
            }
        }
    }

    fn silence(&self) -> String {
        format!("it was silent for {} s", self.config.read.as_secs_f64())
    }

    async fn read(&self, response: Response, growing: &mut Growing<'_>, streams: bool) -> Result<(), Failed> {
        let (mut lines, mut whole) = (Lines::default(), Vec::new());
        let mut body = response.bytes_stream();
        while !growing.done {
            let piece = match self.patiently(body.next(), growing.pieces.into()).await? {
                Some(Some(Ok(piece))) => piece,
                // What comes after the end of an answer does not matter.
                _ if growing.finish.is_some() && streams => break,
                Some(Some(Err(error))) => return passing(causes(&error), growing.shown()),
                Some(None) => break,
                None => return passing(self.silence(), growing.shown()),
            };
            growing.bytes += piece.len();
            if growing.bytes > if streams { MOST_BYTES } else { MOST_TEXT } {
                return passing(
                    format!("its answer has more than {} bytes", growing.bytes - piece.len()),
                    growing.shown(),
                );
            }
            if !streams {
                whole.extend_from_slice(&piece);
                continue;
            }
            let mut taken = Ok(());
            let pushed = lines.push(&piece, |data| {
                taken = growing.data(data);
                taken.is_ok() && !growing.done
            });
            taken?;
            if pushed.is_err() {
                return passing("it sent a line without end", growing.shown());
            }
        }
        if !streams { growing.data(&whole) } else { Ok(()) }
    }

    /// What an error means that came with its own status.
    async fn refusal(&self, response: Response) -> Result<Failed, Failed> {
        let (status, after) = (response.status(), retry_after(&response));
        let told = self.told(response).await?;
        let why = format!("it answered {status}{told}");
        let refused = |kind| {
            Ok(Failed::Final(InferenceError::new(
                kind,
                format!("{} at {}: {why}", self.config.model, self.config.url),
            )))
        };
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::PAYMENT_REQUIRED => {
                refused(ErrorKind::Denied)
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::TOO_EARLY => Ok(Failed::Passing { why, after, shown: false }),
            StatusCode::NOT_FOUND => refused(ErrorKind::Unavailable),
            status if status.is_client_error() => refused(ErrorKind::InvalidRequest),
            // A redirection is not followed: it could lead anywhere.
            status if status.is_redirection() => refused(ErrorKind::Unavailable),
            _ => Ok(Failed::Passing { why, after, shown: false }),
        }
    }

    /// The server's own words, as far as they are text.
    async fn told(&self, response: Response) -> Result<String, InferenceError> {
        let (mut bytes, mut body) = (Vec::new(), response.bytes_stream());
        while bytes.len() < MOST_ERROR
            && let Some(Some(Ok(piece))) = self.patiently(body.next(), 0).await?
        {
            bytes.extend_from_slice(&piece[..piece.len().min(MOST_ERROR - bytes.len())]);
        }
        let text = String::from_utf8_lossy(&bytes);
        let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
        let message = json.as_ref().and_then(|json| message_of(&json["error"]).or_else(|| message_of(json)));
        let words: String =
            message.unwrap_or(&text).chars().filter(|c| !c.is_control()).take(MOST_TOLD).collect();
        Ok(if words.trim().is_empty() { String::new() } else { format!(" ({})", words.trim()) })
    }
}

fn message_of(error: &serde_json::Value) -> Option<&str> {
    error.as_str().or_else(|| error["message"].as_str())
}

/// Seconds, as most servers say it; a date is left out, since clocks differ.
fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// An error with what is underneath, without the address, in which there may be a password.
fn causes(error: &reqwest::Error) -> String {
    let mut told = match (error.is_connect(), error.is_timeout()) {
        (true, true) => "no connection in time".to_owned(),
        (true, false) => "no connection".to_owned(),
        _ => "the connection broke".to_owned(),
    };
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        told = format!("{told}: {cause}");
        source = cause.source();
    }
    told.chars().take(MOST_TOLD).collect()
}

impl<'a> Growing<'a> {
    fn new(attempt: &'a Attempt<'a>, begun: Instant) -> Self {
        Self {
            attempt,
            writer: Writer::new(&attempt.request.stop),
            begun,
            first: None,
            pieces: 0,
            bytes: 0,
            counted: None,
            finish: None,
            stopped: false,
            done: false,
        }
    }

    fn shown(&self) -> bool {
        self.first.is_some()
    }

    /// Takes one chunk.
    fn data(&mut self, data: &[u8]) -> Result<(), Failed> {
        if data.trim_ascii() == b"[DONE]" {
            self.done = true;
            return Ok(());
        }
        let chunk: Chunk = match serde_json::from_slice(data) {
            Ok(chunk) => chunk,
            Err(error) => return passing(format!("it sent what is no answer: {error}"), self.shown()),
        };
        if let Some(error) = chunk.error {
            let told: String = message_of(&error).unwrap_or("an error").chars().take(MOST_TOLD).collect();
            return passing(format!("it broke off ({told})"), self.shown());
        }
        self.counted = chunk.usage.or(self.counted);
        let Some(choice) = chunk.choices.into_iter().next() else { return Ok(()) };
        let content = choice.delta.and_then(|delta| delta.content).unwrap_or_default();
        self.text(&content)?;
        if let Some(reason) = choice.finish_reason.filter(|_| !self.stopped) {
            match finish(&reason) {
                Ok(finish) => self.finish = Some(finish),
                Err((kind, why)) => {
                    let message = format!("{}: {why}", self.attempt.config.model);
                    return Err(InferenceError::new(kind, message).into());
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, content: &str) -> Result<(), Failed> {
        if content.is_empty() || self.stopped {
            return Ok(());
        }
        self.first.get_or_insert_with(Instant::now);
        self.pieces += 1;
        let control = self.attempt.control;
        go_on(control, self.pieces.into(), self.attempt.request.max_tokens)?;
        if self.writer.push(content.as_bytes(), |piece| control.text(piece)) {
            // A server that does not know stop strings writes on; it need not be listened to.
            (self.stopped, self.done, self.finish) = (true, true, Some(Finish::Stop));
        }
        match self.writer.len() > MOST_TEXT {
            true => passing(format!("its text has more than {MOST_TEXT} bytes"), true),
            false => Ok(()),
        }
    }

    fn ended(self) -> Result<ChatResponse, Failed> {
        let Some(finish) = self.finish else {
            return passing("it stopped in the middle of the answer", self.shown());
        };
        if finish == Finish::Length && self.attempt.request.schema.is_some() {
            let message = format!(
                "{} reached its limit of tokens before its document satisfied the JSON schema; allow more",
                self.attempt.config.model
            );
            return Err(InferenceError::new(ErrorKind::Unfinished, message).into());
        }
        let control = self.attempt.control;
        let text = self.writer.finish(self.stopped, |piece| control.text(piece));
        let first = self.first.unwrap_or(self.begun);
        let counted = self.counted.unwrap_or(Counted { prompt_tokens: 0, completion_tokens: self.pieces });
        Ok(ChatResponse {
            text,
            finish,
            usage: Usage {
                prompt_tokens: counted.prompt_tokens,
                cached_tokens: 0,
                answer_tokens: counted.completion_tokens,
                prefill_seconds: (first - self.begun).as_secs_f64(),
                decode_seconds: first.elapsed().as_secs_f64(),
            },
            answered_by: String::new(),
        })
    }
}
