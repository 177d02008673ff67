//! `reelsmith make hero`: a wide picture, drawn or given, enlarged and written as WebP under a size.

use super::drawing::{self, Models};
use super::inputs::Input;
use super::stages::Stages;
use super::{Context, check_result, enlarge, finished, make_folder, media_failure, upscaler};
use crate::cli::images::MakeHero as Args;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::locate_ffmpeg;
use crate::interrupt::unless;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::image::ImageRequest;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::picture::{Bitmap, Format, write_webp_under};
use reelsmith_pipelines::images::{Recipe, UpscaleNote, bucket, covering, painted};
use serde_json::{Value, json};
use std::path::PathBuf;

/// Runs the command.
pub(in crate::commands) async fn run(context: &mut Context, args: &Args) -> Outcome {
    check(args)?;
    let library = context.library()?;
    let ffmpeg = unless(&context.cancel, locate_ffmpeg(&context.config)).await?;
    let size = (args.size.width, args.size.height);
    let upscaler = upscaler(context, &library, args.upscaler.as_deref(), "--upscaler")?;
    let base = match args.picture.clone() {
        Some(path) => Base::Given(blocking(move || Input::read(&path)).await?),
        None => {
            let models = Models::find(context, &library, &args.drawing)?;
            let request = models.request(context, &args.drawing, &args.prompt.join(" "), drawn(size)?);
            Base::Drawn { models, request: Box::new(request) }
        }
    };
    let own = base.size();
    // A picture that is large enough needs no model.
    let upscaler = upscaler.filter(|_| covering(own, size) != own);
    if upscaler.is_none() && covering(own, size) != own {
        let told = format!("no upscaler is named or in the catalogue: {}x{} is only resized", own.0, own.1);
        context.reporter.teller().note(&told);
    }
    let (bitmap, facts) = match (&base, &upscaler) {
        (Base::Given(input), None) => (input.bitmap.clone(), json!({ "image": input.note })),
        _ => on_device(context, &library, &base, upscaler.as_ref(), size).await?,
    };
    context.reporter.settle();
    let quality = write(bitmap, args, ffmpeg).await?;
    let about = format!("{}x{}, quality {quality}", size.0, size.1);
    finished(context, &[(args.out.clone(), about)], &json!({ "quality": quality, "recipe": facts }));
    Ok(())
}

fn check(args: &Args) -> Outcome {
    check_result(args.size.width, args.size.height)?;
    match Format::of(&args.out) {
        Ok(Format::Webp) => Ok(()),
        _ => Err(Failure::usage(format!("--out: {} must end in .webp", args.out.display()))),
    }
}

/// The size to draw in: SDXL's own in that shape.
fn drawn((width, height): (u32, u32)) -> Outcome<(u32, u32)> {
    bucket(width, height).ok_or_else(|| {
        Failure::usage(format!(
            "--size {width}x{height} is longer than any shape that SDXL was trained on (4 to 1)"
        ))
    })
}

/// What is enlarged.
enum Base {
    Given(Input),
    Drawn { models: Models, request: Box<ImageRequest> },
}

impl Base {
    fn size(&self) -> (u32, u32) {
        match self {
            Self::Given(input) => input.size(),
            Self::Drawn { request, .. } => (request.width, request.height),
        }
    }
}

async fn on_device(
    context: &mut Context,
    library: &crate::library::Library,
    base: &Base,
    upscaler: Option<&Weights>,
    size: (u32, u32),
) -> Outcome<(Bitmap, Value)> {
    let models = match base {
        Base::Given(_) => Vec::new(),
        Base::Drawn { models, .. } => models.all(),
    };
    let needed: Vec<&Weights> = models.into_iter().chain(upscaler).collect();
    let (teller, cancel) = (context.reporter.teller(), &context.cancel);
    let studio = Studio::open(&context.config, library, &needed, teller, cancel).await?;
    let done = made(context, &studio, base, upscaler, size).await;
    studio.close().await;
    done
}

async fn made(
    context: &mut Context,
    studio: &Studio,
    base: &Base,
    upscaler: Option<&Weights>,
    size: (u32, u32),
) -> Outcome<(Bitmap, Value)> {
    let target = covering(base.size(), size);
    let mut upscaled = None;
    if let Some(model) = upscaler {
        let model = drawing::note(studio, model, &context.cancel).await?;
        upscaled = Some(UpscaleNote { model, width: target.0, height: target.1 });
    }
    let recipe = match base {
        Base::Given(_) => None,
        Base::Drawn { models, request } => Some(models.recipe(studio, request, &context.cancel).await?),
    };
    let names = ["model", "draw", "upscaler", "enlarge"];
    let planned = if recipe.is_some() { &names[..] } else { &names[2..] };
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, planned);
    let bitmap = match base {
        Base::Given(input) => input.bitmap.clone(),
        Base::Drawn { models, request } => draw(&mut stages, studio, &models.id(), request).await?,
    };
    let bitmap = match upscaler {
        None => bitmap,
        Some(model) => enlarge(&mut stages, studio, &model.id(), (bitmap, 0), target).await?,
    };
    let facts = match (recipe, base) {
        (Some(recipe), _) => json!(Recipe { upscaled, ..recipe }),
        (None, Base::Given(input)) => json!({ "image": input.note, "upscaled": upscaled }),
        (None, Base::Drawn { .. }) => Value::Null,
    };
    Ok((bitmap, facts))
}

async fn draw(
    stages: &mut Stages<'_>,
    studio: &Studio,
    model: &ModelId,
    request: &ImageRequest,
) -> Outcome<Bitmap> {
    let made = drawing::draw(stages, studio, model, request.clone(), async |_| {}).await?;
    let image = made.images.into_iter().next();
    image
        .map(painted)
        .ok_or_else(|| Failure::failed("the model made no picture; this is a defect of reelsmith"))
}

/// Crops it to the size and writes it; gives the quality.
async fn write(bitmap: Bitmap, args: &Args, ffmpeg: Ffmpeg) -> Outcome<u8> {
    let (size, out, most): (_, PathBuf, _) = (args.size, args.out.clone(), args.max_bytes);
    blocking(move || {
        make_folder(&out)?;
        let cropped = bitmap.into_picture().cover(size.width, size.height);
        write_webp_under(&cropped, most, &ffmpeg, &out).map_err(media_failure)
    })
    .await
}
