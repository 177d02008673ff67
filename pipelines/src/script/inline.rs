//! Markdown inside a paragraph, reduced to what is said: emphasis, links, code and tags fall away.

/// The text that is spoken. White space is made single.
pub(super) fn spoken(text: &str) -> String {
    let pieces = scan(text);
    let dropped = emphasis(&pieces);
    let mut out = String::with_capacity(text.len());
    for (i, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Run(c, n) => out.extend(std::iter::repeat_n(*c, n - dropped[i])),
        }
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Takes the backslash off punctuation (CommonMark, "Backslash escapes").
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(next)) if next.is_ascii_punctuation() => out.extend(chars.next()),
            _ => out.push(c),
        }
    }
    out
}

enum Piece {
    /// Literal text.
    Text(String),
    /// A run of `*`, `_` or `~` that may be emphasis.
    Run(char, usize),
}

fn scan(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (piece, used) = match c {
            '\\' => escape(rest),
            '`' => code(rest),
            '[' => link(rest),
            '<' => tag(rest),
            '&' => entity(rest),
            '*' | '_' | '~' => {
                let n = rest.chars().take_while(|x| *x == c).count();
                (Piece::Run(c, n), n)
            }
            _ => (Piece::Text(c.to_string()), c.len_utf8()),
        };
        pieces.push(piece);
        rest = &rest[used..];
    }
    pieces
}

fn literal(rest: &str, bytes: usize) -> (Piece, usize) {
    (Piece::Text(rest[..bytes].to_owned()), bytes)
}

fn escape(rest: &str) -> (Piece, usize) {
    match rest[1..].chars().next() {
        Some(next) if next.is_ascii_punctuation() => (Piece::Text(next.to_string()), 2),
        _ => literal(rest, 1),
    }
}

fn code(rest: &str) -> (Piece, usize) {
    let ticks = rest.chars().take_while(|c| *c == '`').count();
    let mut at = ticks;
    while let Some(found) = rest[at..].find('`') {
        let start = at + found;
        let run = rest[start..].chars().take_while(|c| *c == '`').count();
        if run == ticks {
            return (Piece::Text(rest[ticks..start].to_owned()), start + run);
        }
        at = start + run;
    }
    literal(rest, ticks)
}

/// `[text](address)` and `[text][name]` give the text; `[^1]` gives nothing.
fn link(rest: &str) -> (Piece, usize) {
    let Some(end) = closing(rest, '[', ']') else { return literal(rest, 1) };
    let inside = &rest[1..end];
    let after = &rest[end + 1..];
    if inside.starts_with('^') {
        return (Piece::Text(String::new()), end + 1);
    }
    let target = match after.chars().next() {
        Some('(') => closing(after, '(', ')'),
        Some('[') => closing(after, '[', ']'),
        _ => None,
    };
    match target {
        Some(stop) => (Piece::Text(spoken(inside)), end + 1 + stop + 1),
        None => literal(rest, 1),
    }
}

/// Bytes within which a bracket must close: bounds the work on hostile text.
const REACH: usize = 1000;
/// Emphasis open at once, for the same reason.
const OPEN: usize = 64;

/// The index of the bracket that closes the one at the start.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    let mut escaped = false;
    for (i, c) in text.char_indices().take_while(|(i, _)| *i < REACH) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == open => depth += 1,
            c if c == close && depth == 1 => return Some(i),
            c if c == close => depth -= 1,
            _ => {}
        }
    }
    None
}

fn tag(rest: &str) -> (Piece, usize) {
    let inner = rest[1..].trim_start_matches('/');
    let named = inner.starts_with(|c: char| c.is_ascii_alphabetic());
    let reach = rest.floor_char_boundary(REACH);
    match rest[..reach].find('>') {
        Some(end) if named && !rest[1..end].contains('<') => (Piece::Text(" ".into()), end + 1),
        _ => literal(rest, 1),
    }
}

fn entity(rest: &str) -> (Piece, usize) {
    const KNOWN: &[(&str, &str)] = &[
        ("&amp;", "&"),
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#39;", "'"),
        ("&apos;", "'"),
        ("&nbsp;", " "),
        ("&mdash;", "\u{2014}"),
        ("&ndash;", "\u{2013}"),
        ("&hellip;", "\u{2026}"),
    ];
    match KNOWN.iter().find(|(name, _)| rest.starts_with(name)) {
        Some((name, text)) => (Piece::Text((*text).to_owned()), name.len()),
        None => literal(rest, 1),
    }
}

/// How many characters of each run belong to emphasis, by matching closers with openers.
fn emphasis(pieces: &[Piece]) -> Vec<usize> {
    let mut dropped = vec![0; pieces.len()];
    let mut open: Vec<(usize, char, usize)> = Vec::new();
    for (i, piece) in pieces.iter().enumerate() {
        let Piece::Run(c, n) = *piece else { continue };
        let before = i.checked_sub(1).and_then(|p| edge(&pieces[p], false));
        let after = pieces.get(i + 1).and_then(|p| edge(p, true));
        let (opens, closes) = flanking(c, before, after);
        let mut left = n;
        while closes && left > 0 {
            let Some(at) = open.iter().rposition(|(_, oc, _)| *oc == c) else { break };
            let (oi, _, room) = open[at];
            let used = room.min(left);
            dropped[oi] += used;
            dropped[i] += used;
            left -= used;
            open.truncate(at);
            if room > used {
                open.push((oi, c, room - used));
            }
        }
        // A single tilde is a tilde ("~100 years"); two strike out.
        if opens && left > 0 && (c != '~' || left >= 2) && open.len() < OPEN {
            open.push((i, c, left));
        }
    }
    dropped
}

/// The character of a piece that touches its neighbour.
fn edge(piece: &Piece, first: bool) -> Option<char> {
    match piece {
        Piece::Text(text) if first => text.chars().next(),
        Piece::Text(text) => text.chars().next_back(),
        Piece::Run(c, _) => Some(*c),
    }
}

/// Whether a run may open and close emphasis: it must touch a word, and `_` only at a word's edge.
fn flanking(c: char, before: Option<char>, after: Option<char>) -> (bool, bool) {
    let solid = |x: Option<char>| x.is_some_and(|x| !x.is_whitespace());
    let word = |x: Option<char>| x.is_some_and(char::is_alphanumeric);
    match c {
        '_' => (solid(after) && !word(before), solid(before) && !word(after)),
        _ => (solid(after), solid(before)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_falls_away_and_words_stay() {
        for (markdown, said) in [
            ("It *never* stops.", "It never stops."),
            ("**Bold** and __bold__ and ***both***.", "Bold and bold and both."),
            ("**bold *nested* more**", "bold nested more"),
            ("A [link](https://a.example/x_(y)) here", "A link here"),
            ("A [*soft* link][ref] here", "A soft link here"),
            ("Run `cargo test` now", "Run cargo test now"),
            ("Two ``a`b`` ticks", "Two a`b ticks"),
            ("Fact.[^1] Next.", "Fact. Next."),
            ("5 * 3 * 2 = 30", "5 * 3 * 2 = 30"),
            ("snake_case_name", "snake_case_name"),
            ("~100 years, ~~not~~ 50", "~100 years, not 50"),
            ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
            ("a < b and b > c", "a < b and b > c"),
            ("line<br/>break", "line break"),
            (r"\*not emphasis\*", "*not emphasis*"),
            ("an [unclosed bracket", "an [unclosed bracket"),
            ("*unclosed", "*unclosed"),
        ] {
            assert_eq!(spoken(markdown), said, "{markdown}");
        }
    }
}
