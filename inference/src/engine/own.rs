//! A person's own files: what they are, by what is in them.

use crate::diffusion::checkpoint::Checkpoint;
use crate::embed::Head;
use crate::{embed, esrgan, llama, whisper, xtts};
use reelsmith_graph::{Target, Weights};
use reelsmith_inference_core::{ErrorKind, Footprint, InferenceError, Result};
use std::path::Path;

/// What a run takes beside the weights until a request tells more: 1024x1024 with guidance.
const PEAK: u64 = 5_100_000_000;

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OwnFile {
    /// A checkpoint of SDXL, in either layout.
    Sdxl,
    /// Real-ESRGAN.
    Upscaler,
    /// A folder of transformers' with BERT.
    Embedder,
    /// The same with a classifier.
    Reranker,
    /// Whisper.
    Recogniser,
    /// XTTS-v2, converted.
    Cloner,
    /// GGUF.
    LanguageModel,
}

impl OwnFile {
    /// Looks at the folder's layout or at the names of the tensors.
    pub(super) fn recognise(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Ok(match embed::recognise(path)? {
                _ if whisper::is_model(path) => Self::Recogniser,
                _ if xtts::is_model(path) => Self::Cloner,
                None => Self::Sdxl,
                Some(Head::States) => Self::Embedder,
                Some(Head::Classifier) => Self::Reranker,
            });
        }
        if !path.exists() {
            let message = format!("there is nothing at {}", path.display());
            return Err(InferenceError::new(ErrorKind::ModelMissing, message));
        }
        let named = |ending| path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
        if named("param") {
            return Ok(Self::Upscaler);
        }
        if named("gguf") {
            return Ok(Self::LanguageModel);
        }
        let weights = Weights::open(&[path.to_path_buf()])?;
        let is_upscaler = weights.iter().any(|(name, _)| {
            let name = name.trim_start_matches("params_ema.").trim_start_matches("params.");
            ["conv_first.", "body.0.", "model.0."].iter().any(|start| name.starts_with(start))
        });
        // What is neither is told by the one who opens checkpoints.
        Ok(if is_upscaler { Self::Upscaler } else { Self::Sdxl })
    }
}

/// What the model at `path` takes, from its headers; a recogniser for `hearing`.
pub(super) fn footprint(path: &Path, target: Target, hearing: Target, context: u32) -> Result<Footprint> {
    match OwnFile::recognise(path)? {
        OwnFile::Upscaler => esrgan::footprint(path),
        // On the CPU, as the engine reads them.
        OwnFile::Embedder | OwnFile::Reranker => embed::footprint(path, Target::CPU),
        OwnFile::Recogniser => whisper::footprint(path, hearing),
        OwnFile::Cloner => xtts::footprint(path),
        OwnFile::LanguageModel => llama::footprint(path, context),
        OwnFile::Sdxl => {
            let checkpoint = Checkpoint::open(path, None)?;
            let [first, second] = &checkpoint.text;
            let parts = [&checkpoint.unet.weights, &checkpoint.vae.weights, &first.weights, &second.weights];
            let count = |weights: &&Weights| weights.iter().map(|(_, tensor)| tensor.count()).sum::<u64>();
            Ok(Footprint {
                weights: parts.iter().map(count).sum::<u64>() * target.compute.bytes(),
                peak_activation: PEAK,
            })
        }
    }
}
