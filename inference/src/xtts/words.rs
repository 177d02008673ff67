//! Where the words of a text lie in its sound, as far as XTTS tells: it has no durations of its own, so the words of a
//! part are spread over the part's sound by their letters. What needs them better aligns the sound with a recogniser.

use reelsmith_inference_core::speech::SpokenWord;
use std::ops::Range;

/// The words of a text as their places become known.
pub(super) struct Words<'a> {
    text: &'a str,
    /// Bytes of the text.
    ranges: Vec<Range<usize>>,
    /// Samples, for the words so far.
    places: Vec<Range<usize>>,
    /// Letters of the last of them that are still to come: it is longer than a part.
    rest: usize,
}

impl<'a> Words<'a> {
    /// What stands between blanks.
    pub(super) fn of(text: &'a str) -> Self {
        let start = text.as_ptr() as usize;
        let range = |word: &str| {
            let at = word.as_ptr() as usize - start;
            at..at + word.len()
        };
        Self { text, ranges: text.split_whitespace().map(range).collect(), places: Vec::new(), rest: 0 }
    }

    /// The next words are those whose letters `part` has, and lie in `samples`.
    pub(super) fn spread(&mut self, part: &str, samples: Range<usize>) {
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let total = letters(part);
        let mut before = self.rest.min(total);
        let place = |count: usize| samples.start + samples.len() * count.min(total) / total.max(1);
        if let Some(last) = self.places.last_mut().filter(|_| before > 0) {
            last.end = place(before);
        }
        self.rest -= before;
        while before < total && self.places.len() < self.ranges.len() {
            let count = letters(&self.text[self.ranges[self.places.len()].clone()]);
            self.places.push(place(before)..place(before + count));
            before += count;
            self.rest = before.saturating_sub(total);
        }
    }

    /// All words, those that were not said without length at the end.
    pub(super) fn finish(mut self, rate: u32) -> Vec<SpokenWord> {
        let end = self.places.last().map_or(0, |place| place.end);
        self.places.resize(self.ranges.len(), end..end);
        let seconds = |samples: usize| samples as f64 / f64::from(rate);
        let words = self.ranges.iter().zip(&self.places).map(|(range, place)| SpokenWord {
            text: self.text[range.clone()].to_owned(),
            range: range.clone(),
            start: seconds(place.start),
            end: seconds(place.end),
        });
        words.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_word_longer_than_a_part_ends_where_its_letters_do() {
        let mut words = Words::of("abcdefgh ij kl");
        words.spread("abcd", 0..400);
        words.spread("efgh ij", 400..1000);
        words.spread("kl", 1000..1200);
        let times: Vec<(f64, f64)> = words.finish(100).iter().map(|word| (word.start, word.end)).collect();
        assert_eq!(times, [(0.0, 8.0), (8.0, 10.0), (10.0, 12.0)]);
    }

    proptest! {
        #[test]
        fn words_follow_each_other_within_the_sound(
            parts in prop::collection::vec(("[a-zé ,.]{1,40}", 0usize..5000), 1..6),
        ) {
            let text = parts.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>().join(" ");
            let mut words = Words::of(&text);
            let mut end = 0;
            for (part, samples) in &parts {
                words.spread(part, end..end + samples);
                end += samples;
            }
            let made = words.finish(1000);
            prop_assert_eq!(made.len(), text.split_whitespace().count());
            let mut before = 0.0;
            for word in &made {
                prop_assert_eq!(&text[word.range.clone()], word.text.as_str());
                prop_assert!(before <= word.start && word.start <= word.end, "{made:?}");
                before = word.end;
            }
            prop_assert!(before <= end as f64 / 1000.0);
        }
    }
}
