//! What a single line of Markdown is.

use super::inline;
use super::values::SETTINGS;

/// Words that start a line with a meaning of their own.
const DIRECTIVES: &[&str] = &["picture", "pause"];

/// The word before the colon of a line that is, or looks like, a directive or misplaced setting.
pub(super) fn directive(line: &str) -> Option<(&str, &str)> {
    let (word, rest) = line.split_once(':')?;
    let plain = !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let apart = rest.is_empty() || rest.starts_with([' ', '\t']);
    let near = |known: &str| strsim::damerau_levenshtein(word, known) <= 1 + usize::from(known.len() > 6);
    let known = SETTINGS.contains(&word) || DIRECTIVES.iter().any(|d| near(d));
    (plain && apart && known).then_some((word, rest))
}

/// Three or more of `-`, `*` or `_` and nothing else: a scene without a heading begins.
pub(super) fn is_rule(text: &str) -> bool {
    let mut marks = text.chars().filter(|c| !c.is_whitespace());
    match marks.next() {
        Some(c @ ('-' | '*' | '_')) => {
            text.chars().all(|x| x == c || x.is_whitespace()) && marks.count() >= 2
        }
        _ => false,
    }
}

/// `[^1]: …` and `[name]: …` define notes and links; nothing of them is spoken.
pub(super) fn is_definition(text: &str) -> bool {
    text.starts_with('[') && text.find("]:").is_some_and(|end| !text[1..end].contains(['[', ']']) && end > 1)
}

/// Takes the marker off a list item or quotation; the flag tells a list item.
pub(super) fn strip_marker(text: &str) -> (&str, bool) {
    if let Some(rest) = text.strip_prefix('>') {
        return (rest.trim_start(), false);
    }
    for bullet in ["- ", "* ", "+ "] {
        if let Some(rest) = text.strip_prefix(bullet) {
            return (rest.trim_start(), true);
        }
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    // Longer numbers are years and amounts that begin a sentence.
    if (1..=2).contains(&digits) {
        for mark in [". ", ") "] {
            if let Some(rest) = text[digits..].strip_prefix(mark) {
                return (rest.trim_start(), true);
            }
        }
    }
    (text, false)
}

/// `## Heading ##`: the marks at the end are decoration.
pub(super) fn trim_closing(heading: &str) -> &str {
    let bare = heading.trim_end_matches('#');
    match bare.is_empty() || (bare.len() < heading.len() && bare.ends_with([' ', '\t'])) {
        true => bare.trim_end(),
        false => heading,
    }
}

/// The path of `![alt](path)`, `![alt](<path>)` or `![alt](path "title")`, and nothing after it.
pub(super) fn link_target(text: &str) -> Option<String> {
    let open = text.find("](")? + 2;
    let rest = text.trim_end();
    let inside = rest.get(open..rest.len().checked_sub(1)?)?.trim();
    if !rest.ends_with(')') {
        return None;
    }
    if let Some(angle) = inside.strip_prefix('<') {
        let end = unescaped(angle, '>')?;
        let after = angle[end + 1..].trim();
        return (after.is_empty() || quoted(after)).then(|| inline::unescape(&angle[..end]));
    }
    let path = match inside.split_once(" \"") {
        Some((path, title)) if title.ends_with('"') => path.trim_end(),
        _ => inside,
    };
    Some(inline::unescape(path))
}

fn quoted(text: &str) -> bool {
    text.len() >= 2 && text.starts_with('"') && text.ends_with('"')
}

/// The first `mark` without a backslash before it.
fn unescaped(text: &str, mark: char) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(i, c)| {
        let hit = c == mark && !escaped;
        escaped = c == '\\' && !escaped;
        hit.then_some(i)
    })
}
