//! `reelsmith make thumbnail`: a cover of the platform's size and weight, its title checked for contrast and
//! layout.

use super::drawing::{self, Models};
use super::inputs::Input;
use super::stages::Stages;
use super::told::{Origin, Spent};
use super::{Context, finished, make_folder, media_failure};
use crate::cli::images::MakeThumbnail as Args;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{pipeline_failure, presets};
use crate::library::Library;
use crate::pulling::provide;
use crate::studio::Studio;
use reelsmith_inference_core::image::ImageRequest;
use reelsmith_media::cards::{CardSpec, CardStyle, background};
use reelsmith_media::picture::{Format, Note, Picture};
use reelsmith_media::probe::Check;
use reelsmith_media::thumbnail::{Thumbnail, thumbnail, write_jpeg_under};
use reelsmith_media::typeset::Fonts;
use reelsmith_pipelines::images::{Recipe, bucket};
use reelsmith_pipelines::preset::CoverRules;
use reelsmith_storage::Digest;
use serde_json::json;

/// Characters of the longest title, as scripts have it.
const MOST_TITLE: usize = 100;

/// What the title stands on.
enum Base {
    Picture(Picture, Origin, Option<Spent>),
    /// Drawn from the words, and why.
    Card(&'static str),
}

/// Runs the command.
pub(in crate::commands) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let jpeg = matches!(Format::of(&args.out), Ok(Format::Jpeg));
    if !jpeg {
        return Err(Failure::usage(format!("--out: {} must end in .jpg", args.out.display())));
    }
    check_title(&args.title)?;
    let library = context.library()?;
    let cover = presets(&context.config)?.get(&args.preset).map_err(pipeline_failure)?.cover.clone();
    let type_ = library.for_type();
    provide(&library, &type_, context.reporter.teller(), &context.cancel).await?;
    let base = base(context, &library, args, (cover.width, cover.height)).await?;
    context.reporter.settle();
    let (why, origin, spent) = match &base {
        Base::Picture(_, origin, spent) => ("", origin.clone(), spent.clone()),
        Base::Card(why) => (*why, Origin::Made(json!({ "card": why })), None),
    };
    let checks = write(args, &library, base, origin.notes(args.no_metadata), cover.clone()).await?;
    let mut about = format!("{}x{}, under {} bytes", cover.width, cover.height, cover.max_bytes);
    about.extend(checks.iter().map(|check| format!("; {} {}", check.name, check.found)));
    if !why.is_empty() {
        about.push_str(&format!("; a designed card: {why}"));
    }
    let facts = json!({ "checks": checks, "recipe": origin });
    finished(context, &[(args.out.clone(), about)], spent.as_slice(), &facts);
    Ok(())
}

/// Refuses a title that says nothing or that nobody could read at the size of a cover.
fn check_title(title: &str) -> Outcome {
    let count = title.trim().chars().count();
    match (1..=MOST_TITLE).contains(&count) {
        true => Ok(()),
        false => {
            Err(Failure::usage(format!("--title: it has {count} characters; expected 1 to {MOST_TITLE}")))
        }
    }
}

async fn base(context: &mut Context, library: &Library, args: &Args, size: (u32, u32)) -> Outcome<Base> {
    if let Some(path) = args.picture.clone() {
        let input = blocking(move || Input::read(&path)).await?;
        let origin = Origin::Made(json!({ "image": input.note }));
        return Ok(Base::Picture(input.bitmap.into_picture(), origin, None));
    }
    let Some(prompt) = &args.prompt else {
        return Ok(Base::Card("neither a picture nor a prompt is given"));
    };
    if !Models::named(context, &args.drawing) {
        let why = "no text-to-image model is named with --model or in the setting image_model";
        return Ok(Base::Card(why));
    }
    let models = Models::find(context, library, &args.drawing)?;
    let size = bucket(size.0, size.1).unwrap_or((1024, 1024));
    let request = models.request(context, &args.drawing, prompt, size);
    let (teller, cancel) = (context.reporter.teller(), &context.cancel);
    let studio = Studio::open(&context.config, library, &models.all(), teller, cancel).await?;
    let drawn = draw(context, &studio, &models, request, !args.no_metadata).await;
    studio.close().await;
    let (picture, recipe, spent) = drawn?;
    Ok(Base::Picture(picture, Origin::Drawn(Box::new(recipe)), Some(spent)))
}

async fn draw(
    context: &mut Context,
    studio: &Studio,
    models: &Models,
    request: ImageRequest,
    noted: bool,
) -> Outcome<(Picture, Recipe, Spent)> {
    let recipe = models.recipe(studio, &request, &context.cancel).await?;
    if noted {
        drawing::check_notes(Format::Jpeg, &recipe)?;
    }
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, &["model", "draw"]);
    let (image, spent) = drawing::draw_one(&mut stages, studio, models, request).await?;
    Ok((image.into_picture(), recipe, spent))
}

/// Sets the title and writes the file, unless the title would not read.
async fn write(
    args: &Args,
    library: &Library,
    base: Base,
    notes: Vec<Note>,
    cover: CoverRules,
) -> Outcome<Vec<Check>> {
    let (library, out, title) = (library.clone(), args.out.clone(), args.title.clone());
    let (palette, about) = (args.style.clone(), args.prompt.clone().unwrap_or_default());
    let seed = args.drawing.seed.unwrap_or_else(|| seed(&args.title));
    blocking(move || {
        let size = (cover.width, cover.height);
        let chosen = CardStyle { palette, ..CardStyle::default() };
        let style = chosen.settled(&format!("{title}\n{about}"), seed).map_err(media_failure)?;
        let base = match base {
            Base::Picture(picture, ..) => picture,
            Base::Card(_) => card(&title, &about, &style, seed, size)?,
        };
        let mut fonts = Fonts::load(&library.fonts()?).map_err(media_failure)?;
        let drawn = thumbnail(&base, &title, &mut fonts, &style, seed, size).map_err(media_failure)?;
        if drawn.checks.is_empty() {
            return Err(Failure::usage(
                "--title: no font here has any of its characters; write it in others",
            ));
        }
        refuse(&drawn)?;
        make_folder(&out)?;
        write_jpeg_under(&drawn.picture, &notes, cover.max_bytes, &out).map_err(media_failure)?;
        Ok(drawn.checks)
    })
    .await
}

fn card(title: &str, about: &str, style: &CardStyle, seed: u64, size: (u32, u32)) -> Outcome<Picture> {
    let (width, height) = size;
    let spec =
        CardSpec { text: title, body: about, seed, style, motif: None, width, height, index: 0, total: 1 };
    background(&spec).map_err(media_failure)
}

/// A cover alone is made again in a moment: what a job forgives is refused here.
fn refuse(drawn: &Thumbnail) -> Outcome {
    let all = drawn.told();
    let (own, remarks) = all.split_at(drawn.checks.len());
    let bad: Vec<String> = own
        .iter()
        .filter(|check| !check.ok)
        .chain(remarks)
        .map(|check| format!("{}: {} instead of {}", check.name, check.found, check.expected))
        .collect();
    match bad.is_empty() {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "the title would not read well ({}); leave out characters that no font here has, make it shorter, or choose \
             another --style or picture",
            bad.join(", ")
        ))),
    }
}

/// From the words themselves, so that the same title gives the same cover.
fn seed(title: &str) -> u64 {
    let digest = Digest::of(title.as_bytes());
    let first = digest.as_bytes().first_chunk::<8>().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first) >> 11
}
