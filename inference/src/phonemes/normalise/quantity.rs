//! Quantities: percentages, degrees, units, feet and inches, fractions, ratios, ranges.

use super::{Context, Say, pattern, say_part};
use crate::phonemes::numbers::{cardinal, ordinal, written, year};

pattern!(
    PERCENT,
    r"^([+-]?[0-9][0-9,]*(?:\.[0-9]+)?|[+-]?\.[0-9]+)(?:%?[–-]([0-9][0-9,]*(?:\.[0-9]+)?))?(%|‰)$"
);
pattern!(DEGREES, r"^([+-]?[0-9][0-9,]*(?:\.[0-9]+)?)°([CFK]?)$");
pattern!(
    MEASURE,
    r"^([+-]?[0-9][0-9,]*(?:\.[0-9]+)?)(?:[–-]([0-9][0-9,]*(?:\.[0-9]+)?))?([A-Za-zµμ°]+[²³]?(?:/[A-Za-z]+[²³]?)?)$"
);
pattern!(FEET, r#"^([0-9]{1,2})'([0-9]{1,2})?"?$"#);
pattern!(FRACTION, r"^([0-9]{1,3})/([0-9]{1,3})$");
pattern!(VULGAR, r"^([0-9][0-9,]*)?([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])([A-Za-z]+)?$");
pattern!(RATIO, r"^([0-9]{1,3}):([0-9]{1,3})$");
pattern!(RANGE, r"^([0-9][0-9,]*(?:\.[0-9]+)?)[–-]([0-9][0-9,]*(?:\.[0-9]+)?)$");
pattern!(TIMES, r"^([0-9][0-9,]*(?:\.[0-9]+)?)[x×]$");
pattern!(BY, r"^([0-9]{1,5})[x×]([0-9]{1,5})$");
pattern!(SCALED, r"^([0-9][0-9,]*(?:\.[0-9]+)?)(M|bn|B|tn|k|K)$");
pattern!(
    FIGURE,
    r"^[+-]?(?:[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[–-][0-9][0-9,]*(?:\.[0-9]+)?)?$|^[0-9]*[½⅓⅔¼¾⅛⅜⅝⅞]$"
);

pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    const RULES: &[super::Rule] =
        &[percent, degrees, feet, vulgar, fraction, ratio, range, times, scaled, measure, unit_alone];
    RULES.iter().find_map(|rule| rule(context))
}

fn percent(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = PERCENT.captures(context.body())?;
    let number = written(&found[1], context.accent)?;
    let upper = match found.get(2) {
        Some(upper) => format!(" to {}", written(upper.as_str(), context.accent)?),
        None => String::new(),
    };
    let name = if &found[3] == "%" { "percent" } else { "per mille" };
    Some(Say::words(format!("{number}{upper} {name}")))
}

/// 20°C, -5°, and "°C" after a figure.
fn degrees(context: &Context<'_>) -> Option<Vec<Say>> {
    let scale = |letter: &str| match letter {
        "C" => " Celsius",
        "F" => " Fahrenheit",
        "K" => " Kelvin",
        _ => "",
    };
    if let Some(letter) = context.body().strip_prefix('°').filter(|_| follows_figure(context)) {
        return Some(Say::words(format!("degrees{}", scale(letter))));
    }
    let found = DEGREES.captures(context.body())?;
    let number = written(&found[1], context.accent)?;
    let name = if number == "one" { "degree" } else { "degrees" };
    Some(Say::words(format!("{number} {name}{}", scale(&found[2]))))
}

/// 6'2": feet and inches. The mark of the inches may have been taken for a quote.
fn feet(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = FEET.captures(context.body())?;
    let feet = cardinal(found[1].parse().ok()?, context.accent);
    let Some(inches) = found.get(2) else {
        return Some(Say::words(format!("{feet} feet")));
    };
    Some(Say::words(format!("{feet} foot {}", cardinal(inches.as_str().parse().ok()?, context.accent))))
}

/// ½, 2½.
fn vulgar(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = VULGAR.captures(context.body())?;
    let (n, d) = match &found[2] {
        "½" => (1, 2),
        "⅓" => (1, 3),
        "⅔" => (2, 3),
        "¼" => (1, 4),
        "¾" => (3, 4),
        "⅕" => (1, 5),
        "⅖" => (2, 5),
        "⅗" => (3, 5),
        "⅘" => (4, 5),
        "⅙" => (1, 6),
        "⅚" => (5, 6),
        "⅛" => (1, 8),
        "⅜" => (3, 8),
        "⅝" => (5, 8),
        _ => (7, 8),
    };
    let part = parts_of(n, d, context);
    let mut words = match found.get(1) {
        Some(whole) if n == 1 && d == 2 => format!("{} and a half", written(whole.as_str(), context.accent)?),
        Some(whole) => format!("{} and {part}", written(whole.as_str(), context.accent)?),
        None => part,
    };
    if let Some(unit) = found.get(3) {
        let (_, many) = unit_name(unit.as_str())?;
        words = format!("{words} {many}");
    }
    Some(Say::words(words))
}

