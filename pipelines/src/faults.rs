//! Faults to order: what tests use to break a job at a named moment. Empty outside tests.

use crate::error::Result;
use crate::events::StepKey;
use crate::runner::JobId;
use std::fmt;
use std::sync::Arc;

/// A moment in the life of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// It is about to start.
    Before,
    /// It is working: at each report of progress, of which every step makes at least one. The first may
    /// come before any work; [`FaultPoint::done`] tells.
    During,
    /// Its outputs are stored, its row is not.
    Worked,
    /// Its row is stored.
    Recorded,
}

/// A step of a job at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FaultPoint {
    /// The job.
    pub job: JobId,
    /// The step.
    pub step: StepKey,
    /// The moment.
    pub moment: Moment,
    /// Units of the step that are finished, at [`Moment::During`]; else 0.
    pub done: u64,
}

type Hook = dyn Fn(&FaultPoint) -> Result<()> + Send + Sync;

/// A hook called at every [`FaultPoint`]. It may return an error in the step's stead, or end the
/// process.
#[derive(Clone, Default)]
pub struct Faults(Option<Arc<Hook>>);

impl Faults {
    /// Calls `hook` at every moment of every step, on the thread that works.
    pub fn new(hook: impl Fn(&FaultPoint) -> Result<()> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(hook)))
    }

    pub(crate) fn reach(&self, job: &JobId, step: &StepKey, moment: Moment) -> Result<()> {
        self.call(job, step, moment, 0)
    }

    /// Reaches [`Moment::During`] with `done` units finished.
    pub(crate) fn during(&self, job: &JobId, step: &StepKey, done: u64) -> Result<()> {
        self.call(job, step, Moment::During, done)
    }

    fn call(&self, job: &JobId, step: &StepKey, moment: Moment, done: u64) -> Result<()> {
        match &self.0 {
            None => Ok(()),
            Some(hook) => hook(&FaultPoint { job: job.clone(), step: step.clone(), moment, done }),
        }
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Faults(to order)" } else { "Faults(none)" })
    }
}
