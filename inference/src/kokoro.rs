//! Kokoro-82M: text to speech at 24 kHz with the time of every word.
//!
//! Text becomes phonemes ([`crate::phonemes`]), sentence by sentence; the model speaks each and tells
//! how long every phoneme lasts ([`graph`]); the pieces are trimmed and joined ([`join`]), and the
//! durations become word times.
//!
//! The same request gives the same samples on the same machine, at any number of threads in the fp32
//! and fp16 graphs' case to the last bit only if the number is the same: sums are split per thread.

mod graph;
mod join;
mod runs;
pub(crate) mod session;
mod timing;
mod voices;
mod wire;

use crate::phonemes::{Accent, Document, Phonemizer, SPACE, Symbol};
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, SpokenWord, Voice};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Progress, Result, Verdict};
use session::{Acoustic, Spoken};
use std::path::Path;
use voices::Voices;

pub use voices::language;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 24_000;

/// Silence between pieces at speed 1, in seconds, beside the air that [`join`] keeps around them.
const PARAGRAPH_PAUSE: f32 = 0.6;
const SENTENCE_PAUSE: f32 = 0.25;
const PHRASE_PAUSE: f32 = 0.06;

/// Symbols of a group of sentences: about 17 s of speech. Longer runs cost memory and end hurried.
const MOST_TOGETHER: usize = 250;

/// Symbols of the shortest sentence that joins a group: about 3 s of speech.
const LEAST_TOGETHER: usize = 40;

/// The longest text of one request, in bytes.
pub const MOST_TEXT: usize = 100_000;

/// A loaded Kokoro-82M.
pub struct Kokoro {
    acoustic: Acoustic,
    voices: Voices,
    phonemizer: Phonemizer,
    weights: u64,
}

impl Kokoro {
    /// Loads the graph `model`, lists the voices of `voices` (`<name>.bin`), and loads the network for
    /// unknown words `oov` (an ONNX file with its alphabet beside it as `.json`). `threads` are those
    /// that one run is split over. ONNX Runtime must have been loaded before.
    ///
    /// # Errors
    /// `ModelMissing`, `ModelCorrupt` or `RuntimeMissing`.
    pub fn open(model: &Path, voices: &Path, oov: &Path, threads: usize) -> Result<Self> {
        let weights = std::fs::metadata(model).map(|file| file.len()).unwrap_or(0);
        Ok(Self {
            voices: Voices::open(voices)?,
            phonemizer: Phonemizer::open(oov)?,
            acoustic: Acoustic::open(model, threads.max(1))?,
            weights,
        })
    }

    /// The phonemes that `voice` would speak for `text`, in the model's alphabet, a sentence a line: tells
    /// why a word sounds as it does.
    ///
    /// # Errors
    /// `UnknownModel` for a voice that it does not have, or `Engine`.
    pub fn phonemes(&mut self, text: &str, voice: &str) -> Result<String> {
        self.voices.check(voice)?;
        self.phonemizer.transcribe(text, accent(voice))
    }
}

impl Speak for Kokoro {
    fn voices(&self) -> Vec<Voice> {
        self.voices.list()
    }

    fn footprint(&self, _: &SpeakRequest) -> Footprint {
        Footprint { weights: self.weights, peak_activation: 600 << 20 }
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        self.voices.check(&request.voice)?;
        check(request)?;
        let document = Document::new(&request.text);
        let total = document.sentences();
        let mut take = Take::new(&document);
        let mut group = Group::default();
        for index in 0..total {
            step(control, index - group.sentences, total)?;
            let symbols = self.phonemizer.sentence(&document, index, accent(&request.voice))?;
            let opens_paragraph = document.opens_paragraph(index);
            if opens_paragraph || !group.takes(&symbols) {
                self.speak_group(&mut group, request, &mut take)?;
            }
            group.add(&symbols, if opens_paragraph { PARAGRAPH_PAUSE } else { SENTENCE_PAUSE });
        }
        self.speak_group(&mut group, request, &mut take)?;
        step(control, total, total)?;
        take.finish(request, &document)
    }
}

fn step(control: &dyn Control, done: usize, total: usize) -> Result<()> {
    let progress = Progress { done: done as u64, total: Some(total as u64), unit: "sentences" };
    match control.step(progress) {
        Verdict::Continue => Ok(()),
        Verdict::Cancel => Err(InferenceError::cancelled()),
    }
}

/// Neighbouring sentences that are spoken in one run: their melody goes on from one to the next, and the
/// silence that every run begins and ends with is computed once.
#[derive(Default)]
struct Group {
    symbols: Vec<Symbol>,
    sentences: usize,
    /// Symbols of the last sentence.
    last: usize,
    pause: f32,
}

