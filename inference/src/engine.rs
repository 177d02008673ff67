//! The engine of this machine: loads models of the store, and of a person's own files, and runs them on its
//! processor.

mod own;

use crate::diffusion::pipeline::{Sdxl, SdxlConfig};
use crate::embed::{Embedder, Reranker};
use crate::esrgan::Esrgan;
use crate::kokoro::Kokoro;
use crate::llama::{self, DEFAULT_CONTEXT, Llama, LlamaConfig};
use crate::network::{CudaTuning, Processor};
use crate::runtime::load_onnxruntime;
use crate::store::{Store, Verified};
use crate::whisper::{self, Whisper};
use crate::xtts::Xtts;
use own::OwnFile;
use reelsmith_graph::{Element, Target};
use reelsmith_inference_core::catalogue::{Capability, Catalogue, Kind, Memory, Model};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, Footprint, InferenceError, ModelId, Progress, Resident, Result, Verdict,
};
use std::path::{Path, PathBuf};

/// The families that [`Kokoro`], [`Sdxl`], [`Esrgan`], [`Whisper`] and [`Xtts`] perform.
const HIBARI: &str = "hibari";
const KOKORO: &str = "kokoro-82m";
const SDXL: [&str; 2] = ["sdxl", SDXL_TURBO];
const SDXL_TURBO: &str = "sdxl-turbo";
const ESRGAN: &str = "realesrgan";
const WHISPER: &str = "whisper";
const XTTS: &str = "xtts-v2";

/// The pronunciation network for words that no dictionary holds.
const OOV: &str = "oov.onnx";

/// The folder of cloned voices beside the models.
const VOICES: &str = "cloned-voices";

/// What a person's own checkpoint needs of the catalogue.
pub const OWN_REQUIRES: [&str; 2] = ["clip-vocabulary", "onnxruntime"];
/// What a person's own recogniser needs of the catalogue.
pub const OWN_RECOGNISER_REQUIRES: [&str; 2] = ["silero-vad", "onnxruntime"];

/// Runs models with ONNX Runtime on one device.
#[derive(Debug)]
pub struct LocalEngine {
    store: Store,
    threads: usize,
    /// What pictures are made on; voices are small and stay on the CPU.
    pictures: Processor,
    /// Where cloned voices are kept.
    voices: PathBuf,
    /// Tokens of context of language models.
    context: u32,
    /// The program that reads languages other than English, where it is not the one in the search path.
    espeak: Option<PathBuf>,
}

/// The verified entries that a model is made of, by what they are.
struct Parts {
    entries: Vec<(Kind, Verified)>,
}

impl LocalEngine {
    /// An engine that takes files from `store` and splits one run over `threads` threads (at least 1).
    pub fn new(store: Store, threads: usize) -> Self {
        let threads = threads.max(1);
        let voices = store.dir().join(VOICES);
        let pictures = Processor::Cpu(threads);
        Self { store, threads, pictures, voices, context: DEFAULT_CONTEXT, espeak: None }
    }

    /// The same with pictures made on the first NVIDIA card, of which no network takes more than `memory` bytes.
    pub fn with_cuda(self, memory: u64) -> Self {
        let tuning = CudaTuning::default();
        Self { pictures: Processor::Cuda { device: 0, memory, tuning }, ..self }
    }

    /// The same with cloned voices kept in `folder`, not beside the models.
    pub fn with_voices(self, folder: impl Into<PathBuf>) -> Self {
        Self { voices: folder.into(), ..self }
    }

    /// The same with the espeak-ng at `program`, where one is given, for languages other than English.
    pub fn with_espeak(self, program: Option<PathBuf>) -> Self {
        Self { espeak: program, ..self }
    }

    /// Runs on the CPU, as other voices do. Its cloned voices belong to the model called `name`.
    fn cloner(&self, name: &str, folder: &Path) -> Result<Resident> {
        let model = Xtts::open(name, folder, &self.voices, Target::CPU, self.threads)?;
        Ok(Resident::Speak(Box::new(model)))
    }

    /// The same with contexts of so many tokens for language models, up to those each was trained with.
    pub fn with_context(self, context: u32) -> Self {
        Self { context, ..self }
    }

    fn target(&self) -> Target {
        match self.pictures {
            Processor::Cpu(_) => Target::CPU,
            Processor::Cuda { .. } => Target::CUDA,
        }
    }

