//! The catalogue and the model store of this machine, and what of them a Short needs.

use crate::config::Config;
use crate::exit::{Failure, Outcome};
use reelsmith_inference::engine::{OWN_RECOGNISER_REQUIRES, OWN_REQUIRES};
use reelsmith_inference::store::{State, Store, StoreConfig, StoreError, StoreErrorKind};
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::{Capability, Catalogue, Kind, Model};
use reelsmith_inference_core::speech::Voice;
use reelsmith_pipelines::names::did_you_mean;
use reelsmith_pipelines::report::{FileFact, ModelFact};
use std::path::PathBuf;
use std::sync::Arc;

/// Entries that the tests need beside what a Short needs: the recogniser that reads speech back and its voice
/// detector, the vocabulary of prompts, the upscalers, the reader of texts, the small language model, and the small voice.
const TEST_FAMILIES: [&str; 7] =
    ["whisper-base", "silero-vad", "clip-vocabulary", "realesrgan", "all-minilm-l6-v2", "smollm2", "hibari"];

/// The catalogue, the store, and the chosen voice model.
#[derive(Debug, Clone)]
pub struct Library {
    /// Model files of this machine.
    pub store: Store,
    /// The model that speaks.
    pub voice_model: ModelId,
    /// The engine's library.
    runtime: ModelId,
    commercial_use: bool,
}

impl Library {
    /// Reads the catalogue: the built-in entries and the user's own.
    ///
    /// # Errors
    /// A user's entry that is invalid, or a configured voice model that does not exist or cannot speak.
    pub fn open(config: &Config) -> Outcome<Self> {
        let catalogue = Catalogue::builtin().and_then(|built_in| built_in.with_dir(&config.user_models()));
        let catalogue = Arc::new(catalogue.map_err(Failure::usage)?);
        let settings = StoreConfig {
            hub_endpoint: config.hub.endpoint.clone(),
            offline: config.hub.offline,
            npm: config.tools.npm.clone(),
            pip: config.tools.pip.clone(),
            ..StoreConfig::default()
        };
        let voice_model = ModelId(config.voice_model.clone());
        let library = Self {
            store: Store::new(config.models_dir.clone(), catalogue, settings),
            runtime: ModelId(if config.device.cuda { "onnxruntime-cuda" } else { "onnxruntime" }.into()),
            voice_model,
            commercial_use: config.commercial_use,
        };
        library.check_voice_model()?;
        Ok(library)
    }

    fn check_voice_model(&self) -> Outcome {
        let model = self.find(&self.voice_model.0)?;
        if model.capability == Some(Capability::Speak) {
            return Ok(());
        }
        let able: Vec<&str> =
            self.catalogue().able(Capability::Speak).map(|model| model.id.0.as_str()).collect();
        let message =
            format!("voice_model is {}, which does not speak; expected one of {}", model.id, able.join(", "));
        Err(Failure::usage(message))
    }

    /// The entries there are.
    pub fn catalogue(&self) -> &Catalogue {
        self.store.catalogue()
    }

    /// The entry of that name.
    ///
    /// # Errors
    /// There is none; the message lists the near ones.
    pub fn find(&self, name: &str) -> Outcome<&Model> {
        self.catalogue().get(&ModelId(name.to_owned())).map_err(|_| {
            let near = did_you_mean(name, self.catalogue().iter().map(|model| model.id.0.as_str()));
            Failure::usage(format!("there is no model {name}{near} (`reelsmith models list` shows all)"))
        })
    }

    /// What `make short` needs: the voice model with all that it requires, and the fonts.
    pub fn for_short(&self) -> Vec<ModelId> {
        let mut ids = self.closure(&[self.voice_model.clone(), self.runtime.clone()]);
        ids.extend(self.of_kind(Kind::Font));
        ids
    }

    /// What models of the catalogue need.
    pub fn for_entries(&self, entries: &[ModelId]) -> Vec<ModelId> {
        let ids: Vec<ModelId> = entries.iter().chain([&self.runtime]).cloned().collect();
        self.closure(&ids)
    }

    /// The same, and what a person's own files take of the catalogue.
    pub fn for_own(&self, entries: &[ModelId]) -> Vec<ModelId> {
        let own = OWN_REQUIRES.into_iter().chain(OWN_RECOGNISER_REQUIRES).map(ModelId::from);
        let ids: Vec<ModelId> = entries.iter().cloned().chain(own).chain([self.runtime.clone()]).collect();
        self.closure(&ids)
    }

    /// The fonts.
    pub fn for_type(&self) -> Vec<ModelId> {
        self.of_kind(Kind::Font).collect()
    }

    /// What the tests need: the same, and the entries of their families.
    pub fn for_tests(&self) -> Vec<ModelId> {
        let mut ids = self.for_short();
        let extra = self.catalogue().iter().filter(|model| TEST_FAMILIES.contains(&model.family.as_str()));
        ids.extend(extra.map(|model| model.id.clone()));
        ids
    }

    /// The whole catalogue.
    pub fn everything(&self) -> Vec<ModelId> {
        self.catalogue().iter().map(|model| model.id.clone()).collect()
    }

