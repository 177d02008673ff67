//! Abbreviations, acronyms, initials and Roman numerals.

use super::{Context, Say, pattern, say_part};
use crate::phonemes::abbreviations::{self, Abbreviation, Place};
use crate::phonemes::numbers::{cardinal, ordinal};

pattern!(DOTTED, r"^(?:[A-Za-z]\.)+[A-Za-z]$");
pattern!(DEGREE, r"^(?:Ph\.?D|M\.?Sc|B\.?Sc)$");
pattern!(CAPITALS, r"^[A-Z]{2,}$");
pattern!(PLURAL, r"^([A-Z]{2,}|[A-Z]\.[A-Z])('?s|S')$");
pattern!(JOINED, r"^[A-Z]{1,3}(?:&[A-Z]{1,3})+s?$");

/// Acronyms that are said as words though the lexicon lacks them.
const SAID: &[&str] = &[
    "UNESCO", "UNICEF", "OPEC", "COVID", "FIFA", "UEFA", "NAFTA", "ASCII", "JSON", "YAML", "RAM", "ROM",
    "LAN", "WAN", "PIN", "SIM", "GIF", "SWAT", "FOMO", "YOLO", "CAPTCHA", "BIOS", "NASDAQ", "TOML", "CUDA",
    "LIDAR", "ANOVA", "IKEA", "LEGO", "NIMBY", "ASEAN", "NORAD", "SCOTUS", "POTUS", "GUI", "SCUBA", "RADAR",
];

/// Short capitals that are spelt though the lexicon has a word of those letters.
const SPELT: &[&str] = &[
    "LED", "USA", "CIA", "USB", "GPS", "VIP", "CEO", "ETA", "ICU", "SEC", "AMD", "ESPN", "HR", "ID", "TV",
    "PC",
];

/// Followed by a numeral that counts.
const COUNTED: &[&str] = &[
    "chapter", "part", "act", "scene", "section", "volume", "book", "phase", "article", "war", "mark",
    "type", "level", "stage", "class", "grade", "bowl", "episode", "round", "season", "appendix", "title",
    "apollo",
];

/// Names whose numeral ranks their bearers.
const RULERS: &[&str] = &[
    "Henry",
    "Louis",
    "Elizabeth",
    "Charles",
    "George",
    "Edward",
    "William",
    "Richard",
    "James",
    "Paul",
    "Pius",
    "Benedict",
    "Leo",
    "Napoleon",
    "Philip",
    "Alexander",
    "Catherine",
    "Peter",
    "Nicholas",
    "Francis",
    "Gregory",
    "Innocent",
    "Clement",
    "Frederick",
    "Wilhelm",
    "Gustav",
    "Christian",
    "Ramses",
    "Ptolemy",
    "Umberto",
    "Victor",
    "Emmanuel",
    "Albert",
    "Leopold",
    "Ferdinand",
    "Alfonso",
    "Felipe",
    "Carlos",
    "Mary",
    "John",
    "Robert",
    "David",
    "Otto",
    "Ivan",
    "Boniface",
    "Urban",
    "Cleopatra",
    "Darius",
    "Xerxes",
    "Harald",
    "Margrethe",
    "King",
    "Pope",
];

pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    const RULES: &[super::Rule] =
        &[place, numero, roman, abbreviation, dotted, joined, plural, capitals, letter];
    RULES.iter().find_map(|rule| rule(context))
}

fn stopped(context: &Context<'_>) -> bool {
    context.tail().starts_with('.') && !context.tail().starts_with("..")
}

/// "Dr", "St", "Ft": a title or saint before a name, a road or a measure after one.
fn place(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let (before_name, after_name) = match body {
        "Dr" => ("Doctor", "Drive"),
        "St" => ("Saint", "Street"),
        "Ft" if stopped(context) => ("Fort", "feet"),
        _ => return None,
    };
    let capital = |word: Option<&str>| word.is_some_and(|w| w.starts_with(char::is_uppercase));
    let next = context.following().filter(|_| matches!(context.tail(), "" | "."));
    let previous = context.previous();
    let names_place = previous.is_some_and(|p| {
        matches!(p, "Mount" | "Mt" | "Fort" | "Port" | "Lake" | "Cape" | "The" | "In" | "Of")
    });
    let is_road = capital(previous) && !names_place && body != "Ft";
    // The first word of a sentence has its capital anyway: "Visit St. Louis".
    let is_road = is_road && !(context.at == 1 && capital(next));
    let is_road = is_road && (body == "St" || !capital(next));
    Some(Say::words(if capital(next) && !is_road { before_name } else { after_name }))
}

