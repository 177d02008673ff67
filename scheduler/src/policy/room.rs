//! Which models can make room for a request.

use super::score::Scores;
use super::view::{Device, Resident, Waiting};
use reelsmith_inference_core::ModelId;

/// What idle models hold of a device.
pub(super) struct Room {
    /// Bytes that would be free if all of them went.
    most: u64,
}

impl Room {
    pub(super) fn of(device: &Device) -> Self {
        let idle = device.residents.iter().filter(|resident| device.is_idle(resident));
        Self { most: device.free() + idle.map(|resident| resident.bytes).sum::<u64>() }
    }

    /// Whether a request could run once idle models have gone.
    pub(super) fn has(&self, device: &Device, waiting: &Waiting) -> bool {
        if device.is_amid(waiting) {
            return false;
        }
        let own = device.resident(&waiting.model).filter(|resident| device.is_idle(resident));
        device.missing(waiting, false) <= self.most - own.map_or(0, |resident| resident.bytes)
    }

    /// Whether its model could be loaded once those have gone for which nobody waits.
    pub(super) fn has_unwanted(&self, device: &Device, waiting: &Waiting, scores: &Scores<'_>) -> bool {
        let unwanted = |resident: &&Resident| device.is_idle(resident) && scores.demand(&resident.model) == 0;
        let bytes: u64 = device.residents.iter().filter(unwanted).map(|resident| resident.bytes).sum();
        device.missing(waiting, true) <= device.free() + bytes
    }

    /// The idle model other than `model` whose return costs least for each byte; if `ahead`, one for which nobody
    /// waits. Every request that waits for a model counts as a return, and a model for which none does counts by how
    /// recently it was used alone.
    pub(super) fn victim<'a>(
        device: &'a Device,
        model: &ModelId,
        scores: &Scores<'_>,
        ahead: bool,
    ) -> Option<&'a Resident> {
        let worth = |resident: &Resident| {
            f64::from(scores.demand(&resident.model)) * resident.reload / resident.bytes.max(1) as f64
        };
        device
            .residents
            .iter()
            .filter(|resident| resident.model != *model && device.is_idle(resident))
            .filter(|resident| !ahead || scores.demand(&resident.model) == 0)
            .min_by(|a, b| worth(a).total_cmp(&worth(b)).then(a.last_used.cmp(&b.last_used)))
    }
}