    fn of_kind(&self, kind: Kind) -> impl Iterator<Item = ModelId> + '_ {
        self.catalogue().iter().filter(move |model| model.kind == kind).map(|model| model.id.clone())
    }

    /// `ids` and all that they require, what is required first; unknown names are left out.
    pub fn closure(&self, ids: &[ModelId]) -> Vec<ModelId> {
        let found = self.catalogue().closure(ids).unwrap_or_default();
        found.into_iter().map(|model| model.id.clone()).collect()
    }

    /// Those of `ids` whose files are not all here and verified. Looks at sizes and stamps only.
    pub fn missing(&self, ids: &[ModelId]) -> Vec<ModelId> {
        let absent = |id: &&ModelId| !matches!(self.store.state(id), Ok(State::Present));
        ids.iter().filter(absent).cloned().collect()
    }

    /// Hashes those of `ids` that have changed since they were last found right. A damaged file is not
    /// quietly replaced: whoever changed it should know. Reads whole files: not for an async thread.
    ///
    /// # Errors
    /// Names the file, both hashes and the command that mends it.
    pub fn check_changed(&self, ids: &[ModelId]) -> Outcome {
        let mut changed = ids.iter().filter(|id| matches!(self.store.state(id), Ok(State::Unverified)));
        changed.try_for_each(|id| self.store.ready(id).map(drop).map_err(store_failure))
    }

    /// Refuses models whose licence forbids commercial use, where only others may be used.
    ///
    /// # Errors
    /// Names them and their licences.
    pub fn check_licences(&self, ids: &[ModelId]) -> Outcome {
        if !self.commercial_use {
            return Ok(());
        }
        let refused: Vec<String> = ids
            .iter()
            .filter_map(|id| self.catalogue().get(id).ok())
            .filter(|model| !model.licence.commercial)
            .map(|model| format!("{} ({})", model.id, model.licence.spdx))
            .collect();
        match refused.is_empty() {
            true => Ok(()),
            false => Err(Failure::usage(format!(
                "commercial_use is set, and the licence of {} forbids it; choose another model",
                refused.join(", ")
            ))),
        }
    }

    /// The voices of the chosen model, by name, whether their files are here or not.
    pub fn voices(&self) -> Vec<Voice> {
        let entries = self.catalogue().closure(std::slice::from_ref(&self.voice_model)).unwrap_or_default();
        // A student's only voice is its graph.
        let is_voice = |model: &&Model| model.kind == Kind::Voices || model.family == "hibari";
        let files = entries.into_iter().filter(is_voice).flat_map(|model| &model.files);
        let mut voices: Vec<Voice> = files
            .filter_map(|file| file.path.as_str().rsplit_once('.').map(|(name, _)| name))
            .map(|name| Voice {
                name: name.to_owned(),
                language: reelsmith_inference::kokoro::language(name).to_owned(),
            })
            .collect();
        voices.sort_by(|a, b| a.name.cmp(&b.name));
        voices
    }

    /// ONNX Runtime's library, checked. Reads the whole file where it changed.
    ///
    /// # Errors
    /// It is missing or damaged, or the catalogue names none for this platform.
    pub fn runtime_file(&self) -> Outcome<PathBuf> {
        let verified = self.store.ready(&self.runtime).map_err(store_failure)?;
        let library = verified.files.first().map(|file| file.path.clone());
        library.ok_or_else(|| Failure::failed(format!("{} has no file for this platform", self.runtime)))
    }

    /// What the runtime is called, with its version.
    pub fn runtime_title(&self) -> String {
        self.catalogue().get(&self.runtime).map_or_else(|_| String::new(), |model| model.title.clone())
    }

    /// The font files, checked. Reads whole files where they changed: not for an async thread.
    ///
    /// # Errors
    /// A font that is missing or damaged.
    pub fn fonts(&self) -> Outcome<Vec<PathBuf>> {
        let mut files = Vec::new();
        for id in self.of_kind(Kind::Font) {
            let verified = self.store.ready(&id).map_err(store_failure)?;
            files.extend(verified.files.into_iter().map(|file| file.path).filter(|path| is_font(path)));
        }
        Ok(files)
    }

    /// What the report says about `ids`.
    pub fn facts(&self, ids: &[ModelId]) -> Vec<ModelFact> {
        let models = ids.iter().filter_map(|id| self.catalogue().get(id).ok());
        models.map(fact).collect()
    }

    /// Bytes that are still to be fetched for a Short.
    pub fn missing_bytes(&self) -> u64 {
        self.for_short().iter().map(|id| self.missing_bytes_of(id)).sum()
    }

    fn missing_bytes_of(&self, id: &ModelId) -> u64 {
        let all = self.catalogue().get(id).map_or(0, Model::bytes_here);
        match self.store.state(id) {
            Ok(State::Present | State::Unverified) => 0,
            Ok(State::Partial { present, bytes }) => bytes.saturating_sub(present),
            _ => all,
        }
    }
}

fn is_font(path: &std::path::Path) -> bool {
    path.extension().is_some_and(|e| e.eq_ignore_ascii_case("ttf") || e.eq_ignore_ascii_case("otf"))
}

fn fact(model: &Model) -> ModelFact {
    let role = match (model.kind, model.capability) {
        (Kind::Model, capability) => capability.map_or("", Capability::name),
        (Kind::Voices, _) => "voices",
        (Kind::Lexicon, _) => "lexicon",
        (Kind::Font, _) => "font",
        (Kind::Component, _) => "component",
        (Kind::Runtime, _) => "runtime",
    };
    ModelFact {
        id: model.id.0.clone(),
        title: model.title.clone(),
        role: role.to_owned(),
        licence: model.licence.spdx.clone(),
        commercial: model.licence.commercial,
        files: model
            .files_here()
            .map(|file| FileFact {
                name: file.path.to_string(),
                sha256: file.sha256.to_string(),
                bytes: file.bytes,
            })
            .collect(),
    }
}

/// How a command ends when the store could not do something.
pub fn store_failure(error: StoreError) -> Failure {
    match error.kind() {
        StoreErrorKind::UnknownModel => Failure::usage(error),
        StoreErrorKind::Cancelled => Failure::cancelled(error),
        _ => Failure::failed(error),
    }
}
