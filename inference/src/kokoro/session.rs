//! ONNX Runtime sessions for the voice and for its helper networks.

use super::graph;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{Tensor, TensorRef};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// Where ONNX Runtime looks for external data of a model that comes from memory
/// (`onnxruntime_session_options_config_keys.h`).
const WEIGHTS_DIRECTORY: &str = "session.model_external_initializers_file_folder_path";

/// Numbers of a style vector.
pub(super) const STYLE: usize = 256;

/// What the model made of one run of symbols.
pub(super) struct Spoken {
    /// Mono samples at 24 kHz.
    pub(super) samples: Vec<f32>,
    /// Samples that each symbol lasts, the padding at both ends included; they add up to the samples.
    pub(super) durations: Vec<usize>,
}

/// The acoustic model.
pub(super) struct Acoustic {
    session: Session,
}

impl Acoustic {
    /// Loads the graph at `path` with its durations exposed and its weights mapped from the file, which
    /// must not change while this lives.
    pub(super) fn open(path: &Path, threads: usize) -> Result<Self> {
        if !path.is_file() {
            return Err(missing(path));
        }
        let corrupt = |error: Box<dyn std::error::Error + Send + Sync>| {
            let message =
                format!("{} is no graph of Kokoro-82M; run `reelsmith models verify`", path.display());
            InferenceError::new(ErrorKind::ModelCorrupt, message).with_source(error)
        };
        let model = graph::edited(path).map_err(|e| corrupt(e.into()))?;
        let directory = path.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        let mut builder = builder(threads, &[(WEIGHTS_DIRECTORY, &directory)])?;
        let session = builder.commit_from_memory(&model).map_err(|e| corrupt(e.into()))?;
        Ok(Self { session })
    }

    /// Speaks `symbols` (0 at both ends) in `style` at `speed`.
    pub(super) fn run(&mut self, symbols: &[i64], style: &[f32], speed: f32) -> Result<Spoken> {
        let outputs = self
            .session
            .run(ort::inputs![
                "input_ids" => TensorRef::from_array_view(([1, symbols.len()], symbols)).map_err(failed)?,
                "style" => TensorRef::from_array_view(([1, style.len()], style)).map_err(failed)?,
                "speed" => Tensor::from_array(([1], vec![speed])).map_err(failed)?,
            ])
            .map_err(failed)?;
        let (_, samples) = outputs["waveform"].try_extract_tensor::<f32>().map_err(failed)?;
        let (_, frames) = outputs[graph::DURATIONS].try_extract_tensor::<i64>().map_err(failed)?;
        let durations: Vec<usize> =
            frames.iter().map(|f| usize::try_from(*f).unwrap_or(0) * graph::FRAME_SAMPLES).collect();
        if durations.len() != symbols.len() || durations.iter().sum::<usize>() != samples.len() {
            return Err(InferenceError::new(
                ErrorKind::Engine,
                "the voice's durations do not add up to its samples",
            ));
        }
        Ok(Spoken { samples: samples.to_vec(), durations })
    }
}

/// A session of one thread for a small network.
pub(crate) fn small(path: &Path) -> Result<Session> {
    if !path.is_file() {
        return Err(missing(path));
    }
    builder(1, &[])?.commit_from_file(path).map_err(|e| unreadable(path, e))
}

fn builder(threads: usize, settings: &[(&str, &str)]) -> Result<SessionBuilder> {
    let environment = crate::runtime::environment()?;
    let options = || -> ort::Result<SessionBuilder> {
        let mut builder = Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?;
        for (key, value) in settings {
            builder = builder.with_config_entry(key, value)?;
        }
        Ok(builder)
    };
    options().map_err(failed)
}

fn missing(path: &Path) -> InferenceError {
    let message = format!("{} is not on this machine; fetch it with `reelsmith models pull`", path.display());
    InferenceError::new(ErrorKind::ModelMissing, message)
}

fn unreadable(path: &Path, error: ort::Error) -> InferenceError {
    let message =
        format!("ONNX Runtime cannot read {}; check it with `reelsmith models verify`", path.display());
    InferenceError::new(ErrorKind::ModelCorrupt, message).with_source(error)
}

fn failed(error: ort::Error) -> InferenceError {
    InferenceError::new(ErrorKind::Engine, "ONNX Runtime failed while speaking").with_source(error)
}
