//! Turkish, Hungarian and Korean, whose numbers are put together without exceptions, or nearly so.

use super::{cardinal, groups, joined};
use crate::xtts::text::language::Language;

const TURKISH: [&str; 10] = ["", "bir", "iki", "üç", "dört", "beş", "altı", "yedi", "sekiz", "dokuz"];
const TURKISH_TENS: [&str; 10] =
    ["", "on", "yirmi", "otuz", "kırk", "elli", "altmış", "yetmiş", "seksen", "doksan"];
const HUNGARIAN: [&str; 10] = ["", "egy", "kettő", "három", "négy", "öt", "hat", "hét", "nyolc", "kilenc"];
const HUNGARIAN_TENS: [&str; 10] =
    ["", "tíz", "húsz", "harminc", "negyven", "ötven", "hatvan", "hetven", "nyolcvan", "kilencven"];
const KOREAN: [&str; 10] = ["", "일", "이", "삼", "사", "오", "육", "칠", "팔", "구"];

pub(super) fn turkish(n: u64) -> String {
    if n == 0 {
        return "sıfır".to_owned();
    }
    let small = |n: u64| {
        let hundred = match n / 100 {
            0 => String::new(),
            1 => "yüz".to_owned(),
            count => format!("{}yüz", TURKISH[count as usize]),
        };
        format!("{hundred}{}{}", TURKISH_TENS[(n / 10 % 10) as usize], TURKISH[(n % 10) as usize])
    };
    let groups = groups(n);
    let named = groups.iter().zip(["milyar", "milyon", "bin", ""]).map(|(group, name)| match (group, name) {
        (0, _) => String::new(),
        (1, "bin") => "bin".to_owned(),
        (group, name) => format!("{}{name}", small(*group)),
    });
    named.collect()
}

pub(super) fn hungarian(n: u64) -> String {
    match n {
        0 => return "nulla".to_owned(),
        2 => return HUNGARIAN[2].to_owned(),
        _ => {}
    }
    // Two has a short form in front of a word, and behind one of hundreds or more.
    let short = |n: u64| if n == 2 { "két" } else { HUNGARIAN[n as usize] };
    let small = |n: u64| {
        let hundred = match n / 100 {
            0 => String::new(),
            1 => "száz".to_owned(),
            count => format!("{}száz", short(count)),
        };
        let rest = match (n / 10 % 10, n % 10) {
            (0, one) => short(one).to_owned(),
            (ten, 0) => HUNGARIAN_TENS[ten as usize].to_owned(),
            (1, one) => format!("tizen{}", HUNGARIAN[one as usize]),
            (2, one) => format!("huszon{}", HUNGARIAN[one as usize]),
            (ten, one) => format!("{}{}", HUNGARIAN_TENS[ten as usize], HUNGARIAN[one as usize]),
        };
        format!("{hundred}{rest}")
    };
    let groups = groups(n);
    let named =
        groups.iter().zip(["milliárd", "millió", "ezer", ""]).map(|(group, name)| match (group, name) {
            (0, _) => String::new(),
            (1, "ezer") => "ezer".to_owned(),
            (group, name) => format!("{}{name}", small(*group)),
        });
    let parts: Vec<String> = named.collect();
    joined(&parts, if n > 2000 { "-" } else { "" })
}

/// Wholes and tenths, hundredths and so on.
pub(super) fn hungarian_parts(whole: u64, figures: &str) -> Option<String> {
    const NAMES: [&str; 3] = ["tized", "század", "ezred"];
    let whole = hungarian(whole);
    if figures.is_empty() {
        return Some(whole);
    }
    let name = NAMES.get(figures.len() - 1)?;
    Some(format!("{whole} egész {} {name}", cardinal(Language::Hungarian, figures.parse().ok()?)?))
}

pub(super) fn korean(n: u64) -> String {
    if n == 0 {
        return "영".to_owned();
    }
    let small = |n: u64| {
        let place = |by: u64, name: &str| match n / by % 10 {
            0 => String::new(),
            1 if by > 1 => name.to_owned(),
            count => format!("{}{name}", KOREAN[count as usize]),
        };
        [place(1000, "천"), place(100, "백"), place(10, "십"), place(1, "")].concat()
    };
    // By tens of thousands.
    let groups = [n / 100_000_000, n / 10_000 % 10_000, n % 10_000];
    let named = groups.iter().zip(["억", "만", ""]).map(|(group, name)| match (group, name) {
        (0, _) => String::new(),
        (1, "만") => "만".to_owned(),
        (group, name) => format!("{}{name}", small(*group)),
    });
    let parts: Vec<String> = named.collect();
    joined(&parts, " ")
}
