//! English numerals, which Kokoro's reader and XTTS's both put together, each in its own way.

/// Zero to nineteen.
pub(crate) const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// The endings of numerals that become others in an ordinal; the rest takes "th".
const ENDINGS: [(&str, &str); 8] = [
    ("one", "first"),
    ("two", "second"),
    ("three", "third"),
    ("five", "fifth"),
    ("eight", "eighth"),
    ("nine", "ninth"),
    ("twelve", "twelfth"),
    ("y", "ieth"),
];

/// A number below a hundred, with `between` between its tens and its ones: "forty-two", "forty two".
pub(crate) fn below_hundred(number: u64, between: &str) -> String {
    match (number / 10, number % 10) {
        (0 | 1, _) => SMALL[number as usize].to_owned(),
        (ten, 0) => TENS[ten as usize].to_owned(),
        (ten, one) => format!("{}{between}{}", TENS[ten as usize], SMALL[one as usize]),
    }
}

/// The place in a row that a cardinal in words stands for: "twenty first" of "twenty one".
pub(crate) fn ordinal(cardinal: &str) -> String {
    match ENDINGS.iter().find(|(ending, _)| cardinal.ends_with(ending)) {
        Some((ending, other)) => format!("{}{other}", &cardinal[..cardinal.len() - ending.len()]),
        None => format!("{cardinal}th"),
    }
}
