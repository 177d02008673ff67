//! Tokens of a window to stretches of text with times, and where the next window begins (openai-whisper,
//! `transcribe.py`).

use std::ops::Range;

/// Seconds from one time token to the next.
const STEP: f64 = 0.02;

/// A stretch of text, in seconds from the beginning of its window.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Piece {
    /// In seconds.
    pub(super) start: f64,
    /// In seconds.
    pub(super) end: f64,
    /// Which of the window's tokens it is made of, times included.
    pub(super) tokens: Range<usize>,
}

/// What a window's text came to.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cut {
    /// Its stretches.
    pub(super) pieces: Vec<Piece>,
    /// Up to which second of the window everything was written down; none if that is its end.
    pub(super) until: Option<f64>,
    /// Whether the text ends with one time: nothing is said after it.
    pub(super) ends_with_time: bool,
}

/// Cuts `tokens` where two times stand together. `first_timestamp` is the id of 0.00, `duration` that of the window in
/// seconds. What stands behind the last pair is left to the next window, or, with `whole`, lasts to the window's end.
pub(super) fn cut(tokens: &[u32], first_timestamp: u32, duration: f64, whole: bool) -> Cut {
    let time = |at: usize| tokens[at].checked_sub(first_timestamp).map(|steps| f64::from(steps) * STEP);
    let is_time = |at: usize| tokens[at] >= first_timestamp;
    let count = tokens.len();
    let ends_with_time = count >= 2 && !is_time(count - 2) && is_time(count - 1);
    let mut cuts: Vec<usize> = (1..count).filter(|at| is_time(at - 1) && is_time(*at)).collect();
    if cuts.is_empty() {
        let last = (0..count).rev().find_map(time).filter(|time| *time > 0.0);
        let piece = Piece { start: 0.0, end: last.unwrap_or(duration).min(duration), tokens: 0..count };
        return Cut { pieces: vec![piece], until: None, ends_with_time };
    }
    if ends_with_time {
        cuts.push(count);
    }
    let (mut pieces, mut from) = (Vec::new(), 0);
    for to in cuts {
        let start = time(from).unwrap_or(0.0).min(duration);
        let end = time(to - 1).unwrap_or(duration).min(duration);
        pieces.push(Piece { start, end: end.max(start), tokens: from..to });
        from = to;
    }
    if ends_with_time {
        return Cut { pieces, until: None, ends_with_time };
    }
    if whole && from < count {
        let start = time(from).unwrap_or(0.0).min(duration);
        pieces.push(Piece { start, end: duration, tokens: from..count });
        return Cut { pieces, until: None, ends_with_time };
    }
    // At the very beginning it would not go on at all.
    let until = time(from - 1).filter(|until| *until > 0.0 && *until < duration && !whole);
    Cut { pieces, until, ends_with_time }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Told = (f64, f64, Range<usize>);

    /// 0.00 is 100; what is less is text.
    fn pieces(tokens: &[u32], whole: bool) -> (Vec<Told>, Option<f64>) {
        let cut = cut(tokens, 100, 30.0, whole);
        (cut.pieces.into_iter().map(|p| (p.start, p.end, p.tokens)).collect(), cut.until)
    }

    #[test]
    fn a_text_is_cut_where_two_times_meet_and_the_rest_is_left_to_the_next_window() {
        let tokens = [100, 1, 2, 150, 150, 3, 200, 200, 4];
        let (first, second) = ((0.0, 1.0, 0..4), (1.0, 2.0, 4..7));
        assert_eq!(pieces(&tokens, false), (vec![first.clone(), second.clone()], Some(2.0)));
        assert_eq!(pieces(&tokens, true), (vec![first, second, (2.0, 30.0, 7..9)], None));
    }

    #[test]
    fn one_time_at_the_end_says_that_nothing_follows() {
        assert_eq!(pieces(&[100, 1, 200], false), (vec![(0.0, 2.0, 0..3)], None));
        let both = vec![(0.0, 1.0, 0..3), (1.0, 2.0, 3..6)];
        assert_eq!(pieces(&[100, 1, 150, 150, 2, 200], false), (both, None));
    }

    #[test]
    fn a_text_without_times_lasts_as_long_as_the_window() {
        assert_eq!(pieces(&[1, 2], false), (vec![(0.0, 30.0, 0..2)], None));
        assert_eq!(pieces(&[], false), (vec![(0.0, 30.0, 0..0)], None));
        // A pair at the very beginning would be an endless loop.
        assert_eq!(pieces(&[100, 100, 1], false).1, None);
    }

    proptest! {
        #[test]
        fn any_tokens_become_pieces_in_order_and_the_next_window_begins_later(
            tokens in prop::collection::vec(90u32..1700, 0..30), duration in 0.1f64..30.0, whole in any::<bool>(),
        ) {
            let cut = cut(&tokens, 100, duration, whole);
            let mut from = 0;
            for piece in &cut.pieces {
                prop_assert_eq!(piece.tokens.start, from);
                from = piece.tokens.end;
                prop_assert!(0.0 <= piece.start && piece.start <= piece.end && piece.end <= duration);
            }
            prop_assert!(!whole || (from == tokens.len() && cut.until.is_none()));
            prop_assert!(cut.until.is_none_or(|until| until > 0.0 && until < duration));
        }
    }
}
