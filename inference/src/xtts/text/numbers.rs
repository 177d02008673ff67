//! Whole and broken numbers in words, as `num2words` says them, which XTTS was trained with. Up to a million million;
//! what a language here has no rule for is `None`.

mod germanic;
mod money;
mod ordinals;
mod others;
mod romance;
mod slavic;

use super::language::Language;
pub(super) use money::{Currency, money};
pub(super) use ordinals::ordinal;

/// The first number that is not said.
const BEYOND: u64 = 1_000_000_000_000;

/// `n` counted: "twelve thousand, three hundred and forty-five".
pub(super) fn cardinal(language: Language, n: u64) -> Option<String> {
    if n >= BEYOND {
        return None;
    }
    match language {
        Language::English => Some(germanic::english(n)),
        Language::German => Some(germanic::german(n)),
        Language::Dutch => Some(germanic::dutch(n)),
        Language::Spanish => Some(romance::spanish(n)),
        Language::French => Some(romance::french(n)),
        Language::Italian => Some(romance::italian(n)),
        Language::Portuguese => Some(romance::portuguese(n)),
        Language::Polish => Some(slavic::polish(n)),
        Language::Czech => Some(slavic::czech(n)),
        Language::Russian => Some(slavic::russian(n)),
        Language::Turkish => Some(others::turkish(n)),
        Language::Hungarian => Some(others::hungarian(n)),
        Language::Korean => Some(others::korean(n)),
        Language::Arabic | Language::Chinese | Language::Japanese | Language::Hindi => None,
    }
}

/// `whole` and the figures behind the point, without zeros at their end; none of them left says a whole number.
pub(super) fn decimal(language: Language, whole: u64, figures: &str) -> Option<String> {
    let point = match language {
        Language::English => "point",
        Language::German => "Komma",
        Language::Dutch => "komma",
        Language::Spanish => "punto",
        Language::French => "virgule",
        Language::Italian => "virgola",
        Language::Portuguese => "vírgula",
        Language::Korean => "점",
        Language::Polish => "przecinek",
        Language::Czech => "celá",
        Language::Russian => return slavic::russian_parts(whole, figures),
        Language::Hungarian => return others::hungarian_parts(whole, figures),
        _ => return None,
    };
    let zero = cardinal(language, 0)?;
    let behind = match (language, figures) {
        (Language::Italian, "") => zero,
        (Language::Polish | Language::Czech, "") => format!("{zero} {zero}"),
        (_, "") => return cardinal(language, whole),
        // These say what follows the zeros as one number.
        (Language::Polish | Language::Czech, figures) => {
            let rest = figures.trim_start_matches('0');
            let zeros = vec![zero; figures.len() - rest.len()];
            [zeros, vec![cardinal(language, rest.parse().ok()?)?]].concat().join(" ")
        }
        (_, figures) => {
            let figure = |c: char| cardinal(language, u64::from(c.to_digit(10)?));
            figures.chars().map(figure).collect::<Option<Vec<_>>>()?.join(" ")
        }
    };
    let whole = cardinal(language, whole)?;
    // Italian accents stand at the end only.
    let whole = if language == Language::Italian { whole.replace("tré", "tre") } else { whole };
    Some(format!("{whole} {point} {behind}"))
}

/// Thousands of millions, millions, thousands, and the rest.
fn groups(n: u64) -> [u64; 4] {
    [n / 1_000_000_000, n / 1_000_000 % 1000, n / 1000 % 1000, n % 1000]
}

/// What is not empty, with `between` between.
fn joined(parts: &[String], between: &str) -> String {
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(between)
}
