//! What the model speaks at once: neighbouring sentences in a group, a long group in several runs.

use crate::phonemes::{SPACE, Symbol};
use reelsmith_inference_core::speech::Mixture;
use std::ops::Range;

/// Symbols a second of `af_heart` at speed 1.
pub(super) const SYMBOLS_A_SECOND: f64 = 14.7;

/// Symbols of one run at speed 1: some 20 s of speech. The model takes 510, but memory grows with the
/// length, and it hurries through runs that come near that.
const MOST_SYMBOLS: usize = 300;

/// The same of the first sentence where somebody waits to hear it: some 8 s of speech.
const MOST_FIRST: usize = 120;

/// Symbols of a group of sentences at speed 1: about 17 s of speech. Longer ones end hurried.
const MOST_TOGETHER: usize = 250;

/// Symbols of the shortest sentence that joins a group: about 3 s of speech.
const LEAST_TOGETHER: usize = 40;

/// The voice that drawls, and how fast it is beside `af_heart`.
const DRAWLS: (&str, f32) = ("af_nicole", 0.66);

/// How fast a request is spoken, beside `af_heart` at speed 1. One voice drawls, as far as it has a share; the other 53 go
/// from 0.84 to 1.2 times that and are taken for alike.
pub(super) fn rate(voice: &str, speed: f32) -> f32 {
    let (drawling, rate) = DRAWLS;
    let share = |mixture: Mixture<'_>| {
        mixture.parts.iter().filter(|(name, _)| *name == drawling).map(|(_, share)| share).sum::<f32>()
    };
    let share = Mixture::parse(voice).map_or(0.0, share);
    (1.0 - (1.0 - rate) * share) * speed
}

/// Symbols of one run at `rate`; a slow one has fewer, so that none is longer than at 1.
pub(super) fn most_symbols(rate: f32) -> usize {
    slowed(MOST_SYMBOLS, rate)
}

/// The same for the first sentence where somebody waits to hear it.
pub(super) fn most_first_symbols(rate: f32) -> usize {
    slowed(MOST_FIRST, rate)
}

fn slowed(symbols: usize, rate: f32) -> usize {
    (symbols as f32 * rate.min(1.0)) as usize
}

/// Seconds that so many symbols take.
pub(super) fn seconds(symbols: usize, rate: f32) -> f64 {
    symbols as f64 / (SYMBOLS_A_SECOND * f64::from(rate))
}

/// Neighbouring sentences whose melody goes on from one to the next; the silence that every run begins
/// and ends with is computed once for them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Group {
    pub(super) symbols: Vec<Symbol>,
    /// Index of the first sentence.
    pub(super) first: usize,
    /// Whether that one begins a paragraph.
    pub(super) opens_paragraph: bool,
    /// Symbols of the last sentence.
    last: usize,
}

/// Puts sentences into groups as they come.
#[derive(Debug)]
pub(super) struct Grouping {
    rate: f32,
    /// The group that the next sentence may join.
    open: Option<Group>,
    /// Whether a sentence that said nothing began a paragraph.
    opens_paragraph: bool,
    sentences: usize,
}

impl Grouping {
    /// Of sentences to be spoken at `rate`.
    pub(super) fn new(rate: f32) -> Self {
        Self { rate, open: None, opens_paragraph: false, sentences: 0 }
    }

    /// Takes the next sentence; answers the group before it where it does not join that. One that says nothing is in
    /// none.
    pub(super) fn add(&mut self, opens_paragraph: bool, symbols: Vec<Symbol>) -> Option<Group> {
        let first = self.sentences;
        self.sentences += 1;
        self.opens_paragraph |= opens_paragraph;
        if symbols.is_empty() {
            return None;
        }
        let opens_paragraph = std::mem::take(&mut self.opens_paragraph);
        match self.open.as_mut().filter(|group| !opens_paragraph && group.takes(&symbols, self.rate)) {
            Some(group) => {
                group.add(&symbols);
                None
            }
            None => self.open.replace(Group { last: symbols.len(), symbols, first, opens_paragraph }),
        }
    }

    /// The group that is open, closed.
    pub(super) fn close(&mut self) -> Option<Group> {
        self.open.take()
    }
}

