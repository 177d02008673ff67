//! A text as XTTS was trained to read it: small letters, numbers, abbreviations and symbols in words
//! (`multilingual_cleaners` of `TTS/tts/layers/xtts/tokenizer.py`).
//!
//! What a language has no rule for here is refused by name, never guessed: the upstream cleaner takes Chinese and
//! Japanese through dictionaries that are not here, so these two take text in Latin letters only; numbers in Arabic
//! and Hindi, and ordinals and sums of money in some languages, must be written out.

use super::hangul::romanised;
use super::language::Language;
use super::numbers::{Currency, cardinal, decimal, money, ordinal};
use super::tables::{SYMBOLS, abbreviations, symbols};
use regex::{Captures, Regex};
use std::cell::RefCell;
use std::sync::LazyLock;

/// Most figures of one number.
const MOST_FIGURES: usize = 12;

static COMMAS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{1,3}(,\d{3})*(\.\d+)?\b"));
// Upstream's dot stands for any character, which changes nothing: only full stops are taken out.
static STOPS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\b\d{1,3}(.\d{3})*(,\d+)?\b"));
static MONEY: LazyLock<[(Currency, Regex); 3]> = LazyLock::new(|| {
    let either = |sign: &str| pattern(&format!(r"{sign}[0-9.,]*[0-9]+|[0-9.,]*[0-9]+{sign}"));
    [(Currency::Pound, either("£")), (Currency::Dollar, either(r"\$")), (Currency::Euro, either("€"))]
});
static DECIMAL: LazyLock<Regex> = LazyLock::new(|| pattern(r"([0-9]+)[.,]([0-9]+)"));
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern("[0-9]+"));
static BLANKS: LazyLock<Regex> = LazyLock::new(|| pattern(r"\s+"));

fn pattern(pattern: &str) -> Regex {
    Regex::new(pattern).expect("it is a pattern")
}

/// The text as the vocabulary takes it, or why it cannot be read.
pub(super) fn cleaned(text: &str, language: Language) -> Result<String, String> {
    let foreign =
        |c: &char| matches!(*c as u32, 0x2E80..=0x9FFF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF | 0x20000..);
    let latin = |what: &str| match text.chars().find(foreign) {
        None => Ok(()),
        Some(c) => Err(format!(
            "`{c}` cannot be read: this version has no dictionary for it; write the text in {what}"
        )),
    };
    match language {
        Language::Japanese => {
            latin("Hepburn's Latin letters")?;
            return Ok(text.to_lowercase());
        }
        Language::Chinese => {
            latin("pinyin with the number of the tone behind each syllable, as ni3hao3")?;
            // The figures are tones.
            return Ok(spelled(&text.replace('"', "").to_lowercase(), language));
        }
        _ => {}
    }
    let mut text = text.replace('"', "");
    if language == Language::Turkish {
        text = text.replace('İ', "i");
    }
    let text = numbers(&text.to_lowercase(), language)?;
    let text = spelled(&text, language);
    Ok(if language == Language::Korean { romanised(&text) } else { text })
}

/// Abbreviations and symbols in words, and single blanks.
fn spelled(text: &str, language: Language) -> String {
    let mut text = text.to_owned();
    for (short, long) in abbreviations(language) {
        let end = if language == Language::Russian { r"\b" } else { r"\." };
        text = pattern(&format!(r"(?i)\b{short}{end}")).replace_all(&text, *long).into_owned();
    }
    if let Some(said) = symbols(language) {
        for (symbol, said) in SYMBOLS.iter().zip(said) {
            text = text.replace(*symbol, &format!(" {said} ")).replace("  ", " ");
        }
    }
    BLANKS.replace_all(text.trim(), " ").into_owned()
}

