//! Who takes part, and how each is run on the same files with the same encoder options.

use super::ours::settings;
use super::workload::{seconds, still_path};
use super::{CROSSFADE, FPS, HEIGHT, SCENE, SCENES, WIDTH};
use crate::cpu::{Cost, measure};
use anyhow::{Context, Result, ensure};
use reelsmith_media::ffmpeg::{Ffmpeg, file_url};
use reelsmith_media::probe::probe;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A way to make the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Contender {
    /// Encoding finished frames: what no other can be cheaper than.
    Floor,
    /// Encoding the finished sound to AAC: what who makes the sound too cannot go below.
    Aac,
    /// Reelsmith with its sound made beforehand.
    Pictures,
    /// Reelsmith, all of it.
    Ours,
    /// One ffmpeg with a filter graph.
    FilterGraph,
    /// MoviePy 2.2.
    MoviePy,
}

impl Contender {
    /// In the order of a round.
    pub(crate) const ALL: [Self; 6] =
        [Self::Floor, Self::Aac, Self::Pictures, Self::Ours, Self::FilterGraph, Self::MoviePy];

    /// As the table calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor: x264, finished frames",
            Self::Aac => "floor of the sound: AAC, finished mix",
            Self::Pictures => "Reelsmith, sound given",
            Self::Ours => "Reelsmith, sound made too",
            Self::FilterGraph => "ffmpeg filter graph",
            Self::MoviePy => "MoviePy 2.2",
        }
    }

    /// Whether mixing and encoding the sound is part of the work.
    pub(crate) fn makes_sound(self) -> bool {
        matches!(self, Self::Ours | Self::FilterGraph | Self::MoviePy)
    }

    fn file(self) -> &'static str {
        match self {
            Self::Floor => "floor.mp4",
            Self::Aac => "aac.m4a",
            Self::Pictures => "pictures.mp4",
            Self::Ours => "ours.mp4",
            Self::FilterGraph => "graph.mp4",
            Self::MoviePy => "moviepy.mp4",
        }
    }
}

/// What all contenders share.
pub(crate) struct Contest<'a> {
    /// The prepared workload; results go there too.
    pub(crate) dir: &'a Path,
    /// The ffmpeg of all.
    pub(crate) ffmpeg: &'a Ffmpeg,
    /// x264 speed.
    pub(crate) speed: &'a str,
    /// Font file.
    pub(crate) font: &'a Path,
    /// Python with MoviePy.
    pub(crate) python: &'a Path,
}

