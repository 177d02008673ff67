//! Model files on disk: fetched from the sources of the catalogue, verified, kept, removed.
//!
//! A file appears under its final name only after its sha256 was found right, by an atomic rename;
//! so what lies there is whole, and what was interrupted lies elsewhere and is resumed by the next
//! pull. Before a model is used its files are checked again ([`Store::ready`]), which costs a hash
//! only where a file has changed since the last one. Several processes may share one directory.

mod archive;
mod check;
mod error;
mod event;
mod fetch;
mod hash;
mod hub;
mod join;
mod layout;
mod lock;
mod pull;
mod registry;
mod stamp;

pub use error::{StoreError, StoreErrorKind};
pub use event::PullEvent;
pub use pull::Pulled;

use check::{Finding, Trust};
use error::Result;
use layout::Layout;
use lock::Lock;
use reelsmith_inference_core::catalogue::{Catalogue, Licence, Model, ModelFile, ModelId, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How files are fetched.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Address of the model hub, or of a mirror that answers like it; without a trailing slash.
    pub hub_endpoint: String,
    /// Never use the network: a pull succeeds only if nothing is missing.
    pub offline: bool,
    /// Files fetched at once; 1 to 16.
    pub parallel: usize,
    /// Longest wait for a connection to the hub.
    pub connect_timeout: Duration,
    /// Longest silence of the hub, while it answers.
    pub stall_timeout: Duration,
    /// Longest silence of a registry client: time without a byte arriving.
    pub client_timeout: Duration,
    /// First wait before the hub is asked again after a fault; doubled each time.
    pub retry_delay: Duration,
    /// The npm client; absent: `npm` on the search path.
    pub npm: Option<PathBuf>,
    /// The pip client; absent: `pip3`, `pip` or `python3 -m pip` on the search path.
    pub pip: Option<PathBuf>,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            hub_endpoint: "https://huggingface.co".to_owned(),
            offline: false,
            parallel: 4,
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            client_timeout: Duration::from_secs(120),
            retry_delay: Duration::from_millis(500),
            npm: None,
            pip: None,
        }
    }
}

/// How much of an entry is on this machine; from sizes and stamps, nothing is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No file.
    Absent,
    /// Some files, or parts of them.
    Partial {
        /// Bytes that are there.
        present: u64,
        /// Bytes in all.
        bytes: u64,
    },
    /// All files, of the right size, but not yet verified as they are now.
    Unverified,
    /// All files, verified as they are now.
    Present,
}

/// Proof that the files of an entry were found right, and where they lie.
#[derive(Debug, Clone)]
pub struct Verified {
    /// The entry.
    pub id: ModelId,
    /// The directory that holds its files.
    pub dir: PathBuf,
    /// What its makers allow.
    pub licence: Licence,
    /// Its files: path in the catalogue, place on disk, sha256.
    pub files: Vec<VerifiedFile>,
}

/// One file of a [`Verified`] entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedFile {
    /// As in the catalogue.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its sha256.
    pub sha256: Sha256,
}

impl Verified {
    /// Where the file of that name in the catalogue lies.
    pub fn path(&self, name: &str) -> Option<&Path> {
        self.files.iter().find(|file| file.name == name).map(|file| file.path.as_path())
    }

    fn of(layout: &Layout, model: &Model) -> Self {
        let files = model.files_here().map(|file| VerifiedFile {
            name: file.path.to_string(),
            path: layout.file(&model.id, &file.path),
            sha256: file.sha256,
        });
        Self {
            id: model.id.clone(),
            dir: layout.model(&model.id),
            licence: model.licence.clone(),
            files: files.collect(),
        }
    }
}

/// The model files of this machine. Clones share one store.
#[derive(Debug, Clone)]
pub struct Store {
    layout: Layout,
    catalogue: Arc<Catalogue>,
    config: Arc<StoreConfig>,
}

impl Store {
    /// A store in `dir`, which need not exist yet.
    pub fn new(dir: PathBuf, catalogue: Arc<Catalogue>, config: StoreConfig) -> Self {
        Self { layout: Layout::new(dir), catalogue, config: Arc::new(config) }
    }

    /// The entries there are.
    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    /// The directory given.
    pub fn dir(&self) -> &Path {
        self.layout.dir()
    }

