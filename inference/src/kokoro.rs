//! Kokoro-82M, and small students of its voices: text to speech at 24 kHz with the time of every word.
//!
//! Text becomes phonemes ([`crate::phonemes`]), sentence by sentence; the model speaks each and tells
//! how long every phoneme lasts ([`graph`]); the pieces are trimmed and joined ([`join`]), and the
//! durations become word times.
//!
//! The same request gives the same samples on the same machine with the same number of threads. Another
//! number of threads splits sums differently, which may change the last bits.

mod fuse;
mod graph;
mod join;
mod memory;
mod runs;
mod session;
mod student;
mod timing;
mod voices;

use crate::phonemes::{Document, Language, Phonemizer, Symbol};
use reelsmith_inference_core::catalogue::Memory;
use reelsmith_inference_core::speech::{Speak, SpeakRequest, Speech, SpokenWord, Voice, mixture};
use reelsmith_inference_core::{Control, ErrorKind, Footprint, InferenceError, Progress, Result, Verdict};
use runs::Group;
use session::Spoken;
use std::path::{Path, PathBuf};
use student::Student;
use voices::Voices;

pub use voices::language;

/// Samples a second.
pub const SAMPLE_RATE: u32 = 24_000;

/// Silence between pieces at speed 1, in seconds, beside the air that [`join`] keeps around them.
const PARAGRAPH_PAUSE: f32 = 0.6;
const SENTENCE_PAUSE: f32 = 0.25;
const PHRASE_PAUSE: f32 = 0.06;

/// The longest text of one request, in bytes.
pub const MOST_TEXT: usize = 100_000;

/// The most speech of one request, in minutes, reckoned before anything is spoken.
pub const MOST_MINUTES: f64 = 75.0;

/// Digits of one written word: a number of more is no number that anybody could follow.
pub const MOST_DIGITS: usize = 40;

/// A loaded Kokoro-82M, or a student of it.
pub struct Kokoro {
    acoustic: Acoustic,
    phonemizer: Phonemizer,
    memory: Memory,
}

/// What makes sound of symbols.
enum Acoustic {
    Kokoro { network: session::Acoustic, voices: Voices },
    Student(Student),
}

impl Acoustic {
    fn voices(&self) -> Vec<Voice> {
        match self {
            Self::Kokoro { voices, .. } => voices.list(),
            Self::Student(student) => vec![student.voice()],
        }
    }

    /// Refuses a voice that there is not.
    fn check(&self, voice: &str) -> Result<()> {
        match self {
            Self::Kokoro { voices, .. } => voices.check(voice),
            Self::Student(student) => student.check(voice),
        }
    }

    /// Speaks `symbols` (0 at both ends); after the last run of a request memory is given back.
    fn run(&mut self, symbols: &[i64], voice: &str, speed: f32, is_last: bool) -> Result<Spoken> {
        match self {
            Self::Kokoro { network, voices } => {
                network.run(symbols, voices.style(voice, symbols.len() - 2)?, speed, is_last)
            }
            Self::Student(student) => student.run(symbols, speed, is_last),
        }
    }
}

impl Kokoro {
    /// Loads the graph `model`, lists the voices of `voices` (`<name>.bin`), and loads the network for
    /// unknown words `oov` (an ONNX file with its alphabet beside it as `.json`). `threads` are those
    /// that one run is split over. ONNX Runtime must have been loaded before.
    ///
    /// # Errors
    /// `ModelMissing`, `ModelCorrupt` or `RuntimeMissing`.
    pub fn open(model: &Path, voices: &Path, oov: &Path, threads: usize) -> Result<Self> {
        let network = session::Acoustic::open(model, threads.max(1))?;
        let acoustic = Acoustic::Kokoro { network, voices: Voices::open(voices)? };
        Ok(Self { acoustic, phonemizer: Phonemizer::open(oov)?, memory: memory::LARGEST })
    }

    /// The same with the graph of a student (hibari), which is named after the one voice that it has: `af_heart.onnx`.
    ///
    /// # Errors
    /// As [`Kokoro::open`].
    pub fn open_student(model: &Path, oov: &Path, threads: usize) -> Result<Self> {
        let acoustic = Acoustic::Student(Student::open(model, threads.max(1))?);
        Ok(Self { acoustic, phonemizer: Phonemizer::open(oov)?, memory: memory::LARGEST })
    }

