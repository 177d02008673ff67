//! The time line of an episode: when each turn is heard, where chapters begin, where music plays. Pure arithmetic.
//!
//! Pauses are measured from the last word of a turn to the first word of the next. The intro is heard alone, then
//! steps back under the first words and fades; the bed lies under all that is said; the outro begins under the last
//! words and rises after them.

use crate::timing::{KEPT_AFTER, KEPT_BEFORE, Spoken};
use reelsmith_inference_core::speech::SpokenWord;
use reelsmith_media::captions::CaptionWord;
use reelsmith_media::sound::Chapter;
use serde::{Deserialize, Serialize};

/// Seconds for which the intro is heard before the first word unless said otherwise.
pub const INTRO_SECONDS: f64 = 6.0;
/// Seconds for which the outro is heard after the last word unless said otherwise.
pub const OUTRO_SECONDS: f64 = 8.0;
/// Seconds that the intro goes on for under the first words.
pub const INTRO_UNDER: f64 = 5.0;
/// Seconds before the last word's end at which the outro begins.
pub const OUTRO_UNDER: f64 = 3.0;
/// Of a bed's file at most the first ten minutes are used, which take 230 MB. A longer episode repeats them.
pub(crate) const BED_SECONDS: f64 = 600.0;
/// Of an intro that is shorter than asked for, what is kept for the first words, in seconds.
pub(crate) const INTRO_KEPT: f64 = 1.0;
/// Seconds for which the bed is heard before the first word where there is no intro, and after the last where there is
/// no outro.
const BED_ALONE: f64 = 2.5;
/// Silence before the first word where there is no music, in seconds.
const OPENING: f64 = 0.5;
/// Silence after the last word, at least, in seconds.
const TAIL: f64 = 1.0;
/// A chapter begins so long before its first word, at most, in seconds.
const BEFORE_CHAPTER: f64 = 0.5;

/// The time line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rundown {
    /// The turns in order.
    pub turns: Vec<TurnTime>,
    /// The chapters, without gaps from the start to the end; none where the script has none.
    pub chapters: Vec<Chapter>,
    /// When the intro plays.
    pub intro: Option<Span>,
    /// When the bed plays.
    pub bed: Option<Span>,
    /// When the outro plays.
    pub outro: Option<Span>,
    /// Length, in seconds.
    pub seconds: f64,
}

/// A turn on the time line, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TurnTime {
    /// Where the kept part of the recording starts in the episode.
    pub at: f64,
    /// The kept part of the recording: from.
    pub cut_from: f64,
    /// The kept part of the recording: to.
    pub cut_to: f64,
    /// When the first word begins in the episode.
    pub start: f64,
    /// When the last word ends in the episode.
    pub end: f64,
}

/// A stretch, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Span {
    /// When it begins.
    pub start: f64,
    /// How long it lasts.
    pub seconds: f64,
}

/// What there is to lay.
#[derive(Debug, Clone, Copy)]
pub struct Parts<'a> {
    /// What was spoken, a turn each.
    pub spoken: &'a [Spoken],
    /// Silence before each turn, in seconds; as many as turns.
    pub pauses: &'a [f64],
    /// Titles of chapters and their first turns, in order.
    pub chapters: &'a [(String, usize)],
    /// What the part before the first chapter is called.
    pub title: &'a str,
    /// Length of the intro, in seconds.
    pub intro: Option<f64>,
    /// Whether there is a bed.
    pub bed: bool,
    /// Length of the outro, in seconds.
    pub outro: Option<f64>,
    /// Seconds for which the intro shall be heard before the first word.
    pub intro_seconds: f64,
    /// Seconds for which the outro shall be heard after the last word.
    pub outro_seconds: f64,
}

