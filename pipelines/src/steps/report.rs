//! Step `report`: all that is known of the job, and whether it is as ordered.

use super::captions::CaptionFact;
use super::looks::Looks;
use super::video::VideoFact;
use super::{output, recipe, records, schedule, sound, spoken};
use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::StepKey;
use crate::report::{FileFact, PictureFact, REPORT_VERSION, Report, SceneFact, StepFact};
use crate::runner::Parts;
use crate::spec::{MusicChoice, Short};
use crate::timing::{Schedule, Spoken};
use crate::workflows::short::pictures_stage;
use reelsmith_media::probe::Check;
use reelsmith_media::sound::Mastered;
use reelsmith_storage::{Artifact, StepRecord};
use serde::de::DeserializeOwned;
use serde_json::json;

const VERSION: u32 = 1;

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
    let bad: Vec<String> = report
        .checks
        .iter()
        .filter(|check| !check.ok)
        .map(|check| format!("{} is {} instead of {}", check.name, check.found, check.expected))
        .collect();
    if !bad.is_empty() {
        let message = format!("the finished files are not what was ordered: {}", bad.join(", "));
        return Err(PipelineError::new(ErrorKind::Verification, message));
    }
    let recipe = recipe("report", VERSION, &facts.outputs.iter().collect::<Vec<_>>(), json!({}));
    let json = serde_json::to_vec_pretty(&report).expect("texts and numbers are always JSON");
    let kept = Kept { name: "report.json".into(), media_type: "application/json", recipe: &recipe };
    let artifact = context.keep_bytes(json, kept).await?;
    Ok(StepOutput { artifacts: vec![artifact], detail: json!({ "checks": report.checks.len() }) })
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
        let (spoken, _) = spoken(context, short).await?;
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
            music: match &short.music {
                MusicChoice::None => "none".into(),
                MusicChoice::Mood(mood) => format!("mood {mood}"),
                MusicChoice::File(file) => format!("file {}", file.name),
            },
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
        let rules = &short.preset.audio;
        let loudness = self.loudness.loudness;
        let seconds = self.schedule.seconds();
        let mut checks = self.video.checks.clone();
        checks.extend([
            Check {
                name: "loudness".into(),
                expected: format!("{} LUFS ± {}", rules.lufs, rules.tolerance_lu),
                found: format!("{:.2} LUFS", loudness.integrated_lufs),
                ok: (loudness.integrated_lufs - rules.lufs).abs() <= rules.tolerance_lu,
            },
            Check {
                name: "true peak".into(),
                expected: format!("at most {} dBTP", rules.true_peak_dbtp),
                found: format!("{:.2} dBTP", loudness.true_peak_dbtp),
                ok: loudness.true_peak_dbtp <= rules.true_peak_dbtp,
            },
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

fn most(name: &str, unit: &str, limit: f64, found: f64) -> Check {
    Check {
        name: name.into(),
        expected: format!("at most {limit:.2} {unit}"),
        found: format!("{found:.2} {unit}"),
        ok: found <= limit + 1e-6,
    }
}

/// What a step found, as it stands in its record.
fn found<T: DeserializeOwned>(record: &StepRecord) -> Result<T> {
    T::deserialize(&record.detail["found"]).map_err(|e| {
        let message = format!("the record of step {} is not what was expected: {e}", record.name);
        PipelineError::new(ErrorKind::Internal, message).with_source(e)
    })
}

fn steps(records: &[StepRecord]) -> Vec<StepFact> {
    let fact = |record: &StepRecord| StepFact {
        step: record.name.clone(),
        seconds: record.seconds,
        cpu_seconds: record.detail["cpu_seconds"].as_f64(),
    };
    records.iter().map(fact).collect()
}

fn inputs(short: &Short) -> Vec<FileFact> {
    let music = match &short.music {
        MusicChoice::File(file) => Some(file),
        _ => None,
    };
    let pictures = short.scenes.iter().filter_map(|scene| scene.picture.as_ref());
    let given = pictures.chain(music);
    given
        .map(|given| FileFact { name: given.name.clone(), sha256: given.sha256.clone(), bytes: given.bytes })
        .collect()
}

fn file(artifact: &Artifact) -> FileFact {
    FileFact { name: artifact.name.clone(), sha256: artifact.digest.to_string(), bytes: artifact.bytes }
}
