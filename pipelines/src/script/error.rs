//! What is wrong in a script, and where.

use super::place::Position;
use std::fmt;
use std::ops::Deref;

/// A mistake in a script; its parts are those of [`Mistake`].
///
/// Displayed as `name:line:column: message`, the source line with a caret under the place, and
/// what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError(Box<Mistake>);

/// A mistake's place, what was found, what was expected, and the line itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name as given, or what stands for it (`request`).
    pub name: String,
    /// Where: line and column from 1, the column in characters.
    pub position: Position,
    /// What is wrong.
    pub message: String,
    /// What may stand there instead, with near matches where a word was mistyped.
    pub expected: String,
    /// The line of the script that holds the place, at most 160 characters of it.
    pub source_line: String,
    /// Characters to underline, at least 1.
    pub width: usize,
    /// Characters cut from the start of the line to keep `source_line` short.
    pub cut: usize,
}

impl From<Mistake> for ScriptError {
    fn from(mistake: Mistake) -> Self {
        Self(Box::new(mistake))
    }
}

impl Deref for ScriptError {
    type Target = Mistake;

    fn deref(&self) -> &Mistake {
        &self.0
    }
}

impl ScriptError {
    /// Line, from 1.
    pub fn line(&self) -> usize {
        self.position.line
    }

    /// Column in characters, from 1.
    pub fn column(&self) -> usize {
        self.position.column
    }
}

impl fmt::Display for ScriptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        writeln!(f, "{}:{line}:{column}: {}", self.name, self.message)?;
        let margin = line.to_string();
        writeln!(f, " {margin} | {}", self.source_line)?;
        let indent = " ".repeat(column.saturating_sub(1 + self.cut));
        writeln!(f, " {:margin$} | {indent}{}", "", "^".repeat(self.width), margin = margin.len())?;
        write!(f, "expected {}", self.expected)
    }
}

impl std::error::Error for ScriptError {}
