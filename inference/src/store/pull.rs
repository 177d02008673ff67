//! A pull: everything that some entries need and this machine lacks.

use super::error::{Result, StoreError, StoreErrorKind};
use super::event::PullEvent;
use super::fetch;
use super::hub::HubClient;
use super::join::{ArchiveKey, Archives};
use super::layout::{Layout, make_dir};
use super::lock::Lock;
use super::stamp::{SETTLE, Seen, Stamps};
use super::{Store, StoreConfig};
use futures::StreamExt;
use futures::stream::FuturesUnordered;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::{Model, ModelFile};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Room that a pull leaves on the disk for everything else.
const RESERVE: u64 = 64 << 20;

/// What a pull fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pulled {
    /// Files.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
}

/// One pull while it runs.
pub(super) struct Run {
    store: Store,
    events: Box<dyn Fn(PullEvent) + Send + Sync>,
    pub(super) cancel: CancellationToken,
    pub(super) hub: HubClient,
    pub(super) archives: Archives,
    /// Files being fetched.
    files: Semaphore,
    /// Registry clients being run.
    pub(super) clients: Semaphore,
}

impl Store {
    /// Fetches what the entries `ids`, and all they require, lack on this machine. Files that are here
    /// and right are left alone; damaged ones are replaced.
    ///
    /// `events` is called from several threads and must return quickly. Cancelling, dropping the future
    /// and killing the process all leave what was fetched for the next pull to go on from.
    ///
    /// # Errors
    /// `UnknownModel`, `Unsupported`, `Offline`, `Unavailable` (with each source's reason), `DiskFull`
    /// (with the figures), `Cancelled` or `Io`. If several entries failed, the message has each.
    pub async fn pull(
        &self,
        ids: &[ModelId],
        events: impl Fn(PullEvent) + Send + Sync + 'static,
        cancel: CancellationToken,
    ) -> Result<Pulled> {
        let models: Vec<Model> = self.catalogue.closure(ids)?.into_iter().cloned().collect();
        // A child, so that dropping this future stops what runs on other threads for it.
        let cancel = cancel.child_token();
        let _stop = cancel.clone().drop_guard();
        let run = Arc::new(Run {
            store: self.clone(),
            events: Box::new(events),
            hub: HubClient::new(&self.config),
            archives: Archives::default(),
            files: Semaphore::new(self.config.parallel.clamp(1, 16)),
            clients: Semaphore::new(self.config.parallel.clamp(1, 16)),
            cancel,
        });
        let lacking = plan(&run, &models).await?;
        if lacking.is_empty() {
            return Ok(Pulled::default());
        }
        if self.config.offline {
            return Err(offline(&lacking));
        }
        let pulled = pull_all(&run, lacking.iter().map(|(model, _)| model)).await;
        tidy(&run, &models)?;
        pulled
    }
}

impl Run {
    pub(super) fn layout(&self) -> &Layout {
        &self.store.layout
    }

    pub(super) fn config(&self) -> &StoreConfig {
        &self.store.config
    }

    pub(super) fn tell(&self, event: PullEvent) {
        (self.events)(event);
    }

    pub(super) fn tell_progress(&self, id: &ModelId, file: &ModelFile, done: u64) {
        let file_name = file.path.to_string();
        self.tell(PullEvent::Progress { model: id.clone(), file: file_name, done, bytes: file.bytes });
    }

    /// Runs `work` where blocking is allowed.
    pub(super) async fn blocking<T, E>(
        &self,
        work: impl FnOnce() -> std::result::Result<T, E> + Send + 'static,
    ) -> std::result::Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => Err(StoreError::lost(error).into()),
        }
    }

    /// Refuses to begin what the disk has no room for.
    pub(super) fn demand_space(&self, bytes: u64) -> Result<()> {
        let dir = self.layout().dir();
        make_dir(dir)?;
        let free =
            fs4::available_space(dir).map_err(|error| StoreError::io("measure the space at", dir, error))?;
        let needed = bytes.saturating_add(RESERVE);
        if free >= needed {
            return Ok(());
        }
        let message = format!(
            "{} has {} MB free, and {} MB are needed: free some space, or choose another cache directory, \
             and run the same command again, it resumes",
            dir.display(),
            free / 1_000_000,
            needed.div_ceil(1_000_000)
        );
        Err(StoreError::new(StoreErrorKind::DiskFull, message))
    }

    async fn or_cancelled<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(StoreError::cancelled()),
            done = work => done,
        }
    }

    async fn wanting(self: &Arc<Self>, model: &Model) -> Result<Vec<ModelFile>> {
        let (run, model) = (Arc::clone(self), model.clone());
        self.blocking(move || run.store.wanting(&model, &run.cancel)).await
    }
}

/// The models that lack files, with those files; told as an event, and checked against the disk.
async fn plan(run: &Arc<Run>, models: &[Model]) -> Result<Vec<(Model, Vec<ModelFile>)>> {
    let mut lacking = Vec::new();
    for model in models {
        let files = run.or_cancelled(run.wanting(model)).await?;
        if !files.is_empty() {
            lacking.push((model.clone(), files));
        }
    }
    let files = || lacking.iter().flat_map(|(model, files)| files.iter().map(move |file| (model, file)));
    let (mut bytes, mut here) = (0u64, 0u64);
    for (model, file) in files() {
        bytes = bytes.saturating_add(file.bytes);
        let partial = std::fs::metadata(run.layout().partial(&model.id, &file.path));
        here += partial.map_or(0, |metadata| metadata.len().min(file.bytes));
    }
    run.tell(PullEvent::Planned {
        models: lacking.iter().map(|(model, _)| model.id.clone()).collect(),
        files: files().count(),
        bytes,
    });
    if bytes > 0 && !run.config().offline {
        run.demand_space(bytes.saturating_sub(here))?;
    }
    Ok(lacking)
}