/// 3/4, 24/7; after a whole number "and three quarters".
fn fraction(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = FRACTION.captures(context.body())?;
    let (n, d): (u64, u64) = (found[1].parse().ok()?, found[2].parse().ok()?);
    let accent = context.accent;
    let both = || format!("{} {}", cardinal(n, accent), cardinal(d, accent));
    let words = match (n, d) {
        (24, 7) | (9, 11) | (50, 50) => both(),
        (_, 0 | 1) => format!("{} over {}", cardinal(n, accent), cardinal(d, accent)),
        _ if n < d && d <= 100 => parts_of(n, d, context),
        (10, 10) | (5, 5) => format!("{} out of {}", cardinal(n, accent), cardinal(d, accent)),
        _ => format!("{} over {}", cardinal(n, accent), cardinal(d, accent)),
    };
    let is_mixed = n < d && context.previous().is_some_and(|p| p.bytes().all(|b| b.is_ascii_digit()));
    Some(Say::words(if is_mixed { format!("and {words}") } else { words }))
}

/// "one half", "three quarters", "two thirds".
fn parts_of(n: u64, d: u64, context: &Context<'_>) -> String {
    let number = cardinal(n, context.accent);
    match (n, d) {
        (1, 2) => "one half".to_owned(),
        (_, 2) => format!("{number} halves"),
        (1, 4) => "one quarter".to_owned(),
        (_, 4) => format!("{number} quarters"),
        (1, _) => format!("one {}", ordinal(d, context.accent)),
        _ => format!("{number} {}s", ordinal(d, context.accent)),
    }
}

/// 16:9, 2:1. Times of day were read before.
fn ratio(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = RATIO.captures(context.body())?;
    let (a, b) = (found[1].parse().ok()?, found[2].parse().ok()?);
    Some(Say::words(format!("{} to {}", cardinal(a, context.accent), cardinal(b, context.accent))))
}

/// 10–20, 1990–1995, 3-2.
fn range(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = RANGE.captures(context.body())?;
    let (from, to) = (&found[1], &found[2]);
    let is_year = |t: &str| t.len() == 4 && t.parse::<u64>().is_ok_and(|y| (1100..2100).contains(&y));
    let read = |t: &str| match is_year(t) {
        true => t.parse().ok().map(|y| year(y, context.accent)),
        false => written(t, context.accent),
    };
    if found[2].starts_with('0') && !is_year(from) {
        return None;
    }
    Some(Say::words(format!("{} to {}", read(from)?, read(to)?)))
}

/// 10x, 1080×1920.
fn times(context: &Context<'_>) -> Option<Vec<Say>> {
    if let Some(found) = TIMES.captures(context.body()) {
        return Some(Say::words(format!("{} times", written(&found[1], context.accent)?)));
    }
    let found = BY.captures(context.body())?;
    let read = |t: &str| super::figures::model_number(t, context.accent);
    Some(Say::words(format!("{} by {}", read(&found[1]), read(&found[2]))))
}

/// 5M, 2.5bn, 10k; a low number before K is a resolution or a race: "four K".
fn scaled(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = SCALED.captures(context.body())?;
    let scale = match &found[2] {
        "K" if found[1].parse::<u64>().is_ok_and(|n| n <= 16) => return None,
        "k" | "K" => "thousand",
        "M" => "million",
        "tn" => "trillion",
        _ => "billion",
    };
    Some(Say::words(format!("{} {scale}", written(&found[1], context.accent)?)))
}

/// 5km, 100km/h, 10–20kg.
fn measure(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = MEASURE.captures(context.body())?;
    if &found[3] == "s" && names_models(context, &found[1]) {
        return None;
    }
    let (one, many) = unit_name(&found[3])?;
    let number = written(&found[1], context.accent)?;
    let upper = match found.get(2) {
        Some(upper) => format!(" to {}", written(upper.as_str(), context.accent)?),
        None => String::new(),
    };
    let name = if number == "one" && upper.is_empty() { one } else { many };
    Some(Say::words(format!("{number}{upper} {name}")))
}

/// Whether a figure before a bare "s" is a name and not seconds: "747s", "Boeing 720s", but "120s".
fn names_models(context: &Context<'_>, figure: &str) -> bool {
    let is_odd = figure.len() == 3 && figure.parse::<u64>().is_ok_and(|number| !number.is_multiple_of(5));
    is_odd || super::figures::names_model(context)
}

/// Whether `symbol` is that of a unit.
pub(super) fn is_unit(symbol: &str) -> bool {
    unit_name(symbol).is_some()
}

