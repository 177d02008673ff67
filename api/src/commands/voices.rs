//! `reelsmith voices`: the voices that there are, and those made of samples.

use super::pictures::stages::Stages;
use super::{Context, print};
use crate::cli::Voices;
use crate::cli::speech::CloneVoice as CloneArgs;
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{DEFAULT_VOICE, cloned_voices, locate_ffmpeg, pipeline_failure};
use crate::interrupt::unless;
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference::xtts::profiles::Profiles;
use reelsmith_inference_core::InferenceError;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::cloning::{CloneRequest, Consent, VoiceProfile, VoiceSample};
use reelsmith_media::decode::SoundFile;
use reelsmith_media::ffmpeg::Ffmpeg;
use serde_json::json;
use std::path::PathBuf;

/// Samples a second at which samples are heard: nothing of a voice lies above.
const RATE: u32 = 48_000;
/// Seconds of a file that are read: more than a sample may have, so that a longer one is told to be so.
const MOST_SECONDS: usize = 60;

/// Runs the command.
pub(super) async fn run(context: &mut Context, command: Voices) -> Outcome {
    match command {
        Voices::List { json } => list(context, json).await,
        Voices::Clone(args) => clone(context, &args).await,
        Voices::Rm { name } => {
            let profiles = profiles(context);
            blocking(move || profiles.remove(&name).map_err(failure)).await
        }
    }
}

fn profiles(context: &Context) -> Profiles {
    Profiles::new(cloned_voices(&context.config))
}

/// Lists the voices of the configured model, and the cloned ones.
async fn list(context: &Context, as_json: bool) -> Outcome {
    let library = context.library()?;
    let profiles = profiles(context);
    let cloned = blocking(move || profiles.all().map_err(failure)).await?;
    let voices = library.voices();
    if as_json {
        let own = voices.iter().map(
            |voice| json!({ "name": voice.name, "language": voice.language, "model": library.voice_model }),
        );
        let all: Vec<_> = own.chain(cloned.iter().map(|profile| json!(profile))).collect();
        print(json!(all));
        return Ok(());
    }
    print(format!("{:<16} {:<8} of {}", "NAME", "LANGUAGE", library.voice_model));
    for voice in voices {
        let mark = if voice.name == DEFAULT_VOICE { "default" } else { "" };
        print(format!("{:<16} {:<8} {mark}", voice.name, voice.language).trim_end());
    }
    print(
        "Each reads its own language: those other than English with espeak-ng; ja and zh are not read yet.",
    );
    for VoiceProfile { name, language, model, consent, .. } in cloned {
        print(format!(
            "{name:<16} {language:<8} cloned with {model}; {} agreed on {}",
            consent.by, consent.on
        ));
    }
    Ok(())
}

/// Makes a voice of a sample.
async fn clone(context: &mut Context, args: &CloneArgs) -> Outcome {
    let library = context.library()?;
    let model = Weights::find(&library, &args.model, Some(Capability::Speak), "--model")?;
    let ffmpeg = locate_ffmpeg(&context.config).await?;
    let file = args.sample.clone();
    let sample = unless(&context.cancel, blocking(move || heard(&ffmpeg, file))).await?;
    let request = CloneRequest {
        name: args.name.clone(),
        language: args.language.clone(),
        sample,
        consent: Some(Consent {
            by: args.by.clone(),
            on: args.on.clone(),
            statement: args.statement.clone(),
        }),
    };
    let (teller, cancel) = (context.reporter.teller(), context.cancel.clone());
    let studio = Studio::open(&context.config, &library, &[&model], teller, &cancel).await?;
    let mut stages = Stages::new(&mut context.reporter, &cancel, &["model", "listen"]);
    stages.names("model", &[("parts", "listen")]);
    let id = model.id();
    let made = stages.watch(|told, cancel| studio.scheduler.clone_voice(&id, request, told, cancel)).await;
    studio.close().await;
    let profile = made.map_err(|error| pipeline_failure(error.into()))?;
    context.reporter.settle();
    print(format!(
        "{} speaks {}: reelsmith speak --model {} --voice {} \"Hello.\"",
        profile.name, profile.language, args.model, profile.name
    ));
    Ok(())
}

/// The sound of the file.
fn heard(ffmpeg: &Ffmpeg, path: PathBuf) -> Outcome<VoiceSample> {
    let failed = |error: reelsmith_media::MediaError| pipeline_failure(error.into());
    let mut decoding = SoundFile::examine(ffmpeg, &path).map_err(failed)?.decode(ffmpeg, RATE);
    let mut samples = vec![0.0; MOST_SECONDS * RATE as usize];
    let count = decoding.read(&mut samples).map_err(failed)?;
    samples.truncate(count);
    Ok(VoiceSample { samples, sample_rate: RATE })
}

fn failure(error: InferenceError) -> Failure {
    pipeline_failure(error.into())
}
