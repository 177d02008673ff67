//! Spanish, French, Italian and Portuguese. Spanish and Portuguese count thousands of millions where the others have
//! a word.

use super::{groups, joined};

const SPANISH: [&str; 30] = [
    "cero",
    "uno",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    "diez",
    "once",
    "doce",
    "trece",
    "catorce",
    "quince",
    "dieciséis",
    "diecisiete",
    "dieciocho",
    "diecinueve",
    "veinte",
    "veintiuno",
    "veintidós",
    "veintitrés",
    "veinticuatro",
    "veinticinco",
    "veintiséis",
    "veintisiete",
    "veintiocho",
    "veintinueve",
];
const SPANISH_TENS: [&str; 10] =
    ["", "", "", "treinta", "cuarenta", "cincuenta", "sesenta", "setenta", "ochenta", "noventa"];
const SPANISH_HUNDREDS: [&str; 10] = [
    "",
    "ciento",
    "doscientos",
    "trescientos",
    "cuatrocientos",
    "quinientos",
    "seiscientos",
    "setecientos",
    "ochocientos",
    "novecientos",
];
const FRENCH: [&str; 20] = [
    "zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf", "dix", "onze", "douze",
    "treize", "quatorze", "quinze", "seize", "dix-sept", "dix-huit", "dix-neuf",
];
const FRENCH_TENS: [&str; 10] = [
    "",
    "",
    "vingt",
    "trente",
    "quarante",
    "cinquante",
    "soixante",
    "soixante",
    "quatre-vingt",
    "quatre-vingt",
];
const ITALIAN: [&str; 20] = [
    "zero",
    "uno",
    "due",
    "tre",
    "quattro",
    "cinque",
    "sei",
    "sette",
    "otto",
    "nove",
    "dieci",
    "undici",
    "dodici",
    "tredici",
    "quattordici",
    "quindici",
    "sedici",
    "diciassette",
    "diciotto",
    "diciannove",
];
const ITALIAN_TENS: [&str; 10] =
    ["", "", "venti", "trenta", "quaranta", "cinquanta", "sessanta", "settanta", "ottanta", "novanta"];
const PORTUGUESE: [&str; 20] = [
    "zero",
    "um",
    "dois",
    "três",
    "quatro",
    "cinco",
    "seis",
    "sete",
    "oito",
    "nove",
    "dez",
    "onze",
    "doze",
    "treze",
    "catorze",
    "quinze",
    "dezasseis",
    "dezassete",
    "dezoito",
    "dezanove",
];
const PORTUGUESE_TENS: [&str; 10] =
    ["", "", "vinte", "trinta", "quarenta", "cinquenta", "sessenta", "setenta", "oitenta", "noventa"];
const PORTUGUESE_HUNDREDS: [&str; 10] = [
    "",
    "cento",
    "duzentos",
    "trezentos",
    "quatrocentos",
    "quinhentos",
    "seiscentos",
    "setecentos",
    "oitocentos",
    "novecentos",
];

pub(super) fn spanish(n: u64) -> String {
    let tens = |n: u64| match (n / 10, n % 10) {
        (0..3, _) => SPANISH[n as usize].to_owned(),
        (ten, 0) => SPANISH_TENS[ten as usize].to_owned(),
        (ten, one) => format!("{} y {}", SPANISH_TENS[ten as usize], SPANISH[one as usize]),
    };
    let hundreds = |n: u64| match (n / 100, n % 100) {
        (0, rest) => tens(rest),
        (1, 0) => "cien".to_owned(),
        (hundred, 0) => SPANISH_HUNDREDS[hundred as usize].to_owned(),
        (hundred, rest) => format!("{} {}", SPANISH_HUNDREDS[hundred as usize], tens(rest)),
    };
    let thousands = |n: u64| {
        let rest = if n.is_multiple_of(1000) { String::new() } else { hundreds(n % 1000) };
        match n / 1000 {
            0 => rest,
            1 => joined(&["mil".to_owned(), rest], " "),
            count => joined(&[format!("{} mil", hundreds(count)), rest], " "),
        }
    };
    if n < 1_000_000 {
        return if n == 0 { SPANISH[0].to_owned() } else { thousands(n) };
    }
    let millions = match n / 1_000_000 {
        1 => "un millón".to_owned(),
        // A thousand millions has no word in front of its millions.
        count => format!("{} millones", thousands(count)),
    };
    joined(&[millions, thousands(n % 1_000_000)], " ")
}