    /// Takes the figures of [`Speak::footprint`] from `memory`, which was measured for this very graph, in
    /// place of figures that no published graph exceeds.
    pub fn with_memory(self, memory: Memory) -> Self {
        Self { memory, ..self }
    }

    /// Reads languages other than English with the program at `program`, not with the espeak-ng in the search path.
    pub fn with_espeak(self, program: impl Into<PathBuf>) -> Self {
        Self { phonemizer: self.phonemizer.with_espeak(program.into()), ..self }
    }

    /// The phonemes that `voice` would speak for `text`, in the model's alphabet, a sentence a line: tells
    /// why a word sounds as it does.
    ///
    /// # Errors
    /// `UnknownModel` for a voice that it does not have, `InvalidRequest` for one whose language is not read here,
    /// `RuntimeMissing` where the program that reads it is missing, or `Engine`.
    pub fn phonemes(&mut self, text: &str, voice: &str) -> Result<String> {
        self.acoustic.check(voice)?;
        self.phonemizer.transcribe(text, reads(voice)?)
    }
}

impl Speak for Kokoro {
    fn voices(&self) -> Vec<Voice> {
        self.acoustic.voices()
    }

    fn footprint(&self, request: &SpeakRequest) -> Footprint {
        memory::footprint(self.memory, request)
    }

    fn speak(&mut self, request: &SpeakRequest, control: &dyn Control) -> Result<Speech> {
        self.acoustic.check(&request.voice)?;
        check(request)?;
        let document = Document::new(&request.text, reads(&request.voice)?);
        let sentences = self.read(&document, request, control)?;
        let total = sentences.len();
        let mut nobody = |_: &[f32]| {};
        let mut take = Take::new(&document, &mut nobody);
        let sentences = sentences.into_iter().enumerate();
        let sentences = sentences.map(|(index, symbols)| (document.opens_paragraph(index), symbols));
        let groups = runs::groups(sentences, rate(request));
        let most = runs::most_symbols(rate(request));
        for (at, group) in groups.iter().enumerate() {
            let mut step = || step(control, group.first, total);
            self.speak_group((group, most), at + 1 == groups.len(), request, &mut step, &mut take)?;
        }
        step(control, total, total)?;
        take.finish(request, &document)
    }

