//! The models that a Short needs, ONNX Runtime, and the fonts.

use super::{Check, State};
use crate::config::Config;
use crate::library::Library;
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference::store::State as Stored;
use reelsmith_inference_core::ModelId;

/// Looks at sizes and stamps; loads ONNX Runtime for a trial.
pub(super) async fn all(config: &Config, library: &Library) -> Vec<Check> {
    let (offline, library) = (config.hub.offline, library.clone());
    let looked = tokio::task::spawn_blocking(move || {
        let mut checks: Vec<Check> =
            library.for_short().iter().map(|id| entry(&library, id, offline)).collect();
        checks.push(runtime(&library));
        checks
    });
    looked.await.unwrap_or_else(|error| vec![unseen("models", &error)])
}

/// What could not be looked at.
pub(super) fn unseen(name: &str, error: &tokio::task::JoinError) -> Check {
    Check::bad(name, State::Broken, error.to_string(), "please report this with the output above")
}

/// Whether the files of an entry are here and verified.
pub(super) fn entry(library: &Library, id: &ModelId, offline: bool) -> Check {
    let name = format!("model {id}");
    let pull = match offline {
        false => format!("reelsmith models pull {id}"),
        true => format!("reelsmith models pull {id} (without the offline setting)"),
    };
    match library.store.state(id) {
        Ok(Stored::Present) => Check::ok(name, "here and verified"),
        Ok(Stored::Unverified) => match library.store.ready(id) {
            Ok(_) => Check::ok(name, "here and verified"),
            Err(error) => Check::bad(name, State::Broken, error.to_string(), pull),
        },
        Ok(Stored::Partial { present, bytes }) => {
            let found = format!("{} % fetched", present * 100 / bytes.max(1));
            Check::bad(name, State::Missing, found, pull)
        }
        Ok(Stored::Absent) => Check::bad(name, State::Missing, "not here", pull),
        Err(error) => Check::bad(name, State::Broken, error.to_string(), pull),
    }
}

fn runtime(library: &Library) -> Check {
    let name = "ONNX Runtime";
    match library.runtime_file() {
        Err(failure) => Check::bad(name, State::Missing, failure.message, "reelsmith models pull"),
        Ok(file) => match load_onnxruntime(&file) {
            Ok(()) => Check::ok(name, format!("loads from {}", file.display())),
            Err(error) => Check::bad(
                name,
                State::Broken,
                error.to_string(),
                "reelsmith models rm onnxruntime --yes, then reelsmith models pull",
            ),
        },
    }
}
