//! ONNX Runtime sessions for the voice and for its helper networks.

use super::graph;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::{Tensor, TensorRef};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Numbers of a style vector.
pub(crate) const STYLE: usize = 256;

/// What the model made of one run of symbols.
pub(crate) struct Spoken {
    /// Mono samples at 24 kHz.
    pub(crate) samples: Vec<f32>,
    /// Samples that each symbol lasts, the padding at both ends included; they add up to the samples.
    pub(crate) durations: Vec<usize>,
}

/// The acoustic model.
pub(crate) struct Acoustic {
    session: Session,
}

impl Acoustic {
    /// Loads the graph at `path` with its durations exposed.
    pub(crate) fn open(path: &Path, threads: usize) -> Result<Self> {
        let model = read_with_durations(path)?;
        let session = builder(threads)?.commit_from_memory(&model).map_err(|e| unreadable(path, e))?;
        let names: Vec<&str> = session.outputs().iter().map(|output| output.name()).collect();
        if names != ["waveform", graph::DURATIONS] {
            let message = format!("{} is not a Kokoro-82M graph: its outputs are {names:?}", path.display());
            return Err(InferenceError::new(ErrorKind::ModelCorrupt, message));
        }
        Ok(Self { session })
    }

    /// Speaks `symbols` (0 at both ends) in `style` at `speed`.
    pub(crate) fn run(&mut self, symbols: &[i64], style: &[f32], speed: f32) -> Result<Spoken> {
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
    builder(1)?.commit_from_file(path).map_err(|e| unreadable(path, e))
}

fn builder(threads: usize) -> Result<SessionBuilder> {
    let environment = crate::runtime::environment()?;
    let options = || -> ort::Result<SessionBuilder> {
        Ok(Session::builder(&environment)?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?)
    };
    options().map_err(failed)
}

fn read_with_durations(path: &Path) -> Result<Vec<u8>> {
    let appended = graph::durations_output();
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = usize::try_from(file.metadata()?.len()).map_err(std::io::Error::other)?;
        let mut bytes = Vec::with_capacity(length + appended.len());
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let mut bytes = read().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => missing(path),
        _ => InferenceError::new(ErrorKind::ModelCorrupt, format!("{} cannot be read", path.display()))
            .with_source(error),
    })?;
    bytes.extend_from_slice(&appended);
    Ok(bytes)
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