/// Pulls every model; a failure of one does not stop the others, unless it would meet them too.
async fn pull_all(run: &Arc<Run>, models: impl Iterator<Item = &Model>) -> Result<Pulled> {
    let mut running: FuturesUnordered<_> = models.map(|model| pull_model(run, model)).collect();
    let (mut pulled, mut errors) = (Pulled::default(), Vec::<StoreError>::new());
    while let Some(ended) = running.next().await {
        match ended {
            Ok(some) => {
                pulled.files += some.files;
                pulled.bytes += some.bytes;
            }
            Err(error) if error.kind() == StoreErrorKind::Unavailable => errors.push(error),
            Err(error) => return Err(error),
        }
    }
    if errors.len() > 1 {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        return Err(StoreError::new(StoreErrorKind::Unavailable, messages.join("\n")));
    }
    errors.pop().map_or(Ok(pulled), Err)
}

async fn pull_model(run: &Arc<Run>, model: &Model) -> Result<Pulled> {
    let waiting = || run.tell(PullEvent::Waiting { model: model.id.clone() });
    let lock = Lock::take(&run.layout().lock(&model.id.0), &run.cancel, waiting).await?;
    let lock = Arc::new(lock);
    // Asked again: whoever held the lock may have fetched them.
    let files = run.or_cancelled(run.wanting(model)).await?;
    let mut running: FuturesUnordered<_> =
        files.iter().map(|file| pull_file(run, &model.id, file, &lock)).collect();
    let (mut pulled, mut finished) = (Pulled::default(), Vec::new());
    let mut failure = None;
    while let Some(ended) = running.next().await {
        match ended {
            Ok((file, seen)) => {
                pulled.files += 1;
                pulled.bytes += file.bytes;
                finished.push((file.clone(), seen));
            }
            Err(error) => {
                failure = Some(error);
                break;
            }
        }
    }
    drop(running);
    stamp(run, &model.id, finished).await?;
    if let Some(error) = failure {
        return Err(error);
    }
    run.tell(PullEvent::Ready { model: model.id.clone() });
    Ok(pulled)
}

async fn pull_file<'a>(
    run: &Arc<Run>,
    id: &ModelId,
    file: &'a ModelFile,
    lock: &Arc<Lock>,
) -> Result<(&'a ModelFile, Seen)> {
    let _turn = run.files.acquire().await.map_err(StoreError::lost)?;
    let seen = run.or_cancelled(fetch::fetch(run, id, file, lock)).await?;
    run.tell_progress(id, file, file.bytes);
    run.tell(PullEvent::Finished { model: id.clone(), file: file.path.to_string(), bytes: file.bytes });
    Ok((file, seen))
}

/// Stamps the files just finished, once the file system's clock has moved on from their last change.
async fn stamp(run: &Arc<Run>, id: &ModelId, finished: Vec<(ModelFile, Seen)>) -> Result<()> {
    if finished.is_empty() {
        return Ok(());
    }
    tokio::time::sleep(SETTLE).await;
    let (task, id) = (Arc::clone(run), id.clone());
    run.blocking(move || {
        let mut stamps = Stamps::load(task.layout(), &id);
        for (file, seen) in finished {
            let place = task.layout().file(&id, &file.path);
            if std::fs::metadata(&place).is_ok_and(|metadata| Seen::of(&metadata) == seen) {
                stamps.set(&file.path, seen, file.sha256);
            }
        }
        stamps
            .save(task.layout(), &id)
            .map_err(|error| StoreError::io("note the files of", task.layout().dir(), error))
    })
    .await
}

/// Removes the archives whose files all stand.
fn tidy(run: &Run, models: &[Model]) -> Result<()> {
    let mut needed: HashMap<ArchiveKey, bool> = HashMap::new();
    for model in models {
        for file in model.files_here() {
            let stands = run.layout().file(&model.id, &file.path).exists();
            for key in file.sources.iter().flat_map(|source| ArchiveKey::of(source, file)) {
                *needed.entry(key).or_default() |= !stands;
            }
        }
    }
    for (key, _) in needed.iter().filter(|(_, needed)| !**needed) {
        super::layout::remove_file(&run.layout().archive(&key.file_name()))?;
    }
    Ok(())
}

fn offline(lacking: &[(Model, Vec<ModelFile>)]) -> StoreError {
    let names: Vec<String> = lacking
        .iter()
        .map(|(model, files)| {
            let bytes: u64 = files.iter().map(|file| file.bytes).sum();
            format!("`{}` ({} files, {} MB)", model.id, files.len(), bytes.div_ceil(1_000_000))
        })
        .collect();
    let message = format!(
        "offline, and {} lack on this machine: pull without the offline setting, or copy the cache directory \
         from a machine that has them",
        names.join(", ")
    );
    StoreError::new(StoreErrorKind::Offline, message)
}
