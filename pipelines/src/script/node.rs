//! YAML and JSON values with their places. JSON is read by the same reader, being YAML's subset.

use super::ScriptError;
use super::place::Source;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;
use std::ops::Range;

/// A value and its bytes in the source.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) range: Range<usize>,
}

/// A value without places.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Unsigned(u64),
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(String, Range<usize>, Node)>),
}

impl Value {
    /// What it is, for a message.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".into(),
            Self::Bool(b) => format!("`{b}`"),
            Self::Unsigned(n) => format!("the number {n}"),
            Self::Number(n) => format!("the number {n}"),
            Self::Text(t) if t.chars().count() <= 40 => format!("`{t}`"),
            Self::Text(_) => "a text".into(),
            Self::List(_) => "a list".into(),
            Self::Map(_) => "a map".into(),
        }
    }
}

/// Reads `text[within]` as one YAML document.
pub(super) fn read(source: &Source, within: Range<usize>, expected: &str) -> Result<Node, ScriptError> {
    let text = &source.text[within.clone()];
    let lines = Lines::of(text);
    let raw: Spanned<Raw> = serde_saphyr::from_str(text).map_err(|error| {
        let error = error.without_snippet();
        let at = error.location().and_then(|l| lines.offset(l)).unwrap_or(0);
        source.error(within.start + at..within.start + at, first_line(&error.to_string()), expected)
    })?;
    Ok(place(raw, &lines, within.start))
}

/// The reader's message without its own line and column, which count from the front matter.
fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or("it cannot be read");
    let end = line.find(" at line ").unwrap_or(line.len());
    line[..end].trim_start_matches("error: ").to_owned()
}

/// A text and where its lines begin, so that many places in it are found without going through it for each.
struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { text, starts: starts.collect() }
    }

    /// Where a location lies, in bytes.
    fn offset(&self, location: serde_saphyr::Location) -> Option<usize> {
        let told = location.span().byte_offset().and_then(|at| usize::try_from(at).ok());
        if let Some(at) = told.filter(|at| self.text.is_char_boundary(*at)) {
            return Some(at);
        }
        let line = usize::try_from(location.line()).ok()?.checked_sub(1)?;
        let column = usize::try_from(location.column()).ok()?.checked_sub(1)?;
        let start = self.starts.get(line).copied().unwrap_or(self.text.len());
        let rest = &self.text[start..];
        let within = rest.char_indices().nth(column).map_or(rest.len(), |(i, _)| i);
        Some(start + within)
    }
}

fn range_of<T>(raw: &Spanned<T>, lines: &Lines, base: usize) -> Range<usize> {
    let start = lines.offset(raw.referenced).unwrap_or(0);
    let length = raw.referenced.span().byte_len().and_then(|n| usize::try_from(n).ok()).unwrap_or(1);
    base + start..base + (start + length).min(lines.text.len())
}

fn place(raw: Spanned<Raw>, lines: &Lines, base: usize) -> Node {
    let range = range_of(&raw, lines, base);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(b) => Value::Bool(b),
        Raw::Unsigned(n) => Value::Unsigned(n),
        Raw::Number(n) => Value::Number(n),
        Raw::Text(t) => Value::Text(t),
        Raw::List(items) => Value::List(items.into_iter().map(|i| place(i, lines, base)).collect()),
        Raw::Map(entries) => Value::Map(
            entries
                .into_iter()
                .map(|(k, v)| {
                    let at = range_of(&k, lines, base);
                    (k.value, at, place(v, lines, base))
                })
                .collect(),
        ),
    };
    Node { value, range }
}

enum Raw {
    Null,
    Bool(bool),
    Unsigned(u64),
    Number(f64),
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<String>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_bool<E>(self, v: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<Raw, E> {
        Ok(Raw::Unsigned(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<Raw, E> {
        Ok(u64::try_from(v).map_or(Raw::Number(v as f64), Raw::Unsigned))
    }

    fn visit_f64<E>(self, v: f64) -> Result<Raw, E> {
        Ok(Raw::Number(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<Raw, E> {
        Ok(Raw::Text(v.to_owned()))
    }

    fn visit_string<E>(self, v: String) -> Result<Raw, E> {
        Ok(Raw::Text(v))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Raw, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Raw::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Raw::Map(entries))
    }
}
