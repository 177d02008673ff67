//! What loads and runs have taken so far, and so what the next ones will take.

use reelsmith_inference_core::ModelId;
use std::collections::HashMap;

/// Weight of the newest measurement: about the last ten count.
const NEWEST: f64 = 0.2;
/// Bytes a second at which a model is expected to load before it was loaded once: a drive of the middle class.
const UNMEASURED_LOAD: f64 = 1e9;
/// Seconds that a run is expected to take before its model ran once.
const UNMEASURED_RUN: f64 = 1.0;

/// Measured times of the models of one device.
#[derive(Debug, Clone, Default)]
pub struct Learned {
    loads: HashMap<ModelId, f64>,
    /// Seconds for each unit of effort.
    runs: HashMap<ModelId, f64>,
    /// Seconds of a request, loading included.
    mean: Option<f64>,
}

impl Learned {
    /// A load took so many seconds.
    pub fn loaded(&mut self, model: &ModelId, seconds: f64) {
        note(self.loads.entry(model.clone()).or_insert(seconds), seconds);
    }

    /// A run of so much effort (see [`Learned::run_seconds`]) took so many seconds.
    pub fn ran(&mut self, model: &ModelId, effort: f64, seconds: f64) {
        let rate = seconds / effort;
        if rate.is_finite() {
            note(self.runs.entry(model.clone()).or_insert(rate), rate);
        }
    }

    /// A request was served in so many seconds.
    pub fn served(&mut self, seconds: f64) {
        note(self.mean.get_or_insert(seconds), seconds);
    }

    /// Mean seconds of a request, loading included; none before the first.
    pub fn mean_service(&self) -> Option<f64> {
        self.mean
    }

    /// Seconds that loading a model of `bytes` is expected to take.
    pub fn load_seconds(&self, model: &ModelId, bytes: u64) -> f64 {
        self.loads.get(model).copied().unwrap_or(bytes as f64 / UNMEASURED_LOAD)
    }

    /// Seconds that a run is expected to take. Its effort is what its time grows with, in a unit that is the
    /// capability's own: letters to speak, pixels times denoise steps.
    pub fn run_seconds(&self, model: &ModelId, effort: f64) -> f64 {
        self.runs.get(model).map_or(UNMEASURED_RUN, |rate| rate * effort)
    }
}

fn note(mean: &mut f64, newest: f64) {
    *mean += NEWEST * (newest - *mean);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_measured_and_grow_with_the_effort() {
        let (model, mut learned) = (ModelId::from("m"), Learned::default());
        assert_eq!(
            (learned.run_seconds(&model, 9.0), learned.load_seconds(&model, 2_000_000_000)),
            (1.0, 2.0)
        );
        learned.ran(&model, 10.0, 5.0);
        learned.loaded(&model, 0.25);
        assert_eq!((learned.run_seconds(&model, 20.0), learned.load_seconds(&model, 9)), (10.0, 0.25));
        for _ in 0..40 {
            learned.ran(&model, 10.0, 1.0);
        }
        assert!((learned.run_seconds(&model, 10.0) - 1.0).abs() < 0.01, "what is measured now counts");
        learned.ran(&model, 0.0, 1.0);
        assert!(learned.run_seconds(&model, 10.0).is_finite(), "no effort tells nothing");
    }
}
