//! Plain figures: telephone numbers, ordinals, years, decimals, versions, model numbers.

use super::{Context, Say, pattern, say_part};
use crate::phonemes::Accent;
use crate::phonemes::numbers::{cardinal, decade, digits, ordinal, plural, ungroup, written, year};

pattern!(PHONE, r"^\+?[0-9]{1,4}(?:[-.][0-9]{2,5}){1,4}$");
pattern!(ORDINAL, r"^([0-9][0-9,]*)(?:st|nd|rd|th|ST|ND|RD|TH)$");
pattern!(NUMBER, r"^[+-]?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)$");
pattern!(VERSION, r"^([vV])?([0-9]+(?:\.[0-9]+)+)$");
pattern!(FOUR, r"^[0-9]{4}$");
pattern!(MIXED, r"^[A-Za-z0-9]*[0-9][A-Za-z0-9]*$");
pattern!(PLURAL, r"^([0-9]{1,4})s$");
pattern!(POSSESSIVE, r"^([0-9][0-9,.]*)'s$");

pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    const RULES: &[super::Rule] = &[ordinals, number, version, possessive, compound, mixed];
    RULES.iter().find_map(|rule| rule(context))
}

/// 555-123-4567, +1-555-0199, and groups of digits after "+44" or "(020)".
pub(super) fn phone(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let figures = body.bytes().filter(u8::is_ascii_digit).count();
    let is_grouped = PHONE.is_match(body) && (7..=15).contains(&figures) && !body.contains("..");
    let is_local = body.split('-').map(str::len).eq([3, 4]);
    if is_grouped && (figures >= 9 || is_local || body.starts_with('+')) && body.matches('.').count() != 1 {
        let mut said = Vec::new();
        if body.starts_with('+') {
            said.push(Say::Words("plus".to_owned()));
        }
        for (at, group) in body.trim_start_matches('+').split(['-', '.']).enumerate() {
            if at > 0 {
                said.push(Say::Break);
            }
            said.push(Say::Words(digits(group)));
        }
        return Some(said);
    }
    let is_digits = body.len() >= 2 && body.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    if !is_digits || !in_phone_run(context) {
        return None;
    }
    Some(body.split('-').flat_map(|group| [Say::Words(digits(group)), Say::Break]).collect())
}

/// Whether the groups of digits around the word are a telephone number: they begin with "+44" or with an
/// area code in brackets.
fn in_phone_run(context: &Context<'_>) -> bool {
    let is_group = |i: usize| {
        let body = &context.sentence[i].body;
        body.bytes().all(|b| b.is_ascii_digit() || b == b'-') && body.bytes().any(|b| b.is_ascii_digit())
    };
    let here = &context.sentence[context.at];
    let opens = here.lead.ends_with('(') && here.tail.starts_with(')') && here.body.len() >= 3;
    if opens {
        return context.at + 1 < context.sentence.len() && is_group(context.at + 1);
    }
    for at in (0..context.at).rev() {
        let word = &context.sentence[at];
        let code = word.body.strip_prefix('+').unwrap_or_default();
        if !code.is_empty() && code.bytes().all(|b| b.is_ascii_digit()) {
            return true;
        }
        if !is_group(at) {
            return false;
        }
        if word.lead.ends_with('(') && word.tail.starts_with(')') {
            return true;
        }
    }
    false
}

/// 1st, 22nd, 1,000th.
fn ordinals(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = ORDINAL.captures(context.body())?;
    let number = ungroup(&found[1])?.parse().ok()?;
    Some(Say::words(ordinal(number, context.accent)))
}

/// Years, numbers that name a thing, and every other figure.
fn number(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if !NUMBER.is_match(body) {
        return None;
    }
    let words = if is_year(context) {
        year(body.parse().ok()?, context.accent)
    } else if names_model(context) {
        model_number(body, context.accent)
    } else if let Some(words) = written(body, context.accent) {
        words
    } else if body.contains(',') {
        return Some(listed(context, body));
    } else {
        digits(body)
    };
    let mut said = Say::words(words);
    if context.tail().trim_matches(|c: char| c.is_whitespace()).starts_with(['–', '—']) {
        let next = context.sentence.get(context.at + 1);
        if next.is_some_and(|n| NUMBER.is_match(&n.body)) {
            said.push(Say::Words("to".to_owned()));
        }
    }
    Some(said)
}

/// Figures whose commas part no thousands ("1,2", "3,14"), one after the other.
fn listed(context: &Context<'_>, body: &str) -> Vec<Say> {
    let mut said = Vec::new();
    for figure in body.split(',').filter(|figure| !figure.is_empty()) {
        if !said.is_empty() {
            said.push(Say::Break);
        }
        said.extend(say_part(context, figure));
    }
    said
}

/// Four digits from 1100 to 2099 without a separator are a year unless a counted thing says otherwise.
fn is_year(context: &Context<'_>) -> bool {
    let body = context.body();
    let in_range = body.parse::<u64>().is_ok_and(|y| (1100..2100).contains(&y));
    FOUR.is_match(body) && in_range && !counts(context)
}

