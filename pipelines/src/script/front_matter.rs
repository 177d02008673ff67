//! The settings at the head of a Markdown script: YAML between two lines of `---`.

use super::ScriptError;
use super::node::{self, Node, Value};
use super::place::Source;
use std::ops::Range;

/// Bytes of settings: those of a thousand speakers take less.
const MOST_BYTES: usize = 64 << 10;

/// Finds the front matter in `text[from..]`: the range of its YAML and where the body starts.
///
/// `Ok(None)` if the text does not start with a line `---`.
///
/// # Errors
/// If the closing line is missing or comes after [`MOST_BYTES`].
pub(super) fn find(source: &Source, from: usize) -> Result<Option<(Range<usize>, usize)>, ScriptError> {
    let text = &source.text[from..];
    let blank = text.len() - text.trim_start().len();
    let open = from + text[..blank].rfind('\n').map_or(0, |i| i + 1);
    let mut lines = source.text[open..].split_inclusive('\n');
    let Some(first) = lines.next().filter(|line| line.trim_end() == "---") else { return Ok(None) };
    let start = open + first.len();
    let mut at = start;
    for line in lines {
        if at - start > MOST_BYTES {
            break;
        }
        if matches!(line.trim_end(), "---" | "...") {
            return Ok(Some((start..at, at + line.len())));
        }
        at += line.len();
    }
    let (message, expected) = match at - start > MOST_BYTES {
        true => (
            "the front matter that starts here is too long",
            format!("at most {MOST_BYTES} bytes before a line `---`"),
        ),
        false => (
            "the front matter that starts here does not end",
            "a line `---` after the last setting".to_owned(),
        ),
    };
    Err(source.error(open..open + 3, message, expected))
}

/// Takes a setting: its name and the place of that, and its value.
pub(super) type Take<'a> = dyn FnMut((&str, &Range<usize>), &Node) -> Result<(), ScriptError> + 'a;

/// Reads the settings in `range`, each into `take`.
pub(super) fn read(source: &Source, range: Range<usize>, take: &mut Take) -> Result<(), ScriptError> {
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
        Value::Map(entries) => entries.iter().try_for_each(|(key, at, node)| take((key, at), node)),
        other => {
            let at = root.range.start..root.range.start;
            Err(source.error(at, format!("found {}", other.describe()), expected))
        }
    }
}
