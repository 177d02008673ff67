//! From a script to a job: names resolved, values checked, files read, hashed and stored.

mod files;
mod podcast;

pub use podcast::check_voices;
pub(crate) use podcast::podcast;

use crate::error::{ErrorKind, PipelineError, Result};
use crate::names;
use crate::preset::{Preset, encoder_speed};
use crate::runner::Parts;
use crate::script::{Document, Field, Music, PictureWish, ScriptError, limits, music_expected};
use crate::spec::{
    Files, GivenFile, MusicChoice, SPEC_VERSION, Short, ShortOptions, ShortScene, VoiceChoice,
};
use crate::timing;
use reelsmith_media::cards::palette_names;
use reelsmith_storage::Digest;

/// Words a second that a voice speaks at its own rate, for the estimate that people are told.
const WORDS_A_SECOND: f64 = 2.5;
/// Faster than any voice: a script that is too long even so is refused before it is spoken.
const WORDS_A_SECOND_AT_MOST: f64 = 3.6;
/// Words of a title made from the first ones.
const TITLE_WORDS: usize = 8;

/// Makes a job of a script.
pub(crate) async fn short(
    parts: &Parts,
    document: &Document,
    options: &ShortOptions,
    files: &Files,
) -> Result<Short> {
    let script = &document.script;
    let preset = preset(parts, document, options)?;
    let voice = voice(parts, document, options)?;
    let max_seconds = max_seconds(&preset, options)?;
    let palette = palette(&preset, document, options)?;
    let pauses: Vec<f64> =
        script.scenes.iter().map(|s| s.pause.or(script.pause).unwrap_or(timing::PAUSE)).collect();
    check_length(document, voice.speed, &pauses, max_seconds, &preset)?;
    let scenes = scenes(parts, document, files, &pauses).await?;
    let painter = parts.painter.as_ref().filter(|_| scenes.iter().any(|scene| scene.prompt.is_some()));
    let painted = painter.map_or(&[][..], |painter| &painter.facts);
    Ok(Short {
        version: SPEC_VERSION,
        title: title(document),
        voice,
        seed: options
            .seed
            .or(script.seed)
            .unwrap_or_else(|| seed(script.scenes.iter().map(|scene| scene.text.as_str()))),
        music: music(parts, document, options, files, &preset).await?,
        palette,
        max_seconds,
        scenes,
        models: [&parts.models[..], painted].concat(),
        painter: painter.map(|painter| painter.choice.clone()),
        preset,
    })
}

/// What went wrong with a value, told where it was written: in the command or in the script.
fn wrong<S, F: Ord>(
    document: &Document<S, F>,
    from_options: bool,
    field: F,
    kind: ErrorKind,
    problem: &str,
    expected: &str,
) -> PipelineError {
    match from_options {
        true => PipelineError::new(kind, format!("{problem}; expected {expected}")),
        false => document.error(field, problem, expected).into(),
    }
}

fn preset(parts: &Parts, document: &Document, options: &ShortOptions) -> Result<Preset> {
    let named = options.preset.as_deref().or(document.script.preset.as_deref());
    let name = named.unwrap_or("youtube_shorts");
    let mut preset = parts.presets.get(name).cloned().map_err(|error| {
        let (from_options, kind) = (options.preset.is_some(), ErrorKind::UnknownName);
        wrong(document, from_options, Field::Preset, kind, &error.to_string(), "a preset's name")
    })?;
    if let Some(speed) = &options.encoder_speed {
        encoder_speed(speed).map_err(|problem| PipelineError::new(ErrorKind::InvalidInput, problem))?;
        preset.video.encoder_speed.clone_from(speed);
    }
    Ok(preset)
}

