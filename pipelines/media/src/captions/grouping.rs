//! Groups timed words into cues: where to break, how to split lines, how long each stays.
//!
//! Sentence ends and pauses always break. Between them the breaks of least cost are found by
//! dynamic programming: groups of three or four words, split after commas rather than after
//! "the", each within two lines.

use std::ops::Range;

use super::{CaptionStyle, CaptionWord, Case, Cue};

/// A cue stays this long after its last word, unless the next begins, in seconds.
const HOLD: f64 = 0.4;
/// A gap before the next cue shorter than this is closed: a caption that blinks draws the eye.
const BLINK: f64 = 0.2;
/// Width of a word space in ems of a heavy display face.
const SPACE: f32 = 0.28;
/// How much wider a line may be, in ems, so that the one above it does not end in "the".
const CLING: f32 = 1.6;
/// Cost of a break that a reader would stumble over.
const STUMBLE: f32 = 2.5;

/// Groups words into cues: in order, every word with visible text in exactly one, none
/// overlapping, each of at most `max_words` words and `max_lines` lines.
///
/// Times that run backwards are pulled forward. Line widths are estimated from the letters;
/// [`super::Captions`] measures them and sets a line smaller where the estimate was too kind.
pub fn cues(words: &[CaptionWord], style: &CaptionStyle) -> Vec<Cue> {
    let words = in_order(words);
    let mut groups: Vec<Range<usize>> = Vec::new();
    let mut start = 0;
    for end in 1..=words.len() {
        if end == words.len() || breaks_after(&words, end - 1, style) {
            groups.extend(best_groups(&words, start..end, style));
            start = end;
        }
    }
    let timed = |(i, group): (usize, &Range<usize>)| {
        let next = groups.get(i + 1).map(|next| words[next.start].start);
        let own = words[group.clone()].to_vec();
        let lines = best_lines(&widths(&own, style), style, |cut| clings_to_next(&own[cut - 1].text))
            .unwrap_or_else(|| std::iter::once(0..own.len()).collect());
        let (start, end) = shown_for(&own, next, style);
        Cue { start, end, words: own, lines }
    };
    groups.iter().enumerate().map(timed).collect()
}

/// The visible words with times made monotonic.
fn in_order(words: &[CaptionWord]) -> Vec<CaptionWord> {
    let mut clock = 0.0_f64;
    let mut kept: Vec<CaptionWord> = Vec::with_capacity(words.len());
    for word in words.iter().filter(|word| !word.text.trim().is_empty()) {
        let start = if word.start.is_finite() { word.start.max(clock) } else { clock };
        let end = if word.end.is_finite() { word.end.max(start) } else { start };
        clock = start;
        kept.push(CaptionWord { text: word.text.clone(), start, end });
    }
    for i in 1..kept.len() {
        kept[i - 1].end = kept[i - 1].end.min(kept[i].start);
    }
    kept
}

fn shown_for(words: &[CaptionWord], next: Option<f64>, style: &CaptionStyle) -> (f64, f64) {
    let start = words.first().map_or(0.0, |word| word.start);
    let spoken = words.last().map_or(start, |word| word.end);
    let end = (spoken + HOLD).max(start + style.min_seconds);
    match next {
        Some(next) if next - end < BLINK => (start, next),
        _ => (start, end),
    }
}

fn breaks_after(words: &[CaptionWord], i: usize, style: &CaptionStyle) -> bool {
    words[i + 1].start - words[i].end > style.pause || ends_sentence(&words[i].text, &words[i + 1].text)
}

/// Whether a sentence ends between two words; full stops of abbreviations and initials do not count.
fn ends_sentence(word: &str, next: &str) -> bool {
    const ABBREVIATIONS: [&str; 18] = [
        "mr.", "mrs.", "ms.", "dr.", "st.", "vs.", "etc.", "e.g.", "i.e.", "no.", "prof.", "jr.", "sr.",
        "mt.", "a.m.", "p.m.", "u.s.", "approx.",
    ];
    let bare = word.trim_end_matches(['"', '\'', ')', ']', '”', '’', '»']);
    if bare.ends_with(['!', '?', '…', '。', '！', '？', '।']) {
        return true;
    }
    let Some(stem) = bare.strip_suffix('.') else { return false };
    let initial = stem.chars().count() == 1 && stem.chars().all(char::is_alphabetic);
    let lower_follows = next.trim_start_matches(['"', '\'', '“', '‘', '(']).starts_with(char::is_lowercase);
    !initial && !lower_follows && !ABBREVIATIONS.contains(&bare.to_lowercase().as_str())
}