impl Group {
    /// Whether a sentence may join. The model hurries over the end of a short one that another follows
    /// (pauses of 0 to 0.15 s in place of 0.35 to 0.5), so short ones are spoken alone.
    fn takes(&self, symbols: &[Symbol]) -> bool {
        self.last.min(symbols.len()) >= LEAST_TOGETHER && self.symbols.len() + symbols.len() < MOST_TOGETHER
    }

    fn add(&mut self, symbols: &[Symbol], pause: f32) {
        self.sentences += 1;
        self.last = symbols.len();
        if self.symbols.is_empty() {
            self.pause = pause;
        } else {
            self.symbols.push(Symbol { number: SPACE, word: None });
        }
        self.symbols.extend_from_slice(symbols);
    }
}

impl Kokoro {
    /// Speaks the group in as many runs as it takes and leaves it empty.
    fn speak_group(&mut self, group: &mut Group, request: &SpeakRequest, take: &mut Take) -> Result<()> {
        let Group { symbols, pause, .. } = std::mem::take(group);
        for (at, range) in runs::runs(&symbols).into_iter().enumerate() {
            let run = &symbols[range];
            if run.iter().all(|symbol| symbol.word.is_none()) {
                continue;
            }
            let mut numbers = vec![0i64];
            numbers.extend(run.iter().map(|symbol| i64::from(symbol.number)));
            numbers.push(0);
            let style = self.voices.style(&request.voice, run.len())?;
            let spoken = self.acoustic.run(&numbers, style, request.speed)?;
            let pause = if at == 0 { pause } else { PHRASE_PAUSE };
            take.add(run, &spoken, (pause / request.speed * SAMPLE_RATE as f32) as usize);
        }
        Ok(())
    }
}

/// Speech as it grows.
struct Take {
    samples: Vec<f32>,
    /// First and last sample of each written word.
    spans: Vec<Option<(usize, usize)>>,
}

impl Take {
    fn new(document: &Document<'_>) -> Self {
        Self { samples: Vec::new(), spans: vec![None; document.ranges().count()] }
    }

    fn add(&mut self, run: &[Symbol], spoken: &Spoken, pause: usize) {
        let words = timing::words(run, &spoken.durations, &spoken.samples);
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return;
        };
        let kept = join::kept(first.start..last.end, spoken.samples.len());
        let pause = if self.samples.is_empty() { 0 } else { pause };
        let start = join::append(&mut self.samples, &spoken.samples[kept.clone()], pause);
        let place = |sample: usize| sample.clamp(kept.start, kept.end) - kept.start + start;
        for heard in words {
            let span = self.spans[heard.word].get_or_insert((place(heard.start), 0));
            span.1 = place(heard.end);
        }
    }

    /// The speech with its words; a word that says nothing lies without length where the one before ends.
    fn finish(self, request: &SpeakRequest, document: &Document<'_>) -> Result<Speech> {
        if self.samples.is_empty() {
            return Err(nothing_to_say(document));
        }
        let seconds = |sample: usize| sample as f64 / f64::from(SAMPLE_RATE);
        let mut previous = 0;
        let words = document.ranges().zip(&self.spans).map(|(range, span)| {
            let (start, end) = span.unwrap_or((previous, previous));
            let start = start.max(previous);
            previous = end.max(start);
            let text = request.text[range.clone()].to_owned();
            SpokenWord { text, range, start: seconds(start), end: seconds(previous) }
        });
        Ok(Speech { words: words.collect(), samples: self.samples, sample_rate: SAMPLE_RATE })
    }
}

fn nothing_to_say(document: &Document<'_>) -> InferenceError {
    let message = match document.ranges().next() {
        None => "there is nothing to say: the text has no word, number or spoken symbol; write some text",
        Some(_) => "none of the text can be read as English; write it in Latin letters",
    };
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

fn check(request: &SpeakRequest) -> Result<()> {
    let invalid = |message: String| Err(InferenceError::new(ErrorKind::InvalidRequest, message));
    if !(0.5..=2.0).contains(&request.speed) {
        return invalid(format!("the speed is {}; it goes from 0.5 to 2.0", request.speed));
    }
    if request.text.len() > MOST_TEXT {
        let bytes = request.text.len();
        return invalid(format!("the text has {bytes} bytes; one request takes {MOST_TEXT}: split it"));
    }
    Ok(())
}

fn accent(voice: &str) -> Accent {
    if voice.starts_with('b') { Accent::Gb } else { Accent::Us }
}
