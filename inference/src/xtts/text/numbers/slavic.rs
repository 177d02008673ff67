//! Polish, Czech and Russian, where what is counted has a form for one, for few and for many.

use super::{groups, joined};

/// The words of a language: figures to nineteen, tens and hundreds.
struct Words {
    ones: [&'static str; 20],
    tens: [&'static str; 10],
    hundreds: [&'static str; 10],
}

const POLISH: Words = Words {
    ones: [
        "zero",
        "jeden",
        "dwa",
        "trzy",
        "cztery",
        "pięć",
        "sześć",
        "siedem",
        "osiem",
        "dziewięć",
        "dziesięć",
        "jedenaście",
        "dwanaście",
        "trzynaście",
        "czternaście",
        "piętnaście",
        "szesnaście",
        "siedemnaście",
        "osiemnaście",
        "dziewiętnaście",
    ],
    tens: [
        "",
        "",
        "dwadzieścia",
        "trzydzieści",
        "czterdzieści",
        "pięćdziesiąt",
        "sześćdziesiąt",
        "siedemdziesiąt",
        "osiemdziesiąt",
        "dziewięćdziesiąt",
    ],
    hundreds: [
        "",
        "sto",
        "dwieście",
        "trzysta",
        "czterysta",
        "pięćset",
        "sześćset",
        "siedemset",
        "osiemset",
        "dziewięćset",
    ],
};

const CZECH: Words = Words {
    ones: [
        "nula",
        "jedna",
        "dva",
        "tři",
        "čtyři",
        "pět",
        "šest",
        "sedm",
        "osm",
        "devět",
        "deset",
        "jedenáct",
        "dvanáct",
        "třináct",
        "čtrnáct",
        "patnáct",
        "šestnáct",
        "sedmnáct",
        "osmnáct",
        "devatenáct",
    ],
    tens: [
        "",
        "",
        "dvacet",
        "třicet",
        "čtyřicet",
        "padesát",
        "šedesát",
        "sedmdesát",
        "osmdesát",
        "devadesát",
    ],
    hundreds: [
        "",
        "sto",
        "dvěstě",
        "třista",
        "čtyřista",
        "pětset",
        "šestset",
        "sedmset",
        "osmset",
        "devětset",
    ],
};

const RUSSIAN: Words = Words {
    ones: [
        "ноль",
        "один",
        "два",
        "три",
        "четыре",
        "пять",
        "шесть",
        "семь",
        "восемь",
        "девять",
        "десять",
        "одиннадцать",
        "двенадцать",
        "тринадцать",
        "четырнадцать",
        "пятнадцать",
        "шестнадцать",
        "семнадцать",
        "восемнадцать",
        "девятнадцать",
    ],
    tens: [
        "",
        "",
        "двадцать",
        "тридцать",
        "сорок",
        "пятьдесят",
        "шестьдесят",
        "семьдесят",
        "восемьдесят",
        "девяносто",
    ],
    hundreds: [
        "",
        "сто",
        "двести",
        "триста",
        "четыреста",
        "пятьсот",
        "шестьсот",
        "семьсот",
        "восемьсот",
        "девятьсот",
    ],
};

impl Words {
    /// Below a thousand; nothing for 0.
    fn small(&self, n: u64) -> String {
        let (tens, rest) = match n % 100 {
            rest @ 0..20 => (0, rest),
            rest => (rest / 10, rest % 10),
        };
        let one = if rest == 0 { "" } else { self.ones[rest as usize] };
        let parts = [self.hundreds[(n / 100) as usize], self.tens[tens as usize], one].map(str::to_owned);
        joined(&parts, " ")
    }
}

/// Which of the forms for one, few and many `n` takes; `like_one` tells whether 21 is counted as 1 is.
fn form(n: u64, forms: [&str; 3], like_one: bool) -> &str {
    match (n % 10, n % 100) {
        _ if n == 1 => forms[0],
        (1, tens) if like_one && tens != 11 => forms[0],
        (2..=4, tens) if !(12..=14).contains(&tens) => forms[1],
        _ => forms[2],
    }
}

/// Polish and Czech: one thousand is the word alone.
fn west(n: u64, words: &Words, names: [[&str; 3]; 3]) -> String {
    if n == 0 {
        return words.ones[0].to_owned();
    }
    let groups = groups(n);
    let named = groups.iter().zip(names).map(|(group, names)| match group {
        0 => String::new(),
        1 => names[0].to_owned(),
        group => format!("{} {}", words.small(*group), form(*group, names, false)),
    });
    let parts: Vec<String> = named.chain([words.small(groups[3])]).collect();
    joined(&parts, " ")
}

pub(super) fn polish(n: u64) -> String {
    let names = [
        ["miliard", "miliardy", "miliardów"],
        ["milion", "miliony", "milionów"],
        ["tysiąc", "tysiące", "tysięcy"],
    ];
    west(n, &POLISH, names)
}

pub(super) fn czech(n: u64) -> String {
    let names =
        [["miliarda", "miliardy", "miliard"], ["milion", "miliony", "milionů"], ["tisíc", "tisíce", "tisíc"]];
    west(n, &CZECH, names)
}

pub(super) fn russian(n: u64) -> String {
    if n == 0 {
        return RUSSIAN.ones[0].to_owned();
    }
    let groups = groups(n);
    let names = [
        ["миллиард", "миллиарда", "миллиардов"],
        ["миллион", "миллиона", "миллионов"],
        ["тысяча", "тысячи", "тысяч"],
    ];
    let named = groups.iter().zip(names).enumerate().map(|(place, (group, names))| match group {
        0 => String::new(),
        // A thousand is a she.
        group if place == 2 => format!("{} {}", feminine(*group), form(*group, names, true)),
        group => format!("{} {}", RUSSIAN.small(*group), form(*group, names, true)),
    });
    let parts: Vec<String> = named.chain([RUSSIAN.small(groups[3])]).collect();
    joined(&parts, " ")
}

/// As what is a she is counted.
fn feminine(n: u64) -> String {
    let words = if n == 0 { RUSSIAN.ones[0].to_owned() } else { russian(n) };
    for (he, she) in [("один", "одна"), ("два", "две")] {
        if let Some(before) =
            words.strip_suffix(he).filter(|before| before.is_empty() || before.ends_with(' '))
        {
            return format!("{before}{she}");
        }
    }
    words
}

/// Wholes and tenths, hundredths and so on to millionths.
pub(super) fn russian_parts(whole: u64, figures: &str) -> Option<String> {
    const NAMES: [[&str; 2]; 6] = [
        ["десятая", "десятых"],
        ["сотая", "сотых"],
        ["тысячная", "тысячных"],
        ["десятитысячная", "десятитысячных"],
        ["стотысячная", "стотысячных"],
        ["миллионная", "миллионных"],
    ];
    let figures = if figures.is_empty() { "0" } else { figures };
    let parts: u64 = figures.parse().ok()?;
    let is_one = |n: u64| n % 10 == 1 && n % 100 != 11;
    let [one, many] = NAMES.get(figures.len() - 1)?;
    let wholes = if is_one(whole) { "целая" } else { "целых" };
    let name = if is_one(parts) { one } else { many };
    Some(format!("{} {wholes} {} {name}", feminine(whole), feminine(parts)))
}
