//! From the script of an episode to a job.

use super::{PipelineError, files, first_words, in_script, in_setting, known_palette, seed, wrong};
use super::{WORDS_A_SECOND, WORDS_A_SECOND_AT_MOST};
use crate::dialogue::{MOST_NAME, Turn, speakers};
use crate::error::{ErrorKind, Result};
use crate::names;
use crate::rundown::{BED_SECONDS, INTRO_SECONDS, INTRO_UNDER, OUTRO_SECONDS, OUTRO_UNDER};
use crate::runner::Parts;
use crate::script::podcast::VOICE_CHARS;
use crate::script::{EpisodeDocument, EpisodeField, Music, limits, music_expected, spoken_words};
use crate::spec::{
    Files, GivenFile, JobSpec, MusicChoice, Podcast, PodcastChapter, PodcastMusic, PodcastOptions,
    PodcastTurn,
};
use reelsmith_inference_core::speech::{Mixture, Voice};
use reelsmith_media::picture::Picture;
use reelsmith_media::sound::LoudnessTarget;
use reelsmith_media::sound::episode::MAX_SECONDS;
use std::collections::BTreeMap;

/// What podcast players expect, in LUFS: Apple Podcasts, "Audio requirements" (-16 LKFS ± 1, at most -1 dBFS of true
/// peak); a tenth is ours.
const LOUDNESS: LoudnessTarget = LoudnessTarget { lufs: -16.0, tolerance_lu: 0.1, true_peak_dbtp: -1.0 };
/// Pixels a side that a cover must have: Apple Podcasts, "Show cover" (1400 to 3000).
const COVER_LEAST: u32 = 1400;

/// Makes a job of an episode's script.
pub(crate) async fn podcast(
    parts: &Parts,
    document: &EpisodeDocument,
    options: &PodcastOptions,
    given: &Files,
) -> Result<Podcast> {
    let script = &document.script;
    let voices = check_voices(&parts.speaker.voices, document, options)?;
    let speed = speed(document, options)?;
    check_length(document, speed)?;
    let style = script.style.as_deref();
    let field = EpisodeField::Setting("style");
    let palette = known_palette(document, style.unwrap_or("auto"), style.is_none(), field)?;
    let language = language(document)?;
    let turn = |turn: &Turn| PodcastTurn {
        speaker: turn.speaker.clone(),
        voice: voices[&turn.speaker].clone(),
        speed: turn.speed.unwrap_or(speed),
        text: turn.text.clone(),
        pause: turn.pause,
        line: turn.line,
    };
    let chapters = script.chapters.iter();
    Ok(Podcast {
        version: Podcast::VERSION,
        title: title(document),
        author: script.author.clone(),
        show: script.show.clone(),
        description: script.description.clone(),
        language,
        model: parts.speaker.model.clone(),
        turns: script.turns.iter().map(turn).collect(),
        chapters: chapters.map(|c| PodcastChapter { title: c.title.clone(), turn: c.turn }).collect(),
        music: music(parts, document, options, given).await?,
        cover: cover(parts, document, options, given).await?,
        palette,
        seed: options
            .seed
            .or(script.seed)
            .unwrap_or_else(|| seed(script.turns.iter().map(|turn| turn.text.as_str()))),
        loudness: LOUDNESS,
        models: parts.models.clone(),
    })
}

fn title(document: &EpisodeDocument) -> String {
    let script = &document.script;
    let chapter = script.chapters.first().map(|chapter| chapter.title.clone());
    let words = script.turns.iter().flat_map(|turn| turn.text.split_whitespace());
    script.title.clone().or(chapter).unwrap_or_else(|| first_words(words))
}

/// What may be a voice.
const VOICE: &str = "a voice's name, or some with their shares, as `af_heart:0.6+am_adam:0.4`";

