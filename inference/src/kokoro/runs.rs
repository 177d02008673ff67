//! A sentence's symbols cut to what the model takes at once.

use crate::phonemes::{SPACE, Symbol};
use std::ops::Range;

/// Symbols of one run. The model takes 510; it hurries through runs that come near that.
pub(super) const MOST_SYMBOLS: usize = 400;

/// Ranges of `symbols` of at most [`MOST_SYMBOLS`], cut after a mark if one lies in the second half,
/// otherwise after a blank, otherwise anywhere. Every symbol is in exactly one.
pub(super) fn runs(symbols: &[Symbol]) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut start = 0;
    while symbols.len() - start > MOST_SYMBOLS {
        let window = &symbols[start..start + MOST_SYMBOLS];
        let half = MOST_SYMBOLS / 2;
        let mark = window[half..].iter().rposition(|s| s.word.is_none() && s.number != SPACE);
        let blank = || window[half..].iter().rposition(|s| s.number == SPACE);
        let length = mark.or_else(blank).map_or(MOST_SYMBOLS, |at| half + at + 1);
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
        fn every_symbol_is_in_one_run(kinds in prop::collection::vec(0u8..20, 0..3000)) {
            let symbols: Vec<Symbol> = kinds.iter().map(|kind| match kind {
                0 => Symbol { number: 3, word: None },
                1 | 2 => Symbol { number: SPACE, word: None },
                _ => Symbol { number: 60, word: Some(0) },
            }).collect();
            let mut next = 0;
            for run in runs(&symbols) {
                prop_assert_eq!(run.start, next);
                prop_assert!((1..=MOST_SYMBOLS).contains(&run.len()));
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
        assert_eq!(runs(&symbols), [0..251, 251..600]);
        symbols[250] = symbols[0];
        assert_eq!(runs(&symbols), [0..351, 351..600]);
    }
}