fn numbers(text: &str, language: Language) -> Result<String, String> {
    let without = |pattern: &Regex, text: &str, mark: &str| {
        pattern.replace_all(text, |found: &Captures<'_>| found[0].replace(mark, "")).into_owned()
    };
    let text = match language {
        Language::English | Language::Russian => without(&COMMAS, text, ","),
        _ => without(&STOPS, text, "."),
    };
    let mut text = sums(&text, language)?;
    if language != Language::Turkish {
        text = said(&DECIMAL, &text, |found| broken(found, language))?;
    }
    let text = ordinals(&text, language)?;
    said(&NUMBER, &text, |found| match found[0].parse() {
        Ok(n) if found[0].len() <= MOST_FIGURES => cardinal(language, n),
        _ => None,
    })
}

/// Replaces what `pattern` finds by what `say` says; what it cannot say is refused.
fn said(
    pattern: &Regex,
    text: &str,
    say: impl Fn(&Captures<'_>) -> Option<String>,
) -> Result<String, String> {
    let unread = RefCell::new(None);
    let made = pattern.replace_all(text, |found: &Captures<'_>| {
        say(found).unwrap_or_else(|| {
            let shown: String = found[0].chars().take(24).collect();
            unread.borrow_mut().get_or_insert(shown);
            String::new()
        })
    });
    match unread.into_inner() {
        None => Ok(made.into_owned()),
        Some(shown) => Err(format!("`{shown}` cannot be read in this language here; write it in words")),
    }
}

fn broken(found: &Captures<'_>, language: Language) -> Option<String> {
    let figures = found[2].trim_end_matches('0');
    match found[1].len() <= MOST_FIGURES && figures.len() <= MOST_FIGURES {
        true => decimal(language, found[1].parse().ok()?, figures),
        false => None,
    }
}

/// Sums of money. Upstream leaves a sum that its library cannot say as it is, for its sign to be spelled out where the
/// language's table has it; Turkish has no other way.
fn sums(text: &str, language: Language) -> Result<String, String> {
    if language == Language::Turkish {
        return Ok(text.to_owned());
    }
    let mut text = text.to_owned();
    for (currency, pattern) in MONEY.iter() {
        text = said(pattern, &text, |found| {
            let plain: String =
                found[0].replace(',', ".").chars().filter(|c| c.is_ascii_digit() || *c == '.').collect();
            let (whole, rest) = plain.split_once('.').unwrap_or((&plain, ""));
            let rest: String = rest.chars().chain("00".chars()).take(2.max(rest.len())).collect();
            if rest.contains('.') || whole.len() > MOST_FIGURES {
                return None;
            }
            // Hundredths, rounded.
            let half = rest.as_bytes().get(2).is_some_and(|figure| *figure >= b'5');
            let hundredths = rest[..2].parse::<u64>().ok()? + u64::from(half);
            let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
            money(language, *currency, whole + hundredths / 100, hundredths % 100)
        })?;
    }
    Ok(text)
}

/// What follows a number that says a place in a row.
fn endings(language: Language) -> &'static [&'static str] {
    match language {
        Language::English | Language::Hindi => &["st", "nd", "rd", "th"],
        Language::Spanish => &["º", "ª", "er", "o", "a", "os", "as"],
        Language::French => &["º", "ª", "er", "re", "e", "ème"],
        Language::German => &["st", "nd", "rd", "th", "º", "ª", "."],
        Language::Portuguese => &["º", "ª", "o", "a", "os", "as"],
        Language::Italian => &["º", "°", "ª", "o", "a", "i", "e"],
        Language::Polish => &["º", "ª", "st", "nd", "rd", "th"],
        Language::Arabic => &["ون", "ين", "ث", "ر", "ى"],
        Language::Russian => &["-й", "-я", "-е", "-ое", "-ье", "-го"],
        Language::Dutch => &["de", "ste", "e"],
        Language::Turkish => &[".", "inci", "nci", "uncu", "üncü"],
        Language::Hungarian => &["adik", "edik", "odik", "ödik", "ödike", "ik"],
        Language::Korean => &["번째", "번", "차", "째"],
        // Upstream takes every number before a full stop for an ordinal, and then has no word for it.
        Language::Czech | Language::Chinese | Language::Japanese => &[],
    }
}

fn ordinals(text: &str, language: Language) -> Result<String, String> {
    let endings = endings(language);
    if endings.is_empty() {
        return Ok(text.to_owned());
    }
    // A German full stop counts only where a blank or nothing follows.
    let (stop, plain): (Vec<&str>, Vec<&str>) =
        endings.iter().partition(|ending| **ending == "." && language == Language::German);
    let plain = plain.join("|").replace('.', r"\.");
    let ending = if stop.is_empty() { plain } else { format!(r"{plain}|\.(?P<after>\s|$)") };
    let pattern = pattern(&format!("([0-9]+)(?:{ending})"));
    said(&pattern, text, |found| {
        let after = found.name("after").map_or("", |after| after.as_str());
        let n = if found[1].len() <= MOST_FIGURES { found[1].parse().ok()? } else { return None };
        Some(format!("{}{after}", ordinal(language, n)?))
    })
}
