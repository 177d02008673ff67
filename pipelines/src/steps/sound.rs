//! Step `sound`: the scenes' speech is laid on the time line, over ducked music, and mastered.

use super::music::Score;
use super::{recipe, recordings, schedule, spoken};
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::prepare::longer_hint;
use crate::runner::Parts;
use crate::spec::Short;
use crate::timing::{SceneTime, Schedule};
use crate::workflows::short::voice_stage;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::sound::{LoudnessTarget, MixSpec, Music, Track, master_to_aac, mix};
use serde_json::json;
use std::ops::ControlFlow;
use std::path::PathBuf;

const VERSION: u32 = 1;
/// Fade at a cut of the recording, in seconds: a click would need less than a millisecond.
const FADE: f64 = 0.005;

/// The loudness that the preset orders.
pub(super) fn target(short: &Short) -> LoudnessTarget {
    let rules = &short.preset.audio;
    LoudnessTarget {
        lufs: rules.lufs,
        tolerance_lu: rules.tolerance_lu,
        true_peak_dbtp: rules.true_peak_dbtp,
    }
}

/// Mixes and masters the sound.
///
/// Outputs: `sound.m4a` and `schedule.json` ([`Schedule`]). Detail: [`reelsmith_media::sound::Mastered`].
///
/// # Errors
/// `Limit` if what was spoken is longer than the job allows.
pub(crate) async fn run(parts: &Parts, short: &Short, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 100, "%")?;
    let (spoken, _) = spoken(context, &voice_stage(short)).await?;
    let schedule = schedule(short, &spoken);
    check_length(short, &schedule)?;
    let (clips, mut inputs) = recordings(context, &voice_stage(short)).await?;
    let music = Score::fetch(&short.music, "music", context, &mut inputs).await?;
    let out = context.dir().join("sound.m4a");
    let work = Work {
        ffmpeg: parts.ffmpeg.clone(),
        schedule: schedule.clone(),
        clips,
        music,
        seed: short.seed,
        target: target(short),
        bitrate: short.preset.audio.bitrate_bps,
        out: out.clone(),
    };
    let reporter = context.reporter();
    let tell = move |percent: u64| reporter.tell(percent, Some(100), "%");
    let mastered = context.blocking(move || work.run(&tell)).await?;

    let parameters = json!({
        "music": short.music, "seed": short.seed, "target": target(short),
        "bitrate_bps": short.preset.audio.bitrate_bps, "schedule": schedule, "ffmpeg": parts.ffmpeg.version(),
    });
    let recipe = recipe("sound", VERSION, &inputs.iter().collect::<Vec<_>>(), parameters);
    let sound = Kept { name: "sound.m4a".into(), media_type: "audio/mp4", recipe: &recipe };
    let sound = context.keep_file(&out, sound).await?;
    let json = serde_json::to_vec(&schedule).expect("numbers are always JSON");
    let times = Kept { name: "schedule.json".into(), media_type: "application/json", recipe: &recipe };
    let times = context.keep_bytes(json, times).await?;
    let detail = serde_json::to_value(mastered).expect("numbers are always JSON");
    Ok(StepOutput { artifacts: vec![sound, times], detail })
}

fn check_length(short: &Short, schedule: &Schedule) -> Result<()> {
    let (found, most) = (schedule.seconds(), short.max_seconds);
    if found <= most {
        return Ok(());
    }
    let words: usize = short.scenes.iter().map(|scene| crate::script::spoken_words(&scene.text)).sum();
    let over = found - most;
    let cut = (words as f64 * over / found).ceil();
    let hint = longer_hint(&short.preset, most);
    let message = format!(
        "the narration takes {found:.1} s with its pauses, {over:.1} s more than the limit of {most} s: cut about \
         {cut} words or raise `speed`{hint}"
    );
    Err(PipelineError::new(ErrorKind::Limit, message))
}

/// All that the thread needs which mixes.
struct Work {
    ffmpeg: Ffmpeg,
    schedule: Schedule,
    clips: Vec<PathBuf>,
    music: Score,
    seed: u64,
    target: LoudnessTarget,
    bitrate: u32,
    out: PathBuf,
}

impl Work {
    fn run(self, tell: &(dyn Fn(u64) -> ControlFlow<()> + Sync)) -> Result<reelsmith_media::sound::Mastered> {
        let go_on = |percent| match tell(percent) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(PipelineError::new(ErrorKind::Cancelled, "cancelled")),
        };
        let mut voice = Vec::new();
        for (clip, scene) in self.clips.iter().zip(&self.schedule.scenes) {
            voice.push((scene.speech_at, cut(Track::read_wav(clip)?, scene)));
        }
        go_on(5)?;
        let seconds = self.schedule.seconds();
        let music = self.music.play(&self.ffmpeg, self.seed, seconds)?;
        go_on(20)?;
        let mut spec = MixSpec::new(voice, seconds);
        spec.music = music.map(Music::new);
        let mixed = mix(spec)?;
        go_on(30)?;
        let progress = |done: u64, total: u64| tell(30 + done * 70 / total.max(1));
        Ok(master_to_aac(&self.ffmpeg, &mixed, &self.target, self.bitrate, &self.out, &progress)?)
    }
}

/// The part of a mono recording that is kept, faded at its ends.
fn cut(mut track: Track, scene: &SceneTime) -> Track {
    let rate = f64::from(track.rate);
    let to = ((scene.cut_to * rate) as usize).min(track.samples.len());
    let from = ((scene.cut_from * rate) as usize).min(to);
    track.samples.truncate(to);
    track.samples.drain(..from);
    let fade = ((FADE * rate) as usize).min(track.samples.len() / 2);
    let last = track.samples.len();
    for n in 0..fade {
        let gain = n as f32 / fade as f32;
        track.samples[n] *= gain;
        track.samples[last - 1 - n] *= gain;
    }
    track
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_keeps_the_middle_and_fades_its_ends() {
        let track = Track::new(1000, 1, vec![1.0; 8000]);
        let track = track.unwrap_or(Track { rate: 1000, channels: 1, samples: vec![1.0; 8000] });
        let scene = SceneTime { first_frame: 0, frames: 1, speech_at: 0.0, cut_from: 1.0, cut_to: 3.0 };
        let kept = cut(track, &scene).samples;
        assert_eq!(kept.len(), 2000);
        assert_eq!((kept[0], kept[1999]), (0.0, 0.0));
        assert!(kept[5..1995].iter().all(|s| *s == 1.0));
    }
}
