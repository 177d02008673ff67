//! The models that paint the scenes of jobs, as the settings name them.

use crate::config::{Config, Images};
use crate::exit::{Outcome, blocking};
use crate::library::Library;
use crate::weights::{Hashes, Weights};
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_pipelines::script::PictureWish;
use reelsmith_pipelines::{Document, Painter, PainterChoice};
use std::path::PathBuf;

/// Models that exist; they may have to be fetched yet.
#[derive(Debug, Clone)]
pub struct Painters {
    model: Weights,
    upscaler: Option<Weights>,
    settings: Images,
    hashes: PathBuf,
}

impl Painters {
    /// Those of the settings; none where no `image_model` is set.
    ///
    /// # Errors
    /// A setting that names what does not exist or can do something else.
    pub fn configured(config: &Config, library: &Library) -> Outcome<Option<Self>> {
        let settings = config.images.clone();
        let find = |name: &Option<String>, wanted, setting| {
            name.as_ref().map(|name| Weights::find(library, name, Some(wanted), setting)).transpose()
        };
        let model = find(&settings.model, Capability::TextToImage, "image_model")?;
        let upscaler = find(&settings.upscaler, Capability::Upscale, "upscale_model")?;
        let hashes = config.data_dir.join("hashes.json");
        Ok(model.map(|model| Self { model, upscaler, settings, hashes }))
    }

    /// The same where a script describes a picture.
    ///
    /// # Errors
    /// As [`Painters::configured`].
    pub fn wanted(config: &Config, library: &Library, document: &Document) -> Outcome<Option<Self>> {
        let mut scenes = document.script.scenes.iter();
        match scenes.any(|scene| matches!(scene.picture, Some(PictureWish::Prompt(_)))) {
            true => Self::configured(config, library),
            false => Ok(None),
        }
    }

    /// Entries of the catalogue that they need.
    pub fn entries(&self, library: &Library) -> Vec<ModelId> {
        let own: Vec<ModelId> =
            std::iter::once(&self.model).chain(&self.upscaler).filter_map(|m| m.entry().cloned()).collect();
        library.for_own(&own)
    }

    /// What the jobs are given. Files that were never hashed are read whole.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub async fn painter(self, library: &Library) -> Outcome<Painter> {
        let library = library.clone();
        blocking(move || {
            let mut hashes = Hashes::open(self.hashes);
            let note = self.model.note(&library, &mut hashes)?;
            let mut facts = vec![self.model.fact(&library, &note, Capability::TextToImage.name())];
            let upscaler =
                self.upscaler.as_ref().map(|weights| weights.note(&library, &mut hashes)).transpose()?;
            if let (Some(weights), Some(note)) = (&self.upscaler, &upscaler) {
                facts.push(weights.fact(&library, note, Capability::Upscale.name()));
            }
            let Images { steps, guidance_scale, sampler, .. } = self.settings;
            Ok(Painter {
                model: self.model.id(),
                upscaler: self.upscaler.as_ref().map(Weights::id),
                choice: PainterChoice { model: note, steps, guidance_scale, sampler, upscaler },
                facts,
            })
        })
        .await
    }
}

/// What `make short` needs, with what paints its pictures.
pub fn needed(library: &Library, painters: Option<&Painters>) -> Vec<ModelId> {
    let mut ids = library.for_short();
    let entries = painters.map(|painters| painters.entries(library)).unwrap_or_default();
    ids.extend(entries.into_iter().filter(|id| !library.for_short().contains(id)));
    ids
}
