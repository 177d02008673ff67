//! ONNX Runtime sessions: how they are opened, and what their errors mean.

use crate::operators;
use ort::ep::cuda::ConvAlgorithmSearch;
use ort::ep::{ArenaExtendStrategy, CUDA};
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::session::{RunOptions, Session};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;

/// Where ONNX Runtime looks for external data of a model that comes from memory
/// (`onnxruntime_session_options_config_keys.h`).
pub(crate) const WEIGHTS_DIRECTORY: &str = "session.model_external_initializers_file_folder_path";

/// What makes a run end with the memory of a device given back to the system
/// (`onnxruntime_run_options_config_keys.h`); others keep it for the next.
const GIVE_BACK: &str = "memory.enable_memory_arena_shrinkage";

/// What a network runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// The CPU, a run split over so many threads.
    Cpu(usize),
    /// An NVIDIA card.
    Cuda {
        /// Which of several, from 0.
        device: i32,
        /// Bytes of it that each network may take at most.
        memory: u64,
        /// How it computes.
        tuning: CudaTuning,
    },
}

/// Settings of ONNX Runtime's CUDA provider that change how a network is computed, each off unless measured to help
/// (`onnxruntime/core/providers/cuda/cuda_execution_provider_info.h`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CudaTuning {
    /// `prefer_nhwc`: convolutions and what lies between them with channels last, as tensor cores take them.
    pub nhwc: bool,
    /// `use_tf32`: what is computed in f32 keeps 10 bits of its factors' fractions.
    pub tf32: bool,
    /// `cudnn_conv_algo_search = EXHAUSTIVE`: the first run of a shape tries every algorithm of a convolution.
    pub exhaustive: bool,
    /// `fuse_conv_bias`: bias and activation are added by the convolution, compiled by cuDNN as the session starts.
    pub fused_bias: bool,
}

impl From<usize> for Processor {
    fn from(threads: usize) -> Self {
        Self::Cpu(threads.max(1))
    }
}

impl Processor {
    fn apply(self, builder: SessionBuilder) -> ort::Result<SessionBuilder> {
        match self {
            Self::Cpu(threads) => {
                Ok(builder.with_intra_threads(threads)?.with_operators(operators::domain()?)?)
            }
            Self::Cuda { device, memory, tuning } => {
                // The exhaustive search tries every algorithm for every shape, minutes for a UNet.
                let search = match tuning.exhaustive {
                    true => ConvAlgorithmSearch::Exhaustive,
                    false => ConvAlgorithmSearch::Heuristic,
                };
                let provider = CUDA::default()
                    .with_device_id(device)
                    .with_memory_limit(usize::try_from(memory).unwrap_or(usize::MAX))
                    .with_arena_extend_strategy(ArenaExtendStrategy::SameAsRequested)
                    .with_prefer_nhwc(tuning.nhwc)
                    .with_tf32(tuning.tf32)
                    .with_fuse_conv_bias(tuning.fused_bias)
                    .with_conv_algorithm_search(search);
                Ok(builder.with_execution_providers([provider.build().error_on_failure()])?)
            }
        }
    }
}

/// Options of a session on the CPU that splits a run over `threads` threads, with every optimisation.
///
/// # Errors
/// `RuntimeMissing` before ONNX Runtime was loaded, or `Engine`.
pub(crate) fn builder(threads: usize, settings: &[(&str, &str)]) -> Result<SessionBuilder> {
    builder_at(GraphOptimizationLevel::All, threads.into(), settings)
}

/// The same on any processor with optimisations up to `level`.
///
/// # Errors
/// As [`builder`]; `Engine` too if there is no such card, or its driver and libraries are not there.
pub(crate) fn builder_at(
    level: GraphOptimizationLevel,
    processor: Processor,
    settings: &[(&str, &str)],
) -> Result<SessionBuilder> {
    let environment = crate::runtime::environment()?;
    let options = || -> ort::Result<SessionBuilder> {
        let mut builder = processor.apply(Session::builder(&environment)?.with_optimization_level(level)?)?;
        for (key, value) in settings {
            builder = builder.with_config_entry(key, value)?;
        }
        Ok(builder)
    };
    options().map_err(|error| {
        let message = match processor {
            Processor::Cpu(_) => "ONNX Runtime refuses a session's options",
            Processor::Cuda { .. } => {
                "ONNX Runtime cannot use the card: it needs an NVIDIA driver, CUDA 13 and cuDNN 9 where the loader finds \
                 them (LD_LIBRARY_PATH), and the entry onnxruntime-cuda; or set device.kind to cpu"
            }
        };
        explain(error, || InferenceError::new(ErrorKind::Engine, message))
    })
}

/// A session of one thread for a small network in a file.
///
/// # Errors
/// `ModelMissing`, `ModelCorrupt`, `RuntimeMissing` or `OutOfMemory`.
pub(crate) fn small(path: &Path) -> Result<Session> {
    if !path.is_file() {
        return Err(missing(path));
    }
    builder(1, &[])?.commit_from_file(path).map_err(|error| {
        explain(error, || {
            let message = format!(
                "ONNX Runtime cannot read {}; check it with `reelsmith models verify`",
                path.display()
            );
            InferenceError::new(ErrorKind::ModelCorrupt, message)
        })
    })
}

/// Options for the last run of a request.
pub(crate) fn last_run(processor: Processor) -> ort::Result<RunOptions> {
    let device = match processor {
        Processor::Cpu(_) => "cpu:0".to_owned(),
        Processor::Cuda { device, .. } => format!("cpu:0;gpu:{device}"),
    };
    let mut options = RunOptions::new()?;
    options.set(GIVE_BACK, device)?;
    Ok(options)
}

pub(crate) fn missing(path: &Path) -> InferenceError {
    let message = format!("{} is not on this machine; fetch it with `reelsmith models pull`", path.display());
    InferenceError::new(ErrorKind::ModelMissing, message)
}

/// What an error of ONNX Runtime means: memory that it could not get, or else what `otherwise` says.
pub(crate) fn explain(error: ort::Error, otherwise: impl FnOnce() -> InferenceError) -> InferenceError {
    if tells_of_memory(error.message()) { out_of_memory(error) } else { otherwise().with_source(error) }
}

pub(crate) fn out_of_memory(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> InferenceError {
    let message =
        "this machine has not the memory for the model; end other programs, or choose a smaller model";
    InferenceError::new(ErrorKind::OutOfMemory, message).with_source(error)
}

/// ONNX Runtime has no error code for it: allocation fails with one of these texts (`bfc_arena.cc`,
/// `allocator.cc`), with C++'s `bad_alloc`, or with the system's ENOMEM where a file is mapped.
fn tells_of_memory(message: &str) -> bool {
    const FORMS: [&str; 5] = [
        "Failed to allocate memory",
        "bad_alloc",
        "Cannot allocate memory",
        "is smaller than requested bytes",
        "bad allocation",
    ];
    FORMS.iter().any(|form| message.contains(form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_memory_are_taken_for_such() {
        for message in [
            "Non-zero status code returned while running Conv node. Status Message: \
             bfc_arena.cc:359 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) \
             Failed to allocate memory for requested buffer of size 71303168",
            "bfc_arena.cc Available memory of 100 is smaller than requested bytes of 4096",
            "Exception during initialization: std::bad_alloc",
            "mmap file \"kokoro.onnx\" failed: Cannot allocate memory",
        ] {
            assert!(tells_of_memory(message), "{message}");
        }
        for message in ["Invalid rank for input: style", "Load model failed: Protobuf parsing failed."] {
            assert!(!tells_of_memory(message), "{message}");
        }
    }
}
