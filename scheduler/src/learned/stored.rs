//! What was learned, as it is stored between two runs of the service.

use super::peaks::Peaks;
use super::{Learned, MOST_MODELS, OfModel};
use reelsmith_inference_core::ModelId;
use serde::{Deserialize, Serialize};

/// Changes when what is stored means something else.
const VERSION: u32 = 1;
/// Nothing takes longer, in seconds or in seconds for a unit of effort: thirty years.
const LONGEST: f64 = 1e9;

/// What is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    version: u32,
    /// Mean seconds of a request.
    mean: Option<f64>,
    /// The one measured longest ago first.
    models: Vec<StoredModel>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredModel {
    model: String,
    /// Seconds of a load.
    load: Option<f64>,
    /// Seconds for each unit of effort.
    run: Option<f64>,
    peaks: Peaks,
}

impl From<Learned> for Stored {
    fn from(learned: Learned) -> Self {
        let stored = |(model, of): (&ModelId, &OfModel)| {
            let OfModel { load, run, peaks } = of.clone();
            StoredModel { model: model.0.clone(), load, run, peaks }
        };
        let models = learned.models.in_order().into_iter().map(stored).collect();
        Self { version: VERSION, mean: learned.mean, models }
    }
}

impl TryFrom<Stored> for Learned {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { version, mean, models } = stored;
        if version != VERSION {
            return Err(format!(
                "learned figures of version {version}, where {VERSION} is known; delete them"
            ));
        }
        if models.len() > MOST_MODELS {
            return Err(format!(
                "learned figures of {} models, where {MOST_MODELS} are the most",
                models.len()
            ));
        }
        seconds("all models", mean)?;
        let mut learned = Self { mean, ..Self::default() };
        for StoredModel { model, load, run, peaks } in models {
            seconds(&model, load)?;
            seconds(&model, run)?;
            peaks.check().map_err(|why| damaged(&model, &why))?;
            let model = ModelId(model);
            if learned.models.get(&model).is_some() {
                return Err(damaged(&model.0, "it is there twice"));
            }
            *learned.models.change(&model) = OfModel { load, run, peaks };
        }
        Ok(learned)
    }
}

fn seconds(of: &str, figure: Option<f64>) -> Result<(), String> {
    match figure {
        Some(figure) if !(0.0..=LONGEST).contains(&figure) => Err(damaged(of, &format!("{figure} seconds"))),
        _ => Ok(()),
    }
}

fn damaged(of: &str, why: &str) -> String {
    format!("learned figures of {of} are damaged: {why}; delete them")
}