    fn model<'a>(&self, catalogue: &'a Catalogue, id: &ModelId) -> Result<&'a Model> {
        let model = catalogue.get(id)?;
        match model.kind == Kind::Model && is_known(model) {
            true => Ok(model),
            false => {
                let message =
                    format!("`{id}` ({}) is nothing that this version can run by itself", model.title);
                Err(InferenceError::new(ErrorKind::InvalidRequest, message))
            }
        }
    }

    /// Checks the files of entries and of all that they require.
    fn verify(&self, ids: &[ModelId], control: &dyn Control) -> Result<Parts> {
        let closure = self.store.catalogue().closure(ids)?;
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

    fn kokoro(&self, parts: &Parts, memory: Memory, is_student: bool) -> Result<Resident> {
        let lexicon = parts.entry(Kind::Lexicon)?;
        let oov = lexicon.path(OOV).ok_or_else(|| incomplete(&format!("`{}` has no `{OOV}`", lexicon.id)))?;
        let model = parts.only_file(Kind::Model)?;
        let kokoro = match is_student {
            true => Kokoro::open_student(model, oov, self.threads)?,
            false => Kokoro::open(model, &parts.entry(Kind::Voices)?.dir, oov, self.threads)?,
        };
        let kokoro = match &self.espeak {
            Some(program) => kokoro.with_espeak(program),
            None => kokoro,
        };
        Ok(Resident::Speak(Box::new(kokoro.with_memory(memory))))
    }

    fn sdxl(
        &self,
        checkpoint: &Path,
        vae: Option<&ModelId>,
        parts: &Parts,
        family: &str,
    ) -> Result<Resident> {
        let vae = vae.map(|id| locate(&self.store, id)).transpose()?;
        let store = self.store.clone();
        let mut sdxl = Sdxl::open(SdxlConfig {
            checkpoint,
            vae: vae.as_deref(),
            vocabulary: parts.only_file(Kind::Lexicon)?,
            locate: Box::new(move |id| locate(&store, id)),
            target: self.target(),
            processor: self.pictures,
        })?;
        if family == SDXL_TURBO {
            sdxl.walk_as_turbo();
        }
        Ok(Resident::TextToImage(Box::new(sdxl)))
    }

    fn upscaler(&self, model: &Path) -> Result<Resident> {
        Ok(Resident::Upscale(Box::new(Esrgan::open_on(model, self.target(), self.pictures)?)))
    }

    /// Texts are small: they are read on the CPU, whatever makes pictures.
    fn embedder(&self, model: &Path) -> Result<Resident> {
        Ok(Resident::Embed(Box::new(Embedder::open(model, Target::CPU, self.threads)?)))
    }

    fn reranker(&self, model: &Path) -> Result<Resident> {
        Ok(Resident::Rerank(Box::new(Reranker::open(model, Target::CPU, self.threads)?)))
    }

    /// Runs on the CPU, as voices do.
    fn recogniser(&self, folder: &Path, parts: &Parts, target: Target) -> Result<Resident> {
        let detector = parts.only_file(Kind::Component)?;
        let model = Whisper::open_for(folder, Some(detector), self.threads, target)?;
        Ok(Resident::Transcribe(Box::new(model)))
    }

    fn language_model(&self, model: &Path, name: &str) -> Result<Resident> {
        let card = matches!(self.pictures, Processor::Cuda { .. });
        let config = LlamaConfig { threads: self.threads, context: self.context, card };
        Ok(Resident::Chat(Box::new(Llama::open(model, name, config)?)))
    }

    /// Loads what lies at an absolute path; a recogniser for `hearing`.
    fn load_own(
        &self,
        path: &Path,
        vae: Option<&ModelId>,
        hearing: Target,
        control: &dyn Control,
    ) -> Result<Resident> {
        let parts = |requires: [&str; 2]| {
            let parts = self.verify(&requires.map(ModelId::from), control)?;
            load_onnxruntime(parts.only_file(Kind::Runtime)?)?;
            Ok(parts)
        };
        let file = OwnFile::recognise(path)?;
        if hearing.is_quantised && file != OwnFile::Recogniser {
            return Err(not_in_8_bits(&path.display()));
        }
        match file {
            OwnFile::LanguageModel => {
                self.language_model(path, &path.file_stem().unwrap_or_default().to_string_lossy())
            }
            OwnFile::Recogniser => self.recogniser(path, &parts(OWN_RECOGNISER_REQUIRES)?, hearing),
            OwnFile::Sdxl => self.sdxl(path, vae, &parts(OWN_REQUIRES)?, ""),
            OwnFile::Upscaler => parts(OWN_REQUIRES).and_then(|_| self.upscaler(path)),
            OwnFile::Embedder => parts(OWN_REQUIRES).and_then(|_| self.embedder(path)),
            OwnFile::Reranker => parts(OWN_REQUIRES).and_then(|_| self.reranker(path)),
            OwnFile::Cloner => parts(OWN_REQUIRES).and_then(|_| self.cloner(&path.to_string_lossy(), path)),
        }
    }
}

impl Engine for LocalEngine {
    fn footprint(&self, id: &ModelId) -> Result<Footprint> {
        let (model, _) = id.parts();
        let (model, hearing) = hearing(&model);
        if let Some(path) = own_path(&model) {
            return own::footprint(path, self.target(), hearing, self.context);
        }
        let entry = self.model(self.store.catalogue(), &model)?;
        // The catalogue's figures are those of products in f32.
        if hearing.is_quantised
            && entry.capability == Some(Capability::Transcribe)
            && let Ok(Verified { dir, .. }) = self.store.ready(&model)
        {
            return whisper::footprint(&dir, hearing);
        }
        // The catalogue's figures are those of the usual context.
        if entry.capability == Some(Capability::Chat)
            && let Ok(Verified { files, .. }) = self.store.ready(&model)
            && let [file] = files.as_slice()
        {
            return llama::footprint(&file.path, self.context);
        }
        let memory = memory(entry);
        // The catalogue tells what a CPU takes, in f32; a card computes pictures in half of that.
        let halved =
            self.target().compute == Element::F16 && entry.capability == Some(Capability::TextToImage);
        let weights = if halved { memory.weights_bytes / 2 } else { memory.weights_bytes };
        Ok(Footprint { weights, peak_activation: memory.peak_bytes })
    }