/// Whether the next word is what the figure counts: a unit, a scale, or a plural noun ("1905 people"), but
/// not in "in 1905 people moved" and "1905 was".
fn counts(context: &Context<'_>) -> bool {
    const BEFORE_YEARS: &[&str] = &[
        "circa", "during", "early", "in", "late", "mid", "since", "spring", "summer", "autumn", "fall",
        "winter", "until", "year",
    ];
    const PLURALS: &[&str] =
        &["people", "men", "women", "children", "feet", "mice", "teeth", "sheep", "fish"];
    /// Words in s that are no plurals: what is said of a year, or after it.
    const NO_PLURALS: &[&str] = &[
        "across", "always", "as", "becomes", "begins", "belongs", "brings", "comes", "ends", "feels",
        "gives", "goes", "has", "his", "holds", "is", "its", "looks", "makes", "marks", "perhaps", "plus",
        "remains", "sees", "seems", "shows", "stands", "starts", "takes", "thus", "towards", "us", "was",
    ];
    let Some(next) = context.next() else { return false };
    let is_initial =
        next.len() == 1 && context.sentence.get(context.at + 1).is_some_and(|n| n.tail.starts_with('.'));
    if is_initial {
        return false;
    }
    let is_scale = matches!(next, "thousand" | "million" | "billion" | "trillion" | "degrees");
    if is_scale || next == "%" || super::quantity::is_unit(next) {
        return true;
    }
    let previous = context.previous().unwrap_or_default().to_lowercase();
    let is_dated = BEFORE_YEARS.contains(&previous.as_str())
        || context.previous().is_some_and(|p| crate::phonemes::abbreviations::month(p).is_some());
    let in_s = next.ends_with('s') && !next.ends_with("ss") && !next.ends_with("'s");
    let is_plural =
        PLURALS.contains(&next) || (in_s && next.len() > 3 && next.bytes().all(|b| b.is_ascii_lowercase()));
    // "the 1920 elections"
    let names_event = previous == "the" && !PLURALS.contains(&next);
    !is_dated && !names_event && is_plural && !NO_PLURALS.contains(&next)
}

/// Whether the word before says that the figure is the name of something.
pub(super) fn names_model(context: &Context<'_>) -> bool {
    const NAMED: &[&str] = &[
        "boeing",
        "airbus",
        "rtx",
        "gtx",
        "route",
        "highway",
        "interstate",
        "flight",
        "room",
        "core",
        "ryzen",
    ];
    let figure = context.body().strip_suffix('s').unwrap_or(context.body());
    let is_plain = figure.bytes().all(|b| b.is_ascii_digit());
    is_plain && context.previous().is_some_and(|p| NAMED.contains(&p.to_lowercase().as_str()))
}

/// How a number that names something is read: 747 "seven forty seven", 5070 "fifty seventy".
pub(super) fn model_number(text: &str, accent: Accent) -> String {
    let Ok(number) = text.parse::<u64>() else {
        return digits(text);
    };
    match (text.len(), number % 100) {
        _ if text.starts_with('0') => digits(text),
        (3, 0) => cardinal(number, accent),
        (3, 1..=9) => format!("{} oh {}", cardinal(number / 100, accent), cardinal(number % 100, accent)),
        (3, rest) => format!("{} {}", cardinal(number / 100, accent), cardinal(rest, accent)),
        (4, _) if number % 1000 == 0 => cardinal(number, accent),
        (4, 0) => format!("{} hundred", cardinal(number / 100, accent)),
        (4, 1..=9) => format!("{} oh {}", cardinal(number / 100, accent), cardinal(number % 100, accent)),
        (4, rest) => format!("{} {}", cardinal(number / 100, accent), cardinal(rest, accent)),
        (0..=2, _) => cardinal(number, accent),
        _ => digits(text),
    }
}

/// 2.0.1, v1.2: points are said.
fn version(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = VERSION.captures(context.body())?;
    let numbers: Option<Vec<String>> = found[2].split('.').map(|n| written(n, context.accent)).collect();
    let name = if found.get(1).is_some() { "version " } else { "" };
    Some(Say::words(format!("{name}{}", numbers?.join(" point "))))
}

/// 2025's.
fn possessive(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = POSSESSIVE.captures(context.body())?;
    let mut said = say_part(context, &found[1]);
    if let Some(Say::Words(words)) = said.last_mut() {
        words.push_str("'s");
    }
    Some(said)
}

/// Compounds with a figure: "10-year-old", "20th-century", "COVID-19", "5-km".
fn compound(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let has_digit = body.bytes().any(|b| b.is_ascii_digit());
    let is_compound =
        body.contains('-') && body.chars().all(|c| c.is_alphanumeric() || "-'.,$€£%".contains(c));
    if !has_digit || !is_compound || body.starts_with('-') {
        return None;
    }
    if let Some((figure, unit)) = body.split_once('-')
        && let Some(said) = super::quantity::compound(context, figure, unit)
    {
        return Some(said);
    }
    let mut said = Vec::new();
    let mut before = "";
    for part in body.split('-') {
        said.extend(match (PLURAL.captures(part), before) {
            (Some(figure), "mid" | "Mid" | "late" | "Late" | "early" | "Early") => {
                Say::words(decade(figure[1].parse().ok()?, context.accent))
            }
            (Some(_), before) if !before.is_empty() => context.part(part, mixed)?,
            _ => say_part(context, part),
        });
        before = part;
    }
    Some(said)
}

/// Letters and digits run together: MP3, H2O, 4K, x264, 1080p, iPhone15, 747s.
fn mixed(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if !MIXED.is_match(body) {
        return None;
    }
    let mut said = Vec::new();
    let mut rest = body;
    while let Some(first) = rest.bytes().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.bytes().position(|b| b.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        if is_digit {
            let number = model_number(run, context.accent);
            if rest == "s" {
                said.push(Say::Words(plural(&number)));
                break;
            }
            said.push(Say::Words(number));
        } else if run.len() <= 3 && !(context.knows)(run) || run.len() == 1 {
            said.push(Say::letters(run));
        } else {
            said.extend(say_part(context, run));
        }
    }
    Some(said)
}
