//! `reelsmith speak` and `reelsmith dialogue`: texts to sound, which goes out while the rest is made.

mod sound;

use super::Context;
use super::output::STANDARD;
use super::pictures::stages::Stages;
use crate::cli::speech::{Dialogue, Sound as SoundArgs, Speak as SpeakArgs};
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{engine, locate_ffmpeg, pipeline_failure};
use crate::studio::ready;
use crate::weights::Weights;
use reelsmith_inference::LocalEngine;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech};
use reelsmith_inference_core::{
    Control, Engine, ErrorKind, InferenceError, ModelId, Progress, Resident, Verdict,
};
use reelsmith_pipelines::PipelineError;
use reelsmith_pipelines::dialogue::{Turn, parse, speakers};
use serde_json::{Value, json};
use sound::{Form, Sound};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio_util::sync::CancellationToken;

/// The longest input, in bytes: what the engine takes at once is less, and its own to refuse.
const MOST: u64 = 8 << 20;

/// Runs `speak`.
pub(super) async fn speak(context: &mut Context, args: &SpeakArgs) -> Outcome {
    let text = match &args.file {
        Some(path) => read(path.clone()).await?,
        None if args.text == [STANDARD] => read(STANDARD.into()).await?,
        None => args.text.join(" "),
    };
    let turn = Turn { speaker: String::new(), text, speed: None, pause: 0.0, line: 1 };
    let voices = BTreeMap::from([(String::new(), args.voice.clone())]);
    say(context, vec![turn], voices, args.speed, &args.sound).await.map(drop)
}

/// Runs `dialogue`.
pub(super) async fn dialogue(context: &mut Context, args: &Dialogue) -> Outcome {
    let turns = parse(&read(args.script.clone()).await?).map_err(pipeline_failure)?;
    let known: Vec<String> = context.library()?.voices().into_iter().map(|voice| voice.name).collect();
    let voices = voices(args, &turns, &known)?;
    let is_standard = args.sound.out == Path::new(STANDARD);
    let beside = (!is_standard).then(|| args.sound.out.with_extension("json"));
    let timing = args.timing.clone().or(beside);
    let said = say(context, turns, voices, args.speed, &args.sound).await?;
    match timing {
        Some(path) => {
            blocking(move || {
                let mut output = super::output::Output::open(&path)?;
                output.write(format!("{said:#}\n").as_bytes())?;
                output.finish()
            })
            .await
        }
        None => Ok(()),
    }
}

/// Which voice each speaker has.
fn voices(args: &Dialogue, turns: &[Turn], known: &[String]) -> Outcome<BTreeMap<String, String>> {
    let mut voices = BTreeMap::new();
    for pair in &args.voices {
        let pair = pair.split_once('=').filter(|(speaker, voice)| !speaker.is_empty() && !voice.is_empty());
        let (speaker, voice) = pair.ok_or_else(|| Failure::usage("--voice: expected SPEAKER=VOICE"))?;
        voices.insert(speaker.trim().to_owned(), voice.trim().to_owned());
    }
    let speakers = speakers(turns);
    if let Some(stranger) = voices.keys().find(|name| !speakers.contains(name.as_str())) {
        let there: Vec<&str> = speakers.into_iter().collect();
        let message = format!("--voice: nobody is called {stranger}; the script has {}", there.join(", "));
        return Err(Failure::usage(message));
    }
    for speaker in speakers {
        if known.iter().any(|voice| voice == speaker) {
            voices.entry(speaker.to_owned()).or_insert_with(|| speaker.to_owned());
        }
        if !voices.contains_key(speaker) {
            let message = format!(
                "{speaker} has no voice; add --voice \"{speaker}=af_heart\" (`reelsmith voices list`)"
            );
            return Err(Failure::usage(message));
        }
    }
    Ok(voices)
}

/// The text of a file, or of standard input where it is `-`.
async fn read(path: std::path::PathBuf) -> Outcome<String> {
    blocking(move || {
        let name = path.display().to_string();
        let mut bytes = Vec::new();
        let read = match path == Path::new(STANDARD) {
            true => std::io::stdin().lock().take(MOST + 1).read_to_end(&mut bytes),
            false => File::open(&path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)),
        };
        read.map_err(|error| Failure::usage(format!("{name} cannot be read: {error}")))?;
        if bytes.len() as u64 > MOST {
            return Err(Failure::usage(format!("{name} has more than {MOST} bytes; split it")));
        }
        String::from_utf8(bytes)
            .map_err(|_| Failure::usage(format!("{name} is not UTF-8; convert it or write it anew")))
    })
    .await
}