/// "km" after "5".
fn unit_alone(context: &Context<'_>) -> Option<Vec<Say>> {
    // "In 1984 J. Smith"
    let is_initial = context.body().len() == 1 && context.tail().starts_with('.');
    if is_initial && context.following().is_some_and(|n| n.starts_with(char::is_uppercase)) {
        return None;
    }
    let (one, many) = unit_name(context.body()).filter(|_| follows_figure(context))?;
    let before = context.at.checked_sub(2).map(|i| context.sentence[i].body.as_str());
    let is_one = context.previous() == Some("1") || context.is_attribute(before);
    Some(Say::words(if is_one { one } else { many }))
}

fn follows_figure(context: &Context<'_>) -> bool {
    context.previous().is_some_and(|p| FIGURE.is_match(p))
}

/// A unit's name, one and many; a quotient of units too ("km/h").
fn unit_name(symbol: &str) -> Option<(String, String)> {
    if let Some((upper, lower)) = symbol.split_once('/') {
        let (one, many) = unit_name(upper)?;
        let (per, _) =
            unit_name(if lower == "s" || lower == "h" { lower } else { lower.trim_end_matches('.') })?;
        return Some((format!("{one} per {per}"), format!("{many} per {per}")));
    }
    for (power, word) in [('²', "square"), ('³', "cubic")] {
        if let Some(base) = symbol.strip_suffix(power) {
            let (one, many) = unit_name(base)?;
            return Some((format!("{word} {one}"), format!("{word} {many}")));
        }
    }
    let (_, one, many) = UNITS.iter().find(|(s, _, _)| *s == symbol)?;
    Some(((*one).to_owned(), (*many).to_owned()))
}

/// Symbols of the SI brochure and of common use; those that are words by themselves ("in") are left out.
const UNITS: &[(&str, &str, &str)] = &[
    ("km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("µm", "micrometer", "micrometers"),
    ("μm", "micrometer", "micrometers"),
    ("nm", "nanometer", "nanometers"),
    ("ft", "foot", "feet"),
    ("yd", "yard", "yards"),
    ("mi", "mile", "miles"),
    ("kg", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("µg", "microgram", "micrograms"),
    ("μg", "microgram", "micrograms"),
    ("lb", "pound", "pounds"),
    ("lbs", "pound", "pounds"),
    ("oz", "ounce", "ounces"),
    ("L", "liter", "liters"),
    ("l", "liter", "liters"),
    ("ml", "milliliter", "milliliters"),
    ("mL", "milliliter", "milliliters"),
    ("mph", "mile per hour", "miles per hour"),
    ("kph", "kilometer per hour", "kilometers per hour"),
    ("s", "second", "seconds"),
    ("sec", "second", "seconds"),
    ("secs", "second", "seconds"),
    ("ms", "millisecond", "milliseconds"),
    ("min", "minute", "minutes"),
    ("mins", "minute", "minutes"),
    ("h", "hour", "hours"),
    ("hr", "hour", "hours"),
    ("hrs", "hour", "hours"),
    ("yr", "year", "years"),
    ("yrs", "year", "years"),
    ("Hz", "hertz", "hertz"),
    ("kHz", "kilohertz", "kilohertz"),
    ("MHz", "megahertz", "megahertz"),
    ("GHz", "gigahertz", "gigahertz"),
    ("B", "byte", "bytes"),
    ("kB", "kilobyte", "kilobytes"),
    ("KB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("Mbps", "megabit per second", "megabits per second"),
    ("Gbps", "gigabit per second", "gigabits per second"),
    ("fps", "frame per second", "frames per second"),
    ("dB", "decibel", "decibels"),
    ("W", "watt", "watts"),
    ("kW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("GW", "gigawatt", "gigawatts"),
    ("kWh", "kilowatt hour", "kilowatt hours"),
    ("V", "volt", "volts"),
    ("mAh", "milliamp hour", "milliamp hours"),
    ("J", "joule", "joules"),
    ("kJ", "kilojoule", "kilojoules"),
    ("N", "newton", "newtons"),
    ("Pa", "pascal", "pascals"),
    ("hPa", "hectopascal", "hectopascals"),
    ("cal", "calorie", "calories"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("ha", "hectare", "hectares"),
    ("ppm", "part per million", "parts per million"),
    ("rpm", "revolution per minute", "revolutions per minute"),
    ("px", "pixel", "pixels"),
];

/// Half a compound: the figure of "5-km" is read, the unit named.
pub(super) fn compound(context: &Context<'_>, figure: &str, unit: &str) -> Option<Vec<Say>> {
    let (one, _) = unit_name(unit)?;
    let mut said = say_part(context, figure);
    said.push(Say::Words(one));
    Some(said)
}
