//! Words and stretches of text brought together: which words a stretch has, and which of the two knows better when it
//! begins and ends (openai-whisper, `timing.py`, `add_word_timestamps`).

use super::segments::Piece;
use super::words::Timed;

/// A stretch whose own time lies so many seconds within its words' is right.
const TRUSTED: f64 = 0.5;

/// The words of stretches that have so many tokens of text each.
pub(super) fn grouped(words: Vec<Timed>, counts: &[usize]) -> Vec<Vec<Timed>> {
    let mut words = words.into_iter().peekable();
    let mut groups = Vec::new();
    // Tokens of words that belong to an earlier stretch, as its last word reached into this one.
    let mut ahead = 0;
    for count in counts {
        let (mut group, mut taken) = (Vec::new(), ahead);
        while let Some(word) = words.next_if(|_| taken < *count) {
            taken += word.tokens;
            if !word.text.is_empty() {
                group.push(word);
            }
        }
        ahead = taken.saturating_sub(*count);
        groups.push(group);
    }
    groups
}

/// Sets the times of each stretch by its words, and those of its first and last words where they are too long. `last`
/// is when the stretch before ended; `median` the median word's duration.
pub(super) fn fit(groups: &mut [Vec<Timed>], pieces: &mut [Piece], median: f64, mut last: f64) {
    let longest = 2.0 * median;
    for (words, piece) in groups.iter_mut().zip(pieces) {
        after_pause(words, median, longest, last);
        let Some(first) = words.first_mut() else { continue };
        if piece.start < first.end && piece.start - TRUSTED > first.start {
            first.start = (first.end - median).min(piece.start).max(0.0);
        } else {
            piece.start = first.start;
        }
        if let Some(end) = words.last_mut() {
            if piece.end > end.start && piece.end + TRUSTED < end.end {
                end.end = (end.start + median).max(piece.end);
            } else {
                piece.end = end.end;
            }
        }
        piece.end = piece.end.max(piece.start);
        last = piece.end;
    }
}

/// The first two words after a pause are no longer than others.
fn after_pause(words: &mut [Timed], median: f64, longest: f64, last: f64) {
    let duration = |word: &Timed| word.end - word.start;
    let Some(first) = words.first() else { return };
    let is_long = duration(first) > longest
        || words.get(1).is_some_and(|second| second.end - first.start > 2.0 * longest);
    if first.end - last <= 4.0 * median || !is_long {
        return;
    }
    if let [first, second, ..] = words
        && duration(second) > longest
    {
        let border = (second.end / 2.0).max(second.end - longest);
        first.end = border;
        second.start = border;
    }
    words[0].start = (words[0].end - longest).max(0.0);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(text: &str, tokens: usize, start: f64, end: f64) -> Timed {
        Timed { text: text.to_owned(), tokens, start, end, probability: 1.0 }
    }

    #[test]
    fn words_go_to_the_stretch_in_which_they_begin() {
        let words = vec![
            word(" a", 2, 0.0, 1.0),
            word("", 0, 1.0, 1.0),
            word(" b", 2, 1.0, 2.0),
            word(" c", 1, 2.0, 3.0),
        ];
        let texts: Vec<Vec<String>> =
            grouped(words, &[3, 2]).into_iter().map(|g| g.into_iter().map(|w| w.text).collect()).collect();
        assert_eq!(texts, [vec![" a", " b"], vec![" c"]]);
    }

    #[test]
    fn a_first_word_that_swallowed_a_pause_is_shortened() {
        let mut groups = vec![vec![word(" so", 1, 0.0, 9.0), word(" it", 1, 9.0, 9.4)]];
        let mut pieces = vec![Piece { start: 0.0, end: 9.4, tokens: 0..2 }];
        fit(&mut groups, &mut pieces, 0.4, 0.0);
        assert!((groups[0][0].start - 8.2).abs() < 1e-9 && (pieces[0].start - 8.2).abs() < 1e-9);
    }

    #[test]
    fn a_stretch_that_knows_its_end_keeps_it() {
        let mut groups = vec![vec![word(" so", 1, 1.0, 1.4), word(" it", 1, 1.4, 6.0)]];
        let mut pieces = vec![Piece { start: 1.0, end: 2.0, tokens: 0..2 }];
        fit(&mut groups, &mut pieces, 0.4, 1.0);
        assert_eq!((groups[0][1].end, pieces[0].end), (2.0, 2.0));
    }
}
