//! What the commands that make pictures share.

mod drawing;
pub(super) mod hero;
pub(super) mod image;
mod inputs;
pub(super) mod stages;
pub(super) mod thumbnail;
pub(super) mod upscale;

use super::{Context, print};
use crate::config::layers::show_bytes;
use crate::exit::{Outcome, blocking};
use crate::house::pipeline_failure;
use crate::library::Library;
use crate::progress::Style;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::image::UpscaleRequest;
use reelsmith_inference_core::{InferenceError, ModelId};
use reelsmith_media::MediaError;
use reelsmith_media::picture::{Bitmap, MAX_PIXELS, MAX_SIDE, Note};
use reelsmith_pipelines::images::{painted, to_image};
use serde_json::{Value, json};
use stages::Stages;
use std::path::{Path, PathBuf};

/// The upscaler where neither command nor setting names one and the catalogue has it.
const DEFAULT_UPSCALER: &str = "realesrgan-x4plus";

/// The upscaler to use: the one named, else the setting's, else the usual one if the catalogue has it.
fn upscaler(
    context: &Context,
    library: &Library,
    named: Option<&str>,
    flag: &str,
) -> Outcome<Option<Weights>> {
    let wanted = Some(Capability::Upscale);
    match (named, context.config.images.upscaler.as_deref()) {
        (Some(name), _) => Weights::find(library, name, wanted, flag).map(Some),
        (None, Some(name)) => Weights::find(library, name, wanted, "upscale_model").map(Some),
        (None, None) => {
            let usual =
                library.catalogue().able(Capability::Upscale).find(|model| model.id.0 == DEFAULT_UPSCALER);
            Ok(usual.map(|model| Weights::Entry(model.id.clone())))
        }
    }
}

/// Enlarges a picture on the device.
async fn enlarge(
    stages: &mut Stages<'_>,
    studio: &Studio,
    model: &ModelId,
    (bitmap, tile): (Bitmap, u32),
    (width, height): (u32, u32),
) -> Outcome<Bitmap> {
    let image = to_image(bitmap).map_err(|e: InferenceError| pipeline_failure(e.into()))?;
    let request = UpscaleRequest { image, width, height, tile };
    stages.names("upscaler", &[("tiles", "enlarge")]);
    let enlarged = stages
        .watch(|told, cancel| studio.scheduler.upscale(model, request, told, cancel))
        .await
        .map_err(|error| pipeline_failure(error.into()))?;
    Ok(painted(enlarged))
}

/// Refuses a picture that no file could hold.
fn check_result(width: u32, height: u32) -> Outcome {
    let pixels = u64::from(width) * u64::from(height);
    match pixels > 0 && width.max(height) <= MAX_SIDE && pixels <= MAX_PIXELS {
        true => Ok(()),
        false => Err(crate::exit::Failure::usage(format!(
            "a picture of {width}x{height}; at least 1 and at most {MAX_SIDE} pixels a side and {} megapixels are \
             written",
            MAX_PIXELS / 1_000_000
        ))),
    }
}

/// Writes a picture, whole or not at all; makes its folder where needed.
async fn save(bitmap: Bitmap, path: PathBuf, notes: Vec<Note>) -> Outcome {
    blocking(move || {
        make_folder(&path)?;
        bitmap.save(&path, &notes).map_err(media_failure)
    })
    .await
}

fn make_folder(path: &Path) -> Outcome {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder
        .map_or(Ok(()), std::fs::create_dir_all)
        .map_err(|e| crate::exit::Failure::io(format!("create the folder of {}", path.display()), &e))
}

fn media_failure(error: MediaError) -> crate::exit::Failure {
    pipeline_failure(error.into())
}

/// Tells the files in the chosen style, and what else there is to say of them.
fn finished(context: &Context, files: &[(PathBuf, String)], facts: &Value) {
    let teller = context.reporter.teller();
    if teller.style() == Style::Json {
        let paths: Vec<&Path> = files.iter().map(|(path, _)| path.as_path()).collect();
        let mut told = json!({ "kind": "finished", "files": paths });
        if let (Value::Object(told), Value::Object(facts)) = (&mut told, facts) {
            told.extend(facts.clone());
        }
        return teller.json(&told);
    }
    for (path, about) in files {
        let bytes = std::fs::metadata(path).map_or(0, |found| found.len());
        print(format!("  {:>9}  {}  {about}", show_bytes(bytes), path.display()));
    }
}
