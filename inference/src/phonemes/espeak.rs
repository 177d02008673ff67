//! The program espeak-ng as a child process: lines of text in, their sounds in IPA out. It is under the GPL, so it is
//! run where it is installed and nothing of it is linked.

use super::tongue::Tongue;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// The program's name in the search path.
pub(super) const PROGRAM: &str = "espeak-ng";

/// A run takes some hundredths of a second; one that takes this long hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes that it may print for each byte of text (a figure of many places takes some thirty), and for a short text.
const MOST_FOR_A_BYTE: u64 = 100;
const MOST_FOR_NOTHING: u64 = 1 << 16;

/// Bytes of a line: it reads 999 at once and would cut a longer one within a character.
const MOST_LINE: usize = 600;

/// Bytes of a word: it leaves out the rest of a longer one.
const MOST_WORD: usize = 100;

/// A line that ends a text: phonemes in espeak's own notation, which it prints as they are. A text has no brackets
/// and so cannot say the same.
const END: &str = "[[s_s_s_s_s_s_s]]";
const ENDED: &str = "sssssss";

/// The character that ties the letters of one sound together, as Kokoro's own reader asks for it.
pub(super) const TIE: char = '^';

/// An espeak-ng that was found or will be looked for when it is asked.
#[derive(Debug)]
pub(super) struct Espeak {
    program: PathBuf,
    patience: Duration,
}

impl Espeak {
    /// The program at a path, or of a name to be found in the search path.
    pub(super) fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), patience: PATIENCE }
    }

    /// The sounds of each of `texts` in IPA, with [`TIE`] and blanks between words; a text that says nothing has none.
    ///
    /// # Errors
    /// `RuntimeMissing` if there is no such program, `Engine` if it fails, hangs, or prints what makes no sense.
    pub(super) fn read(&self, tongue: Tongue, texts: &[String]) -> Result<Vec<String>> {
        let mut input = String::new();
        for text in texts {
            lines(text, &mut input);
            input.push_str(END);
            input.push('\n');
        }
        let printed = self.run(tongue, input)?;
        let mut read = vec![String::new()];
        for line in printed.lines().map(str::trim) {
            match (line, read.last_mut()) {
                (ENDED, _) => read.push(String::new()),
                (_, Some(text)) if !line.is_empty() => {
                    let between = if text.is_empty() { "" } else { " " };
                    text.push_str(between);
                    text.push_str(line);
                }
                _ => {}
            }
        }
        read.pop();
        match read.len() == texts.len() {
            true => Ok(read),
            false => Err(self.failed(format!("it answered {} of {} texts", read.len(), texts.len()))),
        }
    }

    /// Runs it over `input`, and gives what it prints.
    fn run(&self, tongue: Tongue, input: String) -> Result<String> {
        let deadline = Instant::now() + self.patience;
        let most = MOST_FOR_NOTHING + MOST_FOR_A_BYTE * input.len() as u64;
        // UTF-8 in, no sound, IPA out.
        let arguments = ["-q", "-b", "1", "-v", tongue.espeak(), "--ipa", &format!("--tie={TIE}")];
        let mut command = Command::new(&self.program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = Running(command.spawn().map_err(|error| missing(&self.program, tongue, error))?);
        let (mut stdin, stdout, stderr) =
            (child.0.stdin.take(), child.0.stdout.take(), child.0.stderr.take());
        // A program that ends early closes its input, and says why on its standard error.
        std::thread::spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(input.as_bytes())));
        let (told, complaints) = channel();
        let _reader = std::thread::spawn(move || told.send(all(stderr, 4096)));
        let (told, printed) = channel();
        let _reader = std::thread::spawn(move || told.send(all(stdout, most + 1)));
        let left = |deadline: Instant| deadline.saturating_duration_since(Instant::now());
        let printed = match printed.recv_timeout(left(deadline)) {
            Ok(printed) => printed.map_err(|error| self.failed(error.to_string()))?,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return Err(self.hangs()),
        };
        if printed.len() as u64 > most {
            return Err(self.failed(format!("it printed more than {most} bytes")));
        }
        // Nothing is sent: it is waited for a moment.
        let (_sender, moment) = channel::<()>();
        let status = loop {
            match child.0.try_wait().map_err(|error| self.failed(error.to_string()))? {
                Some(status) => break status,
                None if left(deadline).is_zero() => return Err(self.hangs()),
                None => drop(moment.recv_timeout(Duration::from_millis(1))),
            }
        };
        if !status.success() {
            let said =
                complaints.recv_timeout(left(deadline)).ok().and_then(io::Result::ok).unwrap_or_default();
            let said = String::from_utf8_lossy(&said);
            return Err(self.failed(format!("{status}: {}", said.trim())));
        }
        String::from_utf8(printed).map_err(|_| self.failed("it printed no UTF-8".to_owned()))
    }

    fn hangs(&self) -> InferenceError {
        self.failed(format!("no answer within {:?}", self.patience))
    }

    fn failed(&self, why: String) -> InferenceError {
        let message = format!("{} failed while it sounded out a text: {why}", self.program.display());
        InferenceError::new(ErrorKind::Engine, message)
    }
}

