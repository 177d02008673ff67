//! The engine of this machine: loads the catalogue's models from the store and runs them on its
//! processor.

use crate::kokoro::Kokoro;
use crate::runtime::load_onnxruntime;
use crate::store::{Store, Verified};
use reelsmith_inference_core::catalogue::{Catalogue, Kind, Memory, Model};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, ModelId, Progress, Resident, Result, Verdict,
};
use std::path::Path;

/// The family that [`Kokoro`] speaks for.
const KOKORO: &str = "kokoro-82m";

/// The pronunciation network for words that no dictionary holds.
const OOV: &str = "oov.onnx";

/// Runs models with ONNX Runtime on the CPU.
#[derive(Debug)]
pub struct LocalEngine {
    store: Store,
    threads: usize,
}

/// The verified entries that a model is made of, by what they are.
struct Parts {
    entries: Vec<(Kind, Verified)>,
}

impl LocalEngine {
    /// An engine that takes files from `store` and splits one run over `threads` threads (at least 1).
    pub fn new(store: Store, threads: usize) -> Self {
        Self { store, threads: threads.max(1) }
    }

    fn model<'a>(&self, catalogue: &'a Catalogue, id: &ModelId) -> Result<&'a Model> {
        let model = catalogue.get(id)?;
        match (model.kind, model.family.as_str()) {
            (Kind::Model, KOKORO) => Ok(model),
            _ => {
                let message =
                    format!("`{id}` ({}) is nothing that this version can run by itself", model.title);
                Err(InferenceError::new(ErrorKind::InvalidRequest, message))
            }
        }
    }

    /// Checks the files of a model and of all that it requires.
    fn verify(&self, id: &ModelId, control: &dyn Control) -> Result<Parts> {
        let closure = self.store.catalogue().closure(std::slice::from_ref(id))?;
        let total = Some(closure.len() as u64);
        let mut entries = Vec::new();
        for (done, model) in closure.iter().enumerate() {
            if control.step(Progress { done: done as u64, total, unit: "entries" }) == Verdict::Cancel {
                return Err(InferenceError::cancelled());
            }
            entries.push((model.kind, self.store.ready(&model.id)?));
        }
        Ok(Parts { entries })
    }
}

impl Engine for LocalEngine {
    fn footprint(&self, id: &ModelId) -> Result<Footprint> {
        let memory = memory(self.model(self.store.catalogue(), id)?);
        Ok(Footprint { weights: memory.weights_bytes, peak_activation: memory.peak_bytes })
    }

    fn load(&mut self, id: &ModelId, control: &dyn Control) -> Result<Resident> {
        let memory = memory(self.model(self.store.catalogue(), id)?);
        let parts = self.verify(id, control)?;
        load_onnxruntime(parts.only_file(Kind::Runtime)?)?;
        let model = parts.only_file(Kind::Model)?;
        let voices = &parts.entry(Kind::Voices)?.dir;
        let lexicon = parts.entry(Kind::Lexicon)?;
        let oov = lexicon.path(OOV).ok_or_else(|| incomplete(&format!("`{}` has no `{OOV}`", lexicon.id)))?;
        Ok(Resident::Speak(Box::new(Kokoro::open(model, voices, oov, self.threads)?.with_memory(memory))))
    }
}

fn memory(model: &Model) -> Memory {
    model.memory.expect("the catalogue refuses a model without [memory]")
}

impl Parts {
    fn entry(&self, kind: Kind) -> Result<&Verified> {
        let found = self.entries.iter().find(|(k, _)| *k == kind).map(|(_, entry)| entry);
        found.ok_or_else(|| incomplete(&format!("it requires no entry of kind {kind:?}")))
    }

    fn only_file(&self, kind: Kind) -> Result<&Path> {
        let entry = self.entry(kind)?;
        match entry.files.as_slice() {
            [file] => Ok(&file.path),
            files => Err(incomplete(&format!("`{}` has {} files, not one", entry.id, files.len()))),
        }
    }
}

fn incomplete(why: &str) -> InferenceError {
    let message = format!("the model's catalogue entry does not fit the engine: {why}; see docs/models.md");
    InferenceError::new(ErrorKind::InvalidRequest, message)
}