impl Contest<'_> {
    /// Where a contender's video goes.
    pub(crate) fn out(&self, contender: Contender) -> PathBuf {
        self.dir.join(contender.file())
    }

    /// Makes the frames and the sound that the floor encodes.
    pub(crate) fn prepare_floor(&self) -> Result<()> {
        let frames = self.dir.join("frames.yuv");
        measure(self.ours(Contender::Ours)?.arg("--dump").arg(&frames))?;
        let size = u64::from(WIDTH) * u64::from(HEIGHT) * 3 / 2 * u64::from(SCENE) * SCENES as u64;
        ensure!(std::fs::metadata(&frames)?.len() == size, "the dumped frames are not all there");
        self.run(Contender::Ours)?;
        let mut decode = self.plain();
        decode
            .arg("-i")
            .arg(self.dir.join("ours.m4a"))
            .args(["-c:a", "pcm_f32le"])
            .arg(self.finished_sound());
        measure(&mut decode).map(|_| ())
    }

    /// Runs one and checks that it made the whole video.
    pub(crate) fn run(&self, contender: Contender) -> Result<Cost> {
        let mut command = match contender {
            Contender::Floor => self.floor(),
            Contender::Aac => return measure(&mut self.aac()),
            Contender::Pictures => {
                let mut command = self.ours(Contender::Pictures)?;
                command.arg("--audio").arg(self.dir.join("ours.m4a"));
                command
            }
            Contender::Ours => self.ours(Contender::Ours)?,
            Contender::FilterGraph => self.filter_graph(),
            Contender::MoviePy => self.moviepy(),
        };
        let cost = measure(&mut command).with_context(|| format!("run {}", contender.name()))?;
        let found = probe(self.ffmpeg, &self.out(contender))?;
        let whole =
            (found.frames, found.width, found.height) == (u64::from(SCENE) * SCENES as u64, WIDTH, HEIGHT);
        ensure!(whole, "{} did not make the whole video: {found:?}", contender.name());
        Ok(cost)
    }

    fn ours(&self, contender: Contender) -> Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("assembly-ours").arg("--dir").arg(self.dir).args(["--speed", self.speed]);
        command.arg("--font").arg(self.font).arg("--out").arg(self.out(contender));
        Ok(command)
    }

    /// ffmpeg, told to print nothing but errors.
    fn plain(&self) -> Command {
        let mut command = Command::new(self.ffmpeg.ffmpeg_path());
        command.args(["-v", "error", "-nostdin", "-y"]);
        command
    }

    fn floor(&self) -> Command {
        let frames = file_url(&self.dir.join("frames.yuv"));
        let mut command = self.plain();
        command.args(settings(self.speed).arguments(
            &frames,
            &self.dir.join("ours.m4a"),
            &self.out(Contender::Floor),
        ));
        command
    }

    fn finished_sound(&self) -> PathBuf {
        self.dir.join("finished.wav")
    }

    fn aac(&self) -> Command {
        let mut command = self.plain();
        command.arg("-i").arg(self.finished_sound()).args(["-c:a", "aac", "-b:a", "256k"]);
        command.arg(self.out(Contender::Aac));
        command
    }

    fn filter_graph(&self) -> Command {
        let mut command = self.plain();
        for scene in 0..SCENES {
            command.arg("-i").arg(still_path(self.dir, scene));
        }
        command.arg("-i").arg(self.dir.join("narration.wav"));
        command.arg("-i").arg(self.dir.join("music.wav"));
        command.arg("-filter_complex").arg(self.graph());
        command.args(["-map", "[video]", "-map", "[sound]", "-c:a", "aac", "-b:a", "256k"]);
        command.args(settings(self.speed).video_options());
        command.args(["-frames:v", &(SCENE * SCENES as u32).to_string(), "-movflags", "+faststart"]);
        command.arg(self.out(Contender::FilterGraph));
        command
    }

    /// zoompan for each still, xfade between them, ass on top; the music compressed by the voice.
    fn graph(&self) -> OsString {
        let mut graph = String::new();
        for scene in 0..SCENES {
            let half = CROSSFADE.div_ceil(2);
            let frames = SCENE + if scene == 0 || scene + 1 == SCENES { half } else { CROSSFADE };
            graph += &format!(
                "[{scene}:v]scale=out_color_matrix=bt709,format=yuv420p,\
                 zoompan=z='{}':x='(iw-iw/zoom)/2':y='(ih-ih/zoom)/2':d={frames}:s={WIDTH}x{HEIGHT}:fps={FPS},\
                 setsar=1[s{scene}];",
                if scene % 2 == 0 { "1+0.0007*on" } else { "1.11-0.0007*on" }
            );
        }
        let mut last = "s0".to_owned();
        for scene in 1..SCENES {
            let offset = f64::from(SCENE * scene as u32 - CROSSFADE / 2) / f64::from(FPS);
            let duration = f64::from(CROSSFADE) / f64::from(FPS);
            graph += &format!("[{last}][s{scene}]xfade=fade:duration={duration}:offset={offset}[x{scene}];");
            last = format!("x{scene}");
        }
        let fonts = self.font.parent().unwrap_or(Path::new("."));
        let captions = self.dir.join("captions.ass");
        graph += &format!("[{last}]ass={}:fontsdir={}[video];", captions.display(), fonts.display());
        let (voice, music) = (SCENES, SCENES + 1);
        graph += &format!(
            "[{voice}:a]aformat=channel_layouts=stereo,asplit[voice][key];\
             [{music}:a]volume=0.5[music];[music][key]sidechaincompress=threshold=0.03:ratio=8[ducked];\
             [voice][ducked]amix=duration=longest:normalize=0,atrim=duration={}[sound]",
            seconds()
        );
        graph.into()
    }

    fn moviepy(&self) -> Command {
        let mut command = Command::new(self.python);
        command.arg("benches/peers/assembly_moviepy.py").arg(self.dir).arg(self.font);
        command.arg(self.speed).arg(self.out(Contender::MoviePy));
        command
    }
}
