//! ONNX Runtime, loaded at run time.

use ort::environment::Environment;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::Path;
use std::sync::OnceLock;

static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();

/// Loads the shared library at `path`, once a process.
pub fn load_onnxruntime(path: &Path) -> Result<()> {
    if ENVIRONMENT.get().is_some() {
        return Ok(());
    }
    let bad = |e: Box<dyn std::error::Error + Send + Sync>| {
        let message = format!("ONNX Runtime cannot be loaded from {}", path.display());
        InferenceError::new(ErrorKind::RuntimeMissing, message).with_source(e)
    };
    let environment = ort::init_from(path).map_err(|e| bad(Box::new(e)))?;
    let environment = environment.with_telemetry(false).build().map_err(|e| bad(Box::new(e)))?;
    ENVIRONMENT.get_or_init(|| environment);
    Ok(())
}

/// The environment that sessions are created in.
pub(crate) fn environment() -> Result<Environment> {
    ENVIRONMENT
        .get()
        .cloned()
        .ok_or_else(|| InferenceError::new(ErrorKind::RuntimeMissing, "ONNX Runtime has not been loaded"))
}
