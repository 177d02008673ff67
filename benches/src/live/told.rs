//! The real engine, told what each model was measured to need: before a load, the catalogue states more.

use super::Times;
use reelsmith_inference::engine::LocalEngine;
use reelsmith_inference_core::{Control, Engine, Footprint, ModelId, Resident, Result};
use std::collections::HashMap;

/// The engine, and bytes by model.
pub(super) struct Told {
    engine: LocalEngine,
    needs: HashMap<ModelId, Footprint>,
}

impl Told {
    pub(super) fn new(engine: LocalEngine, times: &[Times]) -> Self {
        let needs = |times: &Times| (ModelId::from(times.model), times.needs());
        Self { engine, needs: times.iter().map(needs).collect() }
    }
}

impl Engine for Told {
    fn footprint(&self, model: &ModelId) -> Result<Footprint> {
        self.needs.get(model).map_or_else(|| self.engine.footprint(model), |needs| Ok(*needs))
    }

    fn load(&mut self, model: &ModelId, control: &dyn Control) -> Result<Resident> {
        self.engine.load(model, control)
    }
}
