//! What is present, missing or too old on this machine, and the command that mends it.

mod machine;
mod models;
mod pictures;
pub(crate) mod programs;

use crate::config::Config;
use crate::library::Library;
use serde::Serialize;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Present and fit.
    Ok,
    /// Work is possible, but slower or less of it.
    Warning,
    /// Not here.
    Missing,
    /// Here, but an older version than needed.
    TooOld,
    /// Here, but it does not work.
    Broken,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What: `ffmpeg`, `model kokoro-82m-fp32` …
    pub name: String,
    /// How it stands.
    pub state: State,
    /// What was found, for a person.
    pub found: String,
    /// The command or step that mends it; none where nothing needs mending.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// Whether nothing can be made without it.
    pub needed: bool,
}

impl Check {
    /// Present and fit.
    pub fn ok(name: impl Into<String>, found: impl Into<String>) -> Self {
        Self { name: name.into(), state: State::Ok, found: found.into(), mend: None, needed: true }
    }

    /// In `state`, mended by `mend`; nothing can be made without it.
    pub fn bad(
        name: impl Into<String>,
        state: State,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { name: name.into(), state, found: found.into(), mend: Some(mend.into()), needed: true }
    }

    /// The same, but one can do without.
    pub fn optional(self) -> Self {
        Self { needed: false, ..self }
    }

    /// Whether it stands in the way.
    pub fn blocks(&self) -> bool {
        self.needed && !matches!(self.state, State::Ok | State::Warning)
    }
}

/// Looks at everything, in the order in which it is best mended. Runs programs for a moment.
pub async fn examine(config: &Config, library: &Library) -> Vec<Check> {
    let mut checks = programs::ffmpeg(&config.tools).await;
    checks.push(programs::espeak(&config.tools).await);
    checks.extend(programs::clients(config).await);
    checks.extend(models::all(config, library).await);
    checks.extend(pictures::all(config, library).await);
    checks.extend(machine::all(config, library).await);
    checks
}
