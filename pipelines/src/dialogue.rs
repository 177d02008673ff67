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
//! A line without a name goes on with the one before it. One that looks as if it had one is written `Note\: this`.

use crate::{ErrorKind, PipelineError};
use std::collections::BTreeSet;

/// The longest script, in bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// The longest pause, in seconds.
pub const MOST_PAUSE: f64 = 60.0;
/// Silence between two lines where nothing is said of it, in seconds.
pub const USUAL_PAUSE: f64 = 0.35;
/// The longest name, in characters.
pub(crate) const MOST_NAME: usize = 40;

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
    // A byte order mark is no part of the first name.
    let script = script.strip_prefix('\u{feff}').unwrap_or(script);
    for (at, line) in script.lines().enumerate() {
        let line = line.trim();
        if !line.starts_with('#') {
            let read = match escaped(line) {
                true => reader.goes_on(&line.replacen("\\:", ":", 1), at + 1),
                false => reader.line(line, at + 1),
            };
            read.map_err(|why| invalid(at + 1, &why))?;
        }
    }
    match reader.lost_pause() {
        _ if reader.turns.is_empty() => Err(invalid(1, NOBODY)),
        Some(line) => Err(invalid(line, LOST_PAUSE)),
        None => Ok(reader.turns),
    }
}

/// What is wrong with a script without a turn.
pub(crate) const NOBODY: &str = "nobody says anything; write lines such as `Ada: Hello.`";

/// What is wrong with a pause at the end.
pub(crate) const LOST_PAUSE: &str = "nobody says anything after this pause; take it out";

/// Whether the first colon of a line has a backslash before it, and so ends no name.
pub(crate) fn escaped(line: &str) -> bool {
    line.split_once(':').is_some_and(|(before, _)| before.ends_with('\\'))
}

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
    /// The same for the next turn alone.
    next: Option<f64>,
    /// Names that a line may begin with whatever they hold.
    names: BTreeSet<String>,
    speaker: Option<String>,
    speed: Option<f32>,
    /// Pauses since the last turn, and the line of the last of them.
    pause: Option<(f64, usize)>,
    /// Whether what comes next belongs to the last turn.
    goes_on: bool,
    /// Whether something was said in this line already.
    said: bool,
}

impl Reader {
    pub(crate) fn new(usual: f64) -> Self {
        Self {
            turns: Vec::new(),
            usual,
            next: None,
            names: BTreeSet::new(),
            speaker: None,
            speed: None,
            pause: None,
            goes_on: false,
            said: false,
        }
    }

    /// A name that a line may begin with whatever it holds, such as `Dr. Jones`.
    pub(crate) fn known(&mut self, name: &str) {
        self.names.insert(name.to_owned());
    }

    /// The line of a pause after which nothing is said.
    pub(crate) fn lost_pause(&self) -> Option<usize> {
        self.pause.map(|(_, line)| line)
    }

    /// Something new begins with the next line, which names its speaker.
    ///
    /// Before it is a silence of so many seconds if nothing is said of it.
    pub(crate) fn part(&mut self, pause: f64) {
        (self.speaker, self.speed, self.goes_on) = (None, None, false);
        self.next = Some(pause);
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
        let said = match self.named(line) {
            Some((name, said)) => {
                self.speaker = Some(name.to_owned());
                (self.speed, self.goes_on) = (None, false);
                said
            }
            None => line,
        };
        self.goes_on(said, at)
    }

    /// The same for a line that begins with no name, whatever it looks like.
    pub(crate) fn goes_on(&mut self, line: &str, at: usize) -> Result<(), String> {
        self.said = false;
        self.said(line, at)
    }

    /// The name that a line begins with, and what follows it.
    fn named<'a>(&self, line: &'a str) -> Option<(&'a str, &'a str)> {
        let (name, said) = line.split_once(':')?;
        match self.names.contains(name.trim()) {
            true => Some((name.trim(), said)),
            false => named(line),
        }
    }

    /// Text with directions in brackets.
    fn said(&mut self, mut rest: &str, at: usize) -> Result<(), String> {
        while let Some((before, after)) = rest.split_once('[') {
            self.text(before.trim(), at)?;
            let (direction, after) = after.split_once(']').ok_or("a `[` has no `]` in its line")?;
            self.direction(direction.trim(), at)?;
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
                let usual = match self.next.take() {
                    _ if self.turns.is_empty() => 0.0,
                    // Another speed within a line is no pause.
                    _ if self.said => 0.0,
                    next => next.unwrap_or(self.usual),
                };
                let pause = self.pause.take().map_or(usual, |(seconds, _)| seconds);
                let (speaker, text) = (speaker.clone(), text.to_owned());
                self.turns.push(Turn { speaker, text, speed: self.speed, pause, line: at });
            }
        }
        (self.goes_on, self.said) = (true, true);
        Ok(())
    }

    fn direction(&mut self, direction: &str, at: usize) -> Result<(), String> {
        let (word, value) = direction.split_once(char::is_whitespace).unwrap_or((direction, ""));
        let number = |value: &str| value.trim().parse::<f64>().ok();
        match word {
            "pause" => {
                let seconds = number(value.trim().trim_end_matches('s'));
                let seconds = seconds.filter(|seconds| (0.0..=MOST_PAUSE).contains(seconds));
                let seconds = seconds.ok_or_else(|| {
                    format!("`[{direction}]`: expected `[pause 0.5s]`, of 0 to {MOST_PAUSE} seconds")
                })?;
                let all = self.pause.map_or(0.0, |(before, _)| before) + seconds;
                if all > MOST_PAUSE {
                    return Err(format!(
                        "the pauses here add up to {all} s; at most {MOST_PAUSE} s are kept"
                    ));
                }
                self.pause = Some((all, at));
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
    fn a_mark_of_byte_order_is_no_name_and_a_colon_with_a_backslash_ends_none() {
        let turns = parse("\u{feff}Ada: Hello.\nNote\\: it rains.\nBen: [speed 2] A. [speed 1] B.").unwrap();
        let told: Vec<(&str, &str, f64)> =
            turns.iter().map(|turn| (turn.speaker.as_str(), turn.text.as_str(), turn.pause)).collect();
        let first = ("Ada", "Hello. Note: it rains.", 0.0);
        assert_eq!(told, [first, ("Ben", "A.", USUAL_PAUSE), ("Ben", "B.", 0.0)]);
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
            ("Ada: x\n[pause 1s]", "line 2: nobody says anything after this pause"),
            ("Ada: x\n[pause 40s]\n[pause 21s]\nAda: y", "line 3: the pauses here add up to 61 s"),
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
