//! Weights of a prompt's parts, in the form of AUTOMATIC1111's web UI.

use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use regex::Regex;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// The weights that a part may have. What is in use lies between 0.5 and 2; what a part below 0 would be for, the
/// negative prompt is for.
pub const WEIGHTS: RangeInclusive<f32> = 0.0..=4.0;

/// What a pair of parentheses multiplies by, and brackets divide by.
const STEP: f64 = 1.1;

/// A number that closes a parenthesis: `:1.3)`.
static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^:\s*([+-]?[.0-9]+)\s*\)").expect("a constant"));

/// A piece of a prompt and its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// Without what gave it its weight; never empty.
    pub text: String,
    /// In [`WEIGHTS`]; exactly 1 where nothing was written.
    pub weight: f32,
}

/// The parts of a prompt in order; neighbours differ in weight.
///
/// - `(text)` multiplies by 1.1, `(text:1.3)` by the number, `[text]` divides by 1.1; they nest, and a
///   parenthesis and a bracket may overlap.
/// - What is opened and never closed counts to the end of the prompt; a closing sign without an opening one is
///   text, with its number if it has one. A number in brackets is text: `[text:1.3]`.
/// - `\(`, `\)`, `\[`, `\]` and `\\` are the sign itself; a backslash before anything else is left out.
///
/// # Errors
/// `InvalidRequest` if a part's weight is outside [`WEIGHTS`] or its number is none (`1.2.3`); the message
/// names the part.
pub fn parse(prompt: &str) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::new();
    let mut weight = Weight::default();
    for piece in matched(prompt)? {
        match piece {
            Piece::Text(text) => push(&mut parts, text, weight.value())?,
            Piece::Open(sign) => weight.open(sign),
            Piece::CloseRound => weight.close_round(),
            Piece::CloseSquare => weight.brackets -= 1,
        }
    }
    Ok(parts)
}

/// A piece of a prompt whose signs have found their counterparts.
#[derive(Clone, Copy)]
enum Piece<'a> {
    Text(&'a str),
    Open(Sign),
    CloseRound,
    CloseSquare,
}

/// What is opened.
#[derive(Clone, Copy)]
enum Sign {
    Round,
    /// A parenthesis that a number closes.
    Factor(f64),
    Square,
}

/// The weight at a place of the prompt. Steps are counted, so that `([text])` is exactly 1.
#[derive(Default)]
struct Weight {
    /// For every open parenthesis: the product of the numbers so far, and parentheses without one.
    rounds: Vec<(f64, i32)>,
    brackets: i32,
}

impl Weight {
    fn open(&mut self, sign: Sign) {
        let (product, steps) = self.rounds.last().copied().unwrap_or((1.0, 0));
        match sign {
            Sign::Round => self.rounds.push((product, steps + 1)),
            Sign::Factor(factor) => self.rounds.push((product * factor, steps)),
            Sign::Square => self.brackets += 1,
        }
    }

    fn close_round(&mut self) {
        self.rounds.pop();
    }

    fn value(&self) -> f32 {
        let (product, steps) = self.rounds.last().copied().unwrap_or((1.0, 0));
        (product * STEP.powi(steps - self.brackets)) as f32
    }
}

/// Cuts the prompt and tells every opening sign how it is closed.
fn matched(prompt: &str) -> Result<Vec<Piece<'_>>> {
    let mut signs = Signs::default();
    let mut rest = prompt;
    while let Some(first) = rest.chars().next() {
        let (piece, length) = match first {
            '\\' => escaped(rest),
            '(' | '[' => (signs.opened(first), 1),
            ')' if signs.rounds.pop().is_some() => (Piece::CloseRound, 1),
            ']' if signs.squares.pop().is_some() => (Piece::CloseSquare, 1),
            ':' => match signs.closed_by_number(rest)? {
                Some(length) => (Piece::CloseRound, length),
                None => plain(rest, first),
            },
            _ => plain(rest, first),
        };
        signs.pieces.push(piece);
        rest = &rest[length..];
    }
    Ok(signs.pieces)
}

/// The pieces so far, and where those are that are still open.
#[derive(Default)]
struct Signs<'a> {
    pieces: Vec<Piece<'a>>,
    rounds: Vec<usize>,
    squares: Vec<usize>,
}

impl Signs<'_> {
    fn opened(&mut self, sign: char) -> Piece<'static> {
        let (open, sign) = match sign {
            '(' => (&mut self.rounds, Sign::Round),
            _ => (&mut self.squares, Sign::Square),
        };
        open.push(self.pieces.len());
        Piece::Open(sign)
    }

    /// Closes a parenthesis if `rest` begins with a number and `)` and one is open: their bytes.
    fn closed_by_number(&mut self, rest: &str) -> Result<Option<usize>> {
        let found = NUMBER.captures(rest).and_then(|found| Some((found.get(0)?, found.get(1)?)));
        let Some(((whole, number), opening)) = found.zip(self.rounds.last().copied()) else {
            return Ok(None);
        };
        self.pieces[opening] = Piece::Open(Sign::Factor(factor(number.as_str(), rest)?));
        self.rounds.pop();
        Ok(Some(whole.len()))
    }
}

/// A backslash, and the sign behind it if it has a meaning that is to be taken away.
fn escaped(rest: &str) -> (Piece<'_>, usize) {
    let has_meaning = rest[1..].starts_with(['(', ')', '[', ']', '\\']);
    let length = 1 + usize::from(has_meaning);
    (Piece::Text(&rest[1..length]), length)
}

/// Text up to the next character that may mean something; `first` is taken for text.
fn plain(rest: &str, first: char) -> (Piece<'_>, usize) {
    let from = first.len_utf8();
    let length = rest[from..].find(['\\', '(', ')', '[', ']', ':']).map_or(rest.len(), |more| from + more);
    (Piece::Text(&rest[..length]), length)
}

fn factor(number: &str, place: &str) -> Result<f64> {
    number.parse().map_err(|_| {
        let place = brief(place);
        let message =
            format!("`{}` at `{place}` in the prompt is no number; write one like `:1.3)`", brief(number));
        InferenceError::new(ErrorKind::InvalidRequest, message)
    })
}

fn push(parts: &mut Vec<Part>, text: &str, weight: f32) -> Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    if !WEIGHTS.contains(&weight) {
        let (least, most) = WEIGHTS.into_inner();
        let message =
            format!("`{}` in the prompt has the weight {weight}; expected {least} to {most}", brief(text));
        return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    }
    match parts.last_mut() {
        Some(last) if last.weight == weight => last.text.push_str(text),
        _ => parts.push(Part { text: text.to_owned(), weight }),
    }
    Ok(())
}

/// The beginning of what may be a long text.
fn brief(text: &str) -> String {
    let mut start: String = text.chars().take(40).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}
