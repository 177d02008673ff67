//! Sound as it is listened to: read in blocks, what is no speech left out, and where in the sound each sample was. Only
//! what has not been transcribed yet is held.

mod gate;

use crate::vad::Vad;
use gate::Gate;
use reelsmith_inference_core::transcribe::{SAMPLE_RATE, Samples};
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};
use std::collections::VecDeque;
use std::ops::Range;

/// Samples that are read at once: 8.192 s, a whole number of the voice detector's stretches.
const BLOCK: usize = 256 * crate::vad::STRETCH;

/// Speech, and where it was.
pub(super) struct Speech<'a> {
    source: &'a mut dyn Samples,
    gate: Option<Gate<'a>>,
    line: Line,
    /// Samples read so far.
    read: usize,
    ended: bool,
}

/// Samples behind each other that were stretches of a sound.
#[derive(Debug, Default)]
struct Line {
    samples: Vec<f32>,
    /// Place of the first of them among all that were ever put here.
    base: usize,
    stretches: VecDeque<Stretch>,
    /// Places in which a pause is.
    pauses: VecDeque<usize>,
}

/// Samples that lay together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stretch {
    place: usize,
    heard: usize,
    length: usize,
}

impl Line {
    fn end(&self) -> usize {
        self.base + self.samples.len()
    }

    /// Puts samples behind the others, of which the first was number `heard` of the sound.
    fn push(&mut self, samples: &[f32], heard: usize) {
        if samples.is_empty() {
            return;
        }
        let place = self.end();
        match self.stretches.back_mut() {
            Some(last) if last.heard + last.length == heard => last.length += samples.len(),
            _ => self.stretches.push_back(Stretch { place, heard, length: samples.len() }),
        }
        self.samples.extend_from_slice(samples);
    }
}

impl<'a> Speech<'a> {
    /// What `source` gives from its beginning; with `vad`, only what that takes for speech.
    ///
    /// # Errors
    /// `InvalidRequest` if the source cannot go back.
    pub(super) fn new(source: &'a mut dyn Samples, vad: Option<&'a mut Vad>) -> Result<Self> {
        source.rewind().map_err(unreadable)?;
        Ok(Self { source, gate: vad.map(Gate::new), line: Line::default(), read: 0, ended: false })
    }

    /// Reads one block.
    ///
    /// # Errors
    /// `InvalidRequest` for a source that cannot be read or samples that are no numbers; `OutOfMemory`, `Engine`.
    pub(super) fn step(&mut self) -> Result<()> {
        let mut block = vec![0.0; BLOCK];
        let count = self.source.read(&mut block).map_err(unreadable)?;
        block.truncate(count);
        if let Some(at) = block.iter().position(|sample| !sample.is_finite()) {
            let message = format!("sample {} of the sound is no number", self.read + at);
            return Err(InferenceError::new(ErrorKind::InvalidRequest, message));
        }
        self.ended = count < BLOCK;
        match &mut self.gate {
            Some(gate) => gate.take(&block, self.ended, &mut self.line)?,
            None => self.line.push(&block, self.read),
        }
        self.read += count;
        Ok(())
    }

    /// Whether nothing is left to read.
    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Samples held.
    pub(super) fn held(&self) -> &[f32] {
        &self.line.samples
    }

    /// Lets go of the first `count` samples.
    pub(super) fn advance(&mut self, count: usize) {
        let line = &mut self.line;
        line.samples.drain(..count);
        line.base += count;
        let base = line.base;
        // The stretch before the first one held may still end a segment.
        while line.stretches.len() > 2 && line.stretches[1].place + line.stretches[1].length <= base {
            line.stretches.pop_front();
        }
        while line.pauses.front().is_some_and(|pause| *pause <= base) {
            line.pauses.pop_front();
        }
    }

    /// How many samples behind the first `from` held to take for a window of at most `most`: if more are held, up to the
    /// last pause in its later half, or else to the quietest place near its end.
    pub(super) fn cut(&self, from: usize, most: usize) -> usize {
        let left = self.line.samples.len() - from;
        if left <= most {
            return left;
        }
        let start = self.line.base + from;
        let within = start + most / 2..=start + most;
        let pause = self.line.pauses.iter().rev().find(|pause| within.contains(*pause));
        pause.map_or_else(|| quietest(&self.line.samples[from..from + most]), |pause| pause - start)
    }

    /// Place of the first sample held, among all that were.
    pub(super) fn place(&self) -> usize {
        self.line.base
    }

