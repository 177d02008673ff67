//! The bytes of one device: who holds how many, never more than may be given out.

use crate::policy::{Device, Resident};
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
    /// The model is already entered, is not, or is the active one.
    #[error("the model is not in the state for this entry")]
    WrongState,
}

/// The bytes of one device.
#[derive(Debug, Clone)]
pub struct Ledger {
    limit: u64,
    residents: Vec<Resident>,
    active: Option<(ModelId, u64)>,
    clock: u64,
}

impl Ledger {
    /// An empty device of which `limit` bytes may be given out.
    pub fn new(limit: u64) -> Self {
        Self { limit, residents: Vec::new(), active: None, clock: 0 }
    }

    /// Bytes given out.
    pub fn used(&self) -> u64 {
        let held: u64 = self.residents.iter().map(|resident| resident.bytes).sum();
        held + self.active.as_ref().map_or(0, |(_, bytes)| *bytes)
    }

    /// Bytes that may still be given out.
    pub fn free(&self) -> u64 {
        self.limit - self.used()
    }

    /// Loaded models, least recently used first.
    pub fn residents(&self) -> Vec<Resident> {
        let mut residents = self.residents.clone();
        residents.sort_by_key(|resident| resident.last_used);
        residents
    }

    /// Bytes that a loaded model holds.
    pub fn held(&self, model: &ModelId) -> Option<u64> {
        self.residents.iter().find(|resident| resident.model == *model).map(|resident| resident.bytes)
    }

    /// The model being loaded or run.
    pub fn active(&self) -> Option<&ModelId> {
        self.active.as_ref().map(|(model, _)| model)
    }

    /// What the policy sees.
    pub fn view(&self) -> Device {
        Device {
            limit: self.limit,
            used: self.used(),
            residents: self.residents.clone(),
            active: self.active().cloned(),
        }
    }

    /// Enters a model that is about to be loaded, and makes it the active one.
    ///
    /// # Errors
    /// `Overdraft`; `WrongState` if it is entered already or another is active.
    pub fn load(&mut self, model: &ModelId, bytes: u64) -> Result<(), LedgerError> {
        if self.active.is_some() || self.held(model).is_some() {
            return Err(LedgerError::WrongState);
        }
        self.spend(bytes)?;
        self.clock += 1;
        self.residents.push(Resident { model: model.clone(), bytes, last_used: self.clock });
        self.active = Some((model.clone(), 0));
        Ok(())
    }

    /// Makes a loaded model the active one, with `peak` bytes beyond what it holds.
    ///
    /// # Errors
    /// `Overdraft`; `WrongState` if it is not loaded or another is active.
    pub fn run(&mut self, model: &ModelId, peak: u64) -> Result<(), LedgerError> {
        if self.active.is_some() || self.held(model).is_none() {
            return Err(LedgerError::WrongState);
        }
        self.spend(peak)?;
        self.active = Some((model.clone(), peak));
        Ok(())
    }

    /// The active model is idle again; its peak is given back.
    pub fn idle(&mut self) {
        self.clock += 1;
        let Some((model, _)) = self.active.take() else { return };
        if let Some(resident) = self.residents.iter_mut().find(|resident| resident.model == model) {
            resident.last_used = self.clock;
        }
    }

    /// Corrects what a loaded model holds, once it has said so itself.
    ///
    /// # Errors
    /// `Overdraft`, with nothing changed; `WrongState` if it is not loaded.
    pub fn correct(&mut self, model: &ModelId, bytes: u64) -> Result<(), LedgerError> {
        let held = self.held(model).ok_or(LedgerError::WrongState)?;
        self.spend(bytes.saturating_sub(held))?;
        let resident = self.residents.iter_mut().find(|resident| resident.model == *model);
        resident.expect("it was found above").bytes = bytes;
        Ok(())
    }

    /// Takes out a model that has been unloaded.
    ///
    /// # Errors
    /// `WrongState` if it is not loaded or is the active one.
    pub fn remove(&mut self, model: &ModelId) -> Result<(), LedgerError> {
        if self.active() == Some(model) || self.held(model).is_none() {
            return Err(LedgerError::WrongState);
        }
        self.residents.retain(|resident| resident.model != *model);
        Ok(())
    }

    fn spend(&self, asked: u64) -> Result<(), LedgerError> {
        let free = self.free();
        if asked > free { Err(LedgerError::Overdraft { asked, free }) } else { Ok(()) }
    }
}
