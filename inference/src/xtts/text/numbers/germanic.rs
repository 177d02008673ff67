//! English, German and Dutch.

use super::{groups, joined};
use crate::numerals::{SMALL, below_hundred};

const GERMAN: [&str; 20] = [
    "null",
    "eins",
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
];
const GERMAN_TENS: [&str; 10] =
    ["", "", "zwanzig", "dreißig", "vierzig", "fünfzig", "sechzig", "siebzig", "achtzig", "neunzig"];
const DUTCH: [&str; 20] = [
    "nul",
    "één",
    "twee",
    "drie",
    "vier",
    "vijf",
    "zes",
    "zeven",
    "acht",
    "negen",
    "tien",
    "elf",
    "twaalf",
    "dertien",
    "veertien",
    "vijftien",
    "zestien",
    "zeventien",
    "achttien",
    "negentien",
];
const DUTCH_TENS: [&str; 10] =
    ["", "", "twintig", "dertig", "veertig", "vijftig", "zestig", "zeventig", "tachtig", "negentig"];

pub(super) fn english(n: u64) -> String {
    let tens = |n: u64| below_hundred(n, "-");
    let hundreds = |n: u64| match (n / 100, n % 100) {
        (0, rest) => tens(rest),
        (hundred, 0) => format!("{} hundred", SMALL[hundred as usize]),
        (hundred, rest) => format!("{} hundred and {}", SMALL[hundred as usize], tens(rest)),
    };
    if n < 1000 {
        return hundreds(n);
    }
    let groups = groups(n);
    let named = groups.iter().zip(["billion", "million", "thousand"]).filter(|(group, _)| **group > 0);
    let mut text =
        named.map(|(group, name)| format!("{} {name}", hundreds(*group))).collect::<Vec<_>>().join(", ");
    match groups[3] {
        0 => {}
        rest @ 1..100 => text += &format!(" and {}", tens(rest)),
        rest => text += &format!(", {}", hundreds(rest)),
    }
    text
}

pub(super) fn german(n: u64) -> String {
    let hundreds = |n: u64| {
        let rest = match (n % 100 / 10, n % 10) {
            (0 | 1, _) if n.is_multiple_of(100) && n > 0 => String::new(),
            (0 | 1, _) => GERMAN[(n % 100) as usize].to_owned(),
            (ten, 0) => GERMAN_TENS[ten as usize].to_owned(),
            (ten, one) => format!("{}und{}", one_german(one), GERMAN_TENS[ten as usize]),
        };
        match n / 100 {
            0 => rest,
            hundred => format!("{}hundert{rest}", one_german(hundred)),
        }
    };
    if n < 1000 {
        return hundreds(n);
    }
    let [billions, millions, thousands, rest] = groups(n);
    let large = |count: u64, one: &str, many: &str| match count {
        0 => String::new(),
        1 => format!("eine {one}"),
        count => format!("{} {many}", hundreds(count)),
    };
    let thousands = match thousands {
        0 => String::new(),
        1 => "eintausend".to_owned(),
        count => format!("{}tausend", hundreds(count)),
    };
    let rest = if rest == 0 { String::new() } else { hundreds(rest) };
    let parts = [
        large(billions, "Milliarde", "Milliarden"),
        large(millions, "Million", "Millionen"),
        format!("{thousands}{rest}"),
    ];
    joined(&parts, " ")
}

/// A figure in front of another word.
fn one_german(n: u64) -> &'static str {
    if n == 1 { "ein" } else { GERMAN[n as usize] }
}

pub(super) fn dutch(n: u64) -> String {
    let tens = |n: u64| match (n / 10, n % 10) {
        (0 | 1, _) => DUTCH[n as usize].to_owned(),
        (ten, 0) => DUTCH_TENS[ten as usize].to_owned(),
        (ten, one) => {
            let first = if one == 1 { "een" } else { DUTCH[one as usize] };
            let and = if first.ends_with('e') { "ën" } else { "en" };
            format!("{first}{and}{}", DUTCH_TENS[ten as usize])
        }
    };
    let hundreds = |n: u64| {
        let rest = if n.is_multiple_of(100) && n > 0 { String::new() } else { tens(n % 100) };
        match n / 100 {
            0 => rest,
            1 => format!("honderd{rest}"),
            hundred => format!("{}honderd{rest}", DUTCH[hundred as usize]),
        }
    };
    if n < 1000 {
        return hundreds(n);
    }
    let [billions, millions, thousands, rest] = groups(n);
    let large = |count: u64, name: &str| match count {
        0 => String::new(),
        1 => format!("een {name}"),
        count => format!("{} {name}", hundreds(count)),
    };
    let thousands = match thousands {
        0 => String::new(),
        1 => "duizend".to_owned(),
        count => format!("{}duizend", hundreds(count)),
    };
    let rest = if rest == 0 { String::new() } else { hundreds(rest) };
    joined(&[large(billions, "miljard"), large(millions, "miljoen"), format!("{thousands}{rest}")], " ")
}
