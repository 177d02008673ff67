//! Step `sound`: the turns are mixed with the music, brought to a loudness and encoded, with tags, chapters and cover.

use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::StepKey;
use crate::rundown::{INTRO_UNDER, OUTRO_UNDER, Parts as Material, Rundown, Span};
use crate::runner::Parts;
use crate::spec::Podcast;
use crate::steps::music::Score;
use crate::steps::{output, recipe, recordings, spoken};
use crate::timing::Spoken;
use crate::workflows::podcast::voice_stage;
use reelsmith_media::OnProgress;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::probe::sound::{SoundProbe, probe_sound};
use reelsmith_media::sound::episode::{Clip, EpisodeSpec, MAX_SECONDS, MusicCue, record};
use reelsmith_media::sound::{Ducking, Mastered, Tags, Track, master_to_mp3};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

const VERSION: u32 = 1;
/// Of the bed at most the first ten minutes are used, which take 230 MB; of a composed one two minutes. A longer
/// episode repeats them.
const BED_SECONDS: f64 = 600.0;
const COMPOSED_SECONDS: f64 = 120.0;
/// Music under the voice lies 20 LU below it, as WCAG 2.1 asks in success criterion 1.4.7; alone, intro and outro are
/// nearly as loud as the voices, and the bed is background still.
const UNDER_LU: f64 = -20.0;
const ALONE_LU: f64 = -4.0;
const BED_LU: f64 = -11.0;
/// Pauses of the bed's ducking: above the sum of release and attack, below the pause before a chapter, where it rises.
const BED_HOLD: f64 = 1.4;

/// A fade that only keeps a cut from clicking, in seconds.
const SWIFT: f64 = 0.02;
/// Fades of the outro, in seconds.
const OUTRO_IN: f64 = 1.5;
const OUTRO_OUT: f64 = 3.0;

/// What the report says of the sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SoundFact {
    /// Loudness of the decoded file.
    pub(super) mastered: Mastered,
    /// What the file is, as ffprobe tells.
    pub(super) probe: SoundProbe,
}

/// Mixes, masters and encodes.
///
/// Outputs: `episode.mp3` and `rundown.json` ([`Rundown`]). Detail: [`SoundFact`].
///
/// # Errors
/// `Limit` if what was spoken is longer than an episode may be.
pub(crate) async fn run(parts: &Parts, podcast: &Podcast, context: &StepContext) -> Result<StepOutput> {
    context.progress(0, 100, "%")?;
    let voice = voice_stage(podcast);
    let (spoken, _) = spoken(context, &voice).await?;
    let (clips, mut inputs) = recordings(context, &voice).await?;
    let cover = context.record(&StepKey::whole("cover")).await?;
    let cover = output(&cover, super::cover::SMALL)?;
    let picture = context.fetch(&cover.digest, super::cover::SMALL).await?;
    inputs.push(cover.clone());
    let out = context.dir().join("episode.mp3");
    let music = &podcast.music;
    let work = Work {
        intro: Score::fetch(&music.intro, "intro", context, &mut inputs).await?,
        bed: Score::fetch(&music.bed, "bed", context, &mut inputs).await?,
        outro: Score::fetch(&music.outro, "outro", context, &mut inputs).await?,
        ffmpeg: parts.ffmpeg.clone(),
        podcast: podcast.clone(),
        spoken,
        clips,
        picture,
        dir: context.dir().to_owned(),
        out: out.clone(),
    };
    let reporter = context.reporter();
    let tell = move |percent: u64| reporter.tell(percent, Some(100), "%");
    let (rundown, fact) = context.blocking(move || work.run(&tell)).await?;

    let parameters = json!({
        "music": podcast.music, "seed": podcast.seed, "target": podcast.loudness, "rundown": rundown,
        "title": podcast.title, "author": podcast.author, "show": podcast.show,
        "description": podcast.description, "ffmpeg": parts.ffmpeg.version(),
    });
    let recipe = recipe("sound", VERSION, &inputs.iter().collect::<Vec<_>>(), parameters);
    let sound = Kept { name: "episode.mp3".into(), media_type: "audio/mpeg", recipe: &recipe };
    let sound = context.keep_file(&out, sound).await?;
    let json = serde_json::to_vec(&rundown).expect("numbers and texts are always JSON");
    let times = Kept { name: "rundown.json".into(), media_type: "application/json", recipe: &recipe };
    let times = context.keep_bytes(json, times).await?;
    let detail = serde_json::to_value(fact).expect("numbers and texts are always JSON");
    Ok(StepOutput { artifacts: vec![sound, times], detail })
}

/// All that the thread needs which mixes.
struct Work {
    ffmpeg: Ffmpeg,
    podcast: Podcast,
    spoken: Vec<Spoken>,
    clips: Vec<PathBuf>,
    picture: PathBuf,
    intro: Score,
    bed: Score,
    outro: Score,
    dir: PathBuf,
    out: PathBuf,
}

/// The music that there is.
struct Tracks {
    intro: Option<Track>,
    bed: Option<Track>,
    outro: Option<Track>,
}

