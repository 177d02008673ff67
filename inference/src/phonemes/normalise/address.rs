//! Web and mail addresses, handles and hashtags.

use super::{Context, Say, pattern, say_part};

pattern!(MAIL, r"^(?:mailto:)?[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}$");
pattern!(
    WEB,
    r"(?i)^(?:https?://\S+|www\.\S+|[a-z0-9][a-z0-9-]*(?:\.[a-z0-9-]+)*\.(?:com|org|net|io|ai|dev|app|gov|edu|info|tv|me|co|uk|de|fr|eu|ca|us|gg|xyz)(?:[/?#:]\S*)?)$"
);

/// Endings of addresses that are said as words; others are spelt.
const ENDINGS: &[&str] = &["com", "org", "net", "dev", "app", "gov", "info", "me", "co"];

pub(super) fn read(context: &Context<'_>) -> Option<Vec<Say>> {
    let body = context.body();
    if MAIL.is_match(body) {
        return Some(spell(context, body.trim_start_matches("mailto:")));
    }
    if WEB.is_match(body) {
        let rest = body.split_once("://").map_or(body, |(_, rest)| rest);
        return Some(spell(context, rest.trim_end_matches('/')));
    }
    let mut characters = body.chars();
    let name = match characters.next() {
        Some('@') => "at",
        Some('#') if characters.as_str().starts_with(|c: char| c.is_ascii_digit()) => "number",
        Some('#') => "hashtag",
        _ => return None,
    };
    let rest = characters.as_str();
    let mut said = Say::words(if rest.is_empty() && name == "hashtag" { "hash" } else { name });
    said.extend(handle(context, rest));
    Some(said)
}

/// An address, part by part with the marks between them named.
fn spell(context: &Context<'_>, address: &str) -> Vec<Say> {
    let mut said = Vec::new();
    let mut part = String::new();
    for c in address.chars() {
        let mark = match c {
            '.' => "dot",
            '/' => "slash",
            '@' => "at",
            '-' => "dash",
            '_' => "underscore",
            ':' => "colon",
            '?' => "question mark",
            '=' => "equals",
            '&' => "and",
            '#' => "hash",
            '+' => "plus",
            '%' => "percent",
            '~' => "tilde",
            c if c.is_alphanumeric() => {
                part.push(c);
                continue;
            }
            _ => continue,
        };
        said.extend(host_part(context, &std::mem::take(&mut part)));
        said.push(Say::Words(mark.to_owned()));
    }
    said.extend(host_part(context, &part));
    said
}

fn host_part(context: &Context<'_>, part: &str) -> Vec<Say> {
    let lower = part.to_lowercase();
    let is_spelt = matches!(
        lower.as_str(),
        "www" | "uk" | "us" | "ai" | "io" | "tv" | "edu" | "de" | "fr" | "eu" | "ca" | "gg" | "xyz"
    ) || (!lower.contains(['a', 'e', 'i', 'o', 'u', 'y'])
        && lower.bytes().all(|b| b.is_ascii_lowercase()));
    match part {
        "" => Vec::new(),
        _ if ENDINGS.contains(&lower.as_str()) => Say::words(lower),
        _ if is_spelt => vec![Say::letters(lower)],
        _ => say_part(context, &lower),
    }
}

/// "MachineLearning" as its words; an underscore parts them too.
fn handle(context: &Context<'_>, name: &str) -> Vec<Say> {
    let mut parts: Vec<String> = vec![String::new()];
    let mut was_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && was_lower) {
            parts.push(String::new());
        }
        was_lower = c.is_lowercase();
        if c != '_' {
            parts.last_mut().expect("it begins with one part").push(c);
        }
    }
    parts.iter().flat_map(|part| say_part(context, part)).collect()
}
