//! `reelsmith transcribe`: what is said in a sound or video file, written down.

mod formats;
mod source;

use super::pictures::stages::Stages;
use super::{Context, print};
use crate::cli::sounds::Transcribe as Args;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{locate_ffmpeg, pipeline_failure};
use crate::interrupt::unless;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::transcribe::{Sound, Task, TranscribeOptions, TranscribeRequest};
use source::{Source, spooled};
use std::path::Path;

/// What stands for standard input.
const STANDARD_INPUT: &str = "-";

/// Runs the command.
pub(super) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let library = context.library()?;
    let model = Weights::find(&library, &args.model, Some(Capability::Transcribe), "--model")?;
    let ffmpeg = locate_ffmpeg(&context.config).await?;
    // Kept until the end: it is removed when it is dropped.
    let spool = match args.file.as_path() == Path::new(STANDARD_INPUT) {
        true => Some(unless(&context.cancel, blocking(spooled)).await?),
        false => None,
    };
    let path = spool.as_ref().map_or(args.file.as_path(), |spool| spool.path()).to_owned();
    let examined =
        blocking(move || Source::open(ffmpeg, &path).map_err(|error| pipeline_failure(error.into())));
    let source = unless(&context.cancel, examined).await?;
    let request = TranscribeRequest { sound: Sound::stream(source), options: options(args) };
    let teller = context.reporter.teller();
    let studio = Studio::open(&context.config, &library, &[&model], teller, &context.cancel).await?;
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, &["model", "transcribe"]);
    stages.names("model", &[("seconds", "transcribe")]);
    let id = model.id();
    let done = stages.watch(|told, cancel| studio.scheduler.transcribe(&id, request, told, cancel)).await;
    studio.close().await;
    let transcript = done.map_err(|error| pipeline_failure(error.into()))?;
    context.reporter.settle();
    let text = formats::write(&transcript, args.format, args.translate);
    match &args.out {
        None => print(text.trim_end_matches('\n')),
        Some(out) => save(out, &text)?,
    }
    Ok(())
}

fn options(args: &Args) -> TranscribeOptions {
    TranscribeOptions {
        language: args.language.clone(),
        task: if args.translate { Task::Translate } else { Task::Transcribe },
        prompt: args.prompt.clone(),
        hot_words: args.hot_words.clone(),
        words: args.words,
        beams: args.beams,
        best_of: args.best_of,
        temperatures: args.temperature.clone(),
        condition: !args.no_condition,
        voice_only: !args.all_sound,
        batch: args.batch,
        seed: args.seed,
        ..TranscribeOptions::default()
    }
}

/// Writes the file, whole or not at all.
fn save(path: &Path, text: &str) -> Outcome {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)
            .map_err(|e| Failure::io(format!("create the folder of {}", path.display()), &e))?;
    }
    reelsmith_media::write_whole(text.as_bytes(), path).map_err(|error| pipeline_failure(error.into()))
}
