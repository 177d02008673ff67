//! Step `thumbnail`: the cover, from the first scene's picture and the title.

use super::looks::Looks;
use super::{output, pictures, recipe, records};
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::runner::Parts;
use crate::spec::Short;
use crate::workflows::short::pictures_stage;
use reelsmith_media::cards::background;
use reelsmith_media::picture;
use reelsmith_media::thumbnail::{thumbnail, write_jpeg_under};
use reelsmith_media::typeset::Fonts;
use serde_json::json;

const VERSION: u32 = 1;

/// Draws the cover.
///
/// Output: `thumbnail.jpg` of the preset's size, smaller than its limit. Detail: width, height, and how well
/// the title reads.
pub(crate) async fn run(parts: &Parts, short: &Short, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "pictures")?;
    let first = records(context, &pictures_stage(short)).await?.swap_remove(0);
    let artifact = output(&first, &pictures::name(0))?.clone();
    // A card is drawn anew in the cover's shape, which a crop of an upright card would not fill well.
    let scene = &short.scenes[0];
    let painted = scene.prompt.is_some() && short.painter.is_some();
    let given = match scene.picture.is_some() || painted {
        true => Some(context.fetch(&artifact.digest, "base").await?),
        false => None,
    };
    let cover = short.preset.cover.clone();
    let size = (cover.width, cover.height);
    let out = context.dir().join("thumbnail.jpg");
    let (path, of, files) = (out.clone(), short.clone(), parts.fonts.clone());
    let checks = context
        .blocking(move || {
            let looks = Looks::new(&of)?;
            let base = match given {
                Some(path) => picture::load(&path)?,
                None => background(&looks.card(0, size))?,
            };
            let mut fonts = Fonts::load(&files)?;
            let drawn = thumbnail(&base, &of.title, &mut fonts, &looks.style, of.seed, size)?;
            write_jpeg_under(&drawn.picture, &[], cover.max_bytes, &path)?;
            Ok(drawn.told())
        })
        .await?;
    let parameters = json!({
        "title": short.title, "size": size, "max_bytes": short.preset.cover.max_bytes, "seed": short.seed,
        "fonts": short.models.iter().filter(|m| m.role == "font").collect::<Vec<_>>(),
    });
    let recipe = recipe("thumbnail", VERSION, &[&artifact], parameters);
    let kept = Kept { name: "thumbnail.jpg".into(), media_type: "image/jpeg", recipe: &recipe };
    let kept = context.keep_file(&out, kept).await?;
    let detail = json!({ "width": size.0, "height": size.1, "checks": checks });
    Ok(StepOutput { artifacts: vec![kept], detail })
}