/// "No. 5".
fn numero(context: &Context<'_>) -> Option<Vec<Say>> {
    let is_number = matches!(context.body(), "No" | "no" | "Nr") && stopped(context);
    let digit = context.following().is_some_and(|n| n.starts_with(|c: char| c.is_ascii_digit()));
    (is_number && digit || matches!(context.body(), "№" | "nº")).then(|| Say::words("number"))
}

fn abbreviation(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = abbreviations::find(context.body(), stopped(context))?;
    let digit = |c: char| c.is_ascii_digit();
    let previous = context.previous().unwrap_or_default();
    // "min." counts minutes only after a figure; "Mon" is a day only with a mark after it.
    let long = match found.short {
        "min" if !previous.ends_with(digit) => "minimum",
        "ed" if !previous.starts_with(digit) => return None,
        "Mon" | "Tue" | "Thu" | "Fri" if !stopped(context) && context.tail() != "," => return None,
        "Ph" => return None,
        _ => found.long,
    };
    stands(context, found).then(|| Say::words(long))
}

/// Whether the abbreviation is where it can be one. The full stop of the last word is the sentence's own,
/// so there a word of the same letters is taken for the word.
fn stands(context: &Context<'_>, found: &Abbreviation) -> bool {
    const WORDS: &[&str] = &["apt", "max", "min", "temp"];
    /// What a name or a star seldom follows at the end of a sentence, and a date does.
    const BEFORE_DATES: &[&str] =
        &["early", "every", "in", "last", "late", "next", "on", "since", "until", "till"];
    let is_last = context.at + 1 == context.sentence.len() && stopped(context);
    let previous = context.previous().unwrap_or_default().to_lowercase();
    let follows_figure = previous.ends_with(|c: char| c.is_ascii_digit());
    let next = context.following().unwrap_or_default();
    match found.place {
        Place::Title => !found.needs_stop || next.starts_with(char::is_uppercase),
        Place::Reference => abbreviations::is_referred_to(context.body(), next),
        Place::Lead => !is_last || !found.needs_stop,
        Place::Free => !is_last || follows_figure || !WORDS.contains(&context.body()),
        Place::Date if found.short == "Sun" && previous == "the" => false,
        Place::Date if is_last && matches!(found.short, "Jan" | "Sun") => {
            BEFORE_DATES.contains(&previous.as_str())
        }
        Place::Date => !is_last || context.at > 0,
    }
}

/// U.S., J.K., a.m., Ph.D.
fn dotted(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let base = body.strip_suffix("'s").unwrap_or(body);
    if !DOTTED.is_match(base) && !DEGREE.is_match(base) {
        return None;
    }
    let text = base.replace('.', "");
    Some(vec![Say::Letters { text, plural: base.len() < body.len() }])
}

/// R&D, AT&T, Q&A.
fn joined(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if !JOINED.is_match(body) {
        return None;
    }
    let mut said = Vec::new();
    for (at, letters) in body.trim_end_matches('s').split('&').enumerate() {
        if at > 0 {
            said.push(Say::Words("and".to_owned()));
        }
        said.push(Say::letters(letters));
    }
    if let (true, Some(Say::Letters { plural, .. })) = (body.ends_with('s'), said.last_mut()) {
        *plural = true;
    }
    Some(said)
}

/// GPUs, CEO's.
fn plural(context: &Context<'_>) -> Option<Vec<Say>> {
    let found = PLURAL.captures(context.body())?;
    let base = &found[1];
    match say_part(context, base).as_slice() {
        [Say::Letters { text, .. }] => Some(vec![Say::Letters { text: text.clone(), plural: true }]),
        [Say::Words(word)] => Some(Say::words(format!("{word}'s"))),
        _ => None,
    }
}

/// NASA, FBI, STOP: a word if it is one, otherwise its letters.
fn capitals(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if !CAPITALS.is_match(body) {
        return None;
    }
    let lower = body.to_lowercase();
    let is_word = (context.knows)(&lower);
    if SPELT.contains(&body) && !is_shouted(context) {
        return Some(vec![Say::letters(body)]);
    }
    if (context.knows)(body) {
        return Some(Say::words(body));
    }
    let is_long = body.len() >= 6 && lower.contains(['a', 'e', 'i', 'o', 'u', 'y']);
    if SAID.contains(&body) || (is_word && (body.len() >= 4 || is_shouted(context))) || (is_long && !is_word)
    {
        return Some(Say::words(lower));
    }
    // Two or three letters that spell a word: the tagger decides ("US" the country, "NOT" the word).
    Some(if is_word { Say::words(body) } else { vec![Say::letters(body)] })
}

