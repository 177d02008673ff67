//! What a model and one of its runs cost, in bytes of device memory.

use serde::{Deserialize, Serialize};

/// Bytes that a run needs on its device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// Held as long as the model is resident.
    pub weights: u64,
    /// Needed on top while the request runs, at its highest.
    pub peak_activation: u64,
}

impl Footprint {
    /// Weights and peak together.
    pub fn total(self) -> u64 {
        self.weights.saturating_add(self.peak_activation)
    }
}
