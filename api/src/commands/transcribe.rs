//! `reelsmith transcribe`: what is said in a sound or video file, written down.

mod formats;
mod source;

use super::Context;
use super::output::{Output, STANDARD};
use super::pictures::stages::Stages;
use crate::cli::sounds::{Precision, Transcribe as Args};
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{locate_ffmpeg, pipeline_failure};
use crate::interrupt::unless;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::transcribe::{Sound, Task, TranscribeOptions, TranscribeRequest};
use source::{Source, spool};
use std::path::Path;
use tempfile::NamedTempFile;

/// Runs the command.
pub(super) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let library = context.library()?;
    let model = Weights::find(&library, &args.model, Some(Capability::Transcribe), "--model")?;
    let ffmpeg = locate_ffmpeg(&context.config).await?;
    let mut output = Output::open(args.out.as_deref().unwrap_or(Path::new(STANDARD)))?;
    // Removed when it is dropped, here: the thread that fills it may outlive a cancelled command.
    let spooled = match args.file.as_path() == Path::new(STANDARD) {
        true => Some(NamedTempFile::new().map_err(|e| Failure::io("make a temporary file", &e))?),
        false => None,
    };
    if let Some(spooled) = &spooled {
        let file = spooled.reopen().map_err(|e| Failure::io("open the temporary file", &e))?;
        unless(&context.cancel, blocking(move || spool(file))).await?;
    }
    let path = spooled.as_ref().map_or(args.file.as_path(), |spooled| spooled.path()).to_owned();
    let examined =
        blocking(move || Source::open(ffmpeg, &path).map_err(|error| pipeline_failure(error.into())));
    let source = unless(&context.cancel, examined).await?;
    let request = TranscribeRequest { sound: Sound::stream(source), options: options(args) };
    let teller = context.reporter.teller();
    let studio = Studio::open(&context.config, &library, &[&model], teller, &context.cancel).await?;
    let mut stages = Stages::new(&mut context.reporter, &context.cancel, &["model", "transcribe"]);
    stages.names("model", &[("seconds", "transcribe")]);
    let id = match args.precision {
        Precision::Fp32 => model.id(),
        Precision::Int8 => model.id().in_8_bits(),
    };
    let done = stages.watch(|told, cancel| studio.scheduler.transcribe(&id, request, told, cancel)).await;
    studio.close().await;
    let transcript = done.map_err(|error| pipeline_failure(error.into()))?;
    context.reporter.settle();
    let text = formats::write(&transcript, args.format, args.translate);
    blocking(move || {
        output.write(format!("{}\n", text.trim_end_matches('\n')).as_bytes())?;
        output.finish()
    })
    .await
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