/// Which voice each speaker has. A speaker named like a voice needs none.
///
/// # Errors
/// `UnknownName` or `InvalidScript` for a voice or a speaker that there is not, or cannot be.
pub fn check_voices(
    known: &[Voice],
    document: &EpisodeDocument,
    options: &PodcastOptions,
) -> Result<BTreeMap<String, String>> {
    let known: Vec<&str> = known.iter().map(|voice| voice.name.as_str()).collect();
    let script = &document.script;
    let speakers = speakers(&script.turns);
    let given = script.voices.iter().map(|pair| (pair, false));
    let given = given.chain(options.voices.iter().map(|pair| (pair, true)));
    let mut voices: BTreeMap<String, String> = BTreeMap::new();
    for ((speaker, voice), from_options) in given {
        let wrong = |kind: ErrorKind, problem: &str, expected: &str| {
            let field = EpisodeField::Voice(speaker.clone());
            wrong(document, from_options, field, kind, problem, expected)
        };
        let said = |problem: &str, expected: &str| wrong(ErrorKind::UnknownName, problem, expected);
        if speaker.chars().count() > MOST_NAME {
            let problem = format!("a speaker's name of {} characters", speaker.chars().count());
            return Err(wrong(ErrorKind::Limit, &problem, &format!("at most {MOST_NAME}")));
        }
        if !speakers.contains(speaker.as_str()) {
            let hint = names::hint(speaker, speakers.iter().copied());
            return Err(said(&format!("nobody is called `{speaker}`; {hint}"), "the name of a speaker"));
        }
        if voice.chars().count() > VOICE_CHARS {
            let problem = format!("the voice of `{speaker}` has more than {VOICE_CHARS} characters");
            return Err(wrong(ErrorKind::Limit, &problem, VOICE));
        }
        let mixture = Mixture::parse(voice);
        let mixture = mixture.map_err(|error| wrong(ErrorKind::InvalidInput, &error.to_string(), VOICE))?;
        for (name, _) in mixture.parts {
            if !known.contains(&name) {
                let hint = names::hint(name, known.iter().copied());
                return Err(said(&format!("there is no voice `{name}`; {hint}"), "a voice's name"));
            }
        }
        voices.insert(speaker.clone(), voice.clone());
    }
    for (number, turn) in script.turns.iter().enumerate() {
        let speaker = &turn.speaker;
        if known.contains(&speaker.as_str()) {
            voices.entry(speaker.clone()).or_insert_with(|| speaker.clone());
        }
        if !voices.contains_key(speaker) {
            let near = names::did_you_mean(speaker, voices.keys().map(String::as_str));
            let expected =
                format!("a speaker with a voice; in the front matter: `voices: {{ {speaker}: af_heart }}`");
            let problem = format!("{speaker} has no voice{near}");
            return Err(document.error(EpisodeField::Turn(number), problem, expected).into());
        }
    }
    Ok(voices)
}

fn speed(document: &EpisodeDocument, options: &PodcastOptions) -> Result<f32> {
    let speed = options.speed.or(document.script.speed).unwrap_or(1.0);
    let (low, high) = limits::SPEED;
    match (low..=high).contains(&f64::from(speed)) {
        true => Ok(speed),
        false => {
            let message = format!("a speaking rate of {speed}; expected a number from {low} to {high}");
            Err(PipelineError::new(ErrorKind::InvalidInput, message))
        }
    }
}

/// The pronunciation of English is all that is worked out.
fn language(document: &EpisodeDocument) -> Result<String> {
    let tag = document.script.language.as_deref().unwrap_or("en");
    let mut subtags = tag.split('-');
    let english = subtags.next().is_some_and(|first| first.eq_ignore_ascii_case("en"));
    let well =
        |subtag: &str| (2..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric());
    match english && subtags.all(well) {
        true => Ok(tag.to_owned()),
        false => {
            let problem = format!("`{tag}` cannot be spoken; English is the only language that is read");
            Err(document.error(EpisodeField::Setting("language"), problem, "`en`, `en-US` or `en-GB`").into())
        }
    }
}

/// Refuses a script that no voice could speak in the time there is.
fn check_length(document: &EpisodeDocument, speed: f32) -> Result<()> {
    let turns = &document.script.turns;
    let at = |rate: f64| -> f64 {
        let seconds = |turn: &Turn| {
            spoken_words(&turn.text) as f64 / (rate * f64::from(turn.speed.unwrap_or(speed))) + turn.pause
        };
        turns.iter().map(seconds).sum()
    };
    if at(WORDS_A_SECOND_AT_MOST) <= MAX_SECONDS {
        return Ok(());
    }
    let hours = |seconds: f64| seconds / 3600.0;
    let message = format!(
        "the episode is too long: it takes about {:.1} h, and the limit is {:.0} h",
        hours(at(WORDS_A_SECOND)),
        hours(MAX_SECONDS)
    );
    let error = document.error(EpisodeField::Script, message, "less to say; divide the episode");
    Err(PipelineError::new(ErrorKind::Limit, error.to_string()).with_source(error))
}

