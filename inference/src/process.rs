//! Models in a process of their own, so that a crash in native code, or a card that no longer answers, costs the
//! requests at work and not the service ([0011](../../docs/adr/0011-engine-process.md)).
//!
//! ```text
//! device thread ── ProcessEngine, Resident (remote.rs) ── Link ══ socket ══ host::serve ── LocalEngine, Resident
//! ```
//!
//! One call is answered at a time. While it is worked on, the other side asks back: how to go on at a step, for more
//! sound to listen to. Where the device lets another request in at a step, its call comes within that step, on both
//! sides.

mod host;
mod link;
mod remote;
#[cfg(test)]
mod tests;
mod wire;

pub use host::{serve, serve_on};
pub use link::Launch;

use link::{Asking, Link};
use reelsmith_inference_core::{Control, Engine, Footprint, ModelId, Resident, Result};
use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use wire::{Answer, Call};

/// An engine whose models live in another process, which is started when the first is asked for, and again after it
/// was lost.
#[derive(Debug)]
pub struct ProcessEngine {
    launch: Launch,
    link: Mutex<Option<Arc<Link>>>,
}

impl ProcessEngine {
    /// Nothing is started yet.
    pub fn new(launch: Launch) -> Self {
        Self { launch, link: Mutex::new(None) }
    }

    fn link(&self) -> Result<Arc<Link>> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        match link.as_ref().filter(|link| !link.is_lost()) {
            Some(link) => Ok(Arc::clone(link)),
            None => Ok(Arc::clone(link.insert(Arc::new(Link::start(&self.launch)?)))),
        }
    }
}

impl Engine for ProcessEngine {
    fn footprint(&self, model: &ModelId) -> Result<Footprint> {
        match self.link()?.call(&Call::ModelFootprint(Cow::Borrowed(model)), Asking::default())? {
            Answer::Footprint(footprint) => Ok(footprint),
            other => Err(other.misplaced()),
        }
    }

    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident> {
        let link = self.link()?;
        match link.call(&Call::Load(Cow::Borrowed(model)), Asking::steered(control))? {
            Answer::Loaded(resident, about) => Ok(remote::resident(link, resident, about)),
            other => Err(other.misplaced()),
        }
    }

    fn process(&self) -> Option<u32> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.as_ref().filter(|link| !link.is_lost()).and_then(|link| link.process())
    }
}