    /// Seconds read so far.
    pub(super) fn seconds(&self) -> f64 {
        seconds(self.read)
    }

    /// How many seconds there are in all, where known.
    pub(super) fn total(&self) -> Option<f64> {
        self.source.seconds()
    }

    /// The times in the sound, in seconds, of what lies in `places`, which may have fractions of samples. It does not
    /// reach over what was left out.
    pub(super) fn times(&self, places: Range<f64>) -> Range<f64> {
        let middle = (places.start + places.end) / 2.0;
        let holds = |stretch: &&Stretch| (stretch.place as f64) <= middle;
        let stretch = self.line.stretches.iter().rev().find(holds).or(self.line.stretches.front());
        let Some(stretch) = stretch else { return 0.0..0.0 };
        let time = |place: f64| {
            let within = (place - stretch.place as f64).clamp(0.0, stretch.length as f64);
            (stretch.heard as f64 + within) / f64::from(SAMPLE_RATE)
        };
        time(places.start)..time(places.end)
    }

    /// The same for a longer stretch, whose ends each lie in their own part of the sound.
    pub(super) fn span(&self, places: Range<f64>) -> Range<f64> {
        let start = self.times(places.start..places.start + 2.0).start;
        start..self.times(places.end - 2.0..places.end).end.max(start)
    }
}

fn seconds(samples: usize) -> f64 {
    samples as f64 / f64::from(SAMPLE_RATE)
}

fn unreadable(error: std::io::Error) -> InferenceError {
    // What went wrong with the sound is the message: it was written for the person.
    InferenceError::new(ErrorKind::InvalidRequest, error.to_string()).with_source(error)
}

/// The middle of the quietest tenth of a second in the last five seconds.
fn quietest(samples: &[f32]) -> usize {
    const STEP: usize = SAMPLE_RATE as usize / 10;
    let from = samples.len().saturating_sub(50 * STEP);
    let energy = |part: &[f32]| part.iter().map(|sample| sample * sample).sum::<f32>();
    let steps = samples[from..].chunks_exact(STEP).map(energy).enumerate();
    let quietest = steps.min_by(|(_, one), (_, other)| one.total_cmp(other));
    quietest.map_or(samples.len(), |(step, _)| from + step * STEP + STEP / 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use reelsmith_inference_core::transcribe::Sound;

    /// Reads to the end.
    fn read(speech: &mut Speech<'_>) -> Result<()> {
        while !speech.is_ended() {
            speech.step()?;
        }
        Ok(())
    }

    #[test]
    fn without_a_detector_all_sound_is_speech_and_lies_where_it_was() {
        let all: Vec<f32> = (0..BLOCK + 1000).map(|n| n as f32).collect();
        let sound = Sound::samples(all.clone());
        let mut source = sound.open();
        let mut speech = Speech::new(source.as_mut(), None).unwrap();
        read(&mut speech).unwrap();
        assert_eq!(speech.held(), all);
        speech.advance(16_000);
        assert_eq!(speech.held(), &all[16_000..]);
        assert_eq!(speech.times(32_000.0..48_000.0), 2.0..3.0);
    }

    #[test]
    fn a_sample_that_is_no_number_is_refused_by_its_place() {
        let mut all = vec![0.0; 2 * BLOCK];
        all[BLOCK + 7] = f32::NAN;
        let sound = Sound::samples(all);
        let mut source = sound.open();
        let error = read(&mut Speech::new(source.as_mut(), None).unwrap()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains(&(BLOCK + 7).to_string()), "{error}");
    }

    proptest! {
        #[test]
        fn places_are_times_in_their_own_stretch(parts in prop::collection::vec((1usize..5000, 0usize..5000), 1..8), at in 0f64..1.0) {
            let (mut line, mut heard) = (Line::default(), 0);
            for (length, silence) in &parts {
                line.push(&vec![0.0; *length], heard);
                heard += length + silence;
            }
            let sound = Sound::samples(Vec::new());
            let mut source = sound.open();
            let mut speech = Speech::new(source.as_mut(), None).unwrap();
            let all = line.samples.len() as f64;
            speech.line = line;
            let place = at * all;
            let times = speech.times(place..(place + 400.0).min(all));
            let inside = |time: f64| speech.line.stretches.iter().any(|s| {
                let time = time * f64::from(SAMPLE_RATE);
                time >= s.heard as f64 - 1e-6 && time <= (s.heard + s.length) as f64 + 1e-6
            });
            prop_assert!(times.start <= times.end && inside(times.start) && inside(times.end));
        }
    }
}