    fn speak_to(
        &mut self,
        request: &SpeakRequest,
        take: &mut dyn FnMut(&[f32]),
        control: &dyn Control,
    ) -> Result<Speech> {
        self.acoustic.check(&request.voice)?;
        check(request)?;
        let (document, rate) = (Document::new(&request.text, reads(&request.voice)?), rate(request));
        let total = document.sentences();
        let mut take = Take::new(&document, take);
        let (mut grouping, mut read) = (runs::Grouping::new(rate), 0);
        for index in 0..total {
            let symbols = self.sentence(&document, index, request, read, &|| step(control, index, total))?;
            read += symbols.len();
            let is_first = take.samples.is_empty();
            let before = grouping.add(document.opens_paragraph(index), symbols);
            // The first sentence does not wait for one that may join it.
            let ready = before.or_else(|| if is_first { grouping.close() } else { None });
            let most = if is_first { runs::most_first_symbols(rate) } else { runs::most_symbols(rate) };
            if let Some(group) = ready {
                let mut step = || step(control, group.first, total);
                self.speak_group((&group, most), false, request, &mut step, &mut take)?;
            }
        }
        if let Some(group) = grouping.close() {
            let mut step = || step(control, group.first, total);
            self.speak_group((&group, runs::most_symbols(rate)), true, request, &mut step, &mut take)?;
        }
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

impl Kokoro {
    /// The symbols of every sentence, unless they are more than one request may have.
    fn read(
        &mut self,
        document: &Document<'_>,
        request: &SpeakRequest,
        control: &dyn Control,
    ) -> Result<Vec<Vec<Symbol>>> {
        let total = document.sentences();
        let mut sentences = Vec::with_capacity(total);
        let mut read = 0;
        for index in 0..total {
            let symbols = self.sentence(document, index, request, read, &|| step(control, 0, total))?;
            read += symbols.len();
            sentences.push(symbols);
        }
        Ok(sentences)
    }

    /// The symbols of one sentence, unless with the `read` ones before it they are more than one request may have.
    /// `step` is asked before each line of it and at its end.
    fn sentence(
        &mut self,
        document: &Document<'_>,
        index: usize,
        request: &SpeakRequest,
        read: usize,
        step: &dyn Fn() -> Result<()>,
    ) -> Result<Vec<Symbol>> {
        let mut fits =
            |symbols: usize| match runs::seconds(read + symbols, rate(request)) > MOST_MINUTES * 60.0 {
                true => Err(too_long(request)),
                false => step(),
            };
        let symbols = self.phonemizer.sentence(document, index, &mut fits)?;
        fits(symbols.len())?;
        Ok(symbols)
    }

    /// Speaks the group in as many runs of `most` symbols as it takes, asking `step` before each.
    fn speak_group(
        &mut self,
        (group, most): (&Group, usize),
        is_last: bool,
        request: &SpeakRequest,
        step: &mut dyn FnMut() -> Result<()>,
        take: &mut Take<'_>,
    ) -> Result<()> {
        for (at, range) in runs::runs(&group.symbols, most).into_iter().enumerate() {
            let end = range.end;
            let run = &group.symbols[range];
            if run.iter().all(|symbol| symbol.word.is_none()) {
                continue;
            }
            step()?;
            let mut numbers = vec![0i64];
            numbers.extend(run.iter().map(|symbol| i64::from(symbol.number)));
            numbers.push(0);
            let is_last = is_last && end == group.symbols.len();
            let spoken = self.acoustic.run(&numbers, &request.voice, request.speed, is_last)?;
            let pause = match (at, group.opens_paragraph) {
                (0, true) => PARAGRAPH_PAUSE,
                (0, false) => SENTENCE_PAUSE,
                _ => PHRASE_PAUSE,
            };
            take.add(run, &spoken, (pause / request.speed * SAMPLE_RATE as f32) as usize);
        }
        Ok(())
    }
}

/// Speech as it grows.
struct Take<'a> {
    samples: Vec<f32>,
    /// Who is handed what is added.
    heard: &'a mut dyn FnMut(&[f32]),
    /// First and last sample of each written word.
    spans: Vec<Option<(usize, usize)>>,
}

impl<'a> Take<'a> {
    fn new(document: &Document<'_>, heard: &'a mut dyn FnMut(&[f32])) -> Self {
        Self { samples: Vec::new(), heard, spans: vec![None; document.ranges().count()] }
    }

    fn add(&mut self, run: &[Symbol], spoken: &Spoken, pause: usize) {
        let words = timing::words(run, &spoken.durations, &spoken.samples);
        let (Some(first), Some(last)) = (words.first(), words.last()) else {
            return;
        };
        let kept = join::kept(first.start..last.end, spoken.samples.len());
        let given = self.samples.len();
        let pause = if given == 0 { 0 } else { pause };
        let start = join::append(&mut self.samples, &spoken.samples[kept.clone()], pause);
        let place = |sample: usize| sample.clamp(kept.start, kept.end) - kept.start + start;
        for heard in words {
            let span = self.spans[heard.word].get_or_insert((place(heard.start), 0));
            span.1 = place(heard.end);
        }
        (self.heard)(&self.samples[given..]);
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
        None => "there is nothing to say: the text has no word, number or spoken symbol; write some text"
            .to_owned(),
        Some(_) => {
            let language = document.language().name();
            format!("none of the text can be read as {language}; write it in that language's letters")
        }
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
    let digits = |word: &str| word.chars().filter(|c| c.is_numeric()).count();
    if let Some(word) = request.text.split_whitespace().find(|word| digits(word) > MOST_DIGITS) {
        let (start, found): (String, _) = (word.chars().take(20).collect(), digits(word));
        return invalid(format!(
            "the number {start}… has {found} digits; one word may have {MOST_DIGITS}: shorten it or put blanks in"
        ));
    }
    Ok(())
}

fn too_long(request: &SpeakRequest) -> InferenceError {
    let message = format!(
        "the text takes more than {MOST_MINUTES} minutes to say at speed {}, the most for one request: split it",
        request.speed
    );
    InferenceError::new(ErrorKind::InvalidRequest, message)
}

fn rate(request: &SpeakRequest) -> f32 {
    runs::rate(&request.voice, request.speed)
}

/// What the voice, or the main one of a mixture, reads.
fn reads(voice: &str) -> Result<Language> {
    Language::of(mixture::main(voice))
}