/// The cheapest division of one segment into groups.
fn best_groups(words: &[CaptionWord], segment: Range<usize>, style: &CaptionStyle) -> Vec<Range<usize>> {
    let n = segment.len();
    let widths = widths(&words[segment.clone()], style);
    let mut cost = vec![f32::INFINITY; n + 1];
    let mut from = vec![0; n + 1];
    cost[0] = 0.0;
    for end in 1..=n {
        for start in end.saturating_sub(style.max_words)..end {
            let fits = end - start == 1 || best_lines(&widths[start..end], style, |_| false).is_some();
            if !fits {
                continue;
            }
            let group = segment.start + start..segment.start + end;
            let total = cost[start] + group_cost(words, group, end == n);
            if total < cost[end] {
                cost[end] = total;
                from[end] = start;
            }
        }
    }
    let mut groups = Vec::new();
    let mut end = n;
    while end > 0 {
        groups.push(segment.start + from[end]..segment.start + end);
        end = from[end];
    }
    groups.reverse();
    groups
}

fn group_cost(words: &[CaptionWord], group: Range<usize>, last: bool) -> f32 {
    let size = match group.len() {
        1 => 4.0,
        2 => 1.2,
        3 | 4 => 0.5,
        5 => 1.2,
        more => more as f32,
    };
    let seconds = words[group.end - 1].end - words[group.start].start;
    let hurried = if seconds < 0.5 { 1.5 } else { 0.0 };
    if last {
        return size + hurried;
    }
    let (before, after) = (&words[group.end - 1], &words[group.end]);
    let mut joint = 0.0;
    if before.text.ends_with([',', ';', ':', '—', '–', '،', '、']) {
        joint -= 2.0;
    } else if clings_to_next(&before.text) {
        joint += STUMBLE;
    }
    if opens_phrase(&after.text) {
        joint -= 0.6;
    }
    if after.start - before.end > 0.12 {
        joint -= 0.8;
    }
    size + hurried + joint
}

fn clings_to_next(word: &str) -> bool {
    const CLINGING: [&str; 44] = [
        "a", "an", "the", "of", "to", "in", "on", "at", "and", "or", "but", "is", "was", "are", "were",
        "for", "with", "from", "by", "as", "that", "this", "these", "its", "his", "her", "my", "your", "our",
        "their", "be", "than", "about", "every", "each", "no", "not", "very", "into", "if", "when", "will",
        "would", "dr.",
    ];
    let bare = word.to_lowercase();
    let number = bare.ends_with(|c: char| c.is_ascii_digit());
    number || CLINGING.contains(&bare.as_str())
}

fn opens_phrase(word: &str) -> bool {
    const OPENING: [&str; 20] = [
        "and", "but", "or", "so", "because", "which", "that", "when", "where", "while", "if", "of", "in",
        "on", "for", "with", "from", "to", "until", "than",
    ];
    OPENING.contains(&word.to_lowercase().as_str())
}

fn widths(words: &[CaptionWord], style: &CaptionStyle) -> Vec<f32> {
    words.iter().map(|word| style.shown(&word.text).chars().map(|ch| letter(ch, style.case)).sum()).collect()
}

/// Rough advance width of a letter in ems of a heavy display face (Montserrat ExtraBold's classes).
fn letter(ch: char, case: Case) -> f32 {
    match ch {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '!' | '\'' | '’' | '|' => 0.33,
        'f' | 't' | 'r' | '(' | ')' | '-' | '"' => 0.44,
        'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.98,
        c if (c as u32) >= 0x2e80 => 1.0,
        c if c.is_uppercase() || c.is_ascii_digit() => 0.74,
        _ if case == Case::Upper => 0.74,
        _ => 0.64,
    }
}

/// One line when it fits, else two of widths as equal as can be; `None` when two do not suffice.
///
/// A cut that `clings` (after "the") is avoided where the other lines fit as well.
fn best_lines(
    widths: &[f32],
    style: &CaptionStyle,
    clings: impl Fn(usize) -> bool,
) -> Option<Vec<Range<usize>>> {
    let line = |part: &[f32]| part.iter().sum::<f32>() + SPACE * part.len().saturating_sub(1) as f32;
    let n = widths.len();
    if line(widths) <= style.line_width {
        return Some(std::iter::once(0..n).collect());
    }
    if style.max_lines < 2 {
        return None;
    }
    let widest = |cut: &usize| line(&widths[..*cut]).max(line(&widths[*cut..]));
    let cost = |cut: &usize| widest(cut) + if clings(*cut) { CLING } else { 0.0 };
    let fitting = (1..n).filter(|cut| widest(cut) <= style.line_width);
    let cut = fitting.min_by(|a, b| cost(a).total_cmp(&cost(b)))?;
    Some(vec![0..cut, cut..n])
}
