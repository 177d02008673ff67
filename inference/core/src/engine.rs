//! How a scheduler brings a model onto a device without knowing what performs it.

use crate::speech::Speak;
use crate::{Control, Footprint, ModelId, Result};

/// A loaded model, by what it can do. A capability is a variant, so that asking a voice for a
/// picture cannot be expressed.
pub enum Resident {
    /// Text to speech.
    Speak(Box<dyn Speak>),
}

/// Loads models of the catalogue on one device. Called only from the thread that owns the device.
pub trait Engine: Send {
    /// Bytes that loading `model` will take, from the catalogue; asked before it is loaded.
    ///
    /// # Errors
    /// `UnknownModel` if the catalogue has none of that name.
    fn footprint(&self, model: &ModelId) -> Result<Footprint>;

    /// Loads `model` from files that are on this machine and verified. Dropping the resident frees
    /// all that it took.
    ///
    /// # Errors
    /// `UnknownModel`, `ModelMissing`, `ModelCorrupt`, `RuntimeMissing`, `OutOfMemory`,
    /// `Cancelled` or `Engine`.
    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident>;
}
