//! Numbers in words.

use super::Accent;
use crate::numerals::{self, SMALL};

const SCALES: [(u64, &str); 6] = [
    (1_000_000_000_000_000_000, "quintillion"),
    (1_000_000_000_000_000, "quadrillion"),
    (1_000_000_000_000, "trillion"),
    (1_000_000_000, "billion"),
    (1_000_000, "million"),
    (1_000, "thousand"),
];

/// "one hundred five"; British: "one hundred and five".
pub(crate) fn cardinal(number: u64, accent: Accent) -> String {
    let mut words = Vec::new();
    let mut rest = number;
    for (scale, name) in SCALES {
        if rest >= scale {
            words.push(below_thousand(rest / scale, accent));
            words.push(name.to_owned());
            rest %= scale;
        }
    }
    if rest > 0 || words.is_empty() {
        if !words.is_empty() && rest < 100 && accent == Accent::Gb {
            words.push("and".to_owned());
        }
        words.push(below_thousand(rest, accent));
    }
    words.join(" ")
}

fn below_thousand(number: u64, accent: Accent) -> String {
    let (hundreds, rest) = (number / 100, number % 100);
    if hundreds == 0 {
        return below_hundred(rest);
    }
    let hundreds = format!("{} hundred", SMALL[hundreds as usize]);
    match (rest, accent) {
        (0, _) => hundreds,
        (_, Accent::Us) => format!("{hundreds} {}", below_hundred(rest)),
        (_, Accent::Gb) => format!("{hundreds} and {}", below_hundred(rest)),
    }
}

fn below_hundred(number: u64) -> String {
    numerals::below_hundred(number, " ")
}

/// "twenty first".
pub(crate) fn ordinal(number: u64, accent: Accent) -> String {
    numerals::ordinal(&cardinal(number, accent))
}

/// A year: "nineteen oh five", "two thousand five", "twenty twenty five". Others as cardinals.
pub(crate) fn year(number: u64, accent: Accent) -> String {
    let (century, rest) = (number / 100, number % 100);
    match number {
        1000 | 2000..=2009 => cardinal(number, accent),
        1001..=2099 => match rest {
            0 => format!("{} hundred", below_hundred(century)),
            1..=9 => format!("{} oh {}", below_hundred(century), below_hundred(rest)),
            _ => format!("{} {}", below_hundred(century), below_hundred(rest)),
        },
        _ => cardinal(number, accent),
    }
}

/// "nineteen eighties", from the first year of the decade; "eighties" for years below 100.
pub(crate) fn decade(first: u64, accent: Accent) -> String {
    plural(&if first < 100 { below_hundred(first) } else { year(first, accent) })
}

/// Several of what a number names: "seven forty sevens", "sixes", "twenties".
pub(crate) fn plural(words: &str) -> String {
    match words.strip_suffix('y') {
        Some(tens) => format!("{tens}ies"),
        None if words.ends_with('x') => format!("{words}es"),
        None => format!("{words}s"),
    }
}

/// Digit by digit: "two zero two"; other characters are skipped.
pub(crate) fn digits(text: &str) -> String {
    let words: Vec<&str> =
        text.bytes().filter(u8::is_ascii_digit).map(|d| SMALL[usize::from(d - b'0')]).collect();
    words.join(" ")
}

/// A written number ("1,234", "3.14", ".5", "007", "-2") in words; `None` if it is none.
pub(crate) fn written(text: &str, accent: Accent) -> Option<String> {
    let (sign, unsigned) = match text.strip_prefix(['-', '−']) {
        Some(rest) => ("minus ", rest),
        None => match text.strip_prefix('+') {
            Some(rest) => ("plus ", rest),
            None => ("", text),
        },
    };
    let (whole, fraction) = unsigned.split_once('.').map_or((unsigned, None), |(w, f)| (w, Some(f)));
    let whole = match (whole, fraction) {
        ("", Some(_)) => String::new(),
        _ => integer(whole, accent)?,
    };
    let words = match fraction {
        None => whole,
        Some(f) if !f.is_empty() && f.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{whole} point {}", digits(f)).trim_start().to_owned()
        }
        Some(_) => return None,
    };
    Some(format!("{sign}{words}"))
}

