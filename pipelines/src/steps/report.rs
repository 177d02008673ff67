//! Step `report`: all that is known of the job, and whether it is as ordered.

use super::captions::CaptionFact;
use super::facts::{file, found, given, most, steps};
use super::looks::Looks;
use super::music::told;
use super::video::VideoFact;
use super::{facts, output, records, schedule, sound, spoken};
use crate::engine::{StepContext, StepOutput};
use crate::error::Result;
use crate::events::StepKey;
use crate::report::{FileFact, PictureFact, REPORT_VERSION, Report, SceneFact, StepFact};
use crate::runner::Parts;
use crate::spec::{MusicChoice, Short};
use crate::timing::{Schedule, Spoken};
use crate::workflows::short::{pictures_stage, voice_stage};
use reelsmith_media::probe::Check;
use reelsmith_media::sound::Mastered;
use reelsmith_storage::Artifact;

/// The files that a person gets, but for the report.
const FILES: &[&str] = &["video.mp4", "captions.srt", "captions.vtt", "thumbnail.jpg"];

/// Writes the report.
///
/// Output: `report.json` ([`Report`]).
///
/// # Errors
/// `Verification` if a check fails; it names every one that does.
pub(crate) async fn run(parts: &Parts, short: &Short, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 1, "files")?;
    let facts = Facts::gather(short, context).await?;
    let report = facts.report(parts, short, context);
    facts::keep(&report, &report.checks, &facts.outputs, context).await
}

/// What the other steps left.
struct Facts {
    spoken: Vec<Spoken>,
    schedule: Schedule,
    pictures: Vec<PictureFact>,
    loudness: Mastered,
    captions: CaptionFact,
    video: VideoFact,
    outputs: Vec<Artifact>,
    steps: Vec<StepFact>,
    palette: String,
}

impl Facts {
    async fn gather(short: &Short, context: &StepContext) -> Result<Self> {
        let (spoken, _) = spoken(context, &voice_stage(short)).await?;
        let all = context.records().await?;
        let mut outputs = Vec::new();
        for name in FILES {
            let stage = name.split('.').next().unwrap_or(name);
            let record = context.record(&StepKey::whole(stage)).await?;
            outputs.push(output(&record, name)?.clone());
        }
        let pictures = records(context, &pictures_stage(short)).await?;
        Ok(Self {
            schedule: schedule(short, &spoken),
            spoken,
            pictures: pictures.iter().map(found).collect::<Result<_>>()?,
            loudness: found(&context.record(&StepKey::whole("sound")).await?)?,
            captions: found(&context.record(&StepKey::whole("captions")).await?)?,
            video: found(&context.record(&StepKey::whole("video")).await?)?,
            outputs,
            steps: steps(&all),
            palette: Looks::new(short)?.style.palette,
        })
    }

    fn report(&self, parts: &Parts, short: &Short, context: &StepContext) -> Report {
        Report {
            version: REPORT_VERSION,
            job: context.job().0.clone(),
            title: short.title.clone(),
            preset: short.preset.name.clone(),
            preset_version: short.preset.version,
            seed: short.seed,
            voice: short.voice.clone(),
            music: told(&short.music),
            palette: self.palette.clone(),
            seconds: self.schedule.seconds(),
            inputs: inputs(short),
            models: short.models.clone(),
            scenes: self.scenes(short),
            loudness: self.loudness,
            loudness_target: sound::target(short),
            video: self.video.probe.clone(),
            checks: self.checks(short),
            outputs: self.outputs.iter().map(file).collect(),
            steps: self.steps.clone(),
            versions: parts.versions.clone(),
        }
    }

    fn scenes(&self, short: &Short) -> Vec<SceneFact> {
        let fps = f64::from(self.schedule.fps);
        let parts = short.scenes.iter().zip(&self.schedule.scenes).zip(&self.spoken).zip(&self.pictures);
        parts
            .map(|(((scene, time), spoken), picture)| SceneFact {
                heading: scene.heading.clone(),
                text: scene.text.clone(),
                start: time.first_frame as f64 / fps,
                seconds: f64::from(time.frames) / fps,
                words: spoken.words.len(),
                picture: picture.clone(),
            })
            .collect()
    }

    /// The probe's own checks, and those of what a probe cannot see.
    fn checks(&self, short: &Short) -> Vec<Check> {
        let seconds = self.schedule.seconds();
        let mut checks = self.video.checks.clone();
        checks.extend(facts::sound_checks(&self.loudness, &sound::target(short)));
        checks.extend([
            most("longest duration", "s", short.max_seconds, seconds),
            most("caption end", "s", seconds, self.captions.end),
            Check {
                name: "caption words".into(),
                expected: self.captions.spoken.to_string(),
                found: self.captions.shown.to_string(),
                ok: self.captions.spoken == self.captions.shown,
            },
        ]);
        let limits =
            [("video.mp4", short.preset.file.max_bytes), ("thumbnail.jpg", short.preset.cover.max_bytes)];
        for (name, limit) in limits {
            let bytes =
                self.outputs.iter().find(|output| output.name == name).map_or(0, |output| output.bytes);
            let name = format!("size of {name}");
            let ok = bytes > 0 && bytes < limit;
            checks.push(Check {
                name,
                expected: format!("under {limit} bytes"),
                found: format!("{bytes} bytes"),
                ok,
            });
        }
        checks
    }
}

fn inputs(short: &Short) -> Vec<FileFact> {
    let music = match &short.music {
        MusicChoice::File(file) => Some(file),
        _ => None,
    };
    let pictures = short.scenes.iter().filter_map(|scene| scene.picture.as_ref());
    pictures.chain(music).map(given).collect()
}