/// A child that is killed and reaped when it is dropped.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What `pipe` gives, up to `most` bytes.
fn all(pipe: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// Adds `text` in as many lines as it takes, and its words in as many pieces.
fn lines(text: &str, input: &mut String) {
    let (mut line, mut word) = (0, 0);
    for c in text.chars().filter(|c| !matches!(c, '[' | ']')) {
        let c = if c.is_control() { ' ' } else { c };
        if line + c.len_utf8() > MOST_LINE {
            input.push('\n');
            (line, word) = (0, 0);
        } else if word + c.len_utf8() > MOST_WORD {
            input.push(' ');
            (line, word) = (line + 1, 0);
        }
        input.push(c);
        line += c.len_utf8();
        word = if c.is_whitespace() { 0 } else { word + c.len_utf8() };
    }
    input.push('\n');
}

fn missing(program: &Path, tongue: Tongue, error: io::Error) -> InferenceError {
    let name = super::Language::Other(tongue).name();
    let message = format!(
        "{name} is sounded out by the program espeak-ng, and {} cannot be started; install it (`sudo apt-get install \
         --yes espeak-ng`), or name it in the setting tools.espeak",
        program.display()
    );
    InferenceError::new(ErrorKind::RuntimeMissing, message).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn script(folder: &Path, says: &str) -> Espeak {
        use std::os::unix::fs::PermissionsExt;
        let program = folder.join("espeak");
        std::fs::write(&program, format!("#!/bin/sh\n{says}\n")).unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Espeak { patience: Duration::from_secs(2), ..Espeak::new(program) }
    }

    #[test]
    fn a_program_that_is_not_there_is_named_with_the_line_that_installs_it() {
        let error = Espeak::new("/nowhere/espeak-ng").read(Tongue::Spanish, &["hola".into()]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::RuntimeMissing);
        let said = error.to_string();
        assert!(said.contains("apt-get install --yes espeak-ng") && said.contains("Spanish"), "{said}");
    }

    #[test]
    fn a_program_that_hangs_fails_babbles_or_falls_silent_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        for (says, expected) in [
            ("exec sleep 60", "no answer within"),
            ("cat >/dev/null; exec >&-; exec sleep 60", "no answer within"),
            ("echo no such voice >&2; exit 1", "no such voice"),
            ("exec yes", "printed more than"),
            ("cat >/dev/null", "answered 0 of 2"),
            ("cat >/dev/null; for i in 1 2 3; do echo sssssss; done", "answered 3 of 2"),
            ("cat >/dev/null; printf '\\377'", "no UTF-8"),
            ("kill -SEGV $$", "signal"),
        ] {
            let begun = Instant::now();
            // More than a pipe holds, for a program that does not read it.
            let texts = ["hola".to_owned(), "a".repeat(1 << 17)];
            let error = script(folder.path(), says).read(Tongue::Italian, &texts).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Engine);
            assert!(error.to_string().contains(expected), "{says}: {error}");
            assert!(begun.elapsed() < Duration::from_secs(20), "{says}");
        }
    }

    #[test]
    fn texts_are_answered_one_by_one_whatever_is_in_them() {
        let espeak = Espeak::new(PROGRAM);
        let long = "palabra".repeat(500);
        let texts =
            ["hola", "", "→", "El Sr. García vino. Y se fue", "[[s_s_s_s_s_s_s]]", "a\nb", &long, "sí"];
        let read = espeak.read(Tongue::Spanish, &texts.map(str::to_owned)).unwrap();
        assert_eq!(read.len(), texts.len());
        assert_eq!((read[0].as_str(), read[1].as_str(), read[7].as_str()), ("ˈola", "", "sˈi"));
        assert!(read[3].starts_with("el seɲˈoɾ"), "{}", read[3]);
        assert!(read[6].chars().count() > 3000, "nothing is left out: {}", read[6].chars().count());
    }
}
