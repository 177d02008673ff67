//! One file: its sources in order, until one delivers bytes of the right sha256.

use super::PullEvent;
use super::error::{Result, StoreError, StoreErrorKind};
use super::hub::Transfer;
use super::layout::{make_parent, remove_file};
use super::lock::Lock;
use super::pull::Run;
use super::stamp::Seen;
use super::{hash, join};
use reelsmith_inference_core::catalogue::{Member, ModelFile, ModelId, Source};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Why a source did not deliver.
#[derive(Debug)]
pub(super) enum Fault {
    /// Its own fault, said for a person; the next source may do better.
    Source(String),
    /// No source could do better: the disk is full, the caller cancelled.
    Stop(StoreError),
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Stop(error)
    }
}

/// Fetches one file into its final place and answers how it looks there. `lock` is the entry's.
pub(super) async fn fetch(run: &Arc<Run>, id: &ModelId, file: &ModelFile, lock: &Arc<Lock>) -> Result<Seen> {
    let partial = run.layout().partial(id, &file.path);
    make_parent(&partial)?;
    let mut refusals = Vec::new();
    for (n, source) in file.sources.iter().enumerate() {
        let name = describe(source);
        if !source.is_hub() || run.hub.down().is_none() {
            run.tell(PullEvent::Started {
                model: id.clone(),
                file: file.path.to_string(),
                bytes: file.bytes,
                source: name.clone(),
            });
        }
        let reason = match from_source(run, id, file, source, &partial, lock).await {
            Ok(seen) => return Ok(seen),
            Err(Fault::Stop(error)) => return Err(error),
            Err(Fault::Source(reason)) => reason,
        };
        if n + 1 < file.sources.len() && (!source.is_hub() || run.hub.is_news()) {
            run.tell(PullEvent::FellBack {
                model: id.clone(),
                file: file.path.to_string(),
                source: name.clone(),
                reason: reason.clone(),
            });
        }
        refusals.push(format!("{name}: {reason}"));
    }
    Err(unavailable(run, id, file, &refusals))
}

async fn from_source(
    run: &Arc<Run>,
    id: &ModelId,
    file: &ModelFile,
    source: &Source,
    partial: &Path,
    lock: &Arc<Lock>,
) -> std::result::Result<Seen, Fault> {
    let Source::Hub(hub) = source else {
        return from_archives(run, id, file, source, partial, lock).await;
    };
    let progress = |done| run.tell_progress(id, file, done);
    let transfer = Transfer { file, partial, lock, progress: &progress };
    let resumed = run.hub.fetch(hub, &transfer).await?;
    match accept(run, id, file, partial, lock).await {
        // The part that lay here may be to blame, not the hub.
        Err(Fault::Source(_)) if resumed => {
            run.hub.fetch(hub, &transfer).await?;
            accept(run, id, file, partial, lock).await
        }
        accepted => accepted,
    }
}

/// Puts the file together from archives; if one of them lay here and they do not make the file, once
/// more from fresh ones.
async fn from_archives(
    run: &Arc<Run>,
    id: &ModelId,
    file: &ModelFile,
    source: &Source,
    partial: &Path,
    lock: &Arc<Lock>,
) -> std::result::Result<Seen, Fault> {
    let mut may_repeat = true;
    loop {
        let drawn = join::draw(run, file, source).await?;
        let made = match join::join(run, id, file, source, &drawn, partial, lock).await {
            Ok(()) => accept(run, id, file, partial, lock).await,
            Err(fault) => Err(fault),
        };
        match made {
            Err(Fault::Source(_)) if may_repeat && drawn.was_cached() => {
                run.archives.forget_cached(run, &drawn)?;
                may_repeat = false;
            }
            Err(Fault::Source(reason)) => {
                join::discard(run, source, file)?;
                return Err(Fault::Source(reason));
            }
            made => return made,
        }
    }
}

/// Moves a complete partial file to its final name if its sha256 is right, and removes it if not.
async fn accept(
    run: &Arc<Run>,
    id: &ModelId,
    file: &ModelFile,
    partial: &Path,
    lock: &Arc<Lock>,
) -> std::result::Result<Seen, Fault> {
    let place = run.layout().file(id, &file.path);
    let (task, file, partial, lock) = (Arc::clone(run), file.clone(), partial.to_owned(), Arc::clone(lock));
    run.blocking(move || {
        let _lock = lock;
        let failed = |error| StoreError::io("finish", &place, error);
        let found = hash::sha256(&partial, |_| !task.cancel.is_cancelled()).map_err(failed)?;
        let found = found.ok_or_else(StoreError::cancelled)?;
        if found != file.sha256 {
            remove_file(&partial)?;
            return Err(Fault::Source(format!("what came has the sha256 {found}, not {}", file.sha256)));
        }
        let dir = make_parent(&place)?;
        File::open(&partial).and_then(|file| file.sync_all()).map_err(failed)?;
        std::fs::rename(&partial, &place).map_err(failed)?;
        File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed)?;
        Ok(Seen::of(&std::fs::metadata(&place).map_err(failed)?))
    })
    .await
}

fn unavailable(run: &Run, id: &ModelId, file: &ModelFile, refusals: &[String]) -> StoreError {
    let message = format!(
        "`{}` of model `{id}` could not be had from any source:\n  {}\n\
         Check the network and the proxy, install what is named above, and run the same command again; \
         or put a file of {} bytes with sha256 {} at {} yourself",
        file.path,
        refusals.join("\n  "),
        file.bytes,
        file.sha256,
        run.layout().file(id, &file.path).display()
    );
    StoreError::new(StoreErrorKind::Unavailable, message)
}

/// A source, for a person.
fn describe(source: &Source) -> String {
    let packages = |members: &[Member]| {
        let mut names: Vec<String> = members.iter().map(|member| member.package.to_string()).collect();
        names.dedup();
        match names.as_slice() {
            [first, .., last] if names.len() > 3 => format!("{first} … {last}"),
            names => names.join(", "),
        }
    };
    match source {
        Source::Hub(hub) => format!("model hub ({})", hub.repo),
        Source::Npm(members) => format!("npm ({})", packages(members)),
        Source::Pypi(members) => format!("pypi ({})", packages(members)),
    }
}
