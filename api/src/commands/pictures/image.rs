//! `reelsmith make image`: pictures from a prompt, each in a file that says how it was made.

use super::drawing::{self, Models};
use super::inputs::Input;
use super::stages::Stages;
use super::told::{Origin, Spent};
use super::{Context, finished, media_failure, save};
use crate::cli::images::MakeImage as Args;
use crate::commands::slug::slug;
use crate::exit::{Failure, Outcome, blocking};
use crate::library::Library;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::image::{ControlImage, Generated, Image, ImageRequest, StartImage};
use reelsmith_media::edges;
use reelsmith_media::picture::{Bitmap, Format};
use reelsmith_pipelines::images::{ControlNote, Recipe, StartNote, bucket, painted, to_image};
use serde_json::json;
use std::path::{Path, PathBuf};

/// The size where nothing names one: SDXL's own.
const USUAL: (u32, u32) = (1024, 1024);

/// Runs the command.
pub(in crate::commands) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let library = context.library()?;
    let prompt = args.prompt.join(" ");
    let out = Out::of(args, &prompt)?;
    let models = Models::find(context, &library, &args.drawing)?;
    let given = Given::read(args).await?;
    let size = size(args, &given);
    drawing::check(context, size)?;
    let steering = Steering::find(&library, args)?;
    let mut request = models.request(context, &args.drawing, &prompt, size);
    request.count = args.count;
    request.preview_every = args.preview_every;
    (request.start, request.controls) = (given.start(args, size)?, given.controls(args, &steering, size)?);

    let needed: Vec<&Weights> = models.all().into_iter().chain(&steering.models).collect();
    let (teller, cancel) = (context.reporter.teller(), &context.cancel);
    let studio = Studio::open(&context.config, &library, &needed, teller, cancel).await?;
    let asked = Asked { args, steering: &steering, given: &given };
    let drawn = make(context, &studio, &models, request, &asked, &out).await;
    studio.close().await;
    let (made, recipe, spent) = drawn?;
    context.reporter.settle();
    keep(context, args, &out, made, &recipe, spent).await
}

/// What was asked for beside the drawing itself.
struct Asked<'a> {
    args: &'a Args,
    steering: &'a Steering,
    given: &'a Given,
}

/// Draws; first of all makes sure that the files can hold what is to be said of them.
async fn make(
    context: &mut Context,
    studio: &Studio,
    models: &Models,
    request: ImageRequest,
    asked: &Asked<'_>,
    out: &Out,
) -> Outcome<(Generated, Recipe, Spent)> {
    let recipe = models.recipe(studio, &request, &context.cancel).await?;
    let Asked { args, steering, given } = asked;
    let recipe = steering.noted(studio, context, recipe, args, given).await?;
    if !args.no_metadata {
        drawing::check_notes(Format::of(&out.file(request.seed)).map_err(media_failure)?, &recipe)?;
    }
    let preview = out.preview(request.seed);
    let teller = context.reporter.teller().clone();
    let show = async |image: Image| {
        let shown = save(painted(image), preview.clone(), Vec::new()).await;
        match shown {
            Ok(()) => teller.json(&json!({ "kind": "preview", "file": preview })),
            Err(failure) => teller.note(&format!("a preview could not be written: {failure}")),
        }
    };
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, &["model", "draw"]);
    let made = drawing::draw(&mut stages, studio, models, request, show).await;
    // The finished picture takes its place; there may never have been one.
    let _ = std::fs::remove_file(&preview);
    let (made, spent) = made?;
    Ok((made, recipe, spent))
}

/// Writes the files and tells of them.
async fn keep(
    context: &Context,
    args: &Args,
    out: &Out,
    made: Generated,
    recipe: &Recipe,
    spent: Spent,
) -> Outcome {
    let mut files = Vec::new();
    for (image, seed) in made.images.into_iter().zip(&made.seeds) {
        let origin = Origin::Drawn(Box::new(Recipe { seed: *seed, ..recipe.clone() }));
        let path = out.file(*seed);
        save(painted(image), path.clone(), origin.notes(args.no_metadata)).await?;
        files.push((path, format!("seed {seed}")));
    }
    finished(context, &files, &[spent], &json!({ "seeds": made.seeds, "recipe": recipe }));
    Ok(())
}

fn size(args: &Args, given: &Given) -> (u32, u32) {
    match (args.size, &given.start) {
        (Some(size), _) => (size.width, size.height),
        (None, Some(start)) => bucket(start.size().0, start.size().1).unwrap_or(USUAL),
        (None, None) => USUAL,
    }
}

