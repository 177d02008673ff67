//! Money: $3.50, £2m, €1,200, $5–10 million, 99¢.

use super::{Context, Say, pattern};
use crate::phonemes::numbers;

pattern!(
    AMOUNT,
    r"^([+-]?)(?:US|CA|A|C|NZ|HK|S)?([$£€¥₹₩])([0-9][0-9,]*)?(\.[0-9]+)?(?:[–-][$£€¥₹₩]?([0-9][0-9,]*(?:\.[0-9]+)?))?(k|K|m|M|mn|bn|Bn|b|B|tn|T)?\+?$"
);
pattern!(AMOUNT_FIRST, r"^([+-]?)([0-9][0-9,]*)(\.[0-9]+)?(k|m|bn|tn)?([$£€¥₹₩¢])$");
pattern!(CODE, r"^(USD|EUR|GBP|JPY|INR|CHF|CAD|AUD|CNY)$");
pattern!(FIGURE, r"^[0-9][0-9,]*(?:\.[0-9]+)?$");

struct Currency {
    one: &'static str,
    many: &'static str,
    /// The hundredth, one and many; empty where none is named.
    cent: (&'static str, &'static str),
}

fn currency(sign: &str) -> Currency {
    let (one, many, cent) = match sign {
        "£" | "GBP" => ("pound", "pounds", ("penny", "pence")),
        "€" | "EUR" => ("euro", "euros", ("cent", "cents")),
        "¥" | "JPY" => ("yen", "yen", ("", "")),
        "₹" | "INR" => ("rupee", "rupees", ("paisa", "paise")),
        "₩" => ("won", "won", ("", "")),
        "¢" => ("cent", "cents", ("", "")),
        "CHF" => ("Swiss franc", "Swiss francs", ("", "")),
        "CAD" => ("Canadian dollar", "Canadian dollars", ("cent", "cents")),
        "AUD" => ("Australian dollar", "Australian dollars", ("cent", "cents")),
        "CNY" => ("yuan", "yuan", ("", "")),
        _ => ("dollar", "dollars", ("cent", "cents")),
    };
    Currency { one, many, cent }
}

pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    amount(context).or_else(|| scale(context)).or_else(|| code(context))
}

fn amount(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let text = |found: &regex::Captures<'_>, i| found.get(i).map_or(String::new(), |m| m.as_str().to_owned());
    let (sign, unit, whole, cents, upper, suffix) = if let Some(f) = AMOUNT.captures(body) {
        (text(&f, 1), text(&f, 2), text(&f, 3), text(&f, 4), text(&f, 5), text(&f, 6))
    } else {
        let f = AMOUNT_FIRST.captures(body)?;
        (text(&f, 1), text(&f, 5), text(&f, 2), text(&f, 3), String::new(), text(&f, 4))
    };
    if whole.is_empty() && cents.is_empty() {
        return None;
    }
    let sign = if sign == "-" { "minus " } else { "" };
    let unit = currency(&unit);
    let figure = format!("{whole}{cents}");
    let accent = context.accent;
    let range =
        if upper.is_empty() { String::new() } else { format!(" to {}", numbers::written(&upper, accent)?) };
    let scale = scale_word(&suffix);
    if scale.is_empty() && range.is_empty() && context.next().is_some_and(is_scale) {
        return Some(Say::words(format!("{sign}{}", numbers::written(&figure, accent)?)));
    }
    if !range.is_empty() && scale.is_empty() && context.next().is_some_and(is_scale) {
        return Some(Say::words(format!("{sign}{}{range}", numbers::written(&figure, accent)?)));
    }
    if !scale.is_empty()
        || !range.is_empty()
        || (!cents.is_empty() && cents.len() != 3)
        || unit.cent.0.is_empty()
    {
        let number = numbers::written(&figure, accent)?;
        let name =
            if number == "one" && range.is_empty() || is_adjective(context) { unit.one } else { unit.many };
        let scale = if scale.is_empty() { String::new() } else { format!("{scale} ") };
        return Some(Say::words(format!("{sign}{number}{range} {scale}{name}")));
    }
    Some(Say::words(format!("{sign}{}", whole_and_cents(context, &unit, &whole, &cents)?)))
}

fn whole_and_cents(context: &Context<'_>, unit: &Currency, whole: &str, cents: &str) -> Option<String> {
    let accent = context.accent;
    let plain = numbers::ungroup(if whole.is_empty() { "0" } else { whole })?;
    let cents: u64 = cents.trim_start_matches('.').parse().unwrap_or(0);
    let cent_words = match cents {
        0 => String::new(),
        1 => format!("one {}", unit.cent.0),
        _ => format!("{} {}", numbers::cardinal(cents, accent), unit.cent.1),
    };
    if plain.bytes().all(|b| b == b'0') && cents > 0 {
        return Some(cent_words);
    }
    let number = numbers::written(&plain, accent)?;
    let name = if plain == "1" || (cents == 0 && is_adjective(context)) { unit.one } else { unit.many };
    Some(match cents {
        0 => format!("{number} {name}"),
        _ => format!("{number} {name} and {cent_words}"),
    })
}

/// "a $5 bill": the amount tells what kind, and stands in the singular.
fn is_adjective(context: &Context<'_>) -> bool {
    context.is_attribute(context.previous())
}

/// The scale word after an amount carries the currency: "$3 million" is "three" "million dollars".
fn scale(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if !is_scale(body) {
        return None;
    }
    let previous = context.previous()?;
    let found = AMOUNT.captures(previous).filter(|f| f.get(6).is_none())?;
    let unit = currency(&found[2]);
    let before = context.at.checked_sub(2).map(|i| context.sentence[i].body.as_str());
    let name = if context.is_attribute(before) { unit.one } else { unit.many };
    Some(Say::words(format!("{} {name}", body.to_lowercase())))
}

/// "USD 5", "5 EUR": the code is read as the currency when a figure stands beside it.
fn code(context: &Context<'_>) -> Option<Vec<Say>> {
    if !CODE.is_match(context.body()) {
        return None;
    }
    let beside = |word: Option<&'_ str>| word.filter(|w| FIGURE.is_match(w)).map(str::to_owned);
    let figure = beside(context.previous()).or_else(|| beside(context.next()))?;
    let unit = currency(context.body());
    Some(Say::words(if figure == "1" { unit.one } else { unit.many }))
}

fn is_scale(word: &str) -> bool {
    matches!(word.to_ascii_lowercase().as_str(), "hundred" | "thousand" | "million" | "billion" | "trillion")
}

fn scale_word(suffix: &str) -> &'static str {
    match suffix {
        "k" | "K" => "thousand",
        "m" | "M" | "mn" => "million",
        "bn" | "Bn" | "b" | "B" => "billion",
        "tn" | "T" => "trillion",
        _ => "",
    }
}