    fn load(&mut self, id: &ModelId, control: &dyn Control) -> Result<Resident> {
        let (model, vae) = id.parts();
        let (model, hearing) = hearing(&model);
        if let Some(path) = own_path(&model) {
            return self.load_own(path, vae.as_ref(), hearing, control);
        }
        let catalogue = self.store.catalogue().clone();
        let entry = self.model(&catalogue, &model)?;
        if hearing.is_quantised && entry.capability != Some(Capability::Transcribe) {
            return Err(not_in_8_bits(&model));
        }
        let parts = self.verify(std::slice::from_ref(&model), control)?;
        if entry.capability == Some(Capability::Chat) {
            return self.language_model(parts.only_file(Kind::Model)?, &model.0);
        }
        load_onnxruntime(parts.only_file(Kind::Runtime)?)?;
        match entry.capability {
            Some(Capability::TextToImage) => {
                self.sdxl(parts.only_file(Kind::Model)?, vae.as_ref(), &parts, &entry.family)
            }
            Some(Capability::Transcribe) => self.recogniser(&parts.entry(Kind::Model)?.dir, &parts, hearing),
            Some(Capability::Upscale) => self.upscaler(parts.main_file(Kind::Model)?),
            Some(Capability::Embed) => self.embedder(&parts.entry(Kind::Model)?.dir),
            Some(Capability::Rerank) => self.reranker(&parts.entry(Kind::Model)?.dir),
            _ if entry.family == XTTS => self.cloner(&id.0, &parts.entry(Kind::Model)?.dir),
            _ => self.kokoro(&parts, memory(entry), entry.family == HIBARI),
        }
    }
}

/// What reads texts is told by its own `config.json`, a language model by its own header.
fn is_known(model: &Model) -> bool {
    let family = model.family.as_str();
    let tells = matches!(model.capability, Some(Capability::Embed | Capability::Rerank | Capability::Chat));
    tells
        || [KOKORO, HIBARI, XTTS].contains(&family)
        || SDXL.contains(&family)
        || [ESRGAN, WHISPER].iter().any(|known| family.starts_with(known))
}

/// The model of an id, and what it is loaded for if it is a recogniser.
fn hearing(id: &ModelId) -> (ModelId, Target) {
    let (model, is_quantised) = id.precision();
    (model, if is_quantised { Target::CPU_8_BIT } else { Target::CPU })
}

fn not_in_8_bits(model: &dyn std::fmt::Display) -> InferenceError {
    let message = format!("only recognisers compute in 8 bits, and {model} is none; ask for fp32");
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

/// The path that an id is, where it is no name of the catalogue.
fn own_path(id: &ModelId) -> Option<&Path> {
    Some(Path::new(&id.0)).filter(|path| path.is_absolute())
}

/// Where a LoRA, a ControlNet or an autoencoder lies: at its absolute path, or in the store.
fn locate(store: &Store, id: &ModelId) -> Result<PathBuf> {
    if let Some(path) = own_path(id) {
        return match path.exists() {
            true => Ok(path.to_path_buf()),
            false => Err(InferenceError::new(
                ErrorKind::ModelMissing,
                format!("there is nothing at {}", path.display()),
            )),
        };
    }
    let entry = store.ready(id)?;
    match entry.files.as_slice() {
        [file] => Ok(file.path.clone()),
        _ => Ok(entry.dir),
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

    /// The file that names the others: ncnn's `.param`, or the only one.
    fn main_file(&self, kind: Kind) -> Result<&Path> {
        let files = &self.entry(kind)?.files;
        match files.iter().find(|file| file.name.ends_with(".param")) {
            Some(file) => Ok(&file.path),
            None => self.only_file(kind),
        }
    }
}

fn incomplete(why: &str) -> InferenceError {
    let message = format!("the model's catalogue entry does not fit the engine: {why}; see docs/models.md");
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreConfig;
    use std::sync::Arc;

    #[test]
    fn sdxl_fits_on_a_card_of_sixteen_gigabytes() {
        let catalogue = Arc::new(Catalogue::builtin().unwrap());
        let store = Store::new(PathBuf::from("/nonexistent"), catalogue, StoreConfig::default());
        // Nine tenths of the card: what `device.memory` is where nobody says.
        let budget = (16u64 << 30) / 10 * 9;
        let engine = LocalEngine::new(store.clone(), 2).with_cuda(budget);
        let id = ModelId::from("sdxl-base-1.0");
        assert!(engine.footprint(&id).unwrap().total() <= budget);
        let cpu = LocalEngine::new(store, 2).footprint(&id).unwrap();
        assert!(cpu.weights > 2 * 6_000_000_000, "a CPU computes in f32");
    }
}
