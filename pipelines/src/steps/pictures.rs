//! Step `pictures/n`: one scene's picture, the given one if there is one, else one that a model makes of its
//! description, else a designed card.

use super::looks::{Looks, frame};
use super::{painting, recipe};
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::{PipelineError, Result};
use crate::report::{PictureFact, PictureMaker};
use crate::runner::Parts;
use crate::spec::{GivenFile, Short};
use reelsmith_media::cards::background;
use reelsmith_media::picture;
use reelsmith_storage::{Artifact, Digest};
use serde_json::json;
use std::fs::File;
use std::io::Read;
use std::path::Path;

const VERSION: u32 = 1;

/// The picture's name in the job, whatever its format.
pub(super) fn name(scene: usize) -> String {
    format!("picture-{scene:03}")
}

/// Gets the picture of scene `scene`.
///
/// Output: `picture-NNN`, a JPEG, PNG or WebP as given, or a PNG. Detail: [`PictureFact`].
pub(crate) async fn run(
    parts: &Parts,
    short: &Short,
    scene: usize,
    context: &StepContext,
) -> Result<StepOutput> {
    context.progress(0, 1, "pictures")?;
    let wanted = &short.scenes[scene];
    let (artifact, fact) = match (&wanted.picture, &wanted.prompt, &short.painter) {
        (Some(given), _, _) => self::given(given, scene, context).await?,
        (None, Some(prompt), Some(painter)) => {
            painting::paint(parts, short, (scene, prompt), painter, context).await?
        }
        _ => card(short, scene, context).await?,
    };
    let detail = serde_json::to_value(fact).expect("texts are always JSON");
    Ok(StepOutput { artifacts: vec![artifact], detail })
}

/// The bytes stay what they are; they are decoded once, so that a fault shows here.
async fn given(given: &GivenFile, scene: usize, context: &StepContext) -> Result<(Artifact, PictureFact)> {
    let digest: Digest = given.sha256.parse()?;
    let path = context.fetch(&digest, "given").await?;
    let media_type = context
        .blocking(move || {
            picture::load(&path)?;
            media_type(&path)
        })
        .await?;
    let fact = PictureFact {
        source: PictureMaker::Given,
        why: format!("the script names `{}`", given.name),
        sha256: given.sha256.clone(),
        motif: None,
        recipe: None,
    };
    let parameters = json!({ "given": given });
    let artifact = Artifact {
        digest,
        bytes: given.bytes,
        media_type: media_type.into(),
        name: name(scene),
        recipe: recipe("pictures", VERSION, &[], parameters),
    };
    Ok((artifact, fact))
}

/// The IANA media type of a picture file that can be decoded, by how it begins: PNG specification,
/// section 5.2; RFC 9649, section 2.4; else JPEG.
fn media_type(path: &Path) -> Result<&'static str> {
    let failed = |e| PipelineError::io(format_args!("read {}", path.display()), e);
    let mut start = Vec::new();
    File::open(path).and_then(|file| file.take(12).read_to_end(&mut start)).map_err(failed)?;
    Ok(match start.as_slice() {
        [0x89, b'P', b'N', b'G', ..] => "image/png",
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P'] => "image/webp",
        _ => "image/jpeg",
    })
}

async fn card(short: &Short, scene: usize, context: &StepContext) -> Result<(Artifact, PictureFact)> {
    let out = context.dir().join("card.png");
    let (path, of) = (out.clone(), short.clone());
    let (motif, palette) = context
        .blocking(move || {
            let looks = Looks::new(&of)?;
            background(&looks.card(scene, frame(&of)))?.save_png(&path)?;
            Ok((looks.motif(scene).to_owned(), looks.style.palette.clone()))
        })
        .await?;
    let wanted = &short.scenes[scene];
    let parameters = json!({
        "heading": wanted.heading, "text": wanted.text, "prompt": wanted.prompt, "seed": short.seed,
        "palette": palette, "motif": motif, "frame": frame(short), "scene": scene,
    });
    let recipe = recipe("pictures", VERSION, &[], parameters);
    let kept = Kept { name: name(scene), media_type: "image/png", recipe: &recipe };
    let artifact = context.keep_file(&out, kept).await?;
    let why = match wanted.prompt {
        Some(_) => {
            "the script describes a picture, and no text-to-image model is configured (the setting image_model)"
        }
        None => "the script names no picture",
    };
    let fact = PictureFact {
        source: PictureMaker::Card,
        why: why.into(),
        sha256: artifact.digest.to_string(),
        motif: Some(motif),
        recipe: None,
    };
    Ok((artifact, fact))
}
