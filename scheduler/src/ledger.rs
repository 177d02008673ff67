//! The bytes of one device: who holds how many, never more than may be given out.

use reelsmith_inference_core::ModelId;

/// An entry was refused because it would have exceeded the limit, or met a model in the wrong state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// More bytes than are free.
    #[error("{asked} bytes were asked for, {free} are free")]
    Overdraft {
        /// Bytes asked for.
        asked: u64,
        /// Bytes free.
        free: u64,
    },
    /// The model is already entered, is not, or is being loaded or run.
    #[error("the model is not in the state for this entry")]
    WrongState,
}

/// A loaded model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its catalogue id.
    pub model: ModelId,
    /// Bytes it holds.
    pub bytes: u64,
    /// Turn of the device's clock at which it was last used; larger is more recent.
    pub last_used: u64,
}

/// The bytes of one device.
#[derive(Debug, Clone)]
pub struct Ledger {
    limit: u64,
    held: Vec<Held>,
    /// Models being loaded or run and what each takes beyond what it holds, the last of which is at work; those before
    /// stand still for it.
    active: Vec<(ModelId, u64)>,
    clock: u64,
}

impl Ledger {
    /// An empty device of which `limit` bytes may be given out.
    pub fn new(limit: u64) -> Self {
        Self { limit, held: Vec::new(), active: Vec::new(), clock: 0 }
    }

    /// Bytes that may be given out in all.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Bytes given out.
    pub fn used(&self) -> u64 {
        let held: u64 = self.held.iter().map(|held| held.bytes).sum();
        held + self.active.iter().map(|(_, bytes)| *bytes).sum::<u64>()
    }

    /// Bytes that may still be given out.
    pub fn free(&self) -> u64 {
        self.limit - self.used()
    }

    /// Loaded models, least recently used first.
    pub fn residents(&self) -> Vec<Held> {
        let mut residents = self.held.clone();
        residents.sort_by_key(|held| held.last_used);
        residents
    }

    /// Bytes that a loaded model holds.
    pub fn held(&self, model: &ModelId) -> Option<u64> {
        self.held.iter().find(|held| held.model == *model).map(|held| held.bytes)
    }

    /// Models being loaded or run, the one at work last.
    pub fn active(&self) -> impl Iterator<Item = &ModelId> {
        self.active.iter().map(|(model, _)| model)
    }

    fn is_active(&self, model: &ModelId) -> bool {
        self.active().any(|active| active == model)
    }

    /// Enters a model that is about to be loaded, and puts it to work.
    ///
    /// # Errors
    /// `Overdraft`; `WrongState` if it is entered already.
    pub fn load(&mut self, model: &ModelId, bytes: u64) -> Result<(), LedgerError> {
        if self.held(model).is_some() {
            return Err(LedgerError::WrongState);
        }
        self.spend(bytes)?;
        self.clock += 1;
        self.held.push(Held { model: model.clone(), bytes, last_used: self.clock });
        self.active.push((model.clone(), 0));
        Ok(())
    }

    /// Puts a loaded model to work, with `peak` bytes beyond what it holds.
    ///
    /// # Errors
    /// `Overdraft`; `WrongState` if it is not loaded or is active already.
    pub fn run(&mut self, model: &ModelId, peak: u64) -> Result<(), LedgerError> {
        if self.is_active(model) || self.held(model).is_none() {
            return Err(LedgerError::WrongState);
        }
        self.spend(peak)?;
        self.active.push((model.clone(), peak));
        Ok(())
    }

    /// The model at work is idle again, its peak is given back, and the one that stood still for it goes on.
    pub fn idle(&mut self) {
        self.clock += 1;
        let Some((model, _)) = self.active.pop() else { return };
        if let Some(held) = self.held.iter_mut().find(|held| held.model == model) {
            held.last_used = self.clock;
        }
    }

    /// Corrects what a loaded model holds, once it has said so itself.
    ///
    /// # Errors
    /// `Overdraft`, with nothing changed; `WrongState` if it is not loaded.
    pub fn correct(&mut self, model: &ModelId, bytes: u64) -> Result<(), LedgerError> {
        let held = self.held(model).ok_or(LedgerError::WrongState)?;
        self.spend(bytes.saturating_sub(held))?;
        let entry = self.held.iter_mut().find(|held| held.model == *model);
        entry.expect("it was found above").bytes = bytes;
        Ok(())
    }

    /// Takes out a model that has been unloaded.
    ///
    /// # Errors
    /// `WrongState` if it is not loaded or is active.
    pub fn remove(&mut self, model: &ModelId) -> Result<(), LedgerError> {
        if self.is_active(model) || self.held(model).is_none() {
            return Err(LedgerError::WrongState);
        }
        self.held.retain(|held| held.model != *model);
        Ok(())
    }

    fn spend(&self, asked: u64) -> Result<(), LedgerError> {
        let free = self.free();
        if asked > free { Err(LedgerError::Overdraft { asked, free }) } else { Ok(()) }
    }
}
