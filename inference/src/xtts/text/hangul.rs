//! Hangul in Latin letters: the academic form of the Revised Romanization of Korean (National Institute of Korean
//! Language, 2000), a hyphen where the border of two syllables could be read in two ways.

use std::collections::HashSet;
use std::sync::LazyLock;

const INITIALS: [&str; 19] =
    ["g", "kk", "n", "d", "tt", "l", "m", "b", "pp", "s", "ss", "", "j", "jj", "ch", "k", "t", "p", "h"];
const VOWELS: [&str; 21] = [
    "a", "ae", "ya", "yae", "eo", "e", "yeo", "ye", "o", "wa", "wae", "oe", "yo", "u", "wo", "we", "wi",
    "yu", "eu", "ui", "i",
];
const FINALS: [&str; 28] = [
    "", "g", "kk", "gs", "n", "nj", "nh", "d", "l", "lg", "lm", "lb", "ls", "lt", "lp", "lh", "m", "b", "bs",
    "s", "ss", "ng", "j", "ch", "k", "t", "p", "h",
];

/// The first of the syllables, and how many there are (Unicode, "Hangul Syllables").
const FIRST: u32 = 0xAC00;
const COUNT: u32 = 11_172;

/// Ends and beginnings that together can be cut in more ways than one.
static AMBIGUOUS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    let pairs = FINALS.iter().flat_map(|end| INITIALS.iter().map(move |start| format!("{end}{start}")));
    let is_ambiguous = |pair: &String| {
        let cut = |at: &usize| FINALS.contains(&&pair[..*at]) && INITIALS.contains(&&pair[*at..]);
        (0..pair.len()).filter(cut).count() > 1
    };
    pairs.filter(is_ambiguous).collect()
});

/// `text` with its syllables in Latin letters; all else stays.
pub(super) fn romanised(text: &str) -> String {
    let mut made = String::new();
    let mut before: Option<usize> = None;
    for c in text.chars() {
        let index = (c as u32).wrapping_sub(FIRST);
        if index >= COUNT {
            made.push(c);
            before = None;
            continue;
        }
        let (initial, vowel, last) = (index as usize / 588, index as usize / 28 % 21, index as usize % 28);
        if let Some(end) = before {
            let border = format!("{}{}", FINALS[end], INITIALS[initial]);
            if INITIALS[initial].is_empty() || AMBIGUOUS.contains(&border) {
                made.push('-');
            }
        }
        made.push_str(INITIALS[initial]);
        made.push_str(VOWELS[vowel]);
        made.push_str(FINALS[last]);
        before = Some(last);
    }
    made
}
