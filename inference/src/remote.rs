//! Language models on another machine, behind OpenAI's chat completions (Ollama, vLLM, llama.cpp's server, a cloud).
//!
//! A server is a stranger: whatever it sends is bounded in time and size, and an answer counts only when it ended as an
//! answer ends. What may pass is tried again, after a while that grows and is partly chance; a server that failed
//! several times in a row is left alone for a time (a circuit breaker: Nygard, "Release It!", 2007).

mod attempt;
mod body;
mod breaker;
mod events;
mod reply;

use attempt::Attempt;
use breaker::Breaker;
use reelsmith_inference_core::chat::{Asked, Chat, ChatRequest, ChatResponse};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Progress, Result, Verdict};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The longest that is waited before another try, whatever the server asks for.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How often a wait asks whether to go on.
const GLANCE: Duration = Duration::from_millis(50);

/// A server and how to deal with it.
#[derive(Clone)]
pub struct RemoteConfig {
    /// The address that `/chat/completions` comes after, for example `http://localhost:11434/v1`.
    pub url: String,
    /// The model's name on the server.
    pub model: String,
    /// Sent as a bearer token.
    pub key: Option<String>,
    /// Tokens that the model's context holds, where it is known.
    pub context: Option<u32>,
    /// Until a connection stands.
    pub connect: Duration,
    /// Until the answer begins, and between two of its pieces.
    pub read: Duration,
    /// For the whole answer, with all tries.
    pub total: Duration,
    /// Tries after the first one.
    pub retries: u32,
    /// Before the second try, at the most; twice as much before each one after it.
    pub backoff: Duration,
    /// Failed requests in a row after which the server is left alone.
    pub failures: u32,
    /// For how long it is left alone.
    pub pause: Duration,
}

impl std::fmt::Debug for RemoteConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RemoteConfig({}, {}, key hidden)", self.url, self.model)
    }
}

impl RemoteConfig {
    /// A server with the usual patience.
    pub fn new(url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            model: model.into(),
            key: None,
            context: None,
            connect: Duration::from_secs(5),
            read: Duration::from_secs(60),
            total: Duration::from_secs(600),
            retries: 2,
            backoff: Duration::from_millis(500),
            failures: 5,
            pause: Duration::from_secs(30),
        }
    }
}

/// A model on a server. Blocks the thread that asks; not for an async thread.
pub struct Remote {
    config: RemoteConfig,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
    breaker: Mutex<Breaker>,
}

impl Remote {
    /// Prepares for requests; makes none.
    ///
    /// # Errors
    /// `InvalidRequest` for an address that is none, `Engine` if the system gives no connections.
    pub fn new(config: RemoteConfig) -> Result<Self> {
        let refused = |message: String| Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        match reqwest::Url::parse(&config.url) {
            // It is told with errors.
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                return refused(
                    "the server's address has a name or password in it; set chat.key instead".into(),
                );
            }
            Ok(url) if ["http", "https"].contains(&url.scheme()) => {}
            _ => {
                return refused(format!(
                    "`{}` is no address of a server; expected http:// or https://",
                    config.url
                ));
            }
        }
        let setup = |why: &dyn std::fmt::Display| {
            InferenceError::new(
                ErrorKind::Engine,
                format!("could not prepare for requests to {}: {why}", config.url),
            )
        };
        crate::tls::provide();
        // A redirection could carry the key and the conversation to somebody else.
        let client = reqwest::Client::builder()
            .user_agent(concat!("reelsmith/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(config.connect)
            .redirect(reqwest::redirect::Policy::none());
        let client = if is_here(&config.url) { client.no_proxy() } else { client };
        let client = client.build().map_err(|e| setup(&e))?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| setup(&e))?;
        let breaker = Mutex::new(Breaker::new(config.failures, config.pause));
        Ok(Self { config, client, runtime, breaker })
    }

    fn name(&self) -> String {
        let host = reqwest::Url::parse(&self.config.url).ok();
        let host = host.as_ref().and_then(|url| url.host_str()).unwrap_or("a server");
        format!("{} at {host}", self.config.model)
    }

