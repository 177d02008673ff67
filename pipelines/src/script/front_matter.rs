//! The settings at the head of a Markdown script: YAML between two lines of `---`.

use super::node::{self, Value};
use super::place::Source;
use super::values::{self, Places, SETTINGS};
use super::{Script, ScriptError};
use std::ops::Range;

/// Finds the front matter in `text[from..]`: the range of its YAML and where the body starts.
///
/// `Ok(None)` if the text does not start with a line `---`.
///
/// # Errors
/// If the closing line is missing.
pub(super) fn find(source: &Source, from: usize) -> Result<Option<(Range<usize>, usize)>, ScriptError> {
    let text = &source.text[from..];
    let blank = text.len() - text.trim_start().len();
    let open = from + text[..blank].rfind('\n').map_or(0, |i| i + 1);
    let mut lines = source.text[open..].split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else { return Ok(None) };
    let start = open + first.len();
    let mut at = start;
    for line in lines {
        if matches!(line.trim_end(), "---" | "...") {
            return Ok(Some((start..at, at + line.len())));
        }
        at += line.len();
    }
    Err(source.error(
        open..open + 3,
        "the front matter that starts here does not end",
        "a line `---` after the last setting",
    ))
}

/// Reads the settings in `range` into `script`.
pub(super) fn read(
    source: &Source,
    range: Range<usize>,
    script: &mut Script,
    places: &mut Places,
) -> Result<(), ScriptError> {
    let has_content = source.text[range.clone()].lines().any(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    if !has_content {
        return Ok(());
    }
    let expected = "settings, one a line, as `name: value`; a value with a colon or a `#` stands in quotes";
    let root = node::read(source, range, expected)?;
    match &root.value {
        Value::Null => Ok(()),
        Value::Map(entries) => entries
            .iter()
            .try_for_each(|(key, at, node)| values::take(source, script, places, (key, at), node, SETTINGS)),
        other => {
            let at = root.range.start..root.range.start;
            Err(source.error(at, format!("found {}", other.describe()), expected))
        }
    }
}