impl Work {
    fn run(self, tell: &(dyn Fn(u64) -> ControlFlow<()> + Sync)) -> Result<(Rundown, SoundFact)> {
        let tracks = self.tracks()?;
        if tell(10).is_break() {
            return Err(PipelineError::new(ErrorKind::Cancelled, "cancelled"));
        }
        let rundown = self.rundown(&tracks);
        check_length(&rundown)?;
        let part =
            |from: u64, to: u64| move |done: u64, total: u64| tell(from + (to - from) * done / total.max(1));
        let mixing: OnProgress = &part(10, 30);
        let mix = record(self.mix(&rundown, tracks), &self.dir.join("mix.f32"), mixing)?;
        let tags = self.tags(&rundown);
        let mastering: OnProgress = &part(30, 100);
        let target = &self.podcast.loudness;
        let mastered = master_to_mp3(&self.ffmpeg, &mix, target, &tags, &self.out, mastering)?;
        let probe = probe_sound(&self.ffmpeg, &self.out)?;
        Ok((rundown, SoundFact { mastered, probe }))
    }

    fn tracks(&self) -> Result<Tracks> {
        let (music, seed) = (&self.podcast.music, self.podcast.seed);
        let bed_seconds = match self.bed {
            Score::Composed(_) => COMPOSED_SECONDS,
            _ => BED_SECONDS,
        };
        Ok(Tracks {
            intro: self.intro.play(&self.ffmpeg, seed, music.intro_seconds + INTRO_UNDER)?,
            bed: self.bed.play(&self.ffmpeg, seed.wrapping_add(1), bed_seconds)?,
            outro: self.outro.play(&self.ffmpeg, seed, music.outro_seconds + OUTRO_UNDER)?,
        })
    }

    fn rundown(&self, tracks: &Tracks) -> Rundown {
        let podcast = &self.podcast;
        let pauses: Vec<f64> = podcast.turns.iter().map(|turn| turn.pause).collect();
        let chapters: Vec<(String, usize)> =
            podcast.chapters.iter().map(|chapter| (chapter.title.clone(), chapter.turn)).collect();
        Rundown::lay(&Material {
            spoken: &self.spoken,
            pauses: &pauses,
            chapters: &chapters,
            title: &podcast.title,
            intro: tracks.intro.as_ref().map(Track::seconds),
            bed: tracks.bed.is_some(),
            outro: tracks.outro.as_ref().map(Track::seconds),
            intro_seconds: podcast.music.intro_seconds,
            outro_seconds: podcast.music.outro_seconds,
        })
    }

    fn mix(&self, rundown: &Rundown, tracks: Tracks) -> EpisodeSpec {
        let mut voices: BTreeMap<&str, usize> = BTreeMap::new();
        let turns = self.podcast.turns.iter().zip(&rundown.turns).zip(&self.clips);
        let clips = turns.map(|((turn, time), file)| {
            let next = voices.len();
            let voice = *voices.entry(&turn.speaker).or_insert(next);
            Clip { file: file.clone(), voice, at: time.at, from: time.cut_from, to: time.cut_to }
        });
        let mut spec = EpisodeSpec {
            clips: clips.collect(),
            speech: rundown.turns.iter().map(|turn| (turn.start, turn.end)).collect(),
            music: Vec::new(),
            seconds: rundown.seconds,
        };
        let first = rundown.turns.first().map_or(0.0, |turn| turn.start);
        let under = |span: Span| span.start + span.seconds - first;
        spec.music.extend(rundown.intro.zip(tracks.intro).map(|(span, track)| {
            let fades = (SWIFT, under(span).max(SWIFT));
            cue(track, span, (ALONE_LU, Ducking::default().hold), fades)
        }));
        spec.music.extend(
            rundown
                .bed
                .zip(tracks.bed)
                .map(|(span, track)| cue(track, span, (BED_LU, BED_HOLD), (INTRO_UNDER, OUTRO_UNDER))),
        );
        spec.music.extend(rundown.outro.zip(tracks.outro).map(|(span, track)| {
            cue(track, span, (ALONE_LU, Ducking::default().hold), (OUTRO_IN, OUTRO_OUT))
        }));
        spec
    }

    fn tags(&self, rundown: &Rundown) -> Tags {
        let podcast = &self.podcast;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Tags {
            title: podcast.title.clone(),
            artist: text(&podcast.author),
            album: text(&podcast.show),
            comment: text(&podcast.description),
            // English is all that can be spoken.
            language: "eng".into(),
            chapters: rundown.chapters.clone(),
            cover: Some(self.picture.clone()),
        }
    }
}

/// Music for a stretch, which is ducked to the level that lets words be understood.
fn cue(
    track: Track,
    Span { start, seconds }: Span,
    (level_lu, hold): (f64, f64),
    (fade_in, fade_out): (f64, f64),
) -> MusicCue {
    let ducking = Ducking { depth_db: level_lu - UNDER_LU, hold, ..Ducking::default() };
    MusicCue { track, start, seconds, level_lu, ducking, fade_in, fade_out }
}

fn check_length(rundown: &Rundown) -> Result<()> {
    let hours = |seconds: f64| seconds / 3600.0;
    match rundown.seconds <= MAX_SECONDS {
        true => Ok(()),
        false => {
            let message = format!(
                "the episode takes {:.2} h with its pauses and music, and the limit is {:.0} h: divide it",
                hours(rundown.seconds),
                hours(MAX_SECONDS)
            );
            Err(PipelineError::new(ErrorKind::Limit, message))
        }
    }
}
