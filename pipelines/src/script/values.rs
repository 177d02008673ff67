//! Settings read from YAML or JSON values: their types, their ranges, their places.

use super::node::{Node, Value};
use super::place::{Field, Source};
use super::{MOODS, Music, Script, ScriptError, limits};
use crate::names;
use std::collections::BTreeMap;
use std::ops::Range;

pub(super) type Places = BTreeMap<Field, Range<usize>>;

/// The settings of a script, in the order in which they are documented.
pub(super) const SETTINGS: &[&str] =
    &["title", "preset", "voice", "speed", "seed", "music", "style", "pause"];

/// Takes one setting into `script`; `known` lists the keys allowed where it stands.
pub(super) fn take(
    source: &Source,
    script: &mut Script,
    places: &mut Places,
    key: (&str, &Range<usize>),
    node: &Node,
    known: &[&str],
) -> Result<(), ScriptError> {
    let (name, at) = key;
    let field = match name {
        "title" => {
            script.title = Some(line(source, node, "a title", limits::TITLE_CHARS)?);
            Field::Title
        }
        "preset" => {
            script.preset = Some(line(source, node, "a preset's name", 100)?);
            Field::Preset
        }
        "voice" => {
            script.voice = Some(line(source, node, "a voice's name, for example `af_heart`", 100)?);
            Field::Voice
        }
        "speed" => {
            script.speed = Some(number(source, node, "a speaking rate", limits::SPEED)? as f32);
            Field::Speed
        }
        "seed" => {
            script.seed = Some(seed(source, node)?);
            Field::Seed
        }
        "music" => {
            script.music = Some(music(source, node)?);
            Field::Music
        }
        "style" => {
            script.style = Some(line(source, node, "a palette's name", 100)?);
            Field::Style
        }
        "pause" => {
            script.pause = Some(number(source, node, "a pause in seconds", limits::PAUSE)?);
            Field::Pause
        }
        _ => return Err(unknown_key(source, name, at, known)),
    };
    places.insert(field, node.range.clone());
    Ok(())
}

pub(super) fn unknown_key(source: &Source, name: &str, at: &Range<usize>, known: &[&str]) -> ScriptError {
    let hint = names::did_you_mean(name, known.iter().copied());
    source.error(
        at.clone(),
        format!("unknown setting `{name}`"),
        format!("one of {}{hint}", known.join(", ")),
    )
}

/// A text of one line, trimmed and not empty.
pub(super) fn line(
    source: &Source,
    node: &Node,
    what: &str,
    max_chars: usize,
) -> Result<String, ScriptError> {
    let expected = || format!("{what}: a text of 1 to {max_chars} characters on one line");
    let Value::Text(text) = &node.value else {
        let quotes = match node.value {
            Value::Unsigned(_) | Value::Number(_) | Value::Bool(_) => "; a text that looks so needs quotes",
            _ => "",
        };
        let message = format!("found {}", node.value.describe());
        return Err(source.error(node.range.clone(), message, expected() + quotes));
    };
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > max_chars || text.chars().any(char::is_control) {
        let message = match chars {
            0 => "found an empty text".to_owned(),
            n if n > max_chars => format!("found {n} characters"),
            _ => "found a line break or control character".to_owned(),
        };
        return Err(source.error(node.range.clone(), message, expected()));
    }
    Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// A number in a closed range.
pub(super) fn number(
    source: &Source,
    node: &Node,
    what: &str,
    (low, high): (f64, f64),
) -> Result<f64, ScriptError> {
    let value = match node.value {
        Value::Unsigned(n) => Some(n as f64),
        Value::Number(n) => Some(n),
        _ => None,
    };
    value.filter(|v| (low..=high).contains(v)).ok_or_else(|| {
        let message = format!("found {}", node.value.describe());
        source.error(node.range.clone(), message, format!("{what}: a number from {low} to {high}"))
    })
}

pub(super) fn seed(source: &Source, node: &Node) -> Result<u64, ScriptError> {
    match node.value {
        Value::Unsigned(n) => Ok(n),
        _ => {
            let message = format!("found {}", node.value.describe());
            Err(source.error(node.range.clone(), message, "a seed: a whole number from 0 to 2^64 - 1"))
        }
    }
}

/// `none`, a mood, or a path, as [`Music::check`] has it.
pub(super) fn music(source: &Source, node: &Node) -> Result<Music, ScriptError> {
    let expected = music_expected();
    if matches!(node.value, Value::Null | Value::Bool(false)) {
        return Err(source.error(node.range.clone(), format!("found {}", node.value.describe()), expected));
    }
    let text = line(source, node, "music", limits::PATH_CHARS)?;
    let music = Music::from(text);
    match music.check() {
        Ok(()) => Ok(music),
        Err(problem) => Err(source.error(node.range.clone(), problem.to_string(), expected)),
    }
}

/// What may be written for music.
pub(crate) fn music_expected() -> String {
    format!("`none`, a mood ({}) or the path of a sound file", MOODS.join(", "))
}

/// Why a text cannot be the path of a file on this machine, if so.
pub(super) fn not_a_path(text: &str) -> Option<String> {
    let scheme = text.split_once(':').is_some_and(|(scheme, rest)| {
        let named =
            scheme.len() > 1 && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
        named && (rest.starts_with("//") || matches!(scheme, "data" | "http" | "https" | "file"))
    });
    (scheme || text.starts_with("//")).then(|| {
        let short: String = text.chars().take(60).collect();
        format!("`{short}` is an address; nothing is fetched from the network: download it and name the file")
    })
}
