//! Whether the files of an entry are what the catalogue says.

use super::error::{Result, StoreError, StoreErrorKind};
use super::hash;
use super::layout::Layout;
use super::stamp::{Seen, Stamps};
use reelsmith_inference_core::catalogue::{Model, ModelFile};
use std::io;

/// What was found where a file should lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Finding {
    Good,
    Missing,
    /// Something else lies there; said for a person.
    Damaged(String),
}

/// Whether a stamp may stand for the hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    Stamps,
    Nothing,
}

/// Inspects every file of `model` that belongs on this machine, in the catalogue's order. `step` is
/// told the bytes inspected so far and answers whether to go on.
pub(super) fn inspect<'a>(
    layout: &Layout,
    model: &'a Model,
    trust: Trust,
    step: &mut dyn FnMut(u64) -> bool,
) -> Result<Vec<(&'a ModelFile, Finding)>> {
    let mut stamps = Stamps::load(layout, &model.id);
    let (mut findings, mut inspected, mut learnt) = (Vec::new(), 0, false);
    for file in model.files_here() {
        let mut inspection = Inspection { layout, model, file, stamps: &mut stamps, learnt: &mut learnt };
        let finding = inspection.run(trust, &mut |bytes| step(inspected + bytes))?;
        inspected += file.bytes;
        if !step(inspected) {
            return Err(StoreError::cancelled());
        }
        findings.push((file, finding));
    }
    if learnt && let Err(error) = stamps.save(layout, &model.id) {
        // A cache on a read-only file system works; it only costs a hash at every start.
        tracing::debug!(model = %model.id, %error, "the stamps of verified files were not saved");
    }
    Ok(findings)
}

struct Inspection<'a> {
    layout: &'a Layout,
    model: &'a Model,
    file: &'a ModelFile,
    stamps: &'a mut Stamps,
    learnt: &'a mut bool,
}

impl Inspection<'_> {
    fn run(&mut self, trust: Trust, step: &mut dyn FnMut(u64) -> bool) -> Result<Finding> {
        let path = self.layout.file(&self.model.id, &self.file.path);
        let failed = |error| StoreError::io("read the model file", &path, error);
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Finding::Missing),
            Err(error) => return Err(failed(error)),
        };
        if metadata.len() != self.file.bytes {
            return Ok(Finding::Damaged(format!("it has {} bytes, not {}", metadata.len(), self.file.bytes)));
        }
        if trust == Trust::Stamps && self.stamps.digest(&self.file.path, &metadata) == Some(self.file.sha256)
        {
            return Ok(Finding::Good);
        }
        let seen = Seen::of(&metadata);
        let found = hash::sha256(&path, step).map_err(failed)?.ok_or_else(StoreError::cancelled)?;
        *self.learnt = true;
        if found != self.file.sha256 {
            self.stamps.forget(&self.file.path);
            return Ok(Finding::Damaged(format!("its sha256 is {found}, not {}", self.file.sha256)));
        }
        if std::fs::metadata(&path).map(|after| Seen::of(&after)).map_err(failed)? == seen {
            self.stamps.set(&self.file.path, seen, found);
        }
        Ok(Finding::Good)
    }
}

/// The error for the first file that is not good, if any.
pub(super) fn demand(model: &Model, findings: &[(&ModelFile, Finding)]) -> Result<()> {
    let id = &model.id;
    let damaged: Vec<String> = findings
        .iter()
        .filter_map(|(file, finding)| match finding {
            Finding::Damaged(how) => Some(format!("`{}` is damaged: {how}", file.path)),
            _ => None,
        })
        .collect();
    if !damaged.is_empty() {
        let message = format!(
            "model `{id}`: {}; run `reelsmith models pull {id}` to fetch it again",
            damaged.join("; ")
        );
        return Err(StoreError::new(StoreErrorKind::Corrupt, message));
    }
    match findings.iter().find(|(_, finding)| *finding == Finding::Missing) {
        Some((file, _)) => Err(StoreError::missing(id, &format!("`{}`", file.path))),
        None => demand_platform(model),
    }
}

/// An entry whose files are all for other platforms cannot be had here.
pub(super) fn demand_platform(model: &Model) -> Result<()> {
    if model.files_here().next().is_some() {
        return Ok(());
    }
    let offered: Vec<&str> =
        model.files.iter().filter_map(|file| file.platform.as_ref()).map(|p| p.as_str()).collect();
    let message = format!(
        "model `{}` has no file for {}, only for {}; add one to a catalogue of your own (docs/models.md)",
        model.id,
        reelsmith_inference_core::catalogue::Platform::here(),
        offered.join(", ")
    );
    Err(StoreError::new(StoreErrorKind::Unsupported, message))
}
