//! ONNX Runtime, loaded at run time: the binary needs none to build or to start.

use ort::LoadDynamicError;
use ort::environment::Environment;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The one environment that a process can have, and the library it came from.
static LOADED: OnceLock<(PathBuf, Environment)> = OnceLock::new();

/// Loads the shared library at `path`, with telemetry off. A process can load one only, so a second
/// call does nothing, whatever the path.
///
/// # Errors
/// `RuntimeMissing` if there is no library, or none for this processor, or one older than the API that
/// this program was built for.
pub fn load_onnxruntime(path: &Path) -> Result<()> {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((loaded, _)) = LOADED.get() {
        if loaded != path {
            tracing::debug!(loaded = %loaded.display(), asked = %path.display(), "ONNX Runtime stays as loaded");
        }
        return Ok(());
    }
    // ort would look beside the executable for a relative path.
    let place =
        std::path::absolute(path).map_err(|error| missing(path, "it has no path").with_source(error))?;
    if !place.is_file() {
        return Err(missing(path, "there is no such file"));
    }
    let builder =
        ort::init_from(&place).map_err(|error| missing(path, &explain(&error)).with_source(error))?;
    let built = builder.with_name("reelsmith").with_telemetry(false).build();
    let environment =
        built.map_err(|error| missing(path, "it does not start").with_source(Box::new(error)))?;
    LOADED.get_or_init(|| (path.to_owned(), environment));
    Ok(())
}

/// The environment that sessions are created in.
///
/// # Errors
/// `RuntimeMissing` before [`load_onnxruntime`] succeeded.
pub(crate) fn environment() -> Result<Environment> {
    LOADED.get().map(|(_, environment)| environment.clone()).ok_or_else(|| {
        let message = "ONNX Runtime has not been loaded; run `reelsmith models pull onnxruntime`";
        InferenceError::new(ErrorKind::RuntimeMissing, message)
    })
}

fn missing(path: &Path, why: &str) -> InferenceError {
    let message = format!(
        "ONNX Runtime cannot be loaded from {}: {why}; run `reelsmith models pull onnxruntime`",
        path.display()
    );
    InferenceError::new(ErrorKind::RuntimeMissing, message)
}

fn explain(error: &LoadDynamicError) -> String {
    match error {
        LoadDynamicError::Dlopen { error, .. } => format!("the system's loader refuses it ({error})"),
        LoadDynamicError::MissingApi { .. } => "it is another library".to_owned(),
        LoadDynamicError::InvalidVersionString => "it does not tell its version".to_owned(),
        LoadDynamicError::BadVersion { version_str, .. } => {
            format!("it is version {version_str}, and at least 1.{}.0 is needed", ort::MINOR_VERSION)
        }
    }
}