fn voice(parts: &Parts, document: &Document, options: &ShortOptions) -> Result<VoiceChoice> {
    let speaker = &parts.speaker;
    let named = options.voice.as_deref().or(document.script.voice.as_deref());
    let voice = named.unwrap_or(&speaker.default_voice);
    let known = speaker.voices.iter().map(|v| v.name.as_str());
    if !known.clone().any(|name| name == voice) {
        let problem = format!("there is no voice `{voice}`; {}", names::hint(voice, known));
        let from_options = options.voice.is_some();
        let kind = ErrorKind::UnknownName;
        return Err(wrong(document, from_options, Field::Voice, kind, &problem, "a voice's name"));
    }
    let speed = options.speed.or(document.script.speed).unwrap_or(1.0);
    let (low, high) = limits::SPEED;
    if !(low..=high).contains(&f64::from(speed)) {
        let message = format!("a speaking rate of {speed}; expected a number from {low} to {high}");
        return Err(PipelineError::new(ErrorKind::InvalidInput, message));
    }
    Ok(VoiceChoice { model: speaker.model.clone(), voice: voice.to_owned(), speed })
}

fn palette(preset: &Preset, document: &Document, options: &ShortOptions) -> Result<String> {
    let named = options.style.as_deref().or(document.script.style.as_deref());
    let from_options = options.style.is_some() || document.script.style.is_none();
    known_palette(document, named.unwrap_or(&preset.style.palette), from_options, Field::Style)
}

fn known_palette<S, F: Ord>(
    document: &Document<S, F>,
    name: &str,
    from_options: bool,
    field: F,
) -> Result<String> {
    let mut known = palette_names();
    known.push("auto");
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    let problem = format!("there is no palette `{name}`; {}", names::hint(name, known.iter().copied()));
    Err(wrong(document, from_options, field, ErrorKind::UnknownName, &problem, "a palette's name"))
}

fn max_seconds(preset: &Preset, options: &ShortOptions) -> Result<f64> {
    let limit = preset.duration.platform_max_s;
    let wanted = options.max_seconds.unwrap_or(preset.duration.default_max_s);
    match wanted.is_finite() && wanted > 0.0 && wanted <= limit {
        true => Ok(wanted),
        false => Err(PipelineError::new(
            ErrorKind::Limit,
            format!(
                "a longest duration of {wanted} s; {} takes more than 0 and at most {limit} s",
                preset.title
            ),
        )),
    }
}

/// Refuses a script that no voice could speak in the time there is.
fn check_length(document: &Document, speed: f32, pauses: &[f64], max: f64, preset: &Preset) -> Result<()> {
    let (counted, words) = (document.script.words(), document.script.spoken_words());
    let silence = pauses.iter().sum::<f64>() + timing::OPENING + timing::TAIL;
    let at = |rate: f64| words as f64 / (rate * f64::from(speed)) + silence;
    if at(WORDS_A_SECOND_AT_MOST) <= max {
        return Ok(());
    }
    let fitting = ((max - silence).max(0.0) * WORDS_A_SECOND * f64::from(speed)) as usize;
    let (unit, each) = if words > counted { ("characters", limits::WORD_CHARS) } else { ("words", 1) };
    let message = format!(
        "the script is too long: {} {unit} take about {:.0} s, and the limit is {max} s",
        words * each,
        at(WORDS_A_SECOND)
    );
    let expected = format!("about {} {unit} or fewer{}", fitting * each, longer_hint(preset, max));
    let error: ScriptError = document.error(Field::Script, message, expected);
    Err(PipelineError::new(ErrorKind::Limit, error.to_string()).with_source(error))
}

/// What else to do about a video that is too long.
pub(crate) fn longer_hint(preset: &Preset, max: f64) -> String {
    match preset.duration.platform_max_s > max {
        true => format!(
            ", or a higher limit with `max_seconds` ({} takes up to {} s)",
            preset.title, preset.duration.platform_max_s
        ),
        false => String::new(),
    }
}

/// A seed from the words themselves, so that the same script gives the same file. Below 2^53, which
/// is as far as JSON numbers are exact everywhere.
fn seed<'a>(texts: impl Iterator<Item = &'a str>) -> u64 {
    let text: Vec<&str> = texts.collect();
    let digest = Digest::of(text.join("\n\n").as_bytes());
    let first = digest.as_bytes().first_chunk::<8>().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first) >> 11
}

