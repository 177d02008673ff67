//! What is transcribed: people reading aloud, and Kokoro, of which every word's time is known.

use super::words::{Word, plain};
use super::{Args, SETUP};
use crate::voice::speaker::Models;
use anyhow::{Context, Result, ensure};
use reelsmith_media::sound::Track;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Samples a second of all sounds here.
const RATE: u32 = 16_000;
/// Bytes of a second.
const SECOND: usize = RATE as usize * size_of::<f32>();

/// What is read aloud, by the names of the files: the beginning of Dickens' "A Tale of Two Cities", and from
/// Beckett's "Worstward Ho".
const READ: [(&str, &str); 2] = [
    (
        "two_cities",
        "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, \
         it was the epoch of belief, it was the epoch of incredulity, it was the season of light, it was the season \
         of darkness, it was the spring of hope, it was the winter of despair, we had everything before us, we had \
         nothing before us, we were all going direct to heaven, we were all going direct the other way. In short, the \
         period was so far like the present period that some of its noisiest authorities insisted on its being \
         received, for good or for evil, in the superlative degree of comparison only.",
    ),
    ("beckett", "Ever tried. Ever failed. No matter. Try again. Fail again. Fail better."),
];

/// A sound in a file, as f32, and what is said in it.
#[derive(Debug)]
pub(super) struct Sound {
    /// Its file.
    pub(super) path: PathBuf,
    /// How long it is.
    pub(super) seconds: f64,
    /// What is said, as [`plain`] has it.
    pub(super) text: Vec<String>,
    /// The same words with their times, by who does not guess them.
    pub(super) words: Vec<Word>,
}

/// A sound while parts are put behind each other, each with a second of silence after it.
#[derive(Default)]
struct Tape {
    bytes: Vec<u8>,
    text: Vec<String>,
    words: Vec<Word>,
}

impl Tape {
    fn seconds(&self) -> f64 {
        self.bytes.len() as f64 / SECOND as f64
    }

    fn add(&mut self, bytes: &[u8], text: &str, words: &[Word]) {
        let begin = self.seconds();
        self.words.extend(words.iter().map(|(word, start)| (word.clone(), begin + start)));
        self.text.extend(plain(text));
        self.bytes.extend(bytes);
        self.bytes.extend([0; SECOND]);
    }

    fn write(self, path: PathBuf) -> Result<Sound> {
        std::fs::write(&path, &self.bytes).with_context(|| format!("write {}", path.display()))?;
        Ok(Sound { path, seconds: self.seconds(), text: self.text, words: self.words })
    }
}

/// People reading, again and again until it is at least `seconds` long, in a file of `folder`; when they say each word is
/// found by PocketSphinx.
pub(super) fn read_aloud(args: &Args, folder: &Path, seconds: f64) -> Result<Sound> {
    let times = aligned(args)?;
    let mut tape = Tape::default();
    while tape.seconds() < seconds {
        for (name, text) in READ {
            let path = args.sounds.join(format!("{name}.f32"));
            let bytes =
                std::fs::read(&path).with_context(|| format!("read {}; {SETUP} makes it", path.display()))?;
            tape.add(&bytes, text, times.get(name).context("the aligner left a text out")?);
        }
    }
    tape.write(folder.join(format!("read-{seconds:.0}.f32")))
}

/// The times of what is read aloud, by the names of the files.
fn aligned(args: &Args) -> Result<BTreeMap<String, Vec<Word>>> {
    let mut child = Command::new(&args.python)
        .arg("benches/peers/transcribe_align.py")
        .arg(&args.sounds)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}; {SETUP} makes it", args.python.display()))?;
    let texts: BTreeMap<_, _> = READ.into_iter().collect();
    child.stdin.take().context("a child without an input")?.write_all(&serde_json::to_vec(&texts)?)?;
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "the aligner failed");
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Kokoro speaking the passages in turn with each of the voices, until it is at least `seconds` long. The times of its
/// words are those of its own durations.
pub(super) fn spoken(args: &Args, folder: &Path, seconds: f64) -> Result<Sound> {
    let passages = std::fs::read_to_string(&args.passages)
        .with_context(|| format!("read {}", args.passages.display()))?;
    let passages: Vec<&str> = passages.lines().collect();
    let mut tape = Tape::default();
    for voice in args.voices.iter().cycle() {
        let models =
            Models { models: args.models.clone(), python: args.python.clone(), voice: voice.clone() };
        let scratch = tempfile::tempdir()?;
        for (speech, text) in
            models.speak_all("fp32", voice, &passages, scratch.path())?.into_iter().zip(&passages)
        {
            let words: Vec<Word> = speech.words.iter().map(|word| (word.text.clone(), word.start)).collect();
            let track = Track { rate: speech.sample_rate, channels: 1, samples: speech.samples };
            let bytes: Vec<u8> =
                track.resampled(RATE)?.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            tape.add(&bytes, text, &words);
            if tape.seconds() >= seconds {
                return tape.write(folder.join("spoken.f32"));
            }
        }
    }
    tape.write(folder.join("spoken.f32"))
}