pub(super) fn french(n: u64) -> String {
    // Only at the end of a number do hundreds and scores have their plural.
    let tens = |n: u64, is_last: bool| match (n / 10, n % 10) {
        (0 | 1, _) => FRENCH[n as usize].to_owned(),
        (8, 0) if is_last => "quatre-vingts".to_owned(),
        (ten @ (2..=6 | 8), 0) => FRENCH_TENS[ten as usize].to_owned(),
        (ten @ 2..=6, 1) => format!("{} et un", FRENCH_TENS[ten as usize]),
        (7, 1) => "soixante et onze".to_owned(),
        (ten @ (7 | 9), one) => format!("{}-{}", FRENCH_TENS[ten as usize], FRENCH[10 + one as usize]),
        (ten, one) => format!("{}-{}", FRENCH_TENS[ten as usize], FRENCH[one as usize]),
    };
    let hundreds = |n: u64, is_last: bool| match (n / 100, n % 100) {
        (0, rest) => tens(rest, is_last),
        (1, 0) => "cent".to_owned(),
        (1, rest) => format!("cent {}", tens(rest, is_last)),
        (hundred, 0) if is_last => format!("{} cents", FRENCH[hundred as usize]),
        (hundred, 0) => format!("{} cent", FRENCH[hundred as usize]),
        (hundred, rest) => format!("{} cent {}", FRENCH[hundred as usize], tens(rest, is_last)),
    };
    if n < 1000 {
        return hundreds(n, true);
    }
    let [billions, millions, thousands, rest] = groups(n);
    let large = |count: u64, name: &str| match count {
        0 => String::new(),
        1 => format!("un {name}"),
        count => format!("{} {name}s", hundreds(count, true)),
    };
    let thousands = match thousands {
        0 => String::new(),
        1 => "mille".to_owned(),
        count => format!("{} mille", hundreds(count, false)),
    };
    let rest = if rest == 0 { String::new() } else { hundreds(rest, true) };
    joined(&[large(billions, "milliard"), large(millions, "million"), thousands, rest], " ")
}

pub(super) fn italian(n: u64) -> String {
    let tens = |n: u64| match (n / 10, n % 10) {
        (0 | 1, _) => ITALIAN[n as usize].to_owned(),
        (ten, 0) => ITALIAN_TENS[ten as usize].to_owned(),
        (ten, one @ (1 | 8)) => {
            let ten = ITALIAN_TENS[ten as usize];
            format!("{}{}", &ten[..ten.len() - 1], ITALIAN[one as usize])
        }
        (ten, one) => format!("{}{}", ITALIAN_TENS[ten as usize], ITALIAN[one as usize]),
    };
    let hundreds = |n: u64| {
        let rest = if n.is_multiple_of(100) { String::new() } else { tens(n % 100) };
        let hundred = match n / 100 {
            0 => return rest,
            1 => "cento".to_owned(),
            hundred => format!("{}cento", ITALIAN[hundred as usize]),
        };
        let hundred = if rest.starts_with("ott") { &hundred[..hundred.len() - 1] } else { &hundred };
        // After a hundred, num2words takes the i from eighteen too.
        format!("{hundred}{}", rest.replace("diciotto", "dicotto"))
    };
    if n == 0 {
        return ITALIAN[0].to_owned();
    }
    let [billions, millions, thousands, rest] = groups(n);
    let large = |count: u64, one: &str, many: &str| match count {
        0 => String::new(),
        1 => format!("un {one}"),
        count => format!("{} {many}", hundreds(count)),
    };
    let thousands = match thousands {
        0 => String::new(),
        1 => "mille".to_owned(),
        count => format!("{}mila", hundreds(count)),
    };
    let mut small = format!("{thousands}{}", hundreds(rest));
    // Three at the end takes an accent with each word in front of it, and num2words takes it off again with the next.
    let words = [n % 100 > 20, n % 1000 >= 100, n % 1_000_000 >= 1000]
        .into_iter()
        .filter(|is_there| *is_there)
        .count();
    if small.ends_with("tre") && words % 2 == 1 {
        small.truncate(small.len() - 1);
        small.push('é');
    }
    let large =
        joined(&[large(billions, "miliardo", "miliardi"), large(millions, "milione", "milioni")], ", ");
    joined(&[large, small], " e ")
}

pub(super) fn portuguese(n: u64) -> String {
    let tens = |n: u64| match (n / 10, n % 10) {
        (0 | 1, _) => PORTUGUESE[n as usize].to_owned(),
        (ten, 0) => PORTUGUESE_TENS[ten as usize].to_owned(),
        (ten, one) => format!("{} e {}", PORTUGUESE_TENS[ten as usize], PORTUGUESE[one as usize]),
    };
    let hundreds = |n: u64| match (n / 100, n % 100) {
        (0, rest) => tens(rest),
        (1, 0) => "cem".to_owned(),
        (hundred, 0) => PORTUGUESE_HUNDREDS[hundred as usize].to_owned(),
        (hundred, rest) => format!("{} e {}", PORTUGUESE_HUNDREDS[hundred as usize], tens(rest)),
    };
    // Before what is one word or a full hundred stands an "and".
    let between = |rest: u64| if rest < 100 || rest.is_multiple_of(100) { " e " } else { " " };
    let thousands = |n: u64| {
        let (count, rest) = (n / 1000, n % 1000);
        let thousand = if count == 1 { "mil".to_owned() } else { format!("{} mil", hundreds(count)) };
        match (count, rest) {
            (0, rest) => hundreds(rest),
            (_, 0) => thousand,
            (_, rest) => format!("{thousand}{}{}", between(rest), hundreds(rest)),
        }
    };
    let (millions, rest) = (n / 1_000_000, n % 1_000_000);
    let named = match millions {
        0 => return thousands(n),
        1 => "um milhão".to_owned(),
        1000 => "mil milhões".to_owned(),
        count => format!("{} milhões", thousands(count)),
    };
    if rest == 0 { named } else { format!("{named}{}{}", between(rest), thousands(rest)) }
}
