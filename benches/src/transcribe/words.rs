//! How two lists of words compare: which are the same, and how far apart they begin.

use crate::results::{median, percentile};
use serde::Serialize;

/// A word and the second at which it begins.
pub(super) type Word = (String, f64);

/// Lower-case words without punctuation.
pub(super) fn plain(text: &str) -> Vec<String> {
    let text = text.to_lowercase();
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

/// The least number of words to change, over those there should be.
pub(super) fn word_error_rate(expected: &[String], heard: &[String]) -> f64 {
    let mut row: Vec<usize> = (0..=heard.len()).collect();
    for (i, word) in expected.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, found) in heard.iter().enumerate() {
            let substitute = diagonal + usize::from(word != found);
            diagonal = row[j + 1];
            row[j + 1] = substitute.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[heard.len()] as f64 / expected.len() as f64
}

/// How the starts of words lie to those of a reference.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Starts {
    /// Words of the reference.
    pub(super) words: usize,
    /// Those of them that were heard, in their order.
    pub(super) heard: usize,
    /// Seconds, medians and 95 of 100: how far apart, and by how much later.
    pub(super) apart: f64,
    pub(super) most: f64,
    pub(super) later: f64,
}

impl Starts {
    /// Those of `heard` against `reference`.
    pub(super) fn of(reference: &[Word], heard: &[Word]) -> Self {
        let later = pairs(reference, heard);
        let apart: Vec<f64> = later.iter().map(|later| later.abs()).collect();
        Self {
            words: reference.len(),
            heard: later.len(),
            apart: median(apart.clone()),
            most: percentile(apart, 0.95),
            later: median(later),
        }
    }
}

/// By how many seconds each word that both have, in the longest run of words common to both, begins later in the second.
fn pairs(reference: &[Word], heard: &[Word]) -> Vec<f64> {
    let spelt = |words: &[Word]| words.iter().map(|(word, _)| plain(word).concat()).collect::<Vec<_>>();
    let (a, b) = (spelt(reference), spelt(heard));
    // lengths[i][j]: of the longest common run of a[i..] and b[j..].
    let mut lengths = vec![vec![0u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i][j] = match a[i] == b[j] {
                true => lengths[i + 1][j + 1] + 1,
                false => lengths[i + 1][j].max(lengths[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut later) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        if a[i] == b[j] {
            later.push(heard[j].1 - reference[i].1);
            (i, j) = (i + 1, j + 1);
        } else if lengths[i + 1][j] >= lengths[i][j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    later
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_counted_by_words() {
        let rate = |a: &str, b: &str| word_error_rate(&plain(a), &plain(b));
        assert_eq!(rate("The cat, sat down.", "the cat sat down"), 0.0);
        assert_eq!(rate("the cat sat down", "the dog sat"), 0.5);
    }

    #[test]
    fn starts_are_compared_word_by_word_in_their_order() {
        let word = |text: &str, start| (text.to_owned(), start);
        let reference = [word("a", 1.0), word("b", 2.0), word("a", 5.0), word("c", 6.0)];
        // The second `a` is heard as something else, and must not be taken for the first.
        let heard = [word(" A,", 1.25), word(" b", 1.5), word(" or", 5.0), word(" c.", 6.5)];
        assert_eq!(pairs(&reference, &heard), [0.25, -0.5, 0.5]);
        let starts = Starts::of(&reference, &heard);
        assert_eq!((starts.words, starts.heard, starts.apart, starts.later), (4, 3, 0.5, 0.25));
    }
}