    async fn ask(&self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        request.check()?;
        let validator = reply::validator(request)?;
        let body = body::of(&self.config.model, request)?;
        self.breaker()?.admit(&self.name())?;
        // A document is shown when it is known to be one: what was shown cannot be taken back.
        let held = Held { control, text: Mutex::default() };
        let watched: &dyn Control = if validator.is_some() { &held } else { control };
        let tries = self.tries(&body, request, watched);
        let ended = match tokio::time::timeout(self.config.total, tries).await {
            Ok(ended) => ended,
            Err(_) => {
                Err(self.unavailable(&format!("it took more than {} s", self.config.total.as_secs_f64())))
            }
        };
        let ended = ended.and_then(|answer| match reply::check(&answer, validator.as_ref()) {
            Ok(()) => Ok(answer),
            Err(why) => Err(self.unavailable(&why)),
        });
        // Only what is the server's fault counts against it.
        let failed = matches!(&ended, Err(error) if error.kind() == ErrorKind::Unavailable);
        match (&ended, failed) {
            (_, true) => self.breaker()?.failed(),
            (Err(error), _) if error.kind() == ErrorKind::Cancelled => self.breaker()?.released(),
            _ => self.breaker()?.worked(),
        }
        let answer = ended?;
        held.show();
        Ok(ChatResponse { answered_by: self.name(), ..answer })
    }

    /// Tries until there is an answer, or an error that will not pass.
    async fn tries(&self, body: &str, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        let mut tried = 0;
        loop {
            let attempt = Attempt { config: &self.config, client: &self.client, body, request, control };
            let failed = match attempt.run().await {
                Ok(answer) => return Ok(answer),
                Err(failed) => failed,
            };
            let why = match failed {
                attempt::Failed::Final(error) => return Err(error),
                attempt::Failed::Passing { why, after, shown } => {
                    let wait = after.unwrap_or_else(|| self.backoff(tried));
                    // What was shown cannot be taken back, so that another try would be seen twice.
                    if shown || tried == self.config.retries || wait > LONGEST_WAIT {
                        let later =
                            after.map_or(String::new(), |s| format!("; it asks for {} s", s.as_secs()));
                        return Err(self.unavailable(&format!("{why}{later}")));
                    }
                    self.wait(wait, control).await?;
                    why
                }
            };
            tried += 1;
            tracing::debug!(server = %self.name(), %why, tried, "asking again");
        }
    }

    /// Twice as long each time, and by chance between half of it and all, so that many who failed together do not
    /// come back together.
    fn backoff(&self, tried: u32) -> Duration {
        use std::hash::{BuildHasher, RandomState};
        let longest = self.config.backoff.saturating_mul(1 << tried.min(16)).min(LONGEST_WAIT);
        let chance = RandomState::new().hash_one(tried) as f64 / u64::MAX as f64;
        longest.mul_f64(0.5 + 0.5 * chance)
    }

    async fn wait(&self, wait: Duration, control: &dyn Control) -> Result<()> {
        let end = tokio::time::Instant::now() + wait;
        while tokio::time::Instant::now() < end {
            go_on(control, 0, None)?;
            tokio::time::sleep_until((tokio::time::Instant::now() + GLANCE).min(end)).await;
        }
        Ok(())
    }

    fn unavailable(&self, why: &str) -> InferenceError {
        let message = format!("{} gave no answer: {why}", self.name());
        InferenceError::new(ErrorKind::Unavailable, message)
    }

    fn breaker(&self) -> Result<std::sync::MutexGuard<'_, Breaker>> {
        Ok(self.breaker.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Passes on all but the text, which is shown at the end.
struct Held<'a> {
    control: &'a dyn Control,
    text: Mutex<String>,
}

impl Held<'_> {
    fn show(&self) {
        let text = std::mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner));
        if !text.is_empty() {
            self.control.text(&text);
        }
    }
}

impl Control for Held<'_> {
    fn step(&self, progress: Progress) -> Verdict {
        self.control.step(progress)
    }

    fn text(&self, piece: &str) {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).push_str(piece);
    }
}

/// Whether a server is on this machine, which no proxy can reach.
fn is_here(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| host == "localhost" || host == "[::1]" || host.starts_with("127."))
}

/// Asks whether to go on.
fn go_on(control: &dyn Control, done: u64, total: Option<u32>) -> Result<()> {
    match control.step(Progress { done, total: total.map(u64::from), unit: "tokens" }) {
        Verdict::Continue => Ok(()),
        Verdict::Cancel => Err(InferenceError::cancelled()),
    }
}

#[cfg(test)]
mod tests;

impl Chat for Remote {
    fn context_length(&self) -> Option<u32> {
        self.config.context
    }

    fn footprint(&self, _: &ChatRequest) -> Footprint {
        Footprint::default()
    }

    fn chat(&mut self, request: &ChatRequest, control: &dyn Control) -> Result<ChatResponse> {
        self.runtime.block_on(self.ask(request, control))
    }

    /// All at once: such servers put what comes together into one batch themselves.
    fn chat_together(&mut self, asked: &[Asked<'_>]) -> Vec<Result<ChatResponse>> {
        let all = asked.iter().map(|one| self.ask(one.request, one.control));
        self.runtime.block_on(futures::future::join_all(all))
    }
}
