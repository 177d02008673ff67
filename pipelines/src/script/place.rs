//! Where things stand in a script, and errors that point there.

use super::error::Mistake;
use super::{Script, ScriptError};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

/// A place in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// A value of a script that can be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The whole script.
    Script,
    /// `title`
    Title,
    /// `preset`
    Preset,
    /// `voice`
    Voice,
    /// `speed`
    Speed,
    /// `seed`
    Seed,
    /// `music`
    Music,
    /// `style`
    Style,
    /// `pause` of the script
    Pause,
    /// The whole scene of that number, from 0.
    Scene(usize),
    /// A scene's heading.
    Heading(usize),
    /// A scene's narration.
    Text(usize),
    /// A scene's picture.
    Picture(usize),
    /// A scene's pause.
    ScenePause(usize),
}

/// A parsed script with the text it came from: that of a Short, unless another kind is named with its fields.
#[derive(Debug, Clone)]
pub struct Document<S = Script, F = Field> {
    /// What the text says.
    pub script: S,
    pub(super) source: Source,
    pub(super) places: BTreeMap<F, Range<usize>>,
}

impl<S, F: Ord> Document<S, F> {
    /// Where a value stands, in bytes of the text; the start of the text for what is not there.
    pub fn range(&self, field: F) -> Range<usize> {
        self.places.get(&field).cloned().unwrap_or(0..0)
    }

    /// An error that points at a value.
    pub fn error(&self, field: F, message: impl Into<String>, expected: impl Into<String>) -> ScriptError {
        self.source.error(self.range(field), message, expected)
    }
}

/// A text and its name.
#[derive(Debug, Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: Arc<str>,
}

/// Characters of a source line that an error shows.
const SHOWN: usize = 160;

impl Source {
    pub(super) fn new(name: &str, text: &str) -> Self {
        Self { name: name.to_owned(), text: text.into() }
    }

    /// Line and column of a byte; a byte inside a character counts as its start.
    pub(super) fn position(&self, at: usize) -> Position {
        let at = floor_char(&self.text, at);
        let before = &self.text[..at];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        Position { line: before.matches('\n').count() + 1, column: before[line_start..].chars().count() + 1 }
    }

    /// An error at a range of bytes. An empty or many-line range marks its first character.
    pub(super) fn error(
        &self,
        range: Range<usize>,
        message: impl Into<String>,
        expected: impl Into<String>,
    ) -> ScriptError {
        let position = self.position(range.start);
        let line = self.text.split('\n').nth(position.line - 1).unwrap_or_default().trim_end_matches('\r');
        let start = floor_char(&self.text, range.start);
        let end = floor_char(&self.text, range.end).max(start);
        let marked = self.text[start..end].split(['\n', '\r']).next().unwrap_or_default();
        let cut = (position.column - 1).saturating_sub(SHOWN / 2);
        let source_line: String = line.chars().skip(cut).take(SHOWN).map(printable).collect();
        let room = (source_line.chars().count() + 1).saturating_sub(position.column - 1 - cut);
        ScriptError::from(Mistake {
            name: self.name.clone(),
            position,
            message: message.into(),
            expected: expected.into(),
            source_line,
            width: marked.trim_end().chars().count().clamp(1, room.max(1)),
            cut,
        })
    }
}

/// Control characters would move the caret or the terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// The start of the character that holds byte `at`, or the end of the text.
fn floor_char(text: &str, at: usize) -> usize {
    text.floor_char_boundary(at.min(text.len()))
}
