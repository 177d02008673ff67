//! Our contender, as a program of its own so that it can be measured like the others.

use super::workload::{seconds, still_path, words};
use super::{BITRATE, CROSSFADE, FPS, HEIGHT, SCENE, SCENES, THREADS, WIDTH};
use anyhow::Result;
use reelsmith_media::captions::{CaptionStyle, Captions, SafeZone, cues};
use reelsmith_media::encode::{Encoder, VideoSettings, encode};
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::frames::Compositor;
use reelsmith_media::motion::Motion;
use reelsmith_media::picture::PictureSource;
use reelsmith_media::sound::{LoudnessTarget, MixSpec, Music, Track, master_to_aac, mix};
use reelsmith_media::timeline::{Scene, Timeline};
use reelsmith_media::typeset::Fonts;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// What to make of a prepared workload.
#[derive(Debug, clap::Args)]
pub(crate) struct OursArgs {
    /// The prepared workload.
    #[arg(long)]
    dir: PathBuf,
    /// x264 speed.
    #[arg(long)]
    speed: String,
    /// Font file of the captions.
    #[arg(long)]
    font: PathBuf,
    /// The video to make.
    #[arg(long)]
    out: PathBuf,
    /// Finished sound to use; made from narration and music if not given.
    #[arg(long)]
    audio: Option<PathBuf>,
    /// Write the finished frames here, raw, instead of encoding them.
    #[arg(long)]
    dump: Option<PathBuf>,
}

/// The encoder settings that every contender uses.
pub(crate) fn settings(speed: &str) -> VideoSettings {
    VideoSettings {
        width: WIDTH,
        height: HEIGHT,
        fps: FPS,
        bitrate_bps: BITRATE,
        preset: speed.to_owned(),
        encoder: Encoder::X264,
        threads: THREADS,
    }
}

/// Makes the video, from files to a file; or the frames alone.
///
/// # Errors
/// If anything fails.
pub(crate) fn run_ours(args: &OursArgs) -> Result<()> {
    let ffmpeg = Ffmpeg::locate(None, None)?;
    let timeline = timeline(&args.dir);
    let captions = captions(&args.font)?;
    if let Some(dump) = &args.dump {
        return dump_frames(&timeline, &captions, dump);
    }
    let audio = match &args.audio {
        Some(audio) => audio.clone(),
        None => sound(&ffmpeg, &args.dir)?,
    };
    let go_on = |_, _| ControlFlow::Continue(());
    encode(&ffmpeg, &timeline, &captions, &audio, &settings(&args.speed), &args.out, &go_on)?;
    Ok(())
}

fn timeline(dir: &Path) -> Timeline {
    let scenes = (0..SCENES).map(|index| Scene {
        picture: PictureSource::File(still_path(dir, index)),
        frames: SCENE,
        motion: Motion::seeded(1, index, f64::from(SCENE) / f64::from(FPS)),
        title: None,
    });
    let scenes = scenes.collect();
    Timeline { width: WIDTH, height: HEIGHT, fps: FPS, crossfade_frames: CROSSFADE, scenes }
}

fn captions(font: &Path) -> Result<Captions> {
    let mut fonts = Fonts::load(&[font.to_path_buf()])?;
    let font = fonts.families().first().map_or_else(String::new, |family| (*family).to_owned());
    let style = CaptionStyle { font, ..CaptionStyle::default() };
    let zone = SafeZone { left: 0.05, top: 0.1, right: 0.05, bottom: 0.2 };
    Ok(Captions::render(&cues(&words(), &style), &style, &mut fonts, zone, (WIDTH, HEIGHT), FPS)?)
}

fn sound(ffmpeg: &Ffmpeg, dir: &Path) -> Result<PathBuf> {
    let out = dir.join("ours.m4a");
    let narration = Track::decode(ffmpeg, &dir.join("narration.wav"), seconds())?;
    let music = Track::decode(ffmpeg, &dir.join("music.wav"), seconds())?;
    let mut spec = MixSpec::new(vec![(0.0, narration)], seconds());
    spec.music = Some(Music::new(music));
    let go_on = |_, _| ControlFlow::Continue(());
    master_to_aac(ffmpeg, &mix(spec)?, &LoudnessTarget::default(), 256_000, &out, &go_on)?;
    Ok(out)
}

fn dump_frames(timeline: &Timeline, captions: &Captions, path: &Path) -> Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    let mut compositor = Compositor::new(timeline, captions)?;
    let mut frame = compositor.buffer();
    for index in 0..timeline.frames() {
        compositor.render(index, &mut frame)?;
        out.write_all(frame.as_bytes())?;
    }
    Ok(out.flush()?)
}
