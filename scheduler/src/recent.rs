//! What is known of models, of the latest so many.

use reelsmith_inference_core::ModelId;
use std::collections::HashMap;

/// At most `MOST` values, each of one model. For one more, the one is forgotten that was changed longest ago.
#[derive(Debug, Clone)]
pub(crate) struct Recent<V, const MOST: usize> {
    values: HashMap<ModelId, (u64, V)>,
    turn: u64,
}

impl<V, const MOST: usize> Default for Recent<V, MOST> {
    fn default() -> Self {
        Self { values: HashMap::new(), turn: 0 }
    }
}

impl<V, const MOST: usize> Recent<V, MOST> {
    pub(crate) fn get(&self, model: &ModelId) -> Option<&V> {
        self.values.get(model).map(|(_, value)| value)
    }

    /// The value of a model, to be changed; at first the default.
    pub(crate) fn change(&mut self, model: &ModelId) -> &mut V
    where
        V: Default,
    {
        self.turn += 1;
        let is_one_more = self.values.len() >= MOST && !self.values.contains_key(model);
        let oldest = self.values.iter().min_by_key(|(_, (turn, _))| *turn).map(|(model, _)| model.clone());
        if let Some(oldest) = oldest.filter(|_| is_one_more) {
            self.values.remove(&oldest);
        }
        let (turn, value) = self.values.entry(model.clone()).or_default();
        *turn = self.turn;
        value
    }

    /// All of them, the one changed longest ago first.
    pub(crate) fn in_order(&self) -> Vec<(&ModelId, &V)> {
        let mut all: Vec<_> = self.values.iter().collect();
        all.sort_by_key(|(_, (turn, _))| *turn);
        all.into_iter().map(|(model, (_, value))| (model, value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_longest_ago_is_forgotten() {
        let mut recent = Recent::<u32, 2>::default();
        for (model, value) in [("a", 1), ("b", 2), ("a", 3), ("c", 4)] {
            *recent.change(&model.into()) = value;
        }
        let left: Vec<_> =
            recent.in_order().into_iter().map(|(model, value)| (model.0.as_str(), *value)).collect();
        assert_eq!(left, [("a", 3), ("c", 4)]);
    }
}