/// Where pictures go.
#[derive(Debug)]
enum Out {
    /// Into a folder, under names that begin so.
    Folder(PathBuf, String),
    /// Into one file.
    File(PathBuf),
}

impl Out {
    fn of(args: &Args, prompt: &str) -> Outcome<Self> {
        let out = &args.out;
        if out.is_dir() || out.extension().is_none() {
            return Ok(Self::Folder(out.clone(), slug(prompt, "picture")));
        }
        Format::of(out).map_err(|error| Failure::usage(format!("--out: {error}, or name a folder")))?;
        match args.count {
            1 => Ok(Self::File(out.clone())),
            count => Err(Failure::usage(format!(
                "--count {count} makes as many files, and {} is one; name a folder with --out",
                out.display()
            ))),
        }
    }

    fn file(&self, seed: u64) -> PathBuf {
        match self {
            Self::Folder(dir, stem) => dir.join(format!("{stem}-{seed}.png")),
            Self::File(path) => path.clone(),
        }
    }

    fn preview(&self, seed: u64) -> PathBuf {
        self.file(seed).with_extension("preview.png")
    }
}

/// Pictures that were given.
struct Given {
    start: Option<Input>,
    mask: Option<Input>,
    controls: Vec<Input>,
}

impl Given {
    async fn read(args: &Args) -> Outcome<Self> {
        let (init, mask) = (args.init.clone(), args.mask.clone());
        let controls: Vec<PathBuf> = args.control.iter().map(|control| control.image.clone()).collect();
        blocking(move || {
            let read = |path: Option<&Path>| path.map(Input::read).transpose();
            let (start, mask) = (read(init.as_deref())?, read(mask.as_deref())?);
            let controls = controls.iter().map(|path| Input::read(path)).collect::<Outcome<_>>()?;
            if let (Some(start), Some(mask)) = (&start, &mask)
                && start.size() != mask.size()
            {
                let ((w, h), (mw, mh)) = (start.size(), mask.size());
                return Err(Failure::usage(format!(
                    "--mask has {mw}x{mh} pixels and --init {w}x{h}; give a mask of its size"
                )));
            }
            Ok(Self { start, mask, controls })
        })
        .await
    }

    fn start(&self, args: &Args, size: (u32, u32)) -> Outcome<Option<StartImage>> {
        let Some(start) = &self.start else { return Ok(None) };
        let mask = self.mask.as_ref().map(|mask| mask.grey(size)).transpose()?;
        Ok(Some(StartImage { image: start.rgb(size)?, strength: args.strength, mask }))
    }

    fn controls(&self, args: &Args, steering: &Steering, size: (u32, u32)) -> Outcome<Vec<ControlImage>> {
        let parts = args.control.iter().zip(&self.controls).zip(&steering.models);
        parts
            .map(|((control, input), model)| {
                let map = match control.edges {
                    false => input.rgb(size)?,
                    true => edge_map(input, size)?,
                };
                let (model, weight) = (model.id(), control.weight);
                Ok(ControlImage { model, map, weight, start: control.start, end: control.end })
            })
            .collect()
    }
}

fn edge_map(input: &Input, (width, height): (u32, u32)) -> Outcome<Image> {
    let covered = input.bitmap.clone().into_picture().cover(width, height);
    let map: Bitmap = edges::canny(&covered, edges::LOW, edges::HIGH).into_picture().into();
    to_image(map).map_err(Failure::failed)
}

/// The ControlNets, in the order of the flags.
struct Steering {
    models: Vec<Weights>,
}

impl Steering {
    fn find(library: &Library, args: &Args) -> Outcome<Self> {
        let find = |control: &crate::cli::values::ControlArg| {
            Weights::find(library, &control.model, None, "--control")
        };
        Ok(Self { models: args.control.iter().map(find).collect::<Outcome<_>>()? })
    }

    /// The recipe with what was given.
    async fn noted(
        &self,
        studio: &Studio,
        context: &Context,
        mut recipe: Recipe,
        args: &Args,
        given: &Given,
    ) -> Outcome<Recipe> {
        let notes = studio.notes(self.models.clone(), &context.cancel).await?;
        let parts = args.control.iter().zip(&given.controls).zip(notes);
        let note = |((control, input), model): ((&crate::cli::values::ControlArg, &Input), _)| ControlNote {
            model,
            image: input.note.clone(),
            weight: control.weight,
            start: control.start,
            end: control.end,
        };
        recipe.controls = parts.map(note).collect();
        recipe.start = given.start.as_ref().map(|start| StartNote {
            image: start.note.clone(),
            strength: args.strength,
            mask: given.mask.as_ref().map(|mask| mask.note.clone()),
        });
        Ok(recipe)
    }
}
