//! Step `captions`: word times become cues, and cues become subtitle files.

use super::looks::Looks;
use super::{recipe, schedule, spoken};
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::Result;
use crate::spec::Short;
use crate::workflows::short::voice_stage;
use reelsmith_media::captions::{Cue, cues};
use reelsmith_media::subtitles::{srt, vtt};
use serde::{Deserialize, Serialize};
use serde_json::json;

const VERSION: u32 = 1;

/// What the report says of the captions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct CaptionFact {
    /// Words spoken.
    pub(super) spoken: usize,
    /// Words shown.
    pub(super) shown: usize,
    /// Groups of words.
    pub(super) cues: usize,
    /// When the last group goes, in seconds.
    pub(super) end: f64,
}

/// Groups the words.
///
/// Outputs: `captions.srt`, `captions.vtt`, `cues.json` (a list of [`Cue`]). Detail: [`CaptionFact`].
pub(crate) async fn run(short: &Short, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "files")?;
    let (spoken, inputs) = spoken(context, &voice_stage(short)).await?;
    let words = schedule(short, &spoken).caption_words(&spoken);
    let style = Looks::new(short)?.captions()?;
    let cues: Vec<Cue> = cues(&words, &style);
    let fact = CaptionFact {
        spoken: words.iter().filter(|word| !word.text.trim().is_empty()).count(),
        shown: cues.iter().map(|cue| cue.words.len()).sum(),
        cues: cues.len(),
        end: cues.last().map_or(0.0, |cue| cue.end),
    };
    let parameters = json!({ "style": style, "fps": short.preset.video.fps });
    let recipe = recipe("captions", VERSION, &inputs.iter().collect::<Vec<_>>(), parameters);
    let json = serde_json::to_string(&cues).expect("words and numbers are always JSON");
    let files = [
        ("captions.srt", "application/x-subrip", srt(&cues)),
        ("captions.vtt", "text/vtt", vtt(&cues)),
        ("cues.json", "application/json", json),
    ];
    let mut artifacts = Vec::new();
    for (name, media_type, text) in files {
        let kept = Kept { name: name.into(), media_type, recipe: &recipe };
        artifacts.push(context.keep_bytes(text, kept).await?);
    }
    let detail = serde_json::to_value(fact).expect("numbers are always JSON");
    Ok(StepOutput { artifacts, detail })
}
