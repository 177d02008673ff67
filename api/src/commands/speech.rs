//! `reelsmith speak` and `reelsmith dialogue`: texts to sound, which goes out while the rest is made.

mod sound;
mod writer;

use super::Context;
use super::output::STANDARD;
use super::pictures::stages::Stages;
use crate::cli::speech::{Dialogue, Sound as SoundArgs, Speak as SpeakArgs};
use crate::exit::{Failure, Outcome, blocking};
use crate::house::{locate_ffmpeg, pipeline_failure};
use crate::studio::Studio;
use crate::weights::Weights;
use reelsmith_inference_core::catalogue::Capability;
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_inference_core::{ModelId, Progress};
use reelsmith_pipelines::dialogue::{Turn, parse, speakers};
use serde_json::{Value, json};
use sound::{Form, SPOKEN};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use writer::Writer;

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
    say(context, vec![turn], Cast { model: args.model.as_deref(), voices, speed: args.speed }, &args.sound)
        .await
        .map(drop)
}

/// Runs `dialogue`.
pub(super) async fn dialogue(context: &mut Context, args: &Dialogue) -> Outcome {
    let turns = parse(&read(args.script.clone()).await?).map_err(pipeline_failure)?;
    let known: Vec<String> = context.library()?.voices().into_iter().map(|voice| voice.name).collect();
    let voices = voices(args, &turns, &known)?;
    let is_standard = args.sound.out == Path::new(STANDARD);
    let beside = (!is_standard).then(|| args.sound.out.with_extension("json"));
    let timing = args.timing.clone().or(beside);
    let said =
        say(context, turns, Cast { model: args.model.as_deref(), voices, speed: args.speed }, &args.sound)
            .await?;
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
    let mut voices = pairs(&args.voices)?;
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

/// Voices as they are given to speakers, `SPEAKER=VOICE` each.
pub(super) fn pairs(given: &[String]) -> Outcome<BTreeMap<String, String>> {
    let pair = |text: &String| {
        let pair = text.split_once('=').map(|(speaker, voice)| (speaker.trim(), voice.trim()));
        let pair = pair.filter(|(speaker, voice)| !speaker.is_empty() && !voice.is_empty());
        let (speaker, voice) = pair.ok_or_else(|| Failure::usage("--voice: expected SPEAKER=VOICE"))?;
        Ok((speaker.to_owned(), voice.to_owned()))
    };
    given.iter().map(pair).collect()
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
async fn say(context: &mut Context, turns: Vec<Turn>, cast: Cast<'_>, args: &SoundArgs) -> Outcome<Value> {
    let library = context.library()?;
    let form = Form::of(args)?;
    let ffmpeg = match form.needs_ffmpeg() {
        true => Some(locate_ffmpeg(&context.config).await?),
        false => None,
    };
    let weights = match cast.model {
        Some(name) => Weights::find(&library, name, Some(Capability::Speak), "--model")?,
        None => Weights::Entry(library.voice_model.clone()),
    };
    let cancel = context.cancel.clone();
    let teller = context.reporter.teller();
    let studio = Studio::open(&context.config, &library, &[&weights], teller, &cancel).await?;
    let mut stages = Stages::new(&mut context.reporter, &cancel, &["model", "voice"]);
    stages.names("model", &[("sentences", "voice"), ("lines", "voice")]);
    let writer = Writer::start(form, args.clone(), ffmpeg);
    let said = Saying { studio: &studio, model: weights.id(), cast }.run(&turns, &writer, &mut stages).await;
    let ended = match &said {
        Ok(_) => writer.finish().await,
        Err(_) => writer.give_up().await,
    };
    studio.close().await;
    ended?;
    context.reporter.settle();
    said
}

/// Who says a script.
struct Cast<'a> {
    /// The model, where it is not that of the settings.
    model: Option<&'a str>,
    /// The voice of each speaker.
    voices: BTreeMap<String, String>,
    /// Of turns that name none.
    speed: f32,
}

/// What a script is said with.
struct Saying<'a> {
    studio: &'a Studio,
    model: ModelId,
    cast: Cast<'a>,
}

impl Saying<'_> {
    async fn run(&self, turns: &[Turn], writer: &Writer, stages: &mut Stages<'_>) -> Outcome<Value> {
        let (mut lines, mut samples) = (Vec::new(), 0);
        let seconds = |samples: usize| samples as f64 / f64::from(SPOKEN);
        for (at, turn) in turns.iter().enumerate() {
            samples += writer.pause(turn.pause);
            let lines_before = (turns.len() > 1).then_some((at, turns.len()));
            let speech = match self.turn(turn, lines_before, writer, stages).await {
                Ok(speech) => speech,
                // Whoever listened has gone, which is no failure.
                Err(_) if writer.over().is_cancelled() => break,
                Err(failure) if turns.len() == 1 => return Err(failure),
                Err(failure) => {
                    let message = format!("line {}: {}", turn.line, failure.message);
                    return Err(Failure { message, ..failure });
                }
            };
            let start = seconds(samples);
            samples += speech.samples.len();
            lines.push(timing(turn, &self.cast.voices[&turn.speaker], start, seconds(samples), &speech));
        }
        Ok(json!({ "version": 1, "sample_rate": writer.rate(), "seconds": seconds(samples), "lines": lines }))
    }

    /// Says one turn. Of a script with several, lines are told instead of sentences.
    async fn turn(
        &self,
        turn: &Turn,
        lines: Option<(usize, usize)>,
        writer: &Writer,
        stages: &mut Stages<'_>,
    ) -> Outcome<Speech> {
        let request = SpeakRequest {
            text: turn.text.clone(),
            voice: self.cast.voices[&turn.speaker].clone(),
            speed: turn.speed.unwrap_or(self.cast.speed),
        };
        let take = writer.taker();
        let over = writer.over();
        let said = stages.watch(|told, cancel| async move {
            let told = move |at: Progress| match lines {
                Some((done, total)) if at.unit == "sentences" => {
                    told(Progress { done: done as u64, total: Some(total as u64), unit: "lines" });
                }
                _ => told(at),
            };
            // The same request is given up by Ctrl-C and where the sound has nowhere to go.
            let stop = cancel.child_token();
            let asked = self.studio.scheduler.speak_to(&self.model, request, told, take, stop.clone());
            let mut asked = std::pin::pin!(asked);
            tokio::select! {
                said = &mut asked => return said,
                () = over.cancelled() => stop.cancel(),
            }
            asked.await
        });
        said.await.map_err(|error| pipeline_failure(error.into()))
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
