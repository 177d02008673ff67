//! What is told of a finished picture: how it came about, and what memory that took.

use crate::config::layers::show_bytes;
use reelsmith_media::picture::Note;
use reelsmith_pipelines::images::Recipe;
use reelsmith_scheduler::MemoryUse;
use serde::Serialize;
use serde_json::Value;

/// How a picture came about.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub(super) enum Origin {
    /// Drawn by a model.
    Drawn(Box<Recipe>),
    /// From a given picture, or from the words alone.
    Made(Value),
}

impl Origin {
    /// What the file carries; nothing where it shall not say.
    pub(super) fn notes(&self, unsaid: bool) -> Vec<Note> {
        match self {
            _ if unsaid => Vec::new(),
            Self::Drawn(recipe) => recipe.notes(),
            Self::Made(facts) => vec![Note { keyword: "reelsmith".into(), text: facts.to_string() }],
        }
    }
}

/// What memory one request took.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Spent {
    /// The model.
    pub(super) model: String,
    /// Reckoned and measured.
    #[serde(flatten)]
    pub(super) memory: MemoryUse,
}

impl Spent {
    /// For a person: what was reckoned, and the measured peak above what the process held before.
    pub(super) fn line(&self) -> String {
        let MemoryUse { estimate, loaded, measured } = self.memory;
        let reckoned = if loaded { estimate.total() } else { estimate.peak_activation };
        let measured = measured.map_or("not measured".to_owned(), |measured| {
            format!("{} measured", show_bytes(measured.rise()))
        });
        format!("memory of {}: {} reckoned, {measured}", self.model, show_bytes(reckoned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelsmith_inference_core::Footprint;
    use reelsmith_scheduler::Measured;

    #[test]
    fn what_was_not_measured_is_said_to_be_so() {
        let estimate = Footprint { weights: 3 << 20, peak_activation: 2 << 20 };
        let measured = Some(Measured { before: 1 << 20, peak: 5 << 20 });
        let line = |loaded, measured| {
            Spent { model: "x".into(), memory: MemoryUse { estimate, loaded, measured } }.line()
        };
        assert_eq!(line(true, measured), "memory of x: 5MiB reckoned, 4MiB measured");
        assert_eq!(line(false, measured), "memory of x: 2MiB reckoned, 4MiB measured");
        assert_eq!(line(true, None), "memory of x: 5MiB reckoned, not measured");
    }
}
