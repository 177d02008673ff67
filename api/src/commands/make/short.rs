//! `reelsmith make short`: a captioned vertical video from a script.

use super::{Product, given_music, own_data, read_text, resumable, run_job, spare};
use crate::cli::Short as Args;
use crate::commands::{Context, summary};
use crate::exit::{Failure, Outcome};
use crate::house::{House, locate_ffmpeg, pipeline_failure, presets};
use crate::interrupt::unless;
use crate::library::Library;
use crate::painters::{self, Painters};
use crate::publish::OutputFolder;
use crate::pulling::provide;
use reelsmith_pipelines::names::did_you_mean;
use reelsmith_pipelines::script::{self, Field, limits};
use reelsmith_pipelines::{Document, Presets, ShortOptions};
use std::path::Path;

/// What a person gets.
const PRODUCT: Product = Product {
    command: "make short",
    stem: "short",
    files: &[
        ("video.mp4", "mp4"),
        ("captions.srt", "srt"),
        ("captions.vtt", "vtt"),
        ("thumbnail.jpg", "jpg"),
        ("report.json", "json"),
    ],
};

/// Runs the command.
pub(in crate::commands) async fn short(context: &mut Context, args: &Args) -> Outcome {
    let document = read_script(&args.script)?;
    let library = context.library()?;
    check_names(&document, args, &library, &presets(&context.config)?)?;
    let painters = Painters::wanted(&context.config, &library, &document)?;
    unless(&context.cancel, locate_ffmpeg(&context.config)).await?;
    let folder = OutputFolder::claim(&args.out)?;
    let needed = painters::needed(&library, painters.as_ref());
    provide(&library, &needed, context.reporter.teller(), &context.cancel).await.map_err(resumable)?;
    let owner = own_data(context, PRODUCT.command).await?;
    let opening = House::open(&context.config, library, owner, painters);
    let house = unless(&context.cancel, opening).await.map_err(resumable)?;
    let outcome = make(context, &house, &document, args, &folder).await;
    house.shutdown().await;
    outcome
}

async fn make(
    context: &mut Context,
    house: &House,
    document: &Document,
    args: &Args,
    folder: &OutputFolder,
) -> Outcome {
    let files = super::beside(&args.script);
    let options = options(args);
    let preparing =
        async { house.runner.prepare(document, &options, &files).await.map_err(pipeline_failure) };
    let short = unless(&context.cancel, preparing).await.map_err(resumable)?;
    let given = short.scenes.iter().filter_map(|scene| scene.picture.as_ref()).chain(short.music.file());
    spare(&args.script, given, (folder.dir(), &short.title), &PRODUCT)?;
    let (job, paths) = run_job(context, house, short, folder, &PRODUCT).await?;
    summary::tell(context, &job, &paths, PRODUCT.report(&paths), summary::short)
}

/// Reads the script and parses it by the ending of its name.
fn read_script(path: &Path) -> Outcome<Document> {
    let (name, text) = read_text(path, limits::SCRIPT_BYTES)?;
    let json = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("json"));
    let parsed = if json { script::parse_json(&text, &name) } else { script::parse_markdown(&text, &name) };
    parsed.map_err(Failure::usage)
}

/// Names that do not exist are told before anything is fetched or loaded.
fn check_names(document: &Document, args: &Args, library: &Library, presets: &Presets) -> Outcome {
    if let Some(name) = args.preset.as_ref().or(document.script.preset.as_ref()) {
        presets.get(name).map_err(|error| match args.preset {
            Some(_) => pipeline_failure(error),
            None => Failure::usage(document.error(Field::Preset, error.to_string(), "a preset's name")),
        })?;
    }
    let Some(voice) = args.voice.as_ref().or(document.script.voice.as_ref()) else { return Ok(()) };
    let voices = library.voices();
    if voices.iter().any(|known| known.name == *voice) {
        return Ok(());
    }
    let near = did_you_mean(voice, voices.iter().map(|known| known.name.as_str()));
    let message = format!("there is no voice {voice}{near}");
    Err(Failure::usage(match args.voice {
        Some(_) => format!("{message} (`reelsmith voices list` shows all)"),
        None => document.error(Field::Voice, message, "one of `reelsmith voices list`").to_string(),
    }))
}

fn options(args: &Args) -> ShortOptions {
    ShortOptions {
        preset: args.preset.clone(),
        voice: args.voice.clone(),
        speed: args.speed,
        seed: args.seed,
        music: args.music.clone().map(given_music),
        max_seconds: args.max_seconds,
        ..ShortOptions::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_that_cannot_be_read_say_why() {
        let dir = tempfile::tempdir().expect("temp dir");
        let missing = read_script(&dir.path().join("none.md")).expect_err("missing");
        assert!(missing.message.contains("none.md"), "{missing}");
        let path = dir.path().join("latin.md");
        std::fs::write(&path, b"---\ntitle: caf\xe9\n---\n").expect("script");
        let wrong = read_script(&path).expect_err("not UTF-8");
        assert!(wrong.message.contains("latin.md:2: this is not UTF-8"), "{wrong}");
        assert_eq!(wrong.exit, crate::exit::Exit::Usage);
    }
}