async fn music(
    parts: &Parts,
    document: &EpisodeDocument,
    options: &PodcastOptions,
    given: &Files,
) -> Result<PodcastMusic> {
    let script = &document.script.music;
    let intro_seconds = script.intro_seconds.unwrap_or(INTRO_SECONDS);
    let outro_seconds = script.outro_seconds.unwrap_or(OUTRO_SECONDS);
    let choose = |option: &Option<Music>, own: &Option<Music>, field: &'static str, seconds: f64| {
        let (from_options, wanted) = (option.is_some(), option.clone().or_else(|| own.clone()));
        choose(parts, document, given, wanted.unwrap_or(Music::None), Use { from_options, field, seconds })
    };
    Ok(PodcastMusic {
        intro: choose(&options.intro, &script.intro, "music.intro", intro_seconds + INTRO_UNDER).await?,
        bed: choose(&options.bed, &script.bed, "music.bed", BED_SECONDS).await?,
        outro: choose(&options.outro, &script.outro, "music.outro", outro_seconds + OUTRO_UNDER).await?,
        intro_seconds,
        outro_seconds,
    })
}

/// What music is for, and who wants it.
struct Use {
    from_options: bool,
    /// The setting that names it.
    field: &'static str,
    /// What of it may be heard.
    seconds: f64,
}

async fn choose(
    parts: &Parts,
    document: &EpisodeDocument,
    given: &Files,
    wanted: Music,
    Use { from_options, field, seconds }: Use,
) -> Result<MusicChoice> {
    if let Music::File(name) = &wanted {
        check_path(field, name)?;
    }
    if let Err(error) = wanted.check() {
        let (field, problem) = (EpisodeField::Setting(field), error.to_string());
        return Err(wrong(document, from_options, field, error.kind(), &problem, &music_expected()));
    }
    match wanted {
        Music::None => Ok(MusicChoice::None),
        Music::Mood(mood) => Ok(MusicChoice::Mood(mood)),
        Music::File(name) => {
            let heard = files::music(parts, given, &name, seconds).await;
            let file = heard.map_err(|error| match from_options {
                true => in_setting(field, error),
                false => in_script(document, EpisodeField::Setting(field), error, "sound file"),
            });
            file.map(MusicChoice::File)
        }
    }
}

async fn cover(
    parts: &Parts,
    document: &EpisodeDocument,
    options: &PodcastOptions,
    given: &Files,
) -> Result<Option<GivenFile>> {
    let Some(name) = options.cover.as_ref().or(document.script.cover.as_ref()) else { return Ok(None) };
    check_path("cover", name)?;
    let picture =
        files::picture(parts, given, name, large_enough).await.map_err(|error| match options.cover {
            Some(_) => in_setting("cover", error),
            None => in_script(document, EpisodeField::Setting("cover"), error, "picture"),
        });
    picture.map(Some)
}

/// The limit that a script has; here for what a command or request names.
fn check_path(setting: &str, path: &str) -> Result<()> {
    match path.chars().count() {
        0..=limits::PATH_CHARS => Ok(()),
        chars => {
            let most = limits::PATH_CHARS;
            let message = format!("{setting}: a path of {chars} characters; at most {most} are taken");
            Err(PipelineError::new(ErrorKind::Limit, message))
        }
    }
}

fn large_enough(picture: &Picture) -> Result<()> {
    let (width, height) = (picture.width, picture.height);
    match width.min(height) >= COVER_LEAST {
        true => Ok(()),
        false => {
            let message = format!(
                "the cover has {width}x{height} pixels; podcast directories take {COVER_LEAST} a side or more"
            );
            Err(PipelineError::new(ErrorKind::InvalidInput, message))
        }
    }
}
