//! Dialogues: who says what, with pauses and speeds, as plain text.
//!
//! ```text
//! # A line that begins with a number sign is a remark.
//! Ada: Good evening, and welcome.
//! Ben: [speed 1.2] Thank you! [pause 0.5s] It is good to be here.
//! [pause 1s]
//! Ada: Let us begin.
//! ```
//!
//! A line without a name goes on with the one before it.

use crate::{ErrorKind, PipelineError};
use std::collections::BTreeSet;

/// The longest script, in bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// The longest pause, in seconds.
pub const MOST_PAUSE: f64 = 60.0;
/// Silence between two lines where nothing is said of it, in seconds.
pub const USUAL_PAUSE: f64 = 0.35;
/// The longest name, in characters.
const MOST_NAME: usize = 40;

/// What is said without a pause inside.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// Who says it, as written.
    pub speaker: String,
    /// What.
    pub text: String,
    /// Speaking rate, over what holds for all.
    pub speed: Option<f32>,
    /// Silence before it, in seconds.
    pub pause: f64,
    /// Line of the script at which it begins, from 1.
    pub line: usize,
}

/// Reads a script. The turns are in order; the first has the pause that the script begins with.
///
/// # Errors
/// `InvalidScript` naming the line, for text before the first name, a direction that is not known or out of range, and a
/// script that says nothing; `Limit` for one that is too long.
pub fn parse(script: &str) -> Result<Vec<Turn>, PipelineError> {
    if script.len() > MOST_BYTES {
        let message =
            format!("the script has {} bytes; at most {MOST_BYTES} are read: split it", script.len());
        return Err(PipelineError::new(ErrorKind::Limit, message));
    }
    let mut reader = Reader::new(USUAL_PAUSE);
    for (at, line) in script.lines().enumerate() {
        let line = line.trim();
        if !line.starts_with('#') {
            reader.line(line, at + 1).map_err(|why| invalid(at + 1, &why))?;
        }
    }
    match reader.turns.is_empty() {
        true => Err(invalid(1, NOBODY)),
        false => Ok(reader.turns),
    }
}

/// What is wrong with a script without a turn.
pub(crate) const NOBODY: &str = "nobody says anything; write lines such as `Ada: Hello.`";

/// The speakers, sorted.
pub fn speakers(turns: &[Turn]) -> BTreeSet<&str> {
    turns.iter().map(|turn| turn.speaker.as_str()).collect()
}

/// Reads a dialogue line by line; an error says why a line cannot be read.
pub(crate) struct Reader {
    /// What was read so far.
    pub(crate) turns: Vec<Turn>,
    /// Silence before a turn of which nothing is said, in seconds.
    usual: f64,
    speaker: Option<String>,
    speed: Option<f32>,
    /// Pauses since the last turn.
    pause: Option<f64>,
    /// Whether what comes next belongs to the last turn.
    goes_on: bool,
}

impl Reader {
    pub(crate) fn new(usual: f64) -> Self {
        Self { turns: Vec::new(), usual, speaker: None, speed: None, pause: None, goes_on: false }
    }

    /// Something new begins with the next line, which names its speaker.
    pub(crate) fn part(&mut self) {
        (self.speaker, self.speed, self.goes_on) = (None, None, false);
    }

    /// Silence before turns from now on of which nothing is said.
    pub(crate) fn usual_pause(&mut self, seconds: f64) {
        self.usual = seconds;
    }

    /// Reads line `at` of the script, trimmed.
    pub(crate) fn line(&mut self, line: &str, at: usize) -> Result<(), String> {
        if line.is_empty() {
            return Ok(());
        }
        let said = match named(line) {
            Some((name, said)) => {
                self.speaker = Some(name.to_owned());
                (self.speed, self.goes_on) = (None, false);
                said
            }
            None => line,
        };
        self.said(said, at)
    }

    /// Text with directions in brackets.
    fn said(&mut self, mut rest: &str, at: usize) -> Result<(), String> {
        while let Some((before, after)) = rest.split_once('[') {
            self.text(before.trim(), at)?;
            let (direction, after) = after.split_once(']').ok_or("a `[` has no `]` in its line")?;
            self.direction(direction.trim())?;
            rest = after;
        }
        self.text(rest.trim(), at)
    }

    fn text(&mut self, text: &str, at: usize) -> Result<(), String> {
        if text.is_empty() {
            return Ok(());
        }
        let Some(speaker) = &self.speaker else {
            return Err("nobody says this; begin the line with a name and a colon".into());
        };
        match self.turns.last_mut().filter(|_| self.goes_on) {
            Some(turn) => {
                turn.text.push(' ');
                turn.text.push_str(text);
            }
            None => {
                let usual = if self.turns.is_empty() { 0.0 } else { self.usual };
                let pause = self.pause.take().unwrap_or(usual);
                let (speaker, text) = (speaker.clone(), text.to_owned());
                self.turns.push(Turn { speaker, text, speed: self.speed, pause, line: at });
            }
        }
        self.goes_on = true;
        Ok(())
    }

