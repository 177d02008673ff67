//! A scene's picture made by a model of its description, enlarged where it is smaller than the frame.

use super::looks::frame;
use super::{pictures, recipe};
use crate::engine::{Kept, StepContext};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::images::{MAX_SIDE, Recipe, UpscaleNote, bucket, covering, painted, request};
use crate::report::{PictureFact, PictureMaker};
use crate::runner::{Painter, Parts};
use crate::spec::{PainterChoice, Short};
use reelsmith_inference_core::image::{Image, ImageRequest, UpscaleRequest};
use reelsmith_inference_core::{ModelId, Progress};
use reelsmith_media::cards::OVERSIZE;
use reelsmith_media::picture::Bitmap;
use reelsmith_scheduler::{CancelToken, Measured, MemoryUse};
use reelsmith_storage::Artifact;
use serde_json::json;

const VERSION: u32 = 1;

/// Makes the picture of a scene.
///
/// Its seed is the job's and the number of the scene, so that two scenes of one description differ.
pub(super) async fn paint(
    parts: &Parts,
    short: &Short,
    (scene, prompt): (usize, &str),
    painter: &PainterChoice,
    context: &StepContext,
) -> Result<(Artifact, PictureFact)> {
    let models = the_same(parts.painter.as_ref(), painter)?;
    let (width, height) = frame(short);
    let size = bucket(width, height).unwrap_or((1024, 1024));
    let request = ImageRequest {
        steps: painter.steps,
        guidance_scale: painter.guidance_scale,
        sampler: painter.sampler,
        ..request(prompt, size, short.seed.wrapping_add(scene as u64))
    };
    let versions = &parts.versions;
    let mut made = Recipe::of(&request, painter.model.clone(), &versions.reelsmith, &versions.onnxruntime);
    let drawn = draw(parts, &models.model, request, context).await?;
    // Room for the motion over it, as cards have.
    let side = |side: u32| ((side as f32 * OVERSIZE).round() as u32).min(MAX_SIDE);
    let target = covering(size, (side(width), side(height)));
    let image = match (&painter.upscaler, &models.upscaler) {
        (Some(note), Some(upscaler)) if target != size => {
            let (model, (width, height)) = (note.clone(), target);
            made.upscaled = Some(UpscaleNote { model, width, height });
            enlarge(parts, upscaler, drawn, target, context).await?
        }
        _ => drawn,
    };
    let artifact = keep(painted(image), &made, scene, context).await?;
    let fact = PictureFact {
        source: PictureMaker::Model,
        why: format!("the script describes it, and {} is the text-to-image model", painter.model.name),
        sha256: artifact.digest.to_string(),
        motif: None,
        recipe: Some(made),
    };
    Ok((artifact, fact))
}

/// The models that the job was prepared for, if they are those that there are now.
fn the_same<'a>(there: Option<&'a Painter>, wanted: &PainterChoice) -> Result<&'a Painter> {
    let same = |painter: &&Painter| {
        painter.choice.model.sha256 == wanted.model.sha256 && painter.choice.upscaler == wanted.upscaler
    };
    there.filter(same).ok_or_else(|| {
        let message = format!(
            "this job's pictures are made by {} (sha256 {}), which is not what is configured now; set image_model \
             and upscale_model to what they were, or submit the script again",
            wanted.model.name, wanted.model.sha256
        );
        PipelineError::new(ErrorKind::ModelMissing, message)
    })
}

async fn draw(parts: &Parts, model: &ModelId, request: ImageRequest, context: &StepContext) -> Result<Image> {
    let (progress, cancel) = watched(context);
    let made = parts.scheduler.generate(model, request, progress, |_| {}, cancel).await?;
    tell_memory(model, &made.memory);
    made.answer.images.into_iter().next().ok_or_else(|| {
        PipelineError::new(ErrorKind::Internal, "the model was asked for a picture and made none")
    })
}

async fn enlarge(
    parts: &Parts,
    upscaler: &ModelId,
    image: Image,
    (width, height): (u32, u32),
    context: &StepContext,
) -> Result<Image> {
    let (progress, cancel) = watched(context);
    let request = UpscaleRequest { image, width, height, tile: 0 };
    let enlarged = parts.scheduler.upscale(upscaler, request, progress, cancel).await?;
    tell_memory(upscaler, &enlarged.memory);
    Ok(enlarged.answer)
}

/// For the log alone: what differs from run to run has no place in what a step makes.
fn tell_memory(model: &ModelId, memory: &MemoryUse) {
    let measured = memory.measured.map(Measured::rise);
    tracing::info!(%model, reckoned = memory.estimate.total(), measured, loaded = memory.loaded, "bytes of memory");
}

/// Tells the step's progress, and stops where the step shall.
fn watched(context: &StepContext) -> (impl Fn(Progress) + Send + Sync + 'static, CancelToken) {
    let cancel = context.token().child_token();
    let (reporter, stop) = (context.reporter(), cancel.clone());
    let progress = move |at: Progress| {
        if reporter.tell(at.done, at.total, at.unit).is_break() {
            stop.cancel();
        }
    };
    (progress, cancel)
}

async fn keep(bitmap: Bitmap, made: &Recipe, scene: usize, context: &StepContext) -> Result<Artifact> {
    let path = context.dir().join("painted.png");
    let (out, notes) = (path.clone(), made.notes());
    context.blocking(move || Ok(bitmap.save(&out, &notes)?)).await?;
    let recipe = recipe("pictures", VERSION, &[], json!({ "made": made }));
    let kept = Kept { name: pictures::name(scene), media_type: "image/png", recipe: &recipe };
    context.keep_file(&path, kept).await
}
