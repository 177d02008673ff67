//! Words as they are: one spelling for one word, compounds taken apart where a part needs a rule.

use super::{Context, Say, say_part};
use crate::phonemes::symbols;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Longer than any English word; what is longer is left to the network, which reads it in pieces.
const MOST_LETTERS: usize = 45;

/// `body` with one form for each kind of apostrophe, hyphen and digit, without what is not heard.
/// Superscripts and fractions keep their meaning.
pub(crate) fn canonical(body: &str) -> String {
    let mut out = String::with_capacity(body.len());
    for c in body.chars() {
        match c {
            '‘' | '’' | 'ʼ' | '＇' | '′' => out.push('\''),
            '‐' | '‑' | '－' | '−' | '﹣' => out.push('-'),
            '‒' | '–' => out.push('–'),
            '″' => out.push('"'),
            '™' | '®' => {}
            '²' | '³' | '¹' | 'º' | 'ª' | '½' | '⅓' | '⅔' | '¼' | '¾' | '⅕' | '⅖' | '⅗' | '⅘' | '⅙' | '⅚'
            | '⅛' | '⅜' | '⅝' | '⅞' => out.push(c),
            c if c.is_alphanumeric() || symbols::name(c).is_some() => out.extend(c.nfkc()),
            c if c.is_ascii_punctuation() || is_combining_mark(c) || c == '—' || c == '…' => out.push(c),
            _ => {}
        }
    }
    out
}

/// The last rule: plain words, compounds and symbols.
pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if body.chars().all(is_word_character) && !mixes_cases(body) {
        return Some(vec![word(body)]);
    }
    Some(parts(context, body))
}

fn is_word_character(c: char) -> bool {
    c.is_alphabetic() || is_combining_mark(c) || c == '\'' || c == '-'
}

/// A compound of which a part is written in capitals ("X-ray", "TCP-based").
fn mixes_cases(body: &str) -> bool {
    body.contains('-')
        && body.split('-').any(|p| p.len() > 1 && p.bytes().all(|b| b.is_ascii_uppercase()))
        && !body.bytes().all(|b| b.is_ascii_uppercase())
}

/// One word in letters that the lexicon can hold, or left to the network.
fn word(body: &str) -> Say {
    let folded = fold(body);
    match folded.is_ascii() && folded.len() <= MOST_LETTERS {
        true => Say::Words(folded),
        false => Say::Foreign(folded),
    }
}

/// Latin letters without their marks.
fn fold(body: &str) -> String {
    let mut folded = String::with_capacity(body.len());
    for c in body.nfd().filter(|c| !is_combining_mark(*c)) {
        match c {
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'Æ' => folded.push_str("Ae"),
            'œ' => folded.push_str("oe"),
            'Œ' => folded.push_str("Oe"),
            'ø' => folded.push('o'),
            'Ø' => folded.push('O'),
            'ł' => folded.push('l'),
            'Ł' => folded.push('L'),
            'đ' | 'ð' => folded.push('d'),
            'Đ' | 'Ð' => folded.push('D'),
            'þ' => folded.push_str("th"),
            'Þ' => folded.push_str("Th"),
            'ı' => folded.push('i'),
            _ => folded.push(c),
        }
    }
    folded
}

/// Takes a body apart at everything that is no letter or digit and reads part after part.
fn parts(context: &Context<'_>, body: &str) -> Vec<Say> {
    let mut said = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let end = rest
            .find(|c: char| !(is_word_character(c) && c != '-' || c.is_alphanumeric()))
            .unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        // A body without a separator would come back here for ever.
        if part.len() < body.len() {
            said.extend(say_part(context, part));
        } else {
            said.extend(runs(context, part));
        }
        let mut characters = after.chars();
        if let Some(separator) = characters.next() {
            said.extend(between(separator, part, characters.as_str()));
        }
        rest = characters.as_str();
    }
    said
}

/// Letters and digits in one part: digits are named one by one, letters are read.
fn runs(context: &Context<'_>, part: &str) -> Vec<Say> {
    let letters: String = part.chars().filter(|c| c.is_alphabetic() || *c == '\'').collect();
    let digits: String = part.chars().filter(char::is_ascii_digit).collect();
    let mut said = Vec::new();
    if !letters.is_empty() && letters.len() < part.len() {
        said.extend(say_part(context, &letters));
    } else if !letters.is_empty() {
        said.push(word(&letters));
    }
    if !digits.is_empty() {
        said.push(Say::Words(crate::phonemes::numbers::digits(&digits)));
    }
    said
}

/// What a separator inside a word says.
fn between(separator: char, before: &str, after: &str) -> Option<Say> {
    match separator {
        '#' if before.len() == 1 && after.is_empty() => Some(Say::Words("sharp".to_owned())),
        '.' if !after.is_empty() => Some(Say::Words("dot".to_owned())),
        '—' | '…' | ',' | ';' | ':' => Some(Say::Break),
        _ => symbols::name(separator).map(|name| Say::Words(name.to_owned())),
    }
}
