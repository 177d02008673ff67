//! From the flags of a drawing to a request, the models that it needs, and its recipe.

use super::super::Context;
use super::stages::Stages;
use super::told::Spent;
use crate::cli::images::Drawing;
use crate::exit::{Failure, Outcome};
use crate::house::pipeline_failure;
use crate::library::Library;
use crate::studio::Studio;
use crate::weights::{Weights, choice};
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::image::{Generated, Image, ImageRequest, LoraUse};
use reelsmith_media::picture::{Bitmap, Format};
use reelsmith_pipelines::images::{
    LoraNote, ModelNote, Recipe, bucket, check_size, is_bucket, painted, request,
};
use std::hash::{BuildHasher, RandomState};
use tokio_util::sync::CancellationToken;

/// The models of a drawing; they exist, but may have to be fetched.
pub(super) struct Models {
    checkpoint: Weights,
    vae: Option<Weights>,
    loras: Vec<(Weights, f32)>,
}

impl Models {
    /// Whether a model is named, on the command line or in the settings.
    pub(super) fn named(context: &Context, drawing: &Drawing) -> bool {
        drawing.model.is_some() || context.config.images.model.is_some()
    }

    /// Finds them.
    pub(super) fn find(context: &Context, library: &Library, drawing: &Drawing) -> Outcome<Self> {
        let wanted = Capability::TextToImage;
        let checkpoint = match (&drawing.model, &context.config.images.model) {
            (Some(name), _) => Weights::find(library, name, Some(wanted), "--model")?,
            (None, Some(name)) => Weights::find(library, name, Some(wanted), "image_model")?,
            (None, None) => {
                let message = format!(
                    "no text-to-image model is named; {} with --model or in the setting image_model",
                    choice(library, wanted)
                );
                return Err(Failure::usage(message));
            }
        };
        let vae = drawing.vae.as_ref().map(|name| Weights::find(library, name, None, "--vae")).transpose()?;
        let lora = |lora: &crate::cli::values::LoraArg| {
            Ok((Weights::find(library, &lora.model, None, "--lora")?, lora.weight))
        };
        let loras = drawing.lora.iter().map(lora).collect::<Outcome<_>>()?;
        Ok(Self { checkpoint, vae, loras })
    }

    /// All of them: the checkpoint, the VAE, the LoRAs.
    pub(super) fn all(&self) -> Vec<&Weights> {
        let loras = self.loras.iter().map(|(lora, _)| lora);
        std::iter::once(&self.checkpoint).chain(&self.vae).chain(loras).collect()
    }

    /// The model to ask for.
    pub(super) fn id(&self) -> ModelId {
        let checkpoint = self.checkpoint.id();
        self.vae.as_ref().map_or(checkpoint.clone(), |vae| checkpoint.with_vae(&vae.id()))
    }

    /// What is asked of it.
    pub(super) fn request(
        &self,
        context: &Context,
        drawing: &Drawing,
        prompt: &str,
        size: (u32, u32),
    ) -> ImageRequest {
        let usual = &context.config.images;
        let loras = self.loras.iter().map(|(lora, weight)| LoraUse { model: lora.id(), weight: *weight });
        ImageRequest {
            negative_prompt: drawing.negative.clone(),
            steps: drawing.steps.unwrap_or(usual.steps),
            guidance_scale: drawing.guidance.unwrap_or(usual.guidance_scale),
            sampler: drawing.sampler.unwrap_or(usual.sampler),
            clip_skip: drawing.clip_skip,
            noise: drawing.noise.into(),
            loras: loras.collect(),
            ..request(prompt, size, drawing.seed.unwrap_or_else(chance))
        }
    }

    /// The recipe of `request`, but for its start and its controls.
    pub(super) async fn recipe(
        &self,
        studio: &Studio,
        request: &ImageRequest,
        cancel: &CancellationToken,
    ) -> Outcome<Recipe> {
        let mut notes = studio.notes(self.all().into_iter().cloned().collect(), cancel).await?.into_iter();
        let mut next = || notes.next().expect("there is a note for each model");
        let version = env!("CARGO_PKG_VERSION");
        let mut recipe = Recipe::of(request, next(), version, &studio.runtime_title());
        recipe.vae = self.vae.as_ref().map(|_| next());
        recipe.loras =
            self.loras.iter().map(|(_, weight)| LoraNote { model: next(), weight: *weight }).collect();
        Ok(recipe)
    }
}

/// A seed that nobody chose; short enough for every other program.
fn chance() -> u64 {
    RandomState::new().hash_one("seed") & u64::from(u32::MAX)
}

/// Refuses notes that a file of this format has no room for, before anything is drawn.
pub(super) fn check_notes(format: Format, recipe: &Recipe) -> Outcome {
    let refused = |error| Failure::usage(format!("{error} with --no-metadata"));
    format.check_notes(&recipe.notes()).map_err(refused)
}

/// Refuses a size that no picture can have; remarks on one that SDXL was not trained on.
pub(super) fn check(context: &Context, (width, height): (u32, u32)) -> Outcome {
    check_size(width, height).map_err(pipeline_failure)?;
    if let Some((w, h)) = bucket(width, height).filter(|_| !is_bucket(width, height)) {
        let remark =
            format!("{width}x{height} is not a size that SDXL was trained on; {w}x{h} is, in this shape");
        context.reporter.teller().note(&remark);
    }
    Ok(())
}

/// Has the pictures drawn.
pub(super) async fn draw(
    stages: &mut Stages<'_>,
    studio: &Studio,
    models: &Models,
    request: ImageRequest,
    show: impl AsyncFn(Image),
) -> Outcome<(Generated, Spent)> {
    let id = models.id();
    stages.names("model", &[("steps", "draw"), ("bands", "draw")]);
    let asked = stages.watch_with_previews(
        |told, preview, cancel| studio.scheduler.generate(&id, request, told, preview, cancel),
        show,
    );
    let served = asked.await.map_err(|error| pipeline_failure(error.into()))?;
    Ok((served.answer, Spent { model: models.checkpoint.name(), memory: served.memory }))
}

/// Has one picture drawn.
pub(super) async fn draw_one(
    stages: &mut Stages<'_>,
    studio: &Studio,
    models: &Models,
    request: ImageRequest,
) -> Outcome<(Bitmap, Spent)> {
    let (made, spent) = draw(stages, studio, models, request, async |_| {}).await?;
    let image = made.images.into_iter().next().map(painted);
    let image =
        image.ok_or_else(|| Failure::failed("the model made no picture; this is a defect of reelsmith"))?;
    Ok((image, spent))
}

/// The name and hash of one model.
pub(super) async fn note(studio: &Studio, model: &Weights, cancel: &CancellationToken) -> Outcome<ModelNote> {
    Ok(studio.notes(vec![model.clone()], cancel).await?.remove(0))
}