/// The sentences, each with whether it begins a paragraph, in groups to be spoken at `rate`.
pub(super) fn groups(sentences: impl IntoIterator<Item = (bool, Vec<Symbol>)>, rate: f32) -> Vec<Group> {
    let mut grouping = Grouping::new(rate);
    let mut groups: Vec<Group> =
        sentences.into_iter().filter_map(|(opens, symbols)| grouping.add(opens, symbols)).collect();
    groups.extend(grouping.close());
    groups
}

impl Group {
    /// Whether a sentence may join. The model hurries over the end of a short one that another follows
    /// (pauses of 0 to 0.15 s in place of 0.35 to 0.5), so short ones are spoken alone.
    fn takes(&self, symbols: &[Symbol], rate: f32) -> bool {
        self.last.min(symbols.len()) >= LEAST_TOGETHER
            && self.symbols.len() + symbols.len() < slowed(MOST_TOGETHER, rate)
    }

    fn add(&mut self, symbols: &[Symbol]) {
        self.last = symbols.len();
        self.symbols.push(Symbol { number: SPACE, word: None });
        self.symbols.extend_from_slice(symbols);
    }
}

/// Ranges of `symbols` of at most `most`, cut after a mark if one lies in the second half,
/// otherwise after a blank, otherwise anywhere. Every symbol is in exactly one.
pub(super) fn runs(symbols: &[Symbol], most: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    while symbols.len() - start > most {
        let window = &symbols[start..start + most];
        let half = most / 2;
        let mark = window[half..].iter().rposition(|s| s.word.is_none() && s.number != SPACE);
        let blank = || window[half..].iter().rposition(|s| s.number == SPACE);
        let length = mark.or_else(blank).map_or(most, |at| half + at + 1);
        runs.push(start..start + length);
        start += length;
    }
    if start < symbols.len() {
        runs.push(start..symbols.len());
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_symbol_is_in_one_run(kinds in prop::collection::vec(0u8..20, 0..3000), most in 1usize..500) {
            let symbols: Vec<Symbol> = kinds.iter().map(|kind| match kind {
                0 => Symbol { number: 3, word: None },
                1 | 2 => Symbol { number: SPACE, word: None },
                _ => Symbol { number: 60, word: Some(0) },
            }).collect();
            let mut next = 0;
            for run in runs(&symbols, most) {
                prop_assert_eq!(run.start, next);
                prop_assert!((1..=most).contains(&run.len()));
                next = run.end;
            }
            prop_assert_eq!(next, symbols.len());
        }
    }

    #[test]
    fn a_cut_falls_after_a_mark_before_a_blank() {
        let mut symbols = vec![Symbol { number: 60, word: Some(0) }; 600];
        symbols[250] = Symbol { number: 3, word: None };
        symbols[350] = Symbol { number: SPACE, word: None };
        assert_eq!(runs(&symbols, 400), [0..251, 251..600]);
        symbols[250] = symbols[0];
        assert_eq!(runs(&symbols, 400), [0..351, 351..600]);
    }

    #[test]
    fn no_run_is_longer_for_being_slow() {
        for rate in [0.5, 0.7, 1.0, 2.0, rate("af_nicole", 0.5)] {
            assert!(seconds(most_symbols(rate), rate) < 25.0);
        }
    }

    #[test]
    fn sentences_join_until_a_paragraph_a_short_one_or_the_limit() {
        let sentence = |symbols| vec![Symbol { number: 60, word: Some(0) }; symbols];
        let firsts = |sentences: &[(bool, usize)], speed| -> Vec<usize> {
            let sentences = sentences.iter().map(|(opens, symbols)| (*opens, sentence(*symbols)));
            groups(sentences, speed).iter().map(|group| group.first).collect()
        };
        let plain = [(true, 100), (false, 100), (false, 100)];
        assert_eq!(firsts(&plain, 1.0), [0, 2]);
        assert_eq!(firsts(&plain, 0.5), [0, 1, 2]);
        assert_eq!(firsts(&[(true, 100), (true, 100), (false, 39), (false, 100)], 1.0), [0, 1, 2, 3]);
        // A sentence without symbols hands its paragraph on.
        let with_nothing = groups([(true, sentence(50)), (true, sentence(0)), (false, sentence(50))], 1.0);
        assert_eq!(
            with_nothing.iter().map(|g| (g.first, g.opens_paragraph)).collect::<Vec<_>>(),
            [(0, true), (2, true)]
        );
    }
}
