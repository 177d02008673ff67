//! The settings of conversations.

use super::ConfigError;
use super::layers::Layers;
use reelsmith_inference::llama::DEFAULT_CONTEXT;
use reelsmith_inference::remote::RemoteConfig;
use std::fmt;
use std::time::Duration;

/// The language model where none is set: the best of those that registries hold.
const DEFAULT_MODEL: &str = "qwen2.5-coder-1.5b-instruct";

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The model on this machine.
    Local,
    /// The server.
    Remote,
    /// The model on this machine, and the server where that fails.
    LocalFirst,
    /// The server, and the model on this machine where that fails.
    RemoteFirst,
}

/// Who answers conversations, and how.
#[derive(Clone)]
pub struct Chat {
    /// The model on this machine: a catalogue id or a path.
    pub model: String,
    /// Tokens of context of the model on this machine.
    pub context: u32,
    /// Who answers.
    pub order: Order,
    /// The server, if one is set.
    pub remote: Option<RemoteConfig>,
}

impl fmt::Debug for Chat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Chat({}, {:?}, {:?})", self.model, self.order, self.remote)
    }
}

impl Chat {
    pub(super) fn of(layers: &Layers) -> Result<Self, ConfigError> {
        let remote = remote(layers)?;
        let orders = [
            ("local", Order::Local),
            ("remote", Order::Remote),
            ("local-first", Order::LocalFirst),
            ("remote-first", Order::RemoteFirst),
        ];
        let usual = if remote.is_some() { Order::RemoteFirst } else { Order::Local };
        let order = layers.choice("chat.order", &orders)?.unwrap_or(usual);
        if order != Order::Local && remote.is_none() {
            return Err(ConfigError("chat.order asks for a server, which also needs chat.url".into()));
        }
        Ok(Self {
            model: layers.model("chat.model").unwrap_or_else(|| DEFAULT_MODEL.into()),
            context: layers.number("chat.context", 256..=1 << 20)?.map_or(DEFAULT_CONTEXT, |n| n as u32),
            order,
            remote,
        })
    }
}

fn remote(layers: &Layers) -> Result<Option<RemoteConfig>, ConfigError> {
    let Some(url) = layers.address("chat.url")? else { return Ok(None) };
    let model = layers
        .text("chat.remote_model")
        .ok_or_else(|| ConfigError("chat.url is set, which also needs chat.remote_model".into()))?;
    let usual = RemoteConfig::new(url, model);
    let seconds = |key, most, usual| {
        Ok::<Duration, ConfigError>(layers.number(key, 1..=most)?.map_or(usual, Duration::from_secs))
    };
    Ok(Some(RemoteConfig {
        key: layers.text("chat.key"),
        connect: seconds("chat.connect_seconds", 600, usual.connect)?,
        read: seconds("chat.read_seconds", 3600, usual.read)?,
        total: seconds("chat.total_seconds", 86_400, usual.total)?,
        retries: layers.number("chat.retries", 0..=20)?.map_or(usual.retries, |n| n as u32),
        ..usual
    }))
}
