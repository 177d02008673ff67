//! Word times from the model's durations, brought to what is heard.
//!
//! The durations run late. Against the energy of the sound, a word after a pause is heard 40 ms (median of
//! 130) before the frames of its first phoneme; between words without a pause the blank's frames already
//! carry the next word's first sound. So a word starts with the blank before it, and after a pause where
//! the sound rises out of the quiet, searched around the durations. `benches` (`captions`) measures both
//! against an independent aligner.

use super::SAMPLE_RATE;
use crate::phonemes::{SPACE, Symbol};

/// A written word and its samples in one piece of speech.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) word: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Window of the level measurement, in samples: 5 ms.
const WINDOW: usize = millis(5);

/// A word after a pause is heard this much before its frames, where no quiet is found.
const LEAD: usize = millis(40);

/// How far after its frames' start a word may be heard to begin, and after their end to go on.
const LATE: usize = millis(20);
const TAIL: usize = millis(60);

/// Quiet, as a part of the piece's root mean square: -25 dB.
const QUIET: f32 = 0.056;

pub(super) const fn millis(count: usize) -> usize {
    SAMPLE_RATE as usize * count / 1000
}

/// The words of `run` in `samples`, in order and without overlap. `durations` has one entry more than
/// `run` at either end, for the padding.
pub(super) fn words(run: &[Symbol], durations: &[usize], samples: &[f32]) -> Vec<Heard> {
    let levels = Levels::new(samples);
    let mut words: Vec<Heard> = Vec::new();
    let mut at = durations[0];
    let mut paused = true;
    for (symbol, duration) in run.iter().zip(&durations[1..]) {
        let end = at + duration;
        match symbol.word {
            Some(word) => {
                let floor = words.last().map_or(0, |last| last.end);
                match words.last_mut() {
                    Some(last) if last.word == word => last.end = end,
                    _ if paused => {
                        let start = levels.onset(floor, at + LATE).unwrap_or(at.saturating_sub(LEAD));
                        words.push(Heard { word, start: start.clamp(floor, end), end });
                    }
                    _ => words.push(Heard { word, start: floor, end }),
                }
                paused = false;
            }
            None if symbol.number != SPACE && !paused => {
                paused = true;
                if let Some(last) = words.last_mut() {
                    last.end = levels.offset(last.start, (at + TAIL).min(end)).unwrap_or(at);
                }
            }
            None => {}
        }
        at = end;
    }
    words
}

/// The level of every window of a piece.
struct Levels {
    windows: Vec<f32>,
    quiet: f32,
}

impl Levels {
    fn new(samples: &[f32]) -> Self {
        let level = |s: &[f32]| (s.iter().map(|x| x * x).sum::<f32>() / s.len().max(1) as f32).sqrt();
        Self { windows: samples.chunks(WINDOW).map(level).collect(), quiet: level(samples) * QUIET }
    }

    /// The end of the last quiet window that lies between two samples.
    fn onset(&self, from: usize, to: usize) -> Option<usize> {
        let first = from.div_ceil(WINDOW);
        let windows = self.windows.get(first..(to / WINDOW).min(self.windows.len()))?;
        let last = windows.iter().rposition(|level| *level <= self.quiet)?;
        Some((first + last + 1) * WINDOW)
    }

    /// The end of the last loud window that lies between two samples.
    fn offset(&self, from: usize, to: usize) -> Option<usize> {
        let first = from.div_ceil(WINDOW);
        let windows = self.windows.get(first..(to / WINDOW).min(self.windows.len()))?;
        let last = windows.iter().rposition(|level| *level > self.quiet)?;
        Some((first + last + 1) * WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const COMMA: u8 = 3;

    fn symbol(number: u8, word: Option<usize>) -> Symbol {
        Symbol { number, word }
    }

    /// A tone of `loud` between silences.
    fn tone(total: usize, loud: &[std::ops::Range<usize>]) -> Vec<f32> {
        let is_loud = |i: usize| loud.iter().any(|r| r.contains(&i));
        (0..total).map(|i| if is_loud(i) { 0.3 * (i as f32 * 0.1).sin() } else { 0.0 }).collect()
    }

    #[test]
    fn a_word_after_a_pause_starts_where_the_sound_rises() {
        let run = [symbol(50, Some(0)), symbol(COMMA, None), symbol(SPACE, None), symbol(51, Some(1))];
        let durations = [2400, 4800, 4800, 1200, 4800, 600];
        let samples = tone(18_600, &[1800..7200, 12_000..18_000]);
        let words = words(&run, &durations, &samples);
        assert_eq!(words[0], Heard { word: 0, start: 1800, end: 7200 });
        assert_eq!(words[1], Heard { word: 1, start: 12_000, end: 18_000 });
    }

    #[test]
    fn a_word_in_the_flow_starts_with_the_blank_before_it() {
        let run = [symbol(50, Some(0)), symbol(SPACE, None), symbol(51, Some(1))];
        let hum: Vec<f32> = (0..8400).map(|i| 0.3 * (i as f32 * 0.1).sin()).collect();
        let words = words(&run, &[600, 3000, 1200, 3000, 600], &hum);
        assert_eq!(words[0].end, 3600);
        assert_eq!(words[1], Heard { word: 1, start: 3600, end: 7800 });
    }

    proptest! {
        #[test]
        fn words_are_in_order_and_inside_the_sound(
            symbols in prop::collection::vec((0u8..4, 0usize..12), 1..60),
            seed in any::<u32>(),
        ) {
            let mut word = 0;
            let run: Vec<Symbol> = symbols.iter().map(|(kind, _)| match kind {
                0 => { word += 1; symbol(SPACE, None) }
                1 => { word += 1; symbol(COMMA, None) }
                _ => symbol(60, Some(word)),
            }).collect();
            let durations: Vec<usize> =
                std::iter::once(1200).chain(symbols.iter().map(|(_, d)| d * 600)).chain([600]).collect();
            let total: usize = durations.iter().sum();
            let samples: Vec<f32> = (0..total)
                .map(|i| if (i / 2000 + seed as usize).is_multiple_of(3) { 0.0 } else { (i as f32 * 0.2).sin() })
                .collect();
            let mut end = 0;
            for heard in words(&run, &durations, &samples) {
                prop_assert!(heard.start >= end && heard.end >= heard.start && heard.end <= total);
                end = heard.end;
            }
        }
    }
}