    fn direction(&mut self, direction: &str) -> Result<(), String> {
        let (word, value) = direction.split_once(char::is_whitespace).unwrap_or((direction, ""));
        let number = |value: &str| value.trim().parse::<f64>().ok();
        match word {
            "pause" => {
                let seconds = number(value.trim().trim_end_matches('s'));
                let seconds = seconds.filter(|seconds| (0.0..=MOST_PAUSE).contains(seconds));
                let seconds = seconds.ok_or_else(|| {
                    format!("`[{direction}]`: expected `[pause 0.5s]`, of 0 to {MOST_PAUSE} seconds")
                })?;
                self.pause = Some((self.pause.unwrap_or(0.0) + seconds).min(MOST_PAUSE));
            }
            "speed" => {
                let speed = number(value).filter(|speed| (0.5..=2.0).contains(speed));
                let speed =
                    speed.ok_or_else(|| format!("`[{direction}]`: expected `[speed 1.2]`, of 0.5 to 2"))?;
                self.speed = Some(speed as f32);
            }
            _ => {
                return Err(format!(
                    "`[{direction}]` is no direction; there are `[pause 0.5s]` and `[speed 1.2]`"
                ));
            }
        }
        self.goes_on = false;
        Ok(())
    }
}

/// The name that a line begins with, and what follows it.
fn named(line: &str) -> Option<(&str, &str)> {
    let (name, said) = line.split_once(':')?;
    let name = name.trim();
    let is_name = !name.is_empty()
        && name.chars().count() <= MOST_NAME
        && !name.contains(['[', ']', '.', ',', '!', '?', '"', '“', '”'])
        // A time or an address goes on with a figure or a slash.
        && !said.starts_with(|c: char| c.is_ascii_digit() || c == '/');
    is_name.then_some((name, said))
}

fn invalid(line: usize, why: &str) -> PipelineError {
    PipelineError::new(ErrorKind::InvalidScript, format!("line {line}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_pauses_and_speeds_are_read() {
        let script = "# A remark\n[pause 0.2]\nAda: Good evening,\n  and welcome.\n\nBen: [speed 1.2] Thank you! \
                      [pause 0.5s] It is 7:30.\n[pause 1s]\n[pause 0.5s]\nAda: See http://example.com.";
        let turn = |speaker: &str, text: &str, speed, pause, line| Turn {
            speaker: speaker.into(),
            text: text.into(),
            speed,
            pause,
            line,
        };
        let turns = parse(script).expect("it is read");
        assert_eq!(
            turns,
            [
                turn("Ada", "Good evening, and welcome.", None, 0.2, 3),
                turn("Ben", "Thank you!", Some(1.2), USUAL_PAUSE, 6),
                turn("Ben", "It is 7:30.", Some(1.2), 0.5, 6),
                turn("Ada", "See http://example.com.", None, 1.5, 9),
            ]
        );
        assert_eq!(speakers(&turns).into_iter().collect::<Vec<_>>(), ["Ada", "Ben"]);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (script, says) in [
            ("", "line 1: nobody says anything"),
            ("Ada:\n[pause 1s]", "nobody says anything"),
            ("\nHello.", "line 2: nobody says this"),
            ("Ada: x\nBen: [pause x]", "line 2: `[pause x]`: expected"),
            ("Ada: [pause 61s]", "0 to 60 seconds"),
            ("Ada: [pause NaN]", "0 to 60 seconds"),
            ("Ada: [speed 3] x", "0.5 to 2"),
            ("Ada: [laughs] x", "is no direction"),
            ("Ada: [pause 1s", "has no `]`"),
        ] {
            let error = parse(script).expect_err(script);
            assert_eq!(error.kind(), ErrorKind::InvalidScript);
            assert!(error.to_string().contains(says), "{says:?} is not in {error}");
        }
        let long = parse(&"Ada: x\n".repeat(200_000)).expect_err("too long");
        assert_eq!(long.kind(), ErrorKind::Limit);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused_and_nothing_is_lost(lines in prop::collection::vec("(A: )?[a-z .]{0,12}", 0..12)) {
            let script = lines.join("\n");
            if let Ok(turns) = parse(&script) {
                let letters = |text: &str| text.chars().filter(char::is_ascii_lowercase).collect::<String>();
                let said: String = turns.iter().map(|turn| letters(&turn.text)).collect();
                prop_assert_eq!(said, letters(&script));
                prop_assert!(turns.iter().all(|turn| !turn.text.is_empty() && turn.pause >= 0.0));
            }
        }
    }
}