impl Rundown {
    /// Lays turns, chapters and music.
    pub fn lay(parts: &Parts) -> Self {
        let lead = match (parts.intro, parts.bed) {
            (Some(length), _) => parts.intro_seconds.min((length - INTRO_KEPT).max(length / 2.0)),
            (None, true) => BED_ALONE,
            (None, false) => OPENING,
        };
        let turns = turns(parts, lead);
        let first = turns.first().map_or(lead, |turn| turn.start);
        let last = turns.last().map_or(lead, |turn| turn.end);
        let intro = parts.intro.map(|length| Span { start: 0.0, seconds: length.min(first + INTRO_UNDER) });
        let outro = parts.outro.map(|length| {
            let under = OUTRO_UNDER.min(length / 4.0).min((last - first) / 2.0);
            Span { start: last - under, seconds: length.min(under + parts.outro_seconds) }
        });
        let bed = parts.bed.then(|| {
            let start = if intro.is_some() { first } else { 0.0 };
            let end = if outro.is_some() { last } else { last + BED_ALONE };
            Span { start, seconds: end - start }
        });
        let end = |span: Option<Span>| span.map_or(0.0, |span| span.start + span.seconds);
        let heard = turns.last().map_or(0.0, |turn| turn.at + turn.cut_to - turn.cut_from);
        let seconds = [last + TAIL, heard, end(intro), end(bed), end(outro)].into_iter().fold(0.0, f64::max);
        let chapters = chapters(parts, &turns, seconds);
        Self { turns, chapters, intro, bed, outro, seconds }
    }

    /// A turn's words, in seconds of the episode.
    pub fn words(&self, turn: usize, spoken: &Spoken) -> Vec<CaptionWord> {
        let TurnTime { at, cut_from, .. } = self.turns[turn];
        let moved = |word: &SpokenWord| CaptionWord {
            text: word.text.clone(),
            start: word.start + at - cut_from,
            end: word.end + at - cut_from,
        };
        spoken.words.iter().map(moved).collect()
    }
}

fn turns(parts: &Parts, lead: f64) -> Vec<TurnTime> {
    let mut clock = lead;
    let turns = parts.spoken.iter().zip(parts.pauses).map(|(spoken, pause)| {
        let (first, last) = spoken.bounds();
        let cut_from = (first - KEPT_BEFORE).max(0.0);
        let cut_to = (last + KEPT_AFTER).min(spoken.seconds).max(cut_from);
        let start = (clock + pause).max(first - cut_from);
        let end = start + last - first;
        clock = end;
        TurnTime { at: start - (first - cut_from), cut_from, cut_to, start, end }
    });
    turns.collect()
}