/// Digits with or without thousands separators; digits with a leading zero and those too many to name
/// are read one by one.
fn integer(text: &str, accent: Accent) -> Option<String> {
    let plain = ungroup(text)?;
    match plain.parse::<u64>() {
        Ok(number) if !plain.starts_with('0') || plain == "0" => Some(cardinal(number, accent)),
        _ => Some(digits(&plain)),
    }
}

/// "1,234,567" to "1234567"; `None` unless every group after the first has three digits, or, before the
/// last, two.
pub(crate) fn ungroup(text: &str) -> Option<String> {
    let mut groups = text.split(',');
    let first = groups.next()?;
    let is_digits = |g: &str| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit());
    let grouped = text.contains(',');
    if !is_digits(first) || (grouped && first.len() > 3) {
        return None;
    }
    let mut plain = first.to_owned();
    let groups: Vec<&str> = groups.collect();
    let last = groups.len().saturating_sub(1);
    for (at, group) in groups.iter().enumerate() {
        // Indian grouping has pairs before the last three: 12,34,567.
        let is_length = group.len() == 3 || (group.len() == 2 && at < last);
        if !is_digits(group) || !is_length {
            return None;
        }
        plain.push_str(group);
    }
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cardinals() {
        for (number, us, gb) in [
            (0, "zero", "zero"),
            (13, "thirteen", "thirteen"),
            (40, "forty", "forty"),
            (105, "one hundred five", "one hundred and five"),
            (1_000, "one thousand", "one thousand"),
            (1_042, "one thousand forty two", "one thousand and forty two"),
            (
                12_345_678,
                "twelve million three hundred forty five thousand six hundred seventy eight",
                "twelve million three hundred and forty five thousand six hundred and seventy eight",
            ),
        ] {
            assert_eq!(cardinal(number, Accent::Us), us);
            assert_eq!(cardinal(number, Accent::Gb), gb);
        }
        assert!(cardinal(u64::MAX, Accent::Us).starts_with("eighteen quintillion"));
    }

    #[test]
    fn ordinals_years_decades() {
        for (number, words) in [
            (1, "first"),
            (2, "second"),
            (3, "third"),
            (5, "fifth"),
            (8, "eighth"),
            (9, "ninth"),
            (12, "twelfth"),
            (20, "twentieth"),
            (21, "twenty first"),
            (100, "one hundredth"),
            (113, "one hundred thirteenth"),
        ] {
            assert_eq!(ordinal(number, Accent::Us), words);
        }
        for (number, words) in [
            (1066, "ten sixty six"),
            (1776, "seventeen seventy six"),
            (1900, "nineteen hundred"),
            (1905, "nineteen oh five"),
            (2000, "two thousand"),
            (2007, "two thousand seven"),
            (2010, "twenty ten"),
            (2025, "twenty twenty five"),
            (3000, "three thousand"),
        ] {
            assert_eq!(year(number, Accent::Us), words);
        }
        assert_eq!(decade(1980, Accent::Us), "nineteen eighties");
        assert_eq!(decade(2000, Accent::Us), "two thousands");
        assert_eq!(decade(1900, Accent::Us), "nineteen hundreds");
        assert_eq!(decade(90, Accent::Us), "nineties");
        assert_eq!(plural("thirty six"), "thirty sixes");
    }

    #[test]
    fn written_numbers() {
        for (text, words) in [
            ("1,234", Some("one thousand two hundred thirty four")),
            ("3.14", Some("three point one four")),
            (".5", Some("point five")),
            ("-2", Some("minus two")),
            ("−40.5", Some("minus forty point five")),
            ("007", Some("zero zero seven")),
            ("0", Some("zero")),
            ("99999999999999999999999", Some(&*["nine"; 23].join(" "))),
            ("12,34,567", Some("one million two hundred thirty four thousand five hundred sixty seven")),
            ("1,2", None),
            ("3,14", None),
            ("12,34,56", None),
            ("1.", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(written(text, Accent::Us).as_deref(), words, "{text}");
        }
    }
}
