//! Which models can make room for a request.

use super::score::Scores;
use super::view::{Device, Resident, Waiting};
use reelsmith_inference_core::ModelId;

/// What a device holds, by the numbers of the models that are waited for.
pub(super) struct Room<'a> {
    /// Bytes that would be free if all idle models went.
    most: u64,
    /// Bytes that would be free if those went for which nobody waits.
    unwanted: u64,
    places: Vec<Place<'a>>,
}

/// What a device holds of one model.
#[derive(Clone, Default)]
struct Place<'a> {
    resident: Option<&'a Resident>,
    /// It stands still in the middle of a run: it cannot run another.
    is_amid: bool,
}

impl<'a> Room<'a> {
    pub(super) fn of(device: &'a Device, scores: &Scores<'_>) -> Self {
        let (mut most, mut unwanted) = (device.free(), device.free());
        let mut places = vec![Place::default(); scores.models()];
        for resident in &device.residents {
            let number = scores.number(&resident.model);
            if let Some(number) = number {
                places[number].resident.get_or_insert(resident);
            }
            if device.is_idle(resident) {
                most += resident.bytes;
                unwanted += if number.is_none() { resident.bytes } else { 0 };
            }
        }
        for run in &device.runs {
            if let Some(number) = scores.number(&run.model) {
                places[number].is_amid = true;
            }
        }
        Self { most, unwanted, places }
    }

    /// Whether the model of this number is loaded.
    pub(super) fn is_loaded(&self, model: usize) -> bool {
        self.places[model].resident.is_some()
    }

    /// Whether a request for it could run once idle models have gone.
    pub(super) fn has(&self, waiting: &Waiting, model: usize) -> bool {
        let Place { resident, is_amid } = self.places[model];
        let own = resident.filter(|resident| !is_amid && !resident.pinned);
        let (held, own) =
            [resident, own].map(|resident| resident.map_or(0, |resident| resident.bytes)).into();
        !is_amid && waiting.needs.total().saturating_sub(held) <= self.most - own
    }

    /// Whether the model of this number, which is not loaded, could be once those have gone for which nobody waits.
    pub(super) fn has_unwanted(&self, waiting: &Waiting, model: usize) -> bool {
        let held = self.places[model].resident.map_or(0, |resident| resident.bytes);
        waiting.needs.weights.saturating_sub(held) <= self.unwanted
    }

    /// The idle model other than `model` whose return costs least for each byte; if `ahead`, one for which nobody
    /// waits. Every request that waits for a model counts as a return, and a model for which none does counts by how
    /// recently it was used alone.
    pub(super) fn victim(
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
