//! Dates, times of day, decades.

use super::{Context, Say, pattern};
use crate::phonemes::Accent;
use crate::phonemes::abbreviations::{MONTHS, month};
use crate::phonemes::numbers::{cardinal, decade, ordinal, year};

pattern!(ISO, r"^([0-9]{4})-([0-9]{2})-([0-9]{2})$");
pattern!(SLASHED, r"^([0-9]{1,2})/([0-9]{1,2})/([0-9]{4}|[0-9]{2})$");
// A version has points too ("3.12.10"), but seldom four digits at its end.
pattern!(DOTTED, r"^([0-9]{1,2})\.([0-9]{1,2})\.([0-9]{4})$");
pattern!(CLOCK, r"^([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?([ap]m|[AP]M|[ap]\.m|[AP]\.M|h)?$");
pattern!(HOUR, r"^([0-9]{1,2})([ap]m|[AP]M|[ap]\.m|[AP]\.M)$");
pattern!(DECADE, r"^([0-9]{2}|[0-9]{3}0)'?s$");
pattern!(DAY, r"^([0-9]{1,2})(st|nd|rd|th)?$");

pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    numeric_date(context).or_else(|| time(context)).or_else(|| day(context)).or_else(|| years(context))
}

/// 2025-07-03, 7/3/2025 (British: 3/7/2025).
fn numeric_date(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let (y, m, d) = if let Some(found) = ISO.captures(body) {
        (figure(&found, 1)?, figure(&found, 2)?, figure(&found, 3)?)
    } else {
        let found = SLASHED.captures(body).or_else(|| DOTTED.captures(body))?;
        let (a, b, y) = (figure(&found, 1)?, figure(&found, 2)?, figure(&found, 3)?);
        let day_first = context.accent == Accent::Gb || a > 12 || body.contains('.');
        let (m, d) = if day_first && b <= 12 { (b, a) } else { (a, b) };
        (if y < 100 { if y < 50 { 2000 + y } else { 1900 + y } } else { y }, m, d)
    };
    let month = MONTHS.get(usize::try_from(m).ok()?.checked_sub(1)?)?;
    if !(1..=31).contains(&d) {
        return None;
    }
    let (d, y) = (ordinal(d, context.accent), year(y, context.accent));
    let date = match context.accent {
        Accent::Us => format!("{month} {d}"),
        Accent::Gb => format!("the {d} of {month}"),
    };
    Some(vec![Say::Words(date), Say::Break, Say::Words(y)])
}

/// 7:30, 19:45, 7:05 pm, 12:30:15, 7pm.
fn time(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let accent = context.accent;
    if let Some(found) = HOUR.captures(body) {
        let hour = figure(&found, 1).filter(|h| *h <= 12)?;
        return Some(vec![Say::Words(cardinal(hour, accent)), half_day(&found[2])]);
    }
    let found = CLOCK.captures(body)?;
    let (hour, minute) = (figure(&found, 1)?, figure(&found, 2)?);
    if hour > 24 || minute > 59 {
        return None;
    }
    let suffix = found.get(4).map(|s| s.as_str()).filter(|s| *s != "h");
    let next = context.following().unwrap_or_default().to_ascii_lowercase().replace('.', "");
    let is_half_day = suffix.is_some() || matches!(next.as_str(), "am" | "pm");
    let mut words = vec![cardinal(hour, accent)];
    match (minute, figure(&found, 3)) {
        (0, None) if is_half_day => {}
        (0, None) if hour <= 12 && hour > 0 => words.push("o'clock".to_owned()),
        (0, None) => words.push("hundred".to_owned()),
        (1..=9, _) => words.push(format!("oh {}", cardinal(minute, accent))),
        _ => words.push(cardinal(minute, accent)),
    }
    if let Some(second) = figure(&found, 3) {
        words.push(format!("and {} seconds", cardinal(second, accent)));
    }
    let mut said = Say::words(words.join(" "));
    said.extend(suffix.map(half_day));
    Some(said)
}

fn half_day(suffix: &str) -> Say {
    Say::letters(suffix.replace('.', ""))
}

/// The day beside the name of a month: "July 4", "4 July", "4th July".
fn day(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = DAY.captures(context.body())?;
    let day = figure(&found, 1).filter(|d| (1..=31).contains(d))?;
    let words = ordinal(day, context.accent);
    let previous = context.previous().unwrap_or_default();
    if context.next().is_some_and(|next| month(next).is_some()) {
        let article = if previous.eq_ignore_ascii_case("the") { "" } else { "the " };
        return Some(Say::words(format!("{article}{words} of")));
    }
    // "May" may be a verb: "may 5 people …" is lower case.
    month(previous)?;
    match context.accent {
        Accent::Us => Some(Say::words(words)),
        Accent::Gb => Some(Say::words(format!("the {words}"))),
    }
}

/// "1980s", "'90s", "her 30s"; "wait 30s" are seconds.
fn years(context: &Context<'_>) -> Option<Vec<Say>> {
    const BEFORE: &[&str] =
        &["the", "his", "her", "my", "our", "your", "their", "its", "early", "mid", "late"];
    let found = DECADE.captures(context.body())?;
    let first = figure(&found, 1)?;
    let has_apostrophe =
        context.body().contains('\'') || context.sentence[context.at].lead.ends_with(['\'', '’', '‘']);
    let is_named =
        has_apostrophe || context.previous().is_some_and(|p| BEFORE.contains(&p.to_lowercase().as_str()));
    let is_decade =
        first % 10 == 0 && (20..100).contains(&first) && is_named || (1100..2100).contains(&first);
    is_decade.then(|| Say::words(decade(first, context.accent)))
}

fn figure(found: &regex::Captures<'_>, group: usize) -> Option<u64> {
    found.get(group)?.as_str().parse().ok()
}
