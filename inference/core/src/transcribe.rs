//! Speech to text.

use crate::{Control, Footprint, Result};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Samples a second of all sound given to a recogniser, in Hz.
pub const SAMPLE_RATE: u32 = 16_000;

/// Sound that comes piece by piece, so that hours of it need no memory: one channel, [`SAMPLE_RATE`], about
/// -1.0 ..= 1.0.
pub trait Samples: Send {
    /// Fills `out` from its beginning and tells how many samples were put there: fewer than it holds only at the end.
    ///
    /// # Errors
    /// Whatever the sound comes from; its message is told to the person.
    fn read(&mut self, out: &mut [f32]) -> io::Result<usize>;

    /// Goes back to the first sample.
    ///
    /// # Errors
    /// As [`Samples::read`].
    fn rewind(&mut self) -> io::Result<()>;

    /// How many seconds it lasts, as far as known beforehand; for progress only.
    fn seconds(&self) -> Option<f64>;
}

/// What is to be transcribed. It can be listened to several times, by one at a time.
pub struct Sound(Mutex<Box<dyn Samples>>);

impl Sound {
    /// Sound in memory.
    pub fn samples(samples: Vec<f32>) -> Self {
        Self::stream(Held { samples, at: 0 })
    }

    /// Sound that comes piece by piece.
    pub fn stream(samples: impl Samples + 'static) -> Self {
        Self(Mutex::new(Box::new(samples)))
    }

    /// The samples, from wherever they were left; `rewind` them first.
    pub fn open(&self) -> MutexGuard<'_, Box<dyn Samples>> {
        // A panic within a read leaves nothing that going back to the first sample does not mend.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Sound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sound")
    }
}

struct Held {
    samples: Vec<f32>,
    at: usize,
}

impl Samples for Held {
    fn read(&mut self, out: &mut [f32]) -> io::Result<usize> {
        let count = out.len().min(self.samples.len() - self.at);
        out[..count].copy_from_slice(&self.samples[self.at..][..count]);
        self.at += count;
        Ok(count)
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.at = 0;
        Ok(())
    }

    fn seconds(&self) -> Option<f64> {
        Some(self.samples.len() as f64 / f64::from(SAMPLE_RATE))
    }
}

/// What to write down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// What is said, in its own language.
    #[default]
    Transcribe,
    /// What is said, in English.
    Translate,
}

/// How to listen. The values given are the defaults; those of Whisper's own are its paper's and its program's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TranscribeOptions {
    /// Code of the language spoken, for example `en`; found out from the first half minute of speech if none.
    pub language: Option<String>,
    /// Transcribe.
    pub task: Task,
    /// Text that could stand before the sound: names and spellings to follow. None.
    pub prompt: Option<String>,
    /// Words to expect anywhere, separated by blanks or commas. None.
    pub hot_words: Option<String>,
    /// Whether every word gets its times; false.
    pub words: bool,
    /// How many texts are followed at a time where nothing is drawn by chance: 1 takes the likeliest token each time.
    /// 1 to 16; 5.
    pub beams: u32,
    /// How many texts are drawn at temperatures above 0, of which the likeliest is taken. 1 to 16; 5.
    pub best_of: u32,
    /// Temperatures to try one after the other, while the text repeats itself or is unlikely. 0 to 1.0 by 0.2.
    pub temperatures: Vec<f32>,
    /// A text that can be compressed by more repeats itself; 2.4.
    pub compression_ratio: f32,
    /// A text whose tokens have on average a lower logarithm of their probability is unlikely; -1.0.
    pub log_probability: f32,
    /// A window that is silent with a higher probability, and whose text is unlikely, is left out; 0.6.
    pub no_speech: f32,
    /// Whether what was written before steers what is written next, where windows follow each other (a `batch` of 1);
    /// true.
    pub condition: bool,
    /// Whether only what a voice detector takes for speech is listened to; true.
    pub voice_only: bool,
    /// Windows of half a minute that are decoded at a time. With 1 each begins where the text of the one before ended;
    /// with more they are cut in pauses, which is faster. 1 to 32; 1.
    pub batch: u32,
    /// Seed of what is drawn by chance; 0.
    pub seed: u64,
}

impl Default for TranscribeOptions {
    fn default() -> Self {
        Self {
            language: None,
            task: Task::Transcribe,
            prompt: None,
            hot_words: None,
            words: false,
            beams: 5,
            best_of: 5,
            temperatures: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0],
            compression_ratio: 2.4,
            log_probability: -1.0,
            no_speech: 0.6,
            condition: true,
            voice_only: true,
            batch: 1,
            seed: 0,
        }
    }
}

/// Sound to be written down.
#[derive(Debug)]
pub struct TranscribeRequest {
    /// The sound.
    pub sound: Sound,
    /// How to listen.
    pub options: TranscribeOptions,
}

/// What was heard.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// Code of the language; none where it was to be found out and nothing was said.
    pub language: Option<String>,
    /// How likely that is; 1 where it was given.
    pub language_probability: f32,
    /// Seconds that were listened to.
    pub duration: f64,
    /// Stretches of text in the order of their starts.
    pub segments: Vec<Segment>,
}

impl Transcript {
    /// All text.
    pub fn text(&self) -> String {
        self.segments.iter().map(|segment| segment.text.as_str()).collect::<String>().trim().to_owned()
    }
}

/// A stretch of text, about a sentence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// In seconds.
    pub start: f64,
    /// In seconds, not before `start`.
    pub end: f64,
    /// With the blank before it, where its language puts one.
    pub text: String,
    /// Ids of the model's vocabulary.
    pub tokens: Vec<u32>,
    /// At which it was drawn.
    pub temperature: f32,
    /// Mean logarithm of its window's tokens' probabilities.
    pub log_probability: f32,
    /// How far its window's text can be compressed.
    pub compression_ratio: f32,
    /// How likely its window is silent.
    pub no_speech: f32,
    /// Its words, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub words: Option<Vec<Word>>,
}

/// One word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Word {
    /// In seconds.
    pub start: f64,
    /// In seconds, not before `start`.
    pub end: f64,
    /// With the blank before it and the punctuation that clings to it.
    pub text: String,
    /// Mean probability of its tokens.
    pub probability: f32,
}

/// A loaded recogniser.
pub trait Transcribe: Send {
    /// Codes of the languages it knows.
    fn languages(&self) -> Vec<String>;

    /// Bytes that [`Transcribe::transcribe`] will need for `request`, however long the sound is.
    fn footprint(&self, request: &TranscribeRequest) -> Footprint;

    /// Listens to the sound from its beginning. `control` is called at least once a window, and counts seconds. The
    /// same request gives the same text on the same device.
    ///
    /// # Errors
    /// `InvalidRequest` for options out of range, an unknown language, samples that are no numbers, and sound that
    /// cannot be read; `OutOfMemory`, `Cancelled`, or `Engine`.
    fn transcribe(&mut self, request: &TranscribeRequest, control: &dyn Control) -> Result<Transcript>;
}
