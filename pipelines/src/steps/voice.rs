//! Step `voice/n`: one scene's narration is spoken, with the time of every word.

use super::recipe;
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::report::ModelFact;
use crate::runner::Parts;
use crate::spec::Short;
use crate::timing::Spoken;
use reelsmith_inference_core::speech::{SpeakRequest, Speech};
use reelsmith_media::sound::Track;
use serde_json::{Value, json};

const VERSION: u32 = 1;

pub(super) fn sound_name(scene: usize) -> String {
    format!("voice-{scene:03}.wav")
}

pub(super) fn words_name(scene: usize) -> String {
    format!("voice-{scene:03}.json")
}

/// Speaks scene `scene`.
///
/// Outputs: `voice-NNN.wav` (mono, 32 bit float) and `voice-NNN.json` ([`Spoken`]).
pub(crate) async fn run(
    parts: &Parts,
    short: &Short,
    scene: usize,
    context: &StepContext,
) -> Result<StepOutput> {
    let request = SpeakRequest {
        text: short.scenes[scene].text.clone(),
        voice: short.voice.voice.clone(),
        speed: short.voice.speed,
    };
    let parameters = json!({
        "model": short.voice.model, "voice": request.voice, "speed": request.speed, "text": request.text,
        "models": models(short),
    });
    let speech = speak(parts, short, request, context).await?;
    let Speech { samples, sample_rate, words } = speech;
    let seconds = samples.len() as f64 / f64::from(sample_rate);
    let found = json!({ "speech_seconds": seconds, "words": words.len() });
    let spoken = Spoken { seconds, sample_rate, words };

    let path = context.dir().join(sound_name(scene));
    let wav = path.clone();
    context.blocking(move || Ok(Track::new(sample_rate, 1, samples)?.write_wav(&wav)?)).await?;
    let recipe = recipe("voice", VERSION, &[], parameters);
    let sound = Kept { name: sound_name(scene), media_type: "audio/wav", recipe: &recipe };
    let sound = context.keep_file(&path, sound).await?;
    let json = serde_json::to_vec(&spoken).expect("numbers and words are always JSON");
    let words = Kept { name: words_name(scene), media_type: "application/json", recipe: &recipe };
    let words = context.keep_bytes(json, words).await?;
    Ok(StepOutput { artifacts: vec![sound, words], detail: found })
}

async fn speak(parts: &Parts, short: &Short, request: SpeakRequest, context: &StepContext) -> Result<Speech> {
    context.progress(0, 1, "sentences")?;
    let cancel = context.token().child_token();
    let (reporter, stop) = (context.reporter(), cancel.clone());
    let progress = move |at: reelsmith_inference_core::Progress| {
        if reporter.tell(at.done, at.total, at.unit).is_break() {
            stop.cancel();
        }
    };
    Ok(parts.scheduler.speak(&short.voice.model, request, progress, cancel).await?)
}

/// What speaks, by hash: of the voices only the one that is used.
fn models(short: &Short) -> Vec<Value> {
    let part = |model: &&ModelFact| model.role != "font";
    let voice = format!("{}.bin", short.voice.voice);
    let files = |model: &ModelFact| -> Vec<Value> {
        let used = model.files.iter().filter(|f| model.role != "voices" || f.name.ends_with(&voice));
        used.map(|file| json!({ "name": file.name, "sha256": file.sha256 })).collect()
    };
    short.models.iter().filter(part).map(|model| json!({ "id": model.id, "files": files(model) })).collect()
}
