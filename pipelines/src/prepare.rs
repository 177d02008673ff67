//! From a script to a job: names resolved, values checked, files read, hashed and stored.

use crate::engine::blocking;
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
use reelsmith_media::picture;
use reelsmith_media::sound::Track;
use reelsmith_storage::Digest;
use std::path::{Path, PathBuf};
use tokio::sync::Semaphore;

/// Words a second that a voice speaks at its own rate, for the estimate that people are told.
const WORDS_A_SECOND: f64 = 2.5;
/// Faster than any voice: a script that is too long even so is refused before it is spoken.
const WORDS_A_SECOND_AT_MOST: f64 = 3.6;
/// Words of a title made from the first ones.
const TITLE_WORDS: usize = 8;
/// Given files that are decoded at once, whoever submits them: a picture of 64 megapixels takes 200 MB.
static DECODING: Semaphore = Semaphore::const_new(2);
/// Bytes of a given picture.
const PICTURE_BYTES: u64 = 256 << 20;
/// Bytes of a given sound file.
const MUSIC_BYTES: u64 = 1 << 30;

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
        seed: options.seed.or(script.seed).unwrap_or_else(|| seed(document)),
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
fn wrong(
    document: &Document,
    from_options: bool,
    field: Field,
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
    let name = named.unwrap_or(&preset.style.palette);
    let mut known = palette_names();
    known.push("auto");
    if known.contains(&name) {
        return Ok(name.to_owned());
    }
    let problem = format!("there is no palette `{name}`; {}", names::hint(name, known.iter().copied()));
    let from_options = options.style.is_some() || document.script.style.is_none();
    Err(wrong(document, from_options, Field::Style, ErrorKind::UnknownName, &problem, "a palette's name"))
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

/// A seed from the words themselves, so that the same script gives the same video. Below 2^53, which
/// is as far as JSON numbers are exact everywhere.
fn seed(document: &Document) -> u64 {
    let text: Vec<&str> = document.script.scenes.iter().map(|scene| scene.text.as_str()).collect();
    let digest = Digest::of(text.join("\n\n").as_bytes());
    let first = digest.as_bytes().first_chunk::<8>().expect("a digest has 32 bytes");
    u64::from_le_bytes(*first) >> 11
}

fn title(document: &Document) -> String {
    let script = &document.script;
    let heading = script.scenes.iter().find_map(|scene| scene.heading.clone());
    script.title.clone().or(heading).unwrap_or_else(|| {
        let words = script.scenes.iter().flat_map(|scene| scene.text.split_whitespace());
        first_words(words.take(TITLE_WORDS)).trim_end_matches(['.', ',', ';', ':']).to_owned()
    })
}

/// As many of the words as a title has room for; of a first one that is too long, its beginning.
fn first_words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut title = String::new();
    let mut room = limits::TITLE_CHARS;
    for word in words {
        let space = usize::from(!title.is_empty());
        let chars = word.chars().count() + space;
        if chars > room && space > 0 {
            break;
        }
        title.push_str(&" "[..space]);
        title.extend(word.chars().take(room));
        room = room.saturating_sub(chars);
    }
    title
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
    let located = locate(files, name, PICTURE_BYTES);
    let checked = decoding(move || {
        let path = located?;
        picture::load(&path)?;
        Ok(path)
    });
    let path =
        checked.await.map_err(|error| in_script(document, Field::Picture(number), &error, "picture"))?;
    store(parts, name, &path).await
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
    let located = locate(files, &name, MUSIC_BYTES);
    let ffmpeg = parts.ffmpeg.clone();
    let checked = decoding(move || {
        let path = located?;
        Track::decode(&ffmpeg, &path, 1.0)?;
        Ok(path)
    });
    let path = checked.await.map_err(|error| match options.music {
        Some(_) => error,
        None => in_script(document, Field::Music, &error, "sound file"),
    })?;
    store(parts, &name, &path).await.map(MusicChoice::File)
}

/// Decodes a file in its turn. The turn lasts as long as the work, even if nobody waits for it any more.
async fn decoding<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let turn = DECODING.acquire().await.expect("the semaphore is never closed");
    blocking(move || {
        let _turn = turn;
        work()
    })
    .await
}

/// A file's problem, told where the script names the file. A missing program is no fault of the script.
fn in_script(document: &Document, field: Field, error: &PipelineError, what: &str) -> PipelineError {
    match error.kind() {
        kind @ (ErrorKind::ToolMissing | ErrorKind::Interrupted | ErrorKind::DiskFull) => {
            PipelineError::new(kind, error.to_string())
        }
        _ => document.error(field, error.to_string(), format!("a {what} that can be read")).into(),
    }
}

/// The file of that name, if the scripts of this caller may name it and it is not too large.
fn locate(files: &Files, name: &str, most: u64) -> Result<PathBuf> {
    let refused = |why: String| PipelineError::new(ErrorKind::InvalidInput, why);
    let path = match files {
        Files::Refused => {
            return Err(refused(format!("`{name}` cannot be used: this service takes no files")));
        }
        Files::Beside(dir) => dir.join(name),
        Files::Within(dir) => within(dir, name)?,
    };
    let found = std::fs::metadata(&path).map_err(|e| refused(format!("`{name}` cannot be read: {e}")))?;
    match found.len() {
        _ if !found.is_file() => Err(refused(format!("`{name}` is not a file"))),
        bytes if bytes > most => {
            let message = format!("`{name}` has {bytes} bytes; at most {most} are taken");
            Err(PipelineError::new(ErrorKind::Limit, message))
        }
        _ => Ok(path),
    }
}

/// A name that leads outside the directory is answered like one that does not exist, so that nothing
/// can be learnt about the rest of the machine.
fn within(dir: &Path, name: &str) -> Result<PathBuf> {
    let inside = dir.canonicalize().and_then(|dir| Ok((dir.join(name).canonicalize()?, dir)));
    match inside {
        Ok((path, dir)) if path.starts_with(&dir) => Ok(path),
        _ => {
            let message = format!("`{name}` is not among the files that this service may use");
            Err(PipelineError::new(ErrorKind::InvalidInput, message))
        }
    }
}

async fn store(parts: &Parts, name: &str, path: &Path) -> Result<GivenFile> {
    let (digest, bytes) = parts.blobs.put_file(path).await?;
    Ok(GivenFile { name: name.to_owned(), sha256: digest.to_string(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Barrier};

    #[tokio::test(flavor = "multi_thread")]
    async fn two_files_are_decoded_at_once_and_a_turn_outlives_who_waited_for_it() {
        let barrier = Arc::new(Barrier::new(3));
        let (begun, mut told) = tokio::sync::mpsc::channel(2);
        let decode = || {
            let (barrier, begun) = (barrier.clone(), begun.clone());
            tokio::spawn(decoding(move || {
                begun.blocking_send(()).expect("the test listens");
                barrier.wait();
                Ok(())
            }))
        };
        let both = [decode(), decode()];
        for _ in &both {
            told.recv().await.expect("it begins");
        }
        both.iter().for_each(|task| task.abort());
        assert!(DECODING.try_acquire().is_err(), "a third would have begun");
        blocking(move || {
            barrier.wait();
            Ok(())
        })
        .await
        .unwrap();
        decoding(|| Ok(())).await.unwrap();
    }
}
