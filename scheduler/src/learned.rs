//! What loads and runs have taken so far, and so what the next ones will take.

mod peaks;
mod stored;

use crate::recent::Recent;
use peaks::Peaks;
use reelsmith_inference_core::{Footprint, ModelId};
use serde::{Deserialize, Serialize};

/// Weight of the newest measurement: about the last ten count.
const NEWEST: f64 = 0.2;
/// Bytes a second at which a model is expected to load before it was loaded once: a drive of the middle class.
const UNMEASURED_LOAD: f64 = 1e9;
/// Seconds that a run is expected to take before its model ran once.
const UNMEASURED_RUN: f64 = 1.0;
/// Models of which anything is kept.
const MOST_MODELS: usize = 256;

/// Measured times and memory of the models of one device, of the latest 256. It can be stored with serde; what is read
/// back is checked, and refused with a message if it cannot be.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "stored::Stored", into = "stored::Stored")]
pub struct Learned {
    models: Recent<OfModel, MOST_MODELS>,
    /// Seconds of a request, loading included.
    mean: Option<f64>,
}

/// What was measured of one model.
#[derive(Debug, Clone, Default)]
struct OfModel {
    /// Seconds of a load.
    load: Option<f64>,
    /// Seconds for each unit of effort.
    run: Option<f64>,
    /// Bytes of runs beyond the weights.
    peaks: Peaks,
}

impl Learned {
    /// A load took so many seconds.
    pub fn loaded(&mut self, model: &ModelId, seconds: f64) {
        note(&mut self.models.change(model).load, seconds);
    }

    /// A run of so much effort (see [`Learned::run_seconds`]) took so many seconds.
    pub fn ran(&mut self, model: &ModelId, effort: f64, seconds: f64) {
        let rate = seconds / effort;
        if rate.is_finite() {
            note(&mut self.models.change(model).run, rate);
        }
    }

    /// A request was served in so many seconds.
    pub fn served(&mut self, seconds: f64) {
        note(&mut self.mean, seconds);
    }

    /// A run whose model estimated so many bytes beyond its weights took so many.
    pub fn peaked(&mut self, model: &ModelId, estimate: u64, bytes: u64) {
        self.models.change(model).peaks.measured(estimate, bytes);
    }

    /// Such a run met out-of-memory, where so many bytes were there for it.
    pub fn fell_short(&mut self, model: &ModelId, estimate: u64, there: u64) {
        self.models.change(model).peaks.fell_short(estimate, there);
    }

    /// Such a run went well, and nobody could measure what it took.
    pub fn went_well(&mut self, model: &ModelId, estimate: u64) {
        self.models.change(model).peaks.went_well(estimate);
    }

    /// Mean seconds of a request, loading included; none before the first.
    pub fn mean_service(&self) -> Option<f64> {
        self.mean
    }

    /// Seconds that loading a model of `bytes` is expected to take.
    pub fn load_seconds(&self, model: &ModelId, bytes: u64) -> f64 {
        let measured = self.models.get(model).and_then(|of| of.load);
        measured.unwrap_or(bytes as f64 / UNMEASURED_LOAD)
    }

    /// Seconds that a run is expected to take. Its effort is what its time grows with, in a unit that is the
    /// capability's own: letters to speak, pixels times denoise steps.
    pub fn run_seconds(&self, model: &ModelId, effort: f64) -> f64 {
        self.measured_run(model, effort).unwrap_or(UNMEASURED_RUN)
    }

    /// The same where its model ran before.
    pub fn measured_run(&self, model: &ModelId, effort: f64) -> Option<f64> {
        Some(self.models.get(model)?.run? * effort)
    }

    /// What a run is to be given whose model states `stated`: its weights, and in place of the peak what runs of such
    /// an estimate took at their highest, with a tenth to spare, where that was measured.
    pub fn footprint(&self, model: &ModelId, stated: Footprint) -> Footprint {
        let known = self.models.get(model).and_then(|of| of.peaks.reckon(stated.peak_activation));
        Footprint { peak_activation: known.unwrap_or(stated.peak_activation), ..stated }
    }
}

fn note(mean: &mut Option<f64>, newest: f64) {
    let mean = mean.get_or_insert(newest);
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

    #[test]
    fn a_measured_peak_takes_the_place_of_an_estimate_and_weights_stay_as_stated() {
        let (model, mut learned) = (ModelId::from("m"), Learned::default());
        let stated = Footprint { weights: 7 << 30, peak_activation: 1 << 30 };
        assert_eq!(learned.footprint(&model, stated), stated);
        learned.peaked(&model, 1 << 30, 512 << 20);
        let needs = learned.footprint(&model, stated);
        assert_eq!(needs.weights, stated.weights);
        assert!((512 << 20..600 << 20).contains(&needs.peak_activation), "{needs:?}");
        assert_eq!(learned.footprint(&"other".into(), stated), stated);
    }
}