    /// How much of an entry is here, not counting what it requires.
    ///
    /// # Errors
    /// `UnknownModel`.
    pub fn state(&self, id: &ModelId) -> Result<State> {
        let model = self.catalogue.get(id)?;
        let stamps = stamp::Stamps::load(&self.layout, id);
        let (mut present, mut whole, mut verified) = (0u64, true, true);
        for file in model.files_here() {
            let finished = std::fs::metadata(self.layout.file(id, &file.path)).ok();
            let right_size = finished.as_ref().is_some_and(|metadata| metadata.len() == file.bytes);
            whole &= right_size;
            verified &= finished
                .as_ref()
                .is_some_and(|metadata| stamps.digest(&file.path, metadata) == Some(file.sha256));
            let partial = || std::fs::metadata(self.layout.partial(id, &file.path)).map_or(0, |m| m.len());
            present += if right_size { file.bytes } else { partial().min(file.bytes) };
        }
        Ok(match (present, whole, verified) {
            (0, ..) => State::Absent,
            (_, true, true) => State::Present,
            (_, true, false) => State::Unverified,
            _ => State::Partial { present, bytes: model.bytes_here() },
        })
    }

    /// Checks an entry before use: every file is there and has its recorded sha256. Files that have
    /// not changed since they were last hashed are not hashed again. What the entry requires is not
    /// looked at.
    ///
    /// Reads whole files: not for an async thread.
    ///
    /// # Errors
    /// `UnknownModel`, `Unsupported`, `Missing`, `Corrupt`, each with the command that mends it, or
    /// `Io`.
    pub fn ready(&self, id: &ModelId) -> Result<Verified> {
        self.check(id, Trust::Stamps, &mut |_| true)
    }

    /// Hashes every file of an entry, whatever was found before. `progress` is told the bytes hashed
    /// so far and in all.
    ///
    /// Reads whole files: not for an async thread.
    ///
    /// # Errors
    /// As [`Store::ready`], and `Cancelled`.
    pub fn verify(
        &self,
        id: &ModelId,
        progress: &dyn Fn(u64, u64),
        cancel: &CancellationToken,
    ) -> Result<Verified> {
        let bytes = self.catalogue.get(id)?.bytes_here();
        self.check(id, Trust::Nothing, &mut |done| {
            progress(done, bytes);
            !cancel.is_cancelled()
        })
    }

    /// Where a file of an entry lies, checked as by [`Store::ready`].
    ///
    /// # Errors
    /// As [`Store::ready`]; `Missing` also for a file that the entry does not have.
    pub fn path(&self, id: &ModelId, file: &str) -> Result<PathBuf> {
        let verified = self.ready(id)?;
        verified.path(file).map(Path::to_owned).ok_or_else(|| {
            let has: Vec<&str> = verified.files.iter().map(|file| file.name.as_str()).collect();
            let message = format!("model `{id}` has no file `{file}`; it has {}", has.join(", "));
            StoreError::new(StoreErrorKind::Missing, message)
        })
    }

    /// Removes the files of an entry, finished and partial, and answers how many bytes they took.
    /// What it requires stays. A process that has them open keeps them until it closes them.
    ///
    /// # Errors
    /// `UnknownModel`, `Busy` while another process fetches the entry, or `Io`.
    pub fn remove(&self, id: &ModelId) -> Result<u64> {
        self.catalogue.get(id)?;
        let path = self.layout.lock(&id.0);
        let Some(_lock) = Lock::try_take(&path)? else {
            let message = format!("another process is fetching model `{id}`; wait for it or stop it");
            return Err(StoreError::new(StoreErrorKind::Busy, message));
        };
        let mut freed = 0;
        for dir in [self.layout.model(id), self.layout.partials(id)] {
            freed += size_below(&dir)?;
            layout::remove_dir(&dir)?;
        }
        layout::remove_file(&self.layout.stamps(id))?;
        Ok(freed)
    }

    fn check(&self, id: &ModelId, trust: Trust, step: &mut dyn FnMut(u64) -> bool) -> Result<Verified> {
        let model = self.catalogue.get(id)?;
        let findings = check::inspect(&self.layout, model, trust, step)?;
        check::demand(model, &findings)?;
        Ok(Verified::of(&self.layout, model))
    }

    /// The files of an entry that a pull has to fetch.
    fn wanting(&self, model: &Model, cancel: &CancellationToken) -> Result<Vec<ModelFile>> {
        check::demand_platform(model)?;
        let findings = check::inspect(&self.layout, model, Trust::Stamps, &mut |_| !cancel.is_cancelled())?;
        let wanting = findings.into_iter().filter(|(_, finding)| *finding != Finding::Good);
        Ok(wanting.map(|(file, _)| file.clone()).collect())
    }
}

/// Bytes of the files below `dir`; links are not followed. 0 if there is no such directory.
fn size_below(dir: &Path) -> Result<u64> {
    let failed = |error| StoreError::io("list", dir, error);
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries.map_err(failed)?,
    };
    let mut bytes = 0;
    for entry in entries {
        let entry = entry.map_err(failed)?;
        let metadata = entry.metadata().map_err(failed)?;
        bytes += if metadata.is_dir() { size_below(&entry.path())? } else { metadata.len() };
    }
    Ok(bytes)
}
