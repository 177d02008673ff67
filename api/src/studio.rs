//! A device for what is asked for at the command line: no jobs, no data directory of its own.

use crate::config::Config;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::start_device;
use crate::interrupt::unless;
use crate::library::{Library, store_failure};
use crate::progress::Teller;
use crate::pulling::provide;
use crate::weights::{Hashes, Weights};
use reelsmith_inference::runtime::load_onnxruntime;
use reelsmith_inference_core::ModelId;
use reelsmith_pipelines::images::ModelNote;
use reelsmith_scheduler::{Scheduler, Shutdown};
use std::path::PathBuf;
use tokio_util::sync::CancellationToken;

/// A device with models that are here and checked.
pub struct Studio {
    /// The device.
    pub scheduler: Scheduler,
    library: Library,
    hashes: PathBuf,
}

impl Studio {
    /// Fetches and checks what `models` and the engine need, and starts the device.
    ///
    /// # Errors
    /// Whatever is missing, damaged or not allowed, each with what to do; cancelled.
    pub async fn open(
        config: &Config,
        library: &Library,
        models: &[&Weights],
        teller: &Teller,
        cancel: &CancellationToken,
    ) -> Outcome<Self> {
        ready(library, models, teller, cancel).await?;
        let scheduler = start_device(config, library)?;
        Ok(Self { scheduler, library: library.clone(), hashes: config.data_dir.join("hashes.json") })
    }

    /// Names and hashes of models, in their order. Files that were never hashed are read whole.
    ///
    /// # Errors
    /// A file that cannot be read; cancelled.
    pub async fn notes(&self, models: Vec<Weights>, cancel: &CancellationToken) -> Outcome<Vec<ModelNote>> {
        let (library, hashes) = (self.library.clone(), self.hashes.clone());
        let hashing = blocking(move || {
            let mut hashes = Hashes::open(hashes);
            models.iter().map(|model| model.note(&library, &mut hashes)).collect()
        });
        unless(cancel, hashing).await
    }

    /// What the engine's library is called, with its version.
    pub fn runtime_title(&self) -> String {
        self.library.runtime_title()
    }

    /// Stops the device.
    pub async fn close(&self) {
        self.scheduler.shutdown(Shutdown::Cancel).await;
    }
}

/// Fetches and checks what `models` and the engine need, and loads the engine's library.
///
/// # Errors
/// As [`Studio::open`].
pub async fn ready(
    library: &Library,
    models: &[&Weights],
    teller: &Teller,
    cancel: &CancellationToken,
) -> Outcome {
    let entries: Vec<ModelId> = models.iter().filter_map(|model| model.entry().cloned()).collect();
    let needed = match entries.len() == models.len() {
        true => library.for_entries(&entries),
        false => library.for_own(&entries),
    };
    provide(library, &needed, teller, cancel).await?;
    let here = library.clone();
    let ready = blocking(move || {
        needed.iter().try_for_each(|id| here.store.ready(id).map(drop).map_err(store_failure))?;
        load_onnxruntime(&here.runtime_file()?).map_err(Failure::failed)
    });
    unless(cancel, ready).await
}
