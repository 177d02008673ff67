//! The models there are: the files of `models/`, parsed and validated.
//!
//! One TOML file describes one entry: what it is, what its licence allows, how much memory it takes,
//! which other entries it needs, and for each of its files the size, the sha256 and an ordered list
//! of places to have it from. The project's own entries are embedded in the binary
//! ([`Catalogue::builtin`]); a directory of the user's may add more ([`Catalogue::with_dir`]).
//! A catalogue that exists is valid: unknown keys, doubled ids, unresolvable or circular
//! requirements and unsafe paths are refused while it is read.

mod entry;
mod error;
mod file;
mod source;

pub use entry::{Capability, Kind, Licence, Memory, Model, ModelId};
pub use error::CatalogueError;
pub use file::{ModelFile, Platform, RelativePath, Sha256};
pub use source::{Hub, Member, Package, Source};

use crate::{ErrorKind, InferenceError};
use include_dir::{Dir, include_dir};
use std::collections::{BTreeMap, HashSet};
use std::path::Path;

static BUILTIN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../models");

/// How alike two names must be to be offered as a near match: Jaro-Winkler similarity, 0 to 1.
const NEAR: f64 = 0.8;

/// Every entry by its id; valid as a whole.
#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    models: BTreeMap<ModelId, Model>,
}

impl Catalogue {
    /// The entries embedded in this binary.
    ///
    /// # Errors
    /// Only when the project's own `models/` is invalid, which its tests rule out.
    pub fn builtin() -> Result<Self, CatalogueError> {
        let files = BUILTIN.files().filter(|file| is_entry(file.path()));
        Self::parse(files.map(|file| {
            let name = file.path().display().to_string();
            (name, file.contents_utf8().unwrap_or_default().to_owned())
        }))
    }

    /// Reads entries from pairs of a name, used in messages, and TOML text.
    ///
    /// # Errors
    /// Names the first file that is invalid, and where and why.
    pub fn parse(files: impl IntoIterator<Item = (String, String)>) -> Result<Self, CatalogueError> {
        let mut catalogue = Self::default();
        catalogue.add(files)?;
        Ok(catalogue)
    }

    /// This catalogue and the `*.toml` files of `dir`, whose entries may require those here but not
    /// take their ids. A directory that does not exist adds nothing.
    ///
    /// # Errors
    /// A file that cannot be read or is invalid, by name.
    pub fn with_dir(mut self, dir: &Path) -> Result<Self, CatalogueError> {
        let unreadable = |error: std::io::Error| CatalogueError::new(dir.display(), error);
        if !dir.try_exists().map_err(unreadable)? {
            return Ok(self);
        }
        let mut files = Vec::new();
        for found in std::fs::read_dir(dir).map_err(unreadable)? {
            let path = found.map_err(unreadable)?.path();
            if is_entry(&path) {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| CatalogueError::new(path.display(), error))?;
                files.push((path.display().to_string(), text));
            }
        }
        files.sort();
        self.add(files)?;
        Ok(self)
    }

    /// The entry of that name.
    ///
    /// # Errors
    /// `UnknownModel` with the near matches.
    pub fn get(&self, id: &ModelId) -> crate::Result<&Model> {
        self.models.get(id).ok_or_else(|| self.unknown(id))
    }

    /// All entries, by id.
    pub fn iter(&self) -> impl Iterator<Item = &Model> {
        self.models.values()
    }

    /// The entries that can do `capability`, by id.
    pub fn able(&self, capability: Capability) -> impl Iterator<Item = &Model> {
        self.iter().filter(move |model| model.capability == Some(capability))
    }

    /// The entries named and all that they require, each once, what is required before what requires it.
    ///
    /// # Errors
    /// `UnknownModel` for a name that is not in the catalogue.
    pub fn closure(&self, ids: &[ModelId]) -> crate::Result<Vec<&Model>> {
        let mut found = Vec::new();
        let mut seen = HashSet::new();
        for id in ids {
            self.visit(self.get(id)?, &mut seen, &mut found);
        }
        Ok(found)
    }

    /// The entries that require `id` directly.
    pub fn dependents(&self, id: &ModelId) -> impl Iterator<Item = &Model> {
        self.iter().filter(move |model| model.requires.contains(id))
    }

    fn visit<'a>(&'a self, model: &'a Model, seen: &mut HashSet<&'a ModelId>, found: &mut Vec<&'a Model>) {
        if !seen.insert(&model.id) {
            return;
        }
        for id in &model.requires {
            if let Some(required) = self.models.get(id) {
                self.visit(required, seen, found);
            }
        }
        found.push(model);
    }

    fn add(&mut self, files: impl IntoIterator<Item = (String, String)>) -> Result<(), CatalogueError> {
        let mut names = Vec::new();
        for (name, text) in files {
            let model: Model = toml::from_str(&text).map_err(|error| CatalogueError::new(&name, error))?;
            model.check().map_err(|error| CatalogueError::new(&name, error))?;
            if self.models.contains_key(&model.id) {
                let said = format!("the id `{}` is taken by another entry; choose another", model.id);
                return Err(CatalogueError::new(&name, said));
            }
            names.push((name, model.id.clone()));
            self.models.insert(model.id.clone(), model);
        }
        for (name, id) in &names {
            self.check_requirements(id).map_err(|said| CatalogueError::new(name, said))?;
        }
        Ok(())
    }

    /// Every requirement, direct or not, is an entry, and none leads back to `id`.
    fn check_requirements(&self, id: &ModelId) -> Result<(), String> {
        let mut open: Vec<&ModelId> = self.models[id].requires.iter().collect();
        let mut seen = HashSet::new();
        while let Some(required) = open.pop() {
            if required == id {
                return Err(format!("`{id}` requires itself, directly or through another entry"));
            }
            let Some(model) = self.models.get(required) else {
                return Err(format!("`requires` names `{required}`, which no entry of the catalogue has"));
            };
            if seen.insert(required) {
                open.extend(&model.requires);
            }
        }
        Ok(())
    }

    fn unknown(&self, id: &ModelId) -> InferenceError {
        let mut near: Vec<(f64, &ModelId)> = self
            .models
            .keys()
            .map(|known| (strsim::jaro_winkler(&known.0, &id.0), known))
            .filter(|(likeness, _)| *likeness >= NEAR)
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        let near: Vec<String> = near.iter().take(3).map(|(_, known)| format!("`{known}`")).collect();
        let hint = match near.is_empty() {
            true => "`reelsmith models list` shows those there are".to_owned(),
            false => format!("did you mean {}?", near.join(" or ")),
        };
        InferenceError::new(ErrorKind::UnknownModel, format!("there is no model `{id}`; {hint}"))
    }
}

fn is_entry(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "toml")
}
