//! What every contender gets: stills, narration, music, and the words with their times.

use super::{FPS, HEIGHT, SCENE, SCENES, WIDTH, stills};
use anyhow::{Context, Result};
use reelsmith_media::captions::CaptionWord;
use reelsmith_media::sound::{MIX_RATE, Mood, Track, bed};
use serde_json::json;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Spoken at about 150 words a minute.
const TEXT: &str = "Every photograph begins with light that left the sun eight minutes ago. \
    It crossed ninety three million miles of nothing, bounced off a face, and fell into a lens. \
    The sensor counted it, one grain at a time, and turned the count into numbers. \
    Those numbers became a picture, and the picture became a memory that weighs nothing at all. \
    Look closely at the edges: that is where the light decided which way to go.";

/// Letters of a caption, in pixels.
pub(crate) const FONT_SIZE: u32 = 92;

/// Seconds of the video.
pub(crate) fn seconds() -> f64 {
    f64::from(SCENE) * SCENES as f64 / f64::from(FPS)
}

/// The still of a scene.
pub(crate) fn still_path(dir: &Path, scene: usize) -> PathBuf {
    dir.join(format!("still-{scene}.png"))
}

/// The words, evenly spoken over the video but for a rest after each full stop.
pub(crate) fn words() -> Vec<CaptionWord> {
    let words: Vec<&str> = TEXT.split_whitespace().collect();
    let weight = |word: &str| if word.ends_with('.') { 1.8 } else { 0.5 + 0.1 * word.len() as f64 };
    let total: f64 = words.iter().map(|word| weight(word)).sum();
    let scale = (seconds() - 1.0) / total;
    let mut at = 0.5;
    words
        .iter()
        .map(|word| {
            let start = at;
            at += weight(word) * scale;
            let end = if word.ends_with('.') { start + 0.6 * (at - start) } else { at };
            CaptionWord { text: (*word).to_owned(), start, end }
        })
        .collect()
}

/// Writes everything into `dir`.
pub(crate) fn prepare(dir: &Path, font: &Path) -> Result<()> {
    std::fs::create_dir_all(dir)?;
    for scene in 0..SCENES {
        let path = still_path(dir, scene);
        if !path.exists() {
            stills::still(scene as u64 + 1).save_png(&path)?;
        }
    }
    narration().write_wav(&dir.join("narration.wav"))?;
    bed(1, Mood::Calm, seconds())?.write_wav(&dir.join("music.wav"))?;
    std::fs::write(dir.join("captions.ass"), subtitles(font)?)?;
    let groups: Vec<_> = groups().iter().map(|group| group_json(group)).collect();
    let facts =
        json!({ "width": WIDTH, "height": HEIGHT, "fps": FPS, "seconds": seconds(), "groups": groups });
    std::fs::write(dir.join("workload.json"), serde_json::to_vec_pretty(&facts)?)?;
    Ok(())
}

/// A voice-like sound: harmonics that glide, in the rhythm of the words.
fn narration() -> Track {
    let length = (seconds() * f64::from(MIX_RATE)) as usize;
    let mut samples = vec![0.0f32; length];
    for (index, word) in words().iter().enumerate() {
        let (from, to) =
            ((word.start * f64::from(MIX_RATE)) as usize, (word.end * f64::from(MIX_RATE)) as usize);
        let pitch = 105.0 + 30.0 * ((index * 7) % 5) as f32 / 5.0;
        for (at, sample) in samples[from..to].iter_mut().enumerate() {
            let t = at as f32 / MIX_RATE as f32;
            let envelope = (std::f32::consts::PI * at as f32 / (to - from) as f32).sin();
            let glide = pitch * (1.0 - 0.1 * t);
            let tone: f32 = (1..20u16)
                .map(|k| (std::f32::consts::TAU * glide * f32::from(k) * t).sin() / f32::from(k))
                .sum();
            *sample = 0.2 * envelope * tone;
        }
    }
    Track { rate: MIX_RATE, channels: 1, samples }
}

/// Words in groups of up to four, for the contenders that have no grouping of their own.
fn groups() -> Vec<Vec<CaptionWord>> {
    let mut groups: Vec<Vec<CaptionWord>> = Vec::new();
    let mut ended = true;
    for word in words() {
        let full = groups.last().is_none_or(|group| group.len() == 4);
        let ends = word.text.ends_with(['.', ',', ':']);
        match groups.last_mut() {
            Some(group) if !ended && !full => group.push(word),
            _ => groups.push(vec![word]),
        }
        ended = ends;
    }
    groups
}

fn group_json(group: &[CaptionWord]) -> serde_json::Value {
    let word = |word: &CaptionWord| json!({ "text": word.text, "start": word.start, "end": word.end });
    json!(group.iter().map(word).collect::<Vec<_>>())
}

/// The captions for ffmpeg's `ass` filter: one event a word, in which that word is coloured.
fn subtitles(font: &Path) -> Result<String> {
    let family = family(font).context("the font's file needs a name")?;
    let mut text = format!(
        "[Script Info]\nScriptType: v4.00+\nPlayResX: {WIDTH}\nPlayResY: {HEIGHT}\nYCbCr Matrix: TV.709\n\n\
         [V4+ Styles]\nFormat: Name, Fontname, Fontsize, PrimaryColour, OutlineColour, BackColour, Bold, \
         BorderStyle, Outline, Shadow, Alignment, MarginL, MarginR, MarginV\n\
         Style: Word,{family},{FONT_SIZE},&H00FFFFFF,&H00120A0B,&H60000000,-1,1,7,4,2,90,90,560\n\n\
         [Events]\nFormat: Layer, Start, End, Style, Text\n"
    );
    for group in groups() {
        for (index, word) in group.iter().enumerate() {
            let end = group.get(index + 1).map_or(word.end, |next| next.start);
            let line: Vec<String> = group
                .iter()
                .enumerate()
                .map(|(other, word)| match other == index {
                    true => format!("{{\\c&H0AD6FF&}}{}{{\\c&HFFFFFF&}}", word.text),
                    false => word.text.clone(),
                })
                .collect();
            let (from, to) = (clock(word.start), clock(end));
            writeln!(text, "Dialogue: 0,{from},{to},Word,{}", line.join(" "))?;
        }
    }
    Ok(text)
}

/// The name by which libass finds a face: `Montserrat_800ExtraBold.ttf` is "Montserrat ExtraBold".
fn family(font: &Path) -> Option<String> {
    let stem = font.file_stem()?.to_str()?;
    let (family, style) = stem.split_once('_').unwrap_or((stem, ""));
    let style = style.trim_start_matches(|c: char| c.is_ascii_digit());
    Some(format!("{family} {style}").trim().to_owned())
}

fn clock(seconds: f64) -> String {
    format!("0:{:02}:{:05.2}", (seconds / 60.0) as u32, seconds % 60.0)
}
