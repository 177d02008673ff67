//! Step `video`: pictures in motion, titles, captions and sound become one file.

use super::looks::{Looks, frame, zone};
use super::{output, pictures, recipe, records};
use crate::engine::{Kept, Reporter, StepContext, StepOutput};
use crate::error::Result;
use crate::events::StepKey;
use crate::runner::Parts;
use crate::spec::Short;
use crate::timing::Schedule;
use crate::workflows::short::pictures_stage;
use reelsmith_media::captions::{Captions, Cue};
use reelsmith_media::cards::title;
use reelsmith_media::encode::{Encoder, VideoSettings, encode, expected};
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::motion::Motion;
use reelsmith_media::picture::{self, PictureSource};
use reelsmith_media::probe::{Check, Probe, check};
use reelsmith_media::timeline::{Scene, Timeline};
use reelsmith_media::typeset::Fonts;
use reelsmith_storage::Artifact;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;

const VERSION: u32 = 1;

/// What the report says of the video.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct VideoFact {
    /// What the file is.
    pub(super) probe: Probe,
    /// How it compares with its order.
    pub(super) checks: Vec<Check>,
}

/// Renders and encodes the video.
///
/// Output: `video.mp4`. Detail: [`VideoFact`].
pub(crate) async fn run(parts: &Parts, short: &Short, context: &StepContext) -> Result<StepOutput> {
    let sound = context.record(&StepKey::whole("sound")).await?;
    let captions = context.record(&StepKey::whole("captions")).await?;
    let schedule: Schedule = context.read_json(output(&sound, "schedule.json")?).await?;
    context.progress(0, schedule.frames(), "frames")?;
    let cues_artifact = output(&captions, "cues.json")?;
    let sound_artifact = output(&sound, "sound.m4a")?;
    let (files, mut inputs) = stills(short, context).await?;
    inputs.extend([sound_artifact.clone(), cues_artifact.clone()]);
    let out = context.dir().join("video.mp4");
    let settings = settings(short, parts.encoder);
    let parameters = json!({
        "preset": short.preset.name, "preset_version": short.preset.version, "seed": short.seed,
        "settings": format!("{settings:?}"), "crossfade_s": short.preset.video.crossfade_s,
        "captions": Looks::new(short)?.captions()?, "ffmpeg": parts.ffmpeg.version(),
        "fonts": short.models.iter().filter(|m| m.role == "font").collect::<Vec<_>>(),
    });
    let work = Work {
        short: short.clone(),
        ffmpeg: parts.ffmpeg.clone(),
        fonts: parts.fonts.clone(),
        cues: context.read_json(cues_artifact).await?,
        sound: context.fetch(&sound_artifact.digest, "sound.m4a").await?,
        schedule,
        files,
        settings,
        out: out.clone(),
    };
    let reporter = context.reporter();
    let fact = context.blocking(move || work.run(&reporter)).await?;
    let recipe = recipe("video", VERSION, &inputs.iter().collect::<Vec<_>>(), parameters);
    let kept = Kept { name: "video.mp4".into(), media_type: "video/mp4", recipe: &recipe };
    let video = context.keep_file(&out, kept).await?;
    let detail = serde_json::to_value(fact).expect("texts and numbers are always JSON");
    Ok(StepOutput { artifacts: vec![video], detail })
}

/// Brings the pictures here; answers their files and artifacts.
async fn stills(short: &Short, context: &StepContext) -> Result<(Vec<PathBuf>, Vec<Artifact>)> {
    let (mut files, mut artifacts) = (Vec::new(), Vec::new());
    for (scene, record) in records(context, &pictures_stage(short)).await?.iter().enumerate() {
        let artifact = output(record, &pictures::name(scene))?;
        files.push(context.fetch(&artifact.digest, &artifact.name).await?);
        artifacts.push(artifact.clone());
    }
    Ok((files, artifacts))
}

fn settings(short: &Short, encoder: Encoder) -> VideoSettings {
    let rules = &short.preset.video;
    VideoSettings {
        width: rules.width,
        height: rules.height,
        fps: rules.fps,
        bitrate_bps: rules.bitrate_bps,
        preset: rules.encoder_speed.clone(),
        encoder,
        // As many as x264 likes: its threads are those of another process, which `device.threads` does
        // not count, and the number is part of what decides the bytes.
        threads: 0,
    }
}

/// All that the thread needs which renders.
struct Work {
    short: Short,
    ffmpeg: Ffmpeg,
    fonts: Vec<PathBuf>,
    cues: Vec<Cue>,
    sound: PathBuf,
    schedule: Schedule,
    files: Vec<PathBuf>,
    settings: VideoSettings,
    out: PathBuf,
}

impl Work {
    fn run(self, reporter: &Reporter) -> Result<VideoFact> {
        let (width, height) = frame(&self.short);
        let fps = self.schedule.fps;
        let mut fonts = Fonts::load(&self.fonts)?;
        let timeline = Timeline {
            width,
            height,
            fps,
            crossfade_frames: (self.short.preset.video.crossfade_s * f64::from(fps)).round() as u32,
            scenes: self.scenes(&mut fonts)?,
        };
        let style = Looks::new(&self.short)?.captions()?;
        let zone = zone(&self.short);
        let captions = Captions::render(&self.cues, &style, &mut fonts, zone, (width, height), fps)?;
        let progress = |done, total| reporter.tell(done, Some(total), "frames");
        let probe =
            encode(&self.ffmpeg, &timeline, &captions, &self.sound, &self.settings, &self.out, &progress)?;
        let checks = check(&probe, &expected(&timeline))?;
        Ok(VideoFact { probe, checks })
    }

    fn scenes(&self, fonts: &mut Fonts) -> Result<Vec<Scene>> {
        let looks = Looks::new(&self.short)?;
        let mut scenes = Vec::new();
        for (number, (file, time)) in self.files.iter().zip(&self.schedule.scenes).enumerate() {
            let spec = looks.card(number, frame(&self.short));
            let over = match spec.text.is_empty() {
                true => None,
                false => title(&spec, &picture::load(file)?, fonts, zone(&self.short))?,
            };
            let seconds = f64::from(time.frames) / f64::from(self.schedule.fps);
            scenes.push(Scene {
                picture: PictureSource::File(file.clone()),
                frames: time.frames,
                motion: Motion::seeded(self.short.seed, number, seconds),
                title: over.map(Arc::new),
            });
        }
        Ok(scenes)
    }
}