/// Most of the sentence is in capitals.
fn is_shouted(context: &Context<'_>) -> bool {
    let words = context.sentence.iter().filter(|w| w.body.len() > 1);
    let (loud, all) = words.fold((0, 0), |(loud, all), w| {
        (loud + usize::from(!w.body.contains(|c: char| c.is_lowercase())), all + 1)
    });
    all >= 3 && loud * 3 > all * 2
}

/// A capital A that is no article: "Plan A", "section A".
fn letter(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let base = body.strip_suffix("'s").unwrap_or(body);
    let mut characters = base.chars();
    let (first, None) = (characters.next()?, characters.next()) else {
        return None;
    };
    match first {
        'n' if context.sentence[context.at].lead.contains(['\'', '’', '‘']) => Some(Say::words("and")),
        'A' if base.len() == body.len() => {
            let is_article =
                context.at == 0 || context.next().is_some_and(|n| n.starts_with(char::is_alphanumeric));
            (!is_article).then(|| vec![Say::letters("A")])
        }
        'I' => None,
        'a' | 'o' if base.len() == body.len() => None,
        c if c.is_ascii_alphabetic() => {
            Some(vec![Say::Letters { text: c.to_string(), plural: base.len() < body.len() }])
        }
        c => greek(c).map(Say::words),
    }
}

/// Henry VIII, World War II, chapter IV.
fn roman(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    let base = body.strip_suffix("'s").unwrap_or(body);
    let number = roman_value(base)?;
    let previous = context.previous()?;
    let ranks = RULERS.contains(&previous) && number <= 30;
    let counts = COUNTED.contains(&previous.to_lowercase().as_str());
    let counts =
        counts && if base.len() == 1 { is_lone_numeral(context, base, previous) } else { number < 90 };
    // After any other name only what is hardly a word: II, III, IV, VI to IX, XI …
    let plain = base.len() > 1 && base.bytes().all(|b| matches!(b, b'I' | b'V' | b'X'));
    let follows_name = plain && previous.starts_with(char::is_uppercase) && context.at > 1;
    let mut words = if ranks {
        format!("the {}", ordinal(number, context.accent))
    } else if counts || follows_name {
        cardinal(number, context.accent)
    } else {
        return None;
    };
    if base.len() < body.len() {
        words.push_str("'s");
    }
    Some(Say::words(words))
}

/// Whether one letter after a counted word is a numeral: "Act V", "Part I of it", "World War I", but
/// "the part I like" and "type C".
fn is_lone_numeral(context: &Context<'_>, letter: &str, previous: &str) -> bool {
    let ends = context.next().is_none_or(|next| next == "of" || !next.starts_with(char::is_lowercase));
    let is_world_war = previous == "War"
        && context.at.checked_sub(2).is_some_and(|before| context.sentence[before].body == "World");
    matches!(letter, "I" | "V" | "X") && previous.starts_with(char::is_uppercase) && (ends || is_world_war)
}

/// The value of a well-formed Roman numeral up to 399.
fn roman_value(text: &str) -> Option<u64> {
    const FIGURES: [(&str, u64); 9] =
        [("C", 100), ("XC", 90), ("L", 50), ("XL", 40), ("X", 10), ("IX", 9), ("V", 5), ("IV", 4), ("I", 1)];
    let mut rest = text;
    let mut value = 0;
    for (figure, worth) in FIGURES {
        let most = if matches!(worth, 1 | 10 | 100) { 3 } else { 1 };
        for _ in 0..most {
            match rest.strip_prefix(figure) {
                Some(after) => (rest, value) = (after, value + worth),
                None => break,
            }
        }
    }
    (rest.is_empty() && value > 0).then_some(value)
}

fn greek(letter: char) -> Option<&'static str> {
    Some(match letter {
        'α' => "alpha",
        'β' => "beta",
        'γ' => "gamma",
        'δ' | 'Δ' => "delta",
        'ε' => "epsilon",
        'θ' => "theta",
        'λ' => "lambda",
        'μ' => "mu",
        'π' => "pi",
        'σ' | 'Σ' => "sigma",
        'φ' => "phi",
        'ω' | 'Ω' => "omega",
        _ => return None,
    })
}
