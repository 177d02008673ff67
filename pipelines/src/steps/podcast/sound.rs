//! Step `sound`: the turns are mixed with the music, brought to a loudness and encoded, with tags, chapters and cover.

use crate::engine::{Kept, StepContext, StepOutput};
use crate::error::{ErrorKind, PipelineError, Result};
use crate::events::StepKey;
use crate::rundown::{BED_SECONDS, INTRO_KEPT, INTRO_UNDER, OUTRO_UNDER, Parts as Material, Rundown, Span};
use crate::runner::Parts;
use crate::spec::Podcast;
use crate::steps::music::{Piece, Score};
use crate::steps::{digest_of, output, recipe_of_many, recordings, spoken};
use crate::timing::Spoken;
use crate::workflows::podcast::voice_stage;
use reelsmith_media::OnProgress;
use reelsmith_media::ffmpeg::Ffmpeg;
use reelsmith_media::probe::sound::{SoundProbe, probe_sound};
use reelsmith_media::sound::episode::{Clip, EpisodeSpec, MAX_SECONDS, MusicCue, record};
use reelsmith_media::sound::{Ducking, Mastered, Tags, Track, master_to_mp3};
use reelsmith_storage::Artifact;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;

const VERSION: u32 = 2;
/// Music under the voice lies 20 LU below it, as WCAG 2.1 asks in success criterion 1.4.7; alone, intro and outro are
/// nearly as loud as the voices, and the bed is background still.
const UNDER_LU: f64 = -20.0;
const ALONE_LU: f64 = -4.0;
const BED_LU: f64 = -11.0;
/// Pauses of the bed's ducking: above the sum of release and attack, below the pause before a chapter, where it rises.
const BED_HOLD: f64 = 1.4;

/// A fade that only keeps a cut from clicking, in seconds.
const SWIFT: f64 = 0.02;
/// Fade of an intro that ends before the first words, in seconds.
const INTRO_OUT: f64 = 2.0;
/// Fades of the outro, in seconds.
const OUTRO_IN: f64 = 1.5;
const OUTRO_OUT: f64 = 3.0;

/// The time line's name in the job.
pub(super) const RUNDOWN: &str = "rundown.json";
/// The name of what is known of the file.
pub(super) const FACT: &str = "sound.json";

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
/// Outputs: `episode.mp3`, `rundown.json` ([`Rundown`]) and `sound.json` ([`SoundFact`]), which has all the tags and is
/// more than a step's detail may be. Detail: `seconds`.
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

    let recipe = made_of(podcast, &rundown, &inputs, parts.ffmpeg.version());
    let sound = Kept { name: "episode.mp3".into(), media_type: "audio/mpeg", recipe: &recipe };
    let mut artifacts = vec![context.keep_file(&out, sound).await?];
    let times = serde_json::to_vec(&rundown).expect("numbers and texts are always JSON");
    let about = serde_json::to_vec(&fact).expect("numbers and texts are always JSON");
    for (name, json) in [(RUNDOWN, times), (FACT, about)] {
        let kept = Kept { name: name.into(), media_type: "application/json", recipe: &recipe };
        artifacts.push(context.keep_bytes(json, kept).await?);
    }
    Ok(StepOutput { artifacts, detail: json!({ "seconds": rundown.seconds }) })
}

/// The recipe: of the rundown, which grows with the turns, the digest.
fn made_of(podcast: &Podcast, rundown: &Rundown, inputs: &[Artifact], ffmpeg: &str) -> Value {
    let parameters = json!({
        "music": podcast.music, "seed": podcast.seed, "target": podcast.loudness,
        "rundown": digest_of(rundown).to_string(), "title": podcast.title, "author": podcast.author,
        "show": podcast.show, "description": podcast.description, "ffmpeg": ffmpeg,
    });
    recipe_of_many("sound", VERSION, inputs, parameters)
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

/// The music at both ends.
struct Tracks {
    intro: Option<Track>,
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
        let bed = self.bed(&rundown)?;
        let mix = record(self.mix(&rundown, tracks, bed), &self.dir.join("mix.f32"), mixing)?;
        let tags = self.tags(&rundown);
        let mastering: OnProgress = &part(30, 100);
        let target = &self.podcast.loudness;
        let mastered = master_to_mp3(&self.ffmpeg, &mix, target, &tags, &self.out, mastering)?;
        let probe = probe_sound(&self.ffmpeg, &self.out)?;
        Ok((rundown, SoundFact { mastered, probe }))
    }

    fn tracks(&self) -> Result<Tracks> {
        let (music, seed) = (&self.podcast.music, self.podcast.seed);
        Ok(Tracks {
            // It goes on through a pause before the first words.
            intro: self.intro.play(&self.ffmpeg, seed, music.intro_seconds + self.pause() + INTRO_UNDER)?,
            outro: self.outro.play(&self.ffmpeg, seed, music.outro_seconds + OUTRO_UNDER)?,
        })
    }

    /// Silence before the first turn, in seconds.
    fn pause(&self) -> f64 {
        self.podcast.turns.first().map_or(0.0, |turn| turn.pause)
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
            bed: !matches!(self.bed, Score::Silence),
            outro: tracks.outro.as_ref().map(Track::seconds),
            intro_seconds: podcast.music.intro_seconds,
            outro_seconds: podcast.music.outro_seconds,
        })
    }

    /// The bed, which is composed for as long as it is heard.
    fn bed(&self, rundown: &Rundown) -> Result<Option<Piece>> {
        let seconds = rundown.bed.map_or(0.0, |span| span.seconds).max(1.0);
        let seed = self.podcast.seed.wrapping_add(1);
        self.bed.lie(&self.ffmpeg, seed, (seconds, BED_SECONDS))
    }

    fn mix(&self, rundown: &Rundown, tracks: Tracks, bed: Option<Piece>) -> EpisodeSpec {
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
        spec.music.extend(rundown.intro.zip(tracks.intro).map(|(span, track)| {
            let fades = (SWIFT, intro_out(span, first));
            cue((track, None), span, (ALONE_LU, Ducking::default().hold), fades)
        }));
        spec.music.extend(
            rundown
                .bed
                .zip(bed)
                .map(|(span, piece)| cue(piece, span, (BED_LU, BED_HOLD), (INTRO_UNDER, OUTRO_UNDER))),
        );
        spec.music.extend(rundown.outro.zip(tracks.outro).map(|(span, track)| {
            cue((track, None), span, (ALONE_LU, Ducking::default().hold), (OUTRO_IN, OUTRO_OUT))
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

/// Fade of the intro: as long as it goes on under the first words. One that is over before them, or nearly, as where
/// the script begins with a pause, fades by itself.
fn intro_out(span: Span, first: f64) -> f64 {
    let under = span.start + span.seconds - first;
    if under < INTRO_KEPT { INTRO_OUT } else { under }
}

/// Music for a stretch, which is ducked to the level that lets words be understood.
fn cue(
    (track, again): Piece,
    Span { start, seconds }: Span,
    (level_lu, hold): (f64, f64),
    (fade_in, fade_out): (f64, f64),
) -> MusicCue {
    let ducking = Ducking { depth_db: level_lu - UNDER_LU, hold, ..Ducking::default() };
    MusicCue { track, again, start, seconds, level_lu, ducking, fade_in, fade_out }
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
