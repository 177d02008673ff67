//! `reelsmith make hero`: a wide picture, drawn or given, enlarged and written as WebP under a size.

use super::drawing::{self, Models};
use super::inputs::Input;
use super::stages::Stages;
use super::told::{Origin, Spent};
use super::{Context, check_result, enlarge, finished, make_folder, media_failure, upscaler};
use crate::cli::images::MakeHero as Args;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::locate_ffmpeg;
use crate::interrupt::unless;
use crate::library::Library;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::image::ImageRequest;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::picture::{Bitmap, Format, Note, write_webp_under};
use reelsmith_pipelines::images::{Recipe, UpscaleNote, bucket, covering};
use serde_json::json;
use std::path::PathBuf;

/// Up to so many times as wide, a picture is only resized.
const NEAR: f64 = 1.5;

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
    if matches!(&base, Base::Given(input) if input.bitmap.channels == 4) {
        context.reporter.teller().note("the picture's transparency is laid on white");
    }
    // A picture that is nearly large enough is resized: a model would work on every pixel of it for little.
    let target = covering(own, size);
    let is_near = f64::from(target.0) < NEAR * f64::from(own.0);
    let upscaler = upscaler.filter(|_| !is_near);
    if upscaler.is_none() && !is_near {
        let told = format!("no upscaler is named or in the catalogue: {}x{} is only resized", own.0, own.1);
        context.reporter.teller().note(&told);
    }
    let made = match (&base, &upscaler) {
        (Base::Given(input), None) => Made {
            bitmap: input.bitmap.clone(),
            origin: Origin::Made(json!({ "image": input.note })),
            spent: Vec::new(),
        },
        _ => on_device(context, &library, &base, upscaler.as_ref(), size).await?,
    };
    context.reporter.settle();
    let quality = write(made.bitmap, made.origin.notes(args.no_metadata), args, ffmpeg).await?;
    let about = format!("{}x{}, quality {quality}", size.0, size.1);
    let facts = json!({ "quality": quality, "recipe": made.origin });
    finished(context, &[(args.out.clone(), about)], &made.spent, &facts);
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

/// What is to be written.
struct Made {
    bitmap: Bitmap,
    origin: Origin,
    spent: Vec<Spent>,
}

async fn on_device(
    context: &mut Context,
    library: &Library,
    base: &Base,
    upscaler: Option<&Weights>,
    size: (u32, u32),
) -> Outcome<Made> {
    let models = match base {
        Base::Given(_) => Vec::new(),
        Base::Drawn { models, .. } => models.all(),
    };
    let needed: Vec<&Weights> = models.into_iter().chain(upscaler).collect();
    let (teller, cancel) = (context.reporter.teller(), &context.cancel);
    let studio = Studio::open(&context.config, library, &needed, teller, cancel).await?;
    let done = make(context, &studio, base, upscaler, size).await;
    studio.close().await;
    done
}

async fn make(
    context: &mut Context,
    studio: &Studio,
    base: &Base,
    upscaler: Option<&Weights>,
    size: (u32, u32),
) -> Outcome<Made> {
    let target = covering(base.size(), size);
    let mut upscaled = None;
    if let Some(model) = upscaler {
        let model = drawing::note(studio, model, &context.cancel).await?;
        upscaled = Some(UpscaleNote { model, width: target.0, height: target.1 });
    }
    let names = ["model", "draw", "upscaler", "enlarge"];
    let planned = if matches!(base, Base::Drawn { .. }) { &names[..] } else { &names[2..] };
    let origin = match base {
        Base::Given(input) => Origin::Made(json!({ "image": input.note, "upscaled": upscaled })),
        Base::Drawn { models, request } => {
            let recipe = models.recipe(studio, request, &context.cancel).await?;
            Origin::Drawn(Box::new(Recipe { upscaled, ..recipe }))
        }
    };
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, planned);
    let mut spent = Vec::new();
    let mut bitmap = match base {
        Base::Given(input) => input.bitmap.clone(),
        Base::Drawn { models, request } => {
            let (drawn, took) = drawing::draw_one(&mut stages, studio, models, (**request).clone()).await?;
            spent.push(took);
            drawn
        }
    };
    if let Some(model) = upscaler {
        let (enlarged, took) = enlarge(&mut stages, studio, model, (bitmap, 0), target).await?;
        spent.push(took);
        bitmap = enlarged;
    }
    Ok(Made { bitmap, origin, spent })
}

/// Crops it to the size and writes it; gives the quality.
async fn write(bitmap: Bitmap, notes: Vec<Note>, args: &Args, ffmpeg: Ffmpeg) -> Outcome<u8> {
    let (size, out, most): (_, PathBuf, _) = (args.size, args.out.clone(), args.max_bytes);
    blocking(move || {
        make_folder(&out)?;
        let cropped = bitmap.into_picture().cover(size.width, size.height);
        write_webp_under(&cropped, &notes, most, &ffmpeg, &out).map_err(media_failure)
    })
    .await
}
