//! Step `voice/n`: one scene's narration, or one turn of an episode, is spoken, with the time of every word.

use super::recipe;
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::report::ModelFact;
use crate::runner::Parts;
use crate::timing::Spoken;
use reelsmith_inference_core::ModelId;
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_media::sound::Track;
use serde_json::{Value, json};

const VERSION: u32 = 1;

pub(super) fn sound_name(part: usize) -> String {
    format!("voice-{part:03}.wav")
}

pub(super) fn words_name(part: usize) -> String {
    format!("voice-{part:03}.json")
}

/// The field of the detail that says how long it takes from the first word to the last, in seconds.
pub(crate) const SAID: &str = "said_seconds";

/// What is to be said, and by what.
pub(crate) struct Narration<'a> {
    /// Which part of the stage it is.
    pub(crate) part: usize,
    pub(crate) model: &'a ModelId,
    pub(crate) request: SpeakRequest,
    /// Every model that takes part in the job.
    pub(crate) models: &'a [ModelFact],
}

/// Speaks.
///
/// Outputs: `voice-NNN.wav` (mono, 32 bit float) and `voice-NNN.json` ([`Spoken`]).
pub(crate) async fn run(
    parts: &Parts,
    narration: Narration<'_>,
    context: &StepContext,
) -> Result<StepOutput> {
    let Narration { part, model, request, models } = narration;
    let parameters = json!({
        "model": model, "voice": request.voice, "speed": request.speed, "text": request.text,
        "models": used(models, &request.voice),
    });
    let Speech { samples, sample_rate, words } = speak(parts, model, request, context).await?;
    let seconds = samples.len() as f64 / f64::from(sample_rate);
    let spoken = Spoken { seconds, sample_rate, words };
    let (first, last) = spoken.bounds();
    let found = json!({ "speech_seconds": seconds, "words": spoken.words.len(), SAID: last - first });

    let path = context.dir().join(sound_name(part));
    let wav = path.clone();
    context.blocking(move || Ok(Track::new(sample_rate, 1, samples)?.write_wav(&wav)?)).await?;
    let recipe = recipe("voice", VERSION, &[], parameters);
    let sound = Kept { name: sound_name(part), media_type: "audio/wav", recipe: &recipe };
    let sound = context.keep_file(&path, sound).await?;
    let json = serde_json::to_vec(&spoken).expect("numbers and words are always JSON");
    let words = Kept { name: words_name(part), media_type: "application/json", recipe: &recipe };
    let words = context.keep_bytes(json, words).await?;
    Ok(StepOutput { artifacts: vec![sound, words], detail: found })
}

async fn speak(
    parts: &Parts,
    model: &ModelId,
    request: SpeakRequest,
    context: &StepContext,
) -> Result<Speech> {
    context.progress(0, 1, "sentences")?;
    let cancel = context.token().child_token();
    let (reporter, stop) = (context.reporter(), cancel.clone());
    let progress = move |at: reelsmith_inference_core::Progress| {
        if reporter.tell(at.done, at.total, at.unit).is_break() {
            stop.cancel();
        }
    };
    Ok(parts.scheduler.speak(model, request, progress, cancel).await?)
}

/// What speaks, by hash: of the voices only those that are used, of which a mixture has some.
fn used(models: &[ModelFact], voice: &str) -> Vec<Value> {
    let voices: Vec<String> = voice
        .split('+')
        .map(|share| format!("{}.bin", share.split(':').next().unwrap_or_default().trim()))
        .collect();
    let part = |model: &&ModelFact| model.role != "font";
    let is_used = |name: &str| voices.iter().any(|voice| name.ends_with(voice));
    let files = |model: &ModelFact| -> Vec<Value> {
        let used = model.files.iter().filter(|f| model.role != "voices" || is_used(&f.name));
        used.map(|file| json!({ "name": file.name, "sha256": file.sha256 })).collect()
    };
    models.iter().filter(part).map(|model| json!({ "id": model.id, "files": files(model) })).collect()
}
