//! `reelsmith bench`: what models cost on this machine, by model and by what is asked of them.

mod case;
mod measure;
mod tell;

use super::Context;
use crate::cli::bench::{Bench as Args, Voice};
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{engine, locate_ffmpeg, pipeline_failure};
use crate::interrupt::unless;
use crate::library::Library;
use crate::studio::ready;
use crate::weights::{Weights, choice};
use case::Case;
use measure::{Bench, Measured, Until, failure};
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::transcribe::SAMPLE_RATE;
use reelsmith_inference_core::{Engine, NoControl, Resident};
use reelsmith_media::decode::SoundFile;
use reelsmith_media::sound::Track;
use reelsmith_media::write_whole;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

/// Sentences that are transcribed where no sound is given.
const SENTENCES: u32 = 8;
/// Seconds of a given sound that are transcribed.
const MOST_SECONDS: u32 = 300;
/// What transcribes where nobody says.
const RECOGNISER: &str = "whisper-base-ct2";
/// What embeds where nobody says.
const EMBEDDER: &str = "all-minilm-l6-v2";

/// Runs the command.
pub(super) async fn run(context: &mut Context, args: &Args) -> Outcome {
    let library = context.library()?;
    let (name, models) = models(context, &library, args)?;
    let out = args.runs().out.clone();
    std::fs::create_dir_all(&out).map_err(|e| Failure::io(format!("create {}", out.display()), &e))?;
    let mut needed: Vec<&Weights> = models.iter().collect();
    let speaker = Weights::Entry(library.voice_model.clone());
    if matches!(args, Args::Voice(args) if args.sound.is_none()) {
        needed.push(&speaker);
    }
    ready(&library, &needed, context.reporter.teller(), &context.cancel).await?;
    let cases = match args {
        Args::Images(args) => Case::of_images(args),
        Args::Voice(args) => Case::of_voice(args, &Arc::new(sound(context, &library, args).await?)),
        Args::Text(args) => Case::of_text(args),
    };
    let mut rows = Vec::new();
    for model in &models {
        rows.extend(of_model(context, &library, model, &cases, args.runs().runs).await?);
    }
    tell(context, &library, args, name, &rows)
}

/// What is measured, and the models: those that are named, or those of the settings.
fn models(context: &Context, library: &Library, args: &Args) -> Outcome<(&'static str, Vec<Weights>)> {
    let config = &context.config;
    let (name, wanted, named, usual) = match args {
        Args::Images(args) => {
            let usual = config.images.model.iter().chain(&config.images.upscaler).cloned().collect();
            ("images", Capability::TextToImage, &args.models, usual)
        }
        Args::Voice(args) => {
            let usual = vec![library.voice_model.0.clone(), RECOGNISER.to_owned()];
            ("voice", Capability::Speak, &args.models, usual)
        }
        Args::Text(args) => {
            let usual = vec![config.chat.model.clone(), EMBEDDER.to_owned()];
            ("text", Capability::Chat, &args.models, usual)
        }
    };
    let named = if named.is_empty() { &usual } else { named };
    if named.is_empty() {
        let message = format!("no model is named; {} with --model", choice(library, wanted));
        return Err(Failure::usage(message));
    }
    let found = named.iter().map(|name| Weights::find(library, name, None, "--model"));
    Ok((name, found.collect::<Outcome<_>>()?))
}

/// What is transcribed: a file, or else what the voice of the settings says.
async fn sound(context: &Context, library: &Library, args: &Voice) -> Outcome<Vec<f32>> {
    if let Some(path) = args.sound.clone() {
        let ffmpeg = locate_ffmpeg(&context.config).await?;
        let reading = blocking(move || {
            let media = |error: reelsmith_media::MediaError| pipeline_failure(error.into());
            let mut decoding =
                SoundFile::examine(&ffmpeg, &path).map_err(media)?.decode(&ffmpeg, SAMPLE_RATE);
            let mut samples = vec![0.0; (MOST_SECONDS * SAMPLE_RATE) as usize];
            let count = decoding.read(&mut samples).map_err(media)?;
            samples.truncate(count);
            Ok(samples)
        });
        return unless(&context.cancel, reading).await;
    }
    let mut engine = engine(&context.config, library);
    let (model, voice, cancel) = (library.voice_model.clone(), args.voice.clone(), context.cancel.clone());
    let speaking = blocking(move || {
        let Resident::Speak(mut speaker) = engine.load(&model, &NoControl).map_err(failure)? else {
            return Err(Failure::usage(format!("voice_model: {model} does not speak")));
        };
        let speech = speaker.speak(&case::speech(SENTENCES, &voice), &Until(&cancel)).map_err(failure)?;
        let track =
            Track::new(speech.sample_rate, 1, speech.samples).and_then(|track| track.resampled(SAMPLE_RATE));
        Ok(track.map_err(|error| pipeline_failure(error.into()))?.samples)
    });
    unless(&context.cancel, speaking).await
}

/// Loads the model once, and measures every case of it.
async fn of_model(
    context: &Context,
    library: &Library,
    model: &Weights,
    cases: &[Case],
    runs: u32,
) -> Outcome<Vec<Measured>> {
    let mut engine = engine(&context.config, library);
    let (id, cases) = (model.id(), cases.to_vec());
    let (teller, cancel) = (context.reporter.teller().clone(), context.cancel.clone());
    let measuring = blocking(move || {
        let bench = Bench { runs, told: &|text| teller.note(text), cancel: &cancel };
        bench.model(&mut engine, &id, &cases)
    });
    unless(&context.cancel, measuring).await
}

fn tell(context: &mut Context, library: &Library, args: &Args, name: &str, rows: &[Measured]) -> Outcome {
    let runs = args.runs();
    let head = tell::Head {
        reelsmith: env!("CARGO_PKG_VERSION"),
        onnxruntime: library.runtime_title(),
        device: if context.config.device.cuda { "cuda" } else { "cpu" },
        threads: context.config.device.threads,
        runs: runs.runs,
    };
    let table = tell::table(&head, rows);
    let facts = json!({ "machine": head, "cases": rows });
    let files = [("md", table.clone()), ("json", format!("{facts:#}\n")), ("svg", tell::plot(rows))];
    let mut written: Vec<PathBuf> = Vec::new();
    for (ending, text) in &files {
        let path = runs.out.join(name).with_extension(ending);
        write_whole(text.as_bytes(), &path).map_err(Failure::failed)?;
        written.push(path);
    }
    context.reporter.settle();
    match runs.json {
        true => context.reporter.teller().json(&facts),
        false => {
            let paths: Vec<String> = written.iter().map(|path| path.display().to_string()).collect();
            super::print(format!("{table}\n{}", paths.join("\n")));
        }
    }
    Ok(())
}
