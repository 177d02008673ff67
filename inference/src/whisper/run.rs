//! One sound through the model, window by window (openai-whisper, `transcribe.py`; batches as in faster-whisper's
//! `BatchedInferencePipeline`).

use super::Whisper;
use super::attempt::{Attempt, Steer};
use super::mel::{HOP, SAMPLE_RATE};
use super::model::Sound;
use super::segments::{Cut, Piece, cut};
use super::speech::Speech;
use super::words::{Timed, align, median_duration, tidy};
use crate::network::Array;
use reelsmith_inference_core::transcribe::{Segment, Task, TranscribeOptions, Transcript, Word};
use reelsmith_inference_core::{Control, InferenceError, Progress, Result, Verdict};
use std::ops::Range;

/// Above this temperature a text is too much a matter of chance to steer the next one.
const TRUSTED: f32 = 0.5;

/// What a run works with and what it has come to.
pub(super) struct Run<'a> {
    pub(super) whisper: &'a mut Whisper,
    pub(super) options: &'a TranscribeOptions,
    pub(super) control: &'a dyn Control,
    pub(super) transcript: Transcript,
    /// Tokens that may steer the next window: the prompt, and what was written where that steers.
    pub(super) written: Vec<u32>,
    /// Where, in seconds of speech, the last segment ended.
    pub(super) last_end: f64,
    /// How many windows were decoded.
    pub(super) windows: u64,
}

/// A window of speech, by its place among all speech.
struct Window {
    place: usize,
    samples: usize,
}

impl Window {
    fn seconds(&self) -> f64 {
        self.samples as f64 / SAMPLE_RATE as f64
    }

    /// Where seconds of the window are among all speech.
    fn places(&self, start: f64, end: f64) -> Range<f64> {
        let place = |seconds: f64| self.place as f64 + seconds * SAMPLE_RATE as f64;
        place(start)..place(end)
    }
}

