//! Dollars, euros and pounds in words.

use super::cardinal;
use crate::xtts::text::language::Language;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::xtts::text) enum Currency {
    Dollar,
    Euro,
    Pound,
}

/// One and many, whole and hundredth, and the word that one of the whole is counted with, and one of the hundredth.
struct Names([&'static str; 2], [&'static str; 2], &'static str, &'static str);

/// `whole` and `hundredths` of `currency`; a sum without hundredths leaves them out.
pub(in crate::xtts::text) fn money(
    language: Language,
    currency: Currency,
    whole: u64,
    hundredths: u64,
) -> Option<String> {
    let (Names(wholes, parts, one, one_part), and) = names(language, currency)?;
    let counted = |n: u64, [single, many]: [&str; 2], one: &str| match n {
        1 => Some(format!("{one} {single}")),
        n => Some(format!("{} {many}", cardinal(language, n)?)),
    };
    let sum = counted(whole, wholes, one)?;
    match hundredths {
        0 => Some(sum),
        hundredths => Some(format!("{sum}{and}{}", counted(hundredths, parts, one_part)?)),
    }
}

fn names(language: Language, currency: Currency) -> Option<(Names, &'static str)> {
    use Currency::{Dollar, Euro, Pound};
    let (names, and) = match (language, currency) {
        (Language::English, Dollar) => (Names(["dollar", "dollars"], ["cent", "cents"], "one", "one"), ", "),
        (Language::English, Euro) => (Names(["euro", "euro"], ["cent", "cents"], "one", "one"), ", "),
        (Language::English, Pound) => {
            (Names(["pound sterling", "pounds sterling"], ["penny", "pence"], "one", "one"), ", ")
        }
        (Language::Spanish, Dollar) => {
            (Names(["dólar", "dólares"], ["centavo", "centavos"], "un", "un"), " con ")
        }
        (Language::Spanish, Euro) => (Names(["euro", "euros"], ["céntimo", "céntimos"], "un", "un"), " con "),
        (Language::Spanish, Pound) => {
            (Names(["libra", "libras"], ["penique", "peniques"], "una", "un"), " con ")
        }
        (Language::French, Dollar) => (Names(["dollar", "dollars"], ["cent", "cents"], "un", "un"), " et "),
        (Language::French, Euro) => (Names(["euro", "euros"], ["centime", "centimes"], "un", "un"), " et "),
        (Language::French, Pound) => (Names(["livre", "livres"], ["penny", "pence"], "un", "un"), " et "),
        (Language::German, Dollar) => (Names(["Dollar", "Dollar"], ["Cent", "Cent"], "ein", "ein"), " und "),
        (Language::German, Euro) => (Names(["Euro", "Euro"], ["Cent", "Cent"], "ein", "ein"), " und "),
        (Language::German, Pound) => (Names(["Pfund", "Pfund"], ["Penny", "Pence"], "ein", "ein"), " und "),
        (Language::Italian, Dollar) => {
            (Names(["dollaro", "dollari"], ["centesimo", "centesimi"], "un", "un"), " e ")
        }
        (Language::Italian, Euro) => (Names(["euro", "euro"], ["centesimo", "centesimi"], "un", "un"), " e "),
        (Language::Italian, Pound) => {
            (Names(["sterlina", "sterline"], ["penny", "penny"], "una", "un"), " e ")
        }
        (Language::Portuguese, Dollar) => {
            (Names(["dólar", "dólares"], ["cêntimo", "cêntimos"], "um", "um"), " e ")
        }
        (Language::Portuguese, Euro) => {
            (Names(["euro", "euros"], ["cêntimo", "cêntimos"], "um", "um"), " e ")
        }
        (Language::Dutch, Dollar) => (Names(["dollar", "dollar"], ["cent", "cent"], "één", "één"), ", "),
        (Language::Dutch, Euro) => (Names(["euro", "euro"], ["cent", "cent"], "één", "één"), ", "),
        (Language::Dutch, Pound) => (Names(["pond", "pond"], ["penny", "penny"], "één", "één"), ", "),
        _ => return None,
    };
    Some((names, and))
}
