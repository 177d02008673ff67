//! Numbers that say a place in a row, in the languages that make them by a rule.

use super::cardinal;
use crate::numerals;
use crate::xtts::text::language::Language;

/// "twenty-first".
pub(in crate::xtts::text) fn ordinal(language: Language, n: u64) -> Option<String> {
    let counted = cardinal(language, n)?;
    match language {
        Language::English => Some(numerals::ordinal(&counted)),
        Language::German => Some(german(n, &counted)),
        Language::Dutch => Some(dutch(n, &counted)),
        Language::French => Some(french(n, &counted)),
        Language::Turkish if n > 0 => Some(turkish(&counted)),
        _ => None,
    }
}

/// The ending of the last word is another.
fn changed(counted: &str, endings: &[(&str, &str)], otherwise: &str) -> String {
    match endings.iter().find(|(ending, _)| counted.ends_with(ending)) {
        Some((ending, other)) => format!("{}{other}", &counted[..counted.len() - ending.len()]),
        None => format!("{counted}{otherwise}"),
    }
}

fn german(n: u64, counted: &str) -> String {
    let counted = match n {
        100 => "hundert",
        1000 => "tausend",
        _ => counted,
    };
    let otherwise = if (1..20).contains(&(n % 100)) { "te" } else { "ste" };
    let endings: &[(&str, &str)] = match n % 100 {
        1 => &[("eins", "erste")],
        3 => &[("drei", "dritte")],
        7 => &[("sieben", "siebte")],
        8 => &[("acht", "achte")],
        _ => &[],
    };
    changed(counted, endings, otherwise)
}

fn dutch(n: u64, counted: &str) -> String {
    let endings: &[(&str, &str)] = match n % 100 {
        1 => &[("één", "eerste")],
        3 => &[("drie", "derde")],
        _ => &[],
    };
    let is_plain = matches!(n % 100, 2 | 4..=7 | 9..=19);
    changed(counted, endings, if is_plain { "de" } else { "ste" })
}

fn french(n: u64, counted: &str) -> String {
    if n == 1 {
        return "premier".to_owned();
    }
    const ENDINGS: [(&str, &str); 7] = [
        ("cinq", "cinquième"),
        ("neuf", "neuvième"),
        ("vingts", "vingtième"),
        ("cents", "centième"),
        ("millions", "millionième"),
        ("milliards", "milliardième"),
        ("e", "ième"),
    ];
    changed(counted, &ENDINGS, "ième")
}

/// Vowel harmony: the ending follows the last vowel.
fn turkish(counted: &str) -> String {
    const ENDINGS: [(&str, &str); 2] = [("dört", "dördüncü"), ("kırk", "kırkıncı")];
    let front = |c: &char| "aıoueiöü".contains(*c);
    let vowel = match counted.chars().rev().find(front) {
        Some('a' | 'ı') => 'ı',
        Some('o' | 'u') => 'u',
        Some('ö' | 'ü') => 'ü',
        _ => 'i',
    };
    let is_open = counted.ends_with(|c: char| front(&c));
    let otherwise = if is_open { format!("nc{vowel}") } else { format!("{vowel}nc{vowel}") };
    changed(counted, &ENDINGS, &otherwise)
}
