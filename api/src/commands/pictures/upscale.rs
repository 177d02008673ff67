//! `reelsmith upscale`: one picture, enlarged by a model.

use super::inputs::Input;
use super::stages::Stages;
use super::told::{Origin, Spent};
use super::{Context, check_result, drawing, enlarge, finished, media_failure, save, upscaler};
use crate::cli::images::Upscale as Args;
use crate::exit::{Failure, Outcome, blocking};
use crate::studio::Studio;
use crate::weights::{Weights, choice};
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_media::picture::{Bitmap, Format};
use reelsmith_pipelines::images::UpscaleNote;
use serde_json::json;
use std::path::PathBuf;

/// By how much where nobody says.
const USUAL: f32 = 4.0;

/// Runs the command.
pub(in crate::commands) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let library = context.library()?;
    let Some(model) = upscaler(context, &library, args.model.as_deref(), "--model")? else {
        let message = format!("no upscaler is named; {} with --model", choice(&library, Capability::Upscale));
        return Err(Failure::usage(message));
    };
    let file = args.file.clone();
    let input = blocking(move || Input::read(&file)).await?;
    let (width, height) = size(args, input.size());
    check_result(width, height)?;
    let out = out(args, (width, height))?;
    let teller = context.reporter.teller();
    let (own_width, own_height) = input.size();
    // A pixel more or less is rounding.
    let kept = f64::from(own_height) * f64::from(width) / f64::from(own_width);
    if (kept - f64::from(height)).abs() > 1.0 {
        teller.note(&format!("{own_width}x{own_height} is stretched to the shape of {width}x{height}"));
    }
    if input.bitmap.channels == 4 && matches!(Format::of(&out), Ok(Format::Jpeg)) {
        teller.note("JPEG has no transparency: it is laid on white; --out with .png or .webp keeps it");
    }
    let (teller, cancel) = (context.reporter.teller(), &context.cancel);
    let studio = Studio::open(&context.config, &library, &[&model], teller, cancel).await?;
    let done = make(context, &studio, &model, (&input, args.tile), (width, height)).await;
    studio.close().await;
    let (bitmap, origin, spent) = done?;
    context.reporter.settle();
    save(bitmap, out.clone(), origin.notes(args.no_metadata)).await?;
    finished(context, &[(out, format!("{width}x{height}"))], &[spent], &json!({ "recipe": origin }));
    Ok(())
}

async fn make(
    context: &mut Context,
    studio: &Studio,
    model: &Weights,
    (input, tile): (&Input, u32),
    size: (u32, u32),
) -> Outcome<(Bitmap, Origin, Spent)> {
    let note = drawing::note(studio, model, &context.cancel).await?;
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, &["upscaler", "enlarge"]);
    let (enlarged, spent) = enlarge(&mut stages, studio, model, (input.bitmap.clone(), tile), size).await?;
    let facts = json!({
        "version": 1, "image": input.note, "reelsmith": env!("CARGO_PKG_VERSION"),
        "onnxruntime": studio.runtime_title(),
        "upscaled": UpscaleNote { model: note, width: size.0, height: size.1 },
    });
    Ok((enlarged, Origin::Made(facts), spent))
}

fn size(args: &Args, own: (u32, u32)) -> (u32, u32) {
    let times = f64::from(args.scale.unwrap_or(USUAL));
    let side = |own: u32| (f64::from(own) * times).round() as u32;
    args.size.map_or((side(own.0), side(own.1)), |size| (size.width, size.height))
}

fn out(args: &Args, (width, height): (u32, u32)) -> Outcome<PathBuf> {
    let stem = args.file.file_stem().unwrap_or_default().to_string_lossy();
    let out =
        args.out.clone().unwrap_or_else(|| args.file.with_file_name(format!("{stem}-{width}x{height}.png")));
    Format::of(&out).map_err(media_failure)?;
    Ok(out)
}