fn title(document: &Document) -> String {
    let script = &document.script;
    let heading = script.scenes.iter().find_map(|scene| scene.heading.clone());
    script
        .title
        .clone()
        .or(heading)
        .unwrap_or_else(|| first_words(script.scenes.iter().flat_map(|scene| scene.text.split_whitespace())))
}

/// A title of the first words: as many as it has room for; of a first one that is too long, its beginning.
fn first_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut title = String::new();
    let mut room = limits::TITLE_CHARS;
    for word in words.take(TITLE_WORDS) {
        let space = usize::from(!title.is_empty());
        let chars = word.chars().count() + space;
        if chars > room && space > 0 {
            break;
        }
        title.push_str(&" "[..space]);
        title.extend(word.chars().take(room));
        room = room.saturating_sub(chars);
    }
    title.trim_end_matches(['.', ',', ';', ':', ' ']).to_owned()
}

async fn scenes(
    parts: &Parts,
    document: &Document,
    files: &Files,
    pauses: &[f64],
) -> Result<Vec<ShortScene>> {
    let mut scenes = Vec::new();
    for (number, (scene, pause)) in document.script.scenes.iter().zip(pauses).enumerate() {
        let (mut picture, mut prompt) = (None, None);
        match &scene.picture {
            Some(PictureWish::File(name)) => {
                picture = Some(given_picture(parts, document, files, number, name).await?);
            }
            Some(PictureWish::Prompt(text)) => prompt = Some(text.clone()),
            None => {}
        }
        let (heading, text) = (scene.heading.clone(), scene.text.clone());
        scenes.push(ShortScene { heading, text, picture, prompt, pause: *pause });
    }
    Ok(scenes)
}

async fn given_picture(
    parts: &Parts,
    document: &Document,
    files: &Files,
    number: usize,
    name: &str,
) -> Result<GivenFile> {
    let given = files::picture(parts, files, name, |_| Ok(())).await;
    given.map_err(|error| in_script(document, Field::Picture(number), error, "picture"))
}

async fn music(
    parts: &Parts,
    document: &Document,
    options: &ShortOptions,
    files: &Files,
    preset: &Preset,
) -> Result<MusicChoice> {
    let wanted = options.music.clone().or_else(|| document.script.music.clone());
    let name = match wanted.unwrap_or_else(|| Music::from(preset.style.music.clone())) {
        Music::None => return Ok(MusicChoice::None),
        Music::Mood(mood) => return Ok(MusicChoice::Mood(mood)),
        Music::File(name) => name,
    };
    if let Some(Err(error)) = options.music.as_ref().map(Music::check) {
        return Err(wrong(document, true, Field::Music, error.kind(), &error.to_string(), &music_expected()));
    }
    let heard = files::music(parts, files, &name, preset.duration.platform_max_s).await;
    let given = heard.map_err(|error| match options.music {
        Some(_) => in_setting("music", error),
        None => in_script(document, Field::Music, error, "sound file"),
    });
    given.map(MusicChoice::File)
}

/// A file's problem, told with the setting of the command or request that names the file.
fn in_setting(setting: &str, error: PipelineError) -> PipelineError {
    let (kind, message) = (error.kind(), format!("{setting}: {error}"));
    match kind {
        ErrorKind::InvalidInput | ErrorKind::Limit => PipelineError::new(kind, message).with_source(error),
        _ => error,
    }
}

/// A file's problem, told where the script names the file. A missing program is no fault of the script.
fn in_script<S, F: Ord>(
    document: &Document<S, F>,
    field: F,
    error: PipelineError,
    what: &str,
) -> PipelineError {
    match error.kind() {
        ErrorKind::ToolMissing | ErrorKind::Interrupted | ErrorKind::DiskFull | ErrorKind::Storage => error,
        _ => document.error(field, error.to_string(), format!("a {what} that can be read")).into(),
    }
}
