//! What is told about a job: stored events with a sequence number, and live progress without one.

use crate::runner::JobId;
use reelsmith_storage::JobState;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// One piece of a job: a stage of its workflow, and which of the stage's parts.
///
/// Written `voice/2` where the stage has several parts (counted from 0), `sound` where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct StepKey {
    /// The stage: `voice`, `sound`, `pictures`, `captions`, `video`, `thumbnail` or `report`.
    pub stage: String,
    /// Which part of the stage, from 0; `None` for a stage of one part.
    pub part: Option<u32>,
}

impl StepKey {
    /// The only step of a stage.
    pub fn whole(stage: &str) -> Self {
        Self { stage: stage.to_owned(), part: None }
    }

    /// Part `part` (from 0) of a stage.
    pub fn part(stage: &str, part: u32) -> Self {
        Self { stage: stage.to_owned(), part: Some(part) }
    }
}

impl fmt::Display for StepKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.part {
            Some(part) => write!(f, "{}/{part}", self.stage),
            None => f.write_str(&self.stage),
        }
    }
}

/// A text that is not a step's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a step: expected `stage` or `stage/part`, for example `voice/2`")]
pub struct BadStepKey(String);

impl FromStr for StepKey {
    type Err = BadStepKey;

    fn from_str(text: &str) -> Result<Self, BadStepKey> {
        let bad = || BadStepKey(text.to_owned());
        let (stage, part) = match text.split_once('/') {
            Some((stage, part)) => (stage, Some(part.parse().map_err(|_| bad())?)),
            None => (text, None),
        };
        match stage.is_empty() || stage.contains('/') {
            true => Err(bad()),
            false => Ok(Self { stage: stage.to_owned(), part }),
        }
    }
}

impl TryFrom<String> for StepKey {
    type Error = BadStepKey;

    fn try_from(text: String) -> Result<Self, BadStepKey> {
        text.parse()
    }
}

impl From<StepKey> for String {
    fn from(key: StepKey) -> Self {
        key.to_string()
    }
}

/// A stage of a workflow and into how many parts it falls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Name, for example `voice`.
    pub name: String,
    /// Steps that can run beside each other; at least 1.
    pub parts: u32,
}

impl Stage {
    /// A stage of one step.
    pub fn one(name: &str) -> Self {
        Self { name: name.to_owned(), parts: 1 }
    }

    /// A stage of `parts` steps.
    pub fn many(name: &str, parts: u32) -> Self {
        Self { name: name.to_owned(), parts }
    }

    /// The keys of its steps, in order. A stage of several parts numbers them.
    pub fn steps(&self) -> impl Iterator<Item = StepKey> + '_ {
        (0..self.parts).map(|part| match self.parts {
            1 => StepKey::whole(&self.name),
            _ => StepKey::part(&self.name, part),
        })
    }
}

/// Something that happened to a job, or how far one of its steps has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobEvent {
    /// Position in the job's stored events, from 1; `None` for live progress, which is not stored.
    pub seq: Option<u64>,
    /// When it happened: RFC 3339, UTC.
    pub at: String,
    /// The job.
    pub job: JobId,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. In JSON the field `kind` names the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// The job will go through these stages, in this order. Told at each start and resume.
    Planned {
        /// Stages in order.
        stages: Vec<Stage>,
        /// Steps that an earlier run finished and that will not be redone.
        finished: Vec<StepKey>,
    },
    /// The job has a new state. After `succeeded`, `failed` or `cancelled` nothing follows unless
    /// the job is submitted again.
    State {
        /// The new state.
        state: JobState,
        /// Why it failed, for a person.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        message: Option<String>,
    },
    /// A step started working.
    StepStarted {
        /// The step.
        step: StepKey,
        /// 1 for the first try of this run, then 2, 3 …
        attempt: u32,
    },
    /// A step's outputs are stored.
    StepFinished {
        /// The step.
        step: StepKey,
        /// Wall time that it took, in seconds.
        seconds: f64,
    },
    /// A step failed.
    StepFailed {
        /// The step.
        step: StepKey,
        /// What happened and what to do.
        message: String,
        /// Seconds until it is tried again; `None` if it is not.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        retry_in: Option<f64>,
    },
    /// How far a step has come. Live only.
    Progress {
        /// The step.
        step: StepKey,
        /// Units finished.
        done: u64,
        /// Units in all, where known.
        total: Option<u64>,
        /// What is counted, in the plural: `frames`, `sentences`.
        unit: String,
    },
}

impl Event {
    /// The name of the variant as it stands in JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Planned { .. } => "planned",
            Self::State { .. } => "state",
            Self::StepStarted { .. } => "step_started",
            Self::StepFinished { .. } => "step_finished",
            Self::StepFailed { .. } => "step_failed",
            Self::Progress { .. } => "progress",
        }
    }

    /// Whether the job is over with this event.
    pub fn is_final(&self) -> bool {
        use JobState::{Cancelled, Failed, Succeeded};
        matches!(self, Self::State { state: Succeeded | Failed | Cancelled, .. })
    }
}