/// Says the turns and writes their sound; tells when each was said.
async fn say(
    context: &mut Context,
    turns: Vec<Turn>,
    voices: BTreeMap<String, String>,
    speed: f32,
    args: &SoundArgs,
) -> Outcome<Value> {
    let library = context.library()?;
    let form = Form::of(args)?;
    let ffmpeg = match form.needs_ffmpeg() {
        true => Some(locate_ffmpeg(&context.config).await?),
        false => None,
    };
    let model = library.voice_model.clone();
    let cancel = context.cancel.clone();
    ready(&library, &[&Weights::Entry(model.clone())], context.reporter.teller(), &cancel).await?;
    let engine = engine(&context.config, &library);
    let args = args.clone();
    let mut stages = Stages::new(&mut context.reporter, &cancel, &["model", "voice"]);
    stages.names("model", &[("sentences", "voice"), ("lines", "voice")]);
    let said = stages
        .watch(|told, cancel| {
            blocking(move || {
                let sound = Sound::open(form, &args, ffmpeg)?;
                Saying { voices, speed, told, cancel }.run(engine, &model, &turns, sound)
            })
        })
        .await?;
    context.reporter.settle();
    Ok(said)
}

/// One run of the engine, on a thread of its own.
struct Saying {
    voices: BTreeMap<String, String>,
    speed: f32,
    told: Box<dyn Fn(Progress) + Send + Sync>,
    cancel: CancellationToken,
}

/// Passes progress on and stops where it is told to, or where the sound has nowhere to go.
struct Steps<'a> {
    saying: &'a Saying,
    /// Lines before, and in all; of one alone, its sentences are told.
    lines: (usize, usize),
    is_over: AtomicBool,
}

impl Control for Steps<'_> {
    fn step(&self, progress: Progress) -> Verdict {
        let (done, total) = self.lines;
        let lines = Progress { done: done as u64, total: Some(total as u64), unit: "lines" };
        (self.saying.told)(if total > 1 && progress.unit == "sentences" { lines } else { progress });
        match self.saying.cancel.is_cancelled() || self.is_over.load(Ordering::Relaxed) {
            true => Verdict::Cancel,
            false => Verdict::Continue,
        }
    }
}

impl Saying {
    fn run(
        &self,
        mut engine: LocalEngine,
        model: &ModelId,
        turns: &[Turn],
        mut sound: Sound,
    ) -> Outcome<Value> {
        let steps =
            |done| Steps { saying: self, lines: (done, turns.len()), is_over: AtomicBool::new(false) };
        let Resident::Speak(mut voice) = engine.load(model, &steps(0)).map_err(failure)? else {
            return Err(Failure::usage(format!("{model} is no model that speaks")));
        };
        let mut lines = Vec::new();
        for (at, turn) in turns.iter().enumerate() {
            sound.pause(turn.pause)?;
            let start = sound.seconds();
            let name = &self.voices[&turn.speaker];
            let request = SpeakRequest {
                text: turn.text.clone(),
                voice: name.clone(),
                speed: turn.speed.unwrap_or(self.speed),
            };
            let speech = spoken(voice.as_mut(), &request, &mut sound, &steps(at));
            let speech = speech.map_err(|failure| self.placed(failure, turn, turns.len()))?;
            lines.push(timing(turn, name, start, sound.seconds(), &speech));
            if sound.is_over() {
                break;
            }
        }
        let (seconds, rate) = (sound.seconds(), sound.rate());
        sound.finish()?;
        Ok(json!({ "version": 1, "sample_rate": rate, "seconds": seconds, "lines": lines }))
    }

    /// Says where in a script it happened.
    fn placed(&self, failure: Failure, turn: &Turn, turns: usize) -> Failure {
        match turns {
            1 => failure,
            _ => Failure { message: format!("line {}: {}", turn.line, failure.message), ..failure },
        }
    }
}

fn spoken(
    voice: &mut dyn Speak,
    request: &SpeakRequest,
    sound: &mut Sound,
    steps: &Steps<'_>,
) -> Outcome<Speech> {
    let mut broken = None;
    let made = voice.speak_to(
        request,
        &mut |samples| {
            if broken.is_none() {
                broken = sound.add(samples).err();
            }
            steps.is_over.store(broken.is_some() || sound.is_over(), Ordering::Relaxed);
        },
        steps,
    );
    match (broken, made) {
        (Some(failure), _) => Err(failure),
        // Whoever listened has gone, which is no failure.
        (None, Err(_)) if sound.is_over() => Ok(Speech { samples: vec![], sample_rate: 0, words: vec![] }),
        (None, made) => made.map_err(failure),
    }
}

fn timing(turn: &Turn, voice: &str, start: f64, end: f64, speech: &Speech) -> Value {
    let words = speech
        .words
        .iter()
        .map(|word| json!({ "text": word.text, "start": start + word.start, "end": start + word.end }));
    json!({
        "speaker": turn.speaker, "voice": voice, "text": turn.text, "line": turn.line,
        "start": start, "end": end, "words": words.collect::<Vec<_>>(),
    })
}

fn failure(error: InferenceError) -> Failure {
    match error.kind() {
        ErrorKind::InvalidRequest | ErrorKind::UnknownModel => Failure::usage(error),
        ErrorKind::Cancelled => Failure::cancelled(error),
        _ => pipeline_failure(PipelineError::from(error)),
    }
}