/// Chapters in whole milliseconds, as files state them.
fn chapters(parts: &Parts, turns: &[TurnTime], seconds: f64) -> Vec<Chapter> {
    let whole = |seconds: f64| (seconds * 1000.0).round() / 1000.0;
    let mut starts: Vec<(&str, f64)> = Vec::new();
    for (title, turn) in parts.chapters {
        match turn.checked_sub(1).and_then(|before| Some((turns.get(before)?, turns.get(*turn)?))) {
            None => starts.push((title, 0.0)),
            Some((before, first)) => {
                if starts.is_empty() {
                    starts.push((parts.title, 0.0));
                }
                let gap = first.start - before.end;
                starts.push((title, whole(first.start - BEFORE_CHAPTER.min(gap / 2.0))));
            }
        }
    }
    let ends = starts.iter().skip(1).map(|(_, start)| *start).chain([whole(seconds)]).collect::<Vec<_>>();
    let chapter = |((title, start), end): (&(&str, f64), f64)| Chapter {
        title: (*title).to_owned(),
        start: *start,
        end,
    };
    starts.iter().zip(ends).map(chapter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn spoken(before: f64, words: usize) -> Spoken {
        let word = |n: usize| {
            let start = before + n as f64 * 0.4;
            SpokenWord { text: format!("w{n}"), range: 0..0, start, end: start + 0.3 }
        };
        let words: Vec<_> = (0..words).map(word).collect();
        Spoken { seconds: words.last().map_or(before, |w| w.end) + 0.1, sample_rate: 24_000, words }
    }

    fn parts<'a>(spoken: &'a [Spoken], pauses: &'a [f64], chapters: &'a [(String, usize)]) -> Parts<'a> {
        let (intro_seconds, outro_seconds) = (INTRO_SECONDS, OUTRO_SECONDS);
        Parts {
            spoken,
            pauses,
            chapters,
            title: "All",
            intro: None,
            bed: false,
            outro: None,
            intro_seconds,
            outro_seconds,
        }
    }

    #[test]
    fn the_intro_is_heard_alone_and_goes_on_under_the_first_words() {
        let (spoken, pauses) = (vec![spoken(0.1, 20), spoken(0.2, 30)], [0.0, 0.35]);
        let with = |intro| Rundown::lay(&Parts { intro: Some(intro), ..parts(&spoken, &pauses, &[]) });
        let long = with(60.0);
        assert_eq!(long.turns[0].start, INTRO_SECONDS);
        assert_eq!(long.intro, Some(Span { start: 0.0, seconds: INTRO_SECONDS + INTRO_UNDER }));
        let short = with(4.0);
        assert_eq!((short.turns[0].start, short.intro.map(|span| span.seconds)), (3.0, Some(4.0)));
        assert!(short.chapters.is_empty());
    }

    #[test]
    fn the_outro_begins_under_the_last_words_and_ends_the_episode() {
        let (spoken, pauses) = (vec![spoken(0.1, 20), spoken(0.2, 30)], [0.0, 0.35]);
        let parts = Parts { outro: Some(30.0), bed: true, ..parts(&spoken, &pauses, &[]) };
        let rundown = Rundown::lay(&parts);
        let (outro, last) = (rundown.outro.expect("an outro"), rundown.turns[1].end);
        assert!((outro.start - (last - OUTRO_UNDER)).abs() < 1e-9);
        assert!((rundown.seconds - (last + OUTRO_SECONDS)).abs() < 1e-9);
        let bed = rundown.bed.expect("a bed");
        assert_eq!((bed.start, rundown.turns[0].start), (0.0, BED_ALONE));
        assert!((bed.start + bed.seconds - last).abs() < 1e-9);
    }

    #[test]
    fn what_comes_before_the_first_heading_is_a_chapter_too() {
        let (spoken, pauses) = (vec![spoken(0.1, 5), spoken(0.2, 5), spoken(0.0, 5)], [0.0, 1.8, 0.35]);
        let chapters = [("Then".to_owned(), 1)];
        let rundown = Rundown::lay(&parts(&spoken, &pauses, &chapters));
        let titles: Vec<&str> = rundown.chapters.iter().map(|chapter| chapter.title.as_str()).collect();
        assert_eq!(titles, ["All", "Then"]);
        assert!((rundown.turns[1].start - rundown.chapters[1].start - BEFORE_CHAPTER).abs() < 1e-3);
    }

    proptest! {
        #[test]
        fn turns_keep_their_pauses_and_everything_fits(
            turns in prop::collection::vec((0.0..0.5f64, 1..20usize, 0.0..4.0f64), 1..12),
            intro in prop::option::of(1.0..90.0f64),
            outro in prop::option::of(1.0..90.0f64),
            bed in any::<bool>(),
            every in 1..5usize,
        ) {
            let spoken: Vec<Spoken> = turns.iter().map(|(before, words, _)| self::spoken(*before, *words)).collect();
            let pauses: Vec<f64> = turns.iter().map(|(_, _, pause)| *pause).collect();
            let chapters: Vec<(String, usize)> =
                (0..turns.len()).step_by(every).map(|turn| (format!("c{turn}"), turn)).collect();
            let rundown = Rundown::lay(&Parts { intro, outro, bed, ..parts(&spoken, &pauses, &chapters) });
            for (n, turn) in rundown.turns.iter().enumerate() {
                prop_assert!(turn.at >= -1e-9 && turn.at + turn.cut_to - turn.cut_from <= rundown.seconds + 1e-9);
                if n > 0 {
                    let gap = turn.start - rundown.turns[n - 1].end;
                    prop_assert!((gap - pauses[n]).abs() < 1e-6, "{gap} for {}", pauses[n]);
                }
                let words = rundown.words(n, &spoken[n]);
                prop_assert!((words[0].start - turn.start).abs() < 1e-9);
                prop_assert!(words.last().is_some_and(|word| (word.end - turn.end).abs() < 1e-9));
            }
            for span in [rundown.intro, rundown.bed, rundown.outro].into_iter().flatten() {
                prop_assert!(span.start >= -1e-9 && span.seconds > 0.0);
                prop_assert!(span.start + span.seconds <= rundown.seconds + 1e-9);
            }
            prop_assert_eq!(rundown.chapters.len(), chapters.len());
            prop_assert_eq!(rundown.chapters[0].start, 0.0);
            prop_assert!(rundown.chapters.iter().all(|chapter| chapter.end > chapter.start + 0.05));
            prop_assert!(rundown.chapters.windows(2).all(|pair| pair[0].end == pair[1].start));
            prop_assert!(rundown.chapters.last().is_some_and(|chapter| (chapter.end - rundown.seconds).abs() < 1e-3));
        }
    }
}