impl Run<'_> {
    /// Writes down all of `speech`.
    pub(super) fn all(&mut self, speech: &mut Speech<'_>) -> Result<()> {
        if let Some(prompt) = &self.options.prompt {
            self.written = self.whisper.tokenizer.encode(&format!(" {}", prompt.trim()));
        }
        let size = self.whisper.window();
        loop {
            self.listen(speech, size * self.options.batch as usize)?;
            if speech.held().is_empty() {
                return Ok(());
            }
            match self.options.batch {
                1 => self.next(speech, size)?,
                count => self.batch(speech, size, count as usize)?,
            }
        }
    }

    /// Reads on until `count` samples of speech are held.
    fn listen(&mut self, speech: &mut Speech<'_>, count: usize) -> Result<()> {
        self.tick(speech)?;
        while !speech.is_ended() && speech.held().len() < count {
            speech.step()?;
            self.tick(speech)?;
        }
        self.transcript.duration = speech.seconds();
        Ok(())
    }

    /// Tells how far the text has come.
    fn tick(&self, speech: &Speech<'_>) -> Result<()> {
        match self.control.step(progress(speech)) {
            Verdict::Continue => Ok(()),
            Verdict::Cancel => Err(InferenceError::cancelled()),
        }
    }

    /// One window, and on to where its text ended.
    fn next(&mut self, speech: &mut Speech<'_>, size: usize) -> Result<()> {
        let window = Window { place: speech.place(), samples: speech.held().len().min(size) };
        let is_last = speech.is_ended() && speech.held().len() == window.samples;
        let sound = self.hear(&speech.held()[..window.samples], is_last)?;
        self.know_language(&sound)?;
        let steer = self.steer(self.options.condition);
        let attempt = self.attempts(&sound, &steer, progress(speech))?.remove(0);
        self.windows += 1;
        let mut until = None;
        if !attempt.is_silent(self.options) {
            let mut cut = self.cut(&attempt, &window, false);
            until = cut.until;
            let ends_with_time = cut.ends_with_time;
            let words = self.words(&sound, &steer, &attempt, &mut cut, &window)?;
            let last = words.as_ref().and_then(|all| all.iter().rev().find_map(|words| words.last()));
            if let Some(last) = last.filter(|last| !ends_with_time && last.end > 0.0) {
                until = Some(last.end).filter(|end| *end < window.seconds());
            }
            self.write(speech, &attempt, &cut, words, &window);
            if attempt.temperature > TRUSTED {
                self.written.clear();
            }
        }
        let step = until.map_or(window.samples, |until| (until * SAMPLE_RATE as f64) as usize);
        speech.advance(step.clamp(HOP.min(window.samples), window.samples));
        Ok(())
    }

    /// As many windows as are held, at most `count`, cut in pauses.
    fn batch(&mut self, speech: &mut Speech<'_>, size: usize, count: usize) -> Result<()> {
        let (mut windows, mut sounds) = (Vec::new(), Vec::new());
        let mut from = 0;
        while windows.len() < count && from < speech.held().len() {
            let samples = speech.cut(from, size);
            windows.push(Window { place: speech.place() + from, samples });
            let is_last = speech.is_ended() && speech.held().len() == from + samples;
            sounds.push(self.hear(&speech.held()[from..from + samples], is_last)?);
            from += samples;
            self.tick(speech)?;
        }
        self.know_language(&sounds[0])?;
        let steer = self.steer(false);
        let sound = Sound::joined(sounds);
        let attempts = self.attempts(&sound, &steer, progress(speech))?;
        for (n, (window, attempt)) in windows.iter().zip(&attempts).enumerate() {
            self.windows += 1;
            if !attempt.is_silent(self.options) {
                let mut cut = self.cut(attempt, window, true);
                let words = match self.options.words {
                    true => self.words(&sound.chosen(&[n]), &steer, attempt, &mut cut, window)?,
                    false => None,
                };
                self.write(speech, attempt, &cut, words, window);
            }
        }
        speech.advance(from);
        Ok(())
    }

    /// With `is_last`, nothing comes after this window, unless its text ends before it does.
    fn hear(&mut self, samples: &[f32], is_last: bool) -> Result<Sound> {
        let config = self.whisper.networks.config();
        let (bands, frames) = (config.num_mel_bins, config.frames());
        let mel = Array::new(&[1, bands, frames], self.whisper.mel.spectrogram(samples, frames));
        match is_last {
            true => self.whisper.networks.hear_last(&mel),
            false => self.whisper.networks.hear(&mel),
        }
    }

    /// Finds out the language from the first window, where nobody said it.
    fn know_language(&mut self, sound: &Sound) -> Result<()> {
        if self.transcript.language.is_none() {
            let (code, probability) = self.whisper.detect(sound)?;
            self.transcript.language = Some(code);
            self.transcript.language_probability = probability;
        }
        Ok(())
    }

    /// What steers the next window.
    fn steer(&self, with_written: bool) -> Steer {
        let tokenizer = &self.whisper.tokenizer;
        let special = tokenizer.special();
        // Half of the places are for the new text.
        let room = self.whisper.networks.config().max_target_positions / 2 - 1;
        let mut before = Vec::new();
        if let Some(words) = &self.options.hot_words {
            before = tokenizer.encode(&format!(" {}", words.trim()));
            before.truncate(room);
        }
        let prompt =
            if with_written || self.windows == 0 || self.options.batch > 1 { &self.written[..] } else { &[] };
        before.extend(&prompt[prompt.len().saturating_sub(room - before.len())..]);
        let mut tokens = Vec::new();
        if !before.is_empty() {
            tokens.push(special.previous);
            tokens.extend(before);
        }
        let start = tokens.len();
        tokens.push(special.start);
        if self.whisper.networks.config().is_multilingual() {
            let code = self.transcript.language.as_deref().unwrap_or("en");
            tokens.extend(tokenizer.language(code));
            tokens.push(match self.options.task {
                Task::Transcribe => special.transcribe,
                Task::Translate => special.translate,
            });
        }
        Steer { tokens, start }
    }

    fn cut(&self, attempt: &Attempt, window: &Window, whole: bool) -> Cut {
        let first = self.whisper.tokenizer.special().first_timestamp;
        cut(&attempt.said.tokens, first, window.seconds(), whole)
    }

    /// The words of each stretch of a window, where they are wanted; they set the stretch's own times too.
    fn words(
        &mut self,
        sound: &Sound,
        steer: &Steer,
        attempt: &Attempt,
        cut: &mut Cut,
        window: &Window,
    ) -> Result<Option<Vec<Vec<Timed>>>> {
        if !self.options.words {
            return Ok(None);
        }
        let end = self.whisper.tokenizer.special().end;
        let said = &attempt.said;
        let text = |range: Range<usize>| range.filter(|at| said.tokens[*at] < end);
        let places: Vec<usize> = cut.pieces.iter().flat_map(|piece| text(piece.tokens.clone())).collect();
        if places.is_empty() {
            return Ok(Some(vec![Vec::new(); cut.pieces.len()]));
        }
        let tokens: Vec<u32> = places.iter().map(|at| said.tokens[*at]).collect();
        let logs: Vec<f32> = places.iter().map(|at| said.logs[*at]).collect();
        let mut line = steer.tokens[steer.start..].to_vec();
        let before = line.len();
        line.push(self.whisper.tokenizer.special().no_timestamps);
        line.extend(&tokens);
        line.push(end);
        let networks = &mut self.whisper.networks;
        let mut cache = networks.begin(1);
        let scores = networks.aligned(sound, &mut cache, &[line], &[0])?.alignment;
        let scores = scores.unwrap_or_else(|| unreachable!("it was asked for, and some head aligns"));
        let language = self.transcript.language.as_deref().unwrap_or("en");
        let frames = window.samples / HOP / 2;
        let mut all = align(&self.whisper.tokenizer, language, (&tokens, &logs), &scores, before, frames);
        let median = median_duration(&all);
        tidy(&mut all, median);
        let counts: Vec<usize> = cut.pieces.iter().map(|piece| text(piece.tokens.clone()).count()).collect();
        let mut groups = super::fit::grouped(all, &counts);
        let offset = window.place as f64 / SAMPLE_RATE as f64;
        super::fit::fit(&mut groups, &mut cut.pieces, median, self.last_end - offset);
        if let Some(last) = cut.pieces.last() {
            self.last_end = offset + last.end;
        }
        Ok(Some(groups))
    }

    /// Adds the window's stretches to the transcript.
    fn write(
        &mut self,
        speech: &Speech<'_>,
        attempt: &Attempt,
        cut: &Cut,
        words: Option<Vec<Vec<Timed>>>,
        window: &Window,
    ) {
        let mut words = words.map(Vec::into_iter);
        for piece in &cut.pieces {
            let group = words.as_mut().and_then(Iterator::next);
            let is_empty = piece.start >= piece.end && group.as_ref().is_none_or(Vec::is_empty);
            let segment = self.segment(speech, attempt, piece, group, window);
            if !segment.text.trim().is_empty() && !is_empty {
                if self.options.condition && self.options.batch == 1 {
                    let end = self.whisper.tokenizer.special().end;
                    self.written.extend(segment.tokens.iter().filter(|id| **id != end));
                }
                self.transcript.segments.push(segment);
            }
        }
        let keep = self.whisper.networks.config().max_target_positions;
        self.written.drain(..self.written.len().saturating_sub(keep));
    }

    /// A stretch of the window with its times in the sound.
    fn segment(
        &self,
        speech: &Speech<'_>,
        attempt: &Attempt,
        piece: &Piece,
        words: Option<Vec<Timed>>,
        window: &Window,
    ) -> Segment {
        let words: Option<Vec<Word>> = words.map(|words| {
            let told = words.into_iter().map(|word| {
                let times = speech.times(window.places(word.start, word.end));
                Word { start: times.start, end: times.end, text: word.text, probability: word.probability }
            });
            told.collect()
        });
        let ends = words.as_ref().and_then(|words| Some((words.first()?, words.last()?)));
        let times = match ends {
            Some((first, last)) => first.start..last.end.max(first.start),
            None => speech.span(window.places(piece.start, piece.end)),
        };
        let tokens = attempt.said.tokens[piece.tokens.clone()].to_vec();
        Segment {
            start: times.start,
            end: times.end,
            text: self.whisper.tokenizer.decode(&tokens),
            tokens,
            temperature: attempt.temperature,
            log_probability: attempt.said.log_probability(),
            compression_ratio: attempt.ratio,
            no_speech: attempt.said.no_speech,
            words,
        }
    }
}

/// How far the text has come, in seconds of the sound.
fn progress(speech: &Speech<'_>) -> Progress {
    let place = speech.place() as f64;
    let done =
        if speech.held().is_empty() { speech.seconds() } else { speech.times(place..place + 1.0).start };
    Progress { done: done as u64, total: speech.total().map(|total| total.ceil() as u64), unit: "seconds" }
}
