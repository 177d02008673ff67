//! Kinds of characters as the tokenizers library tells them: general categories of Unicode 8, which it never left
//! (through the crate `unicode_categories` 0.1), and blocks of ideographs. A vocabulary was made with them, so that what
//! later versions of Unicode added stays what it was to it.

use std::cmp::Ordering;
use std::sync::LazyLock;

/// Code points beyond ASCII in hexadecimal, single or from first to last, under a line that names their kind: control
/// (Cc, Cf, Co, and the replacement character), mark (Mn), punctuation (Pc, Pd, Pe, Pf, Pi, Po, Ps).
const TABLES: &str = include_str!("categories.txt");

/// The blocks of ideographs (`is_chinese_char` of `normalizers/bert.rs`).
const IDEOGRAPHS: [(u32, u32); 7] = [
    (0x3400, 0x4dbf),
    (0x4e00, 0x9fff),
    (0xf900, 0xfaff),
    (0x20000, 0x2a6df),
    (0x2a700, 0x2b81f),
    (0x2b920, 0x2ceaf),
    (0x2f800, 0x2fa1f),
];

struct Kinds {
    control: Vec<(u32, u32)>,
    mark: Vec<(u32, u32)>,
    punctuation: Vec<(u32, u32)>,
}

static KINDS: LazyLock<Kinds> = LazyLock::new(|| Kinds {
    control: table("control"),
    mark: table("mark"),
    punctuation: table("punctuation"),
});

/// What a text is cleaned of. Blanks that are control characters by Unicode stay.
pub(super) fn is_control(c: char) -> bool {
    match c {
        '\t' | '\n' | '\r' => false,
        c if c.is_ascii() => c.is_ascii_control(),
        c => within(&KINDS.control, c),
    }
}

/// What is put onto a letter.
pub(super) fn is_mark(c: char) -> bool {
    !c.is_ascii() && within(&KINDS.mark, c)
}

/// What is a word of its own.
pub(super) fn is_punctuation(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_punctuation() } else { within(&KINDS.punctuation, c) }
}

/// What is a word of its own and no mark.
pub(super) fn is_ideograph(c: char) -> bool {
    c as u32 >= IDEOGRAPHS[0].0 && within(&IDEOGRAPHS, c)
}

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let place = |(first, last): &(u32, u32)| match c as u32 {
        c if c < *first => Ordering::Greater,
        c if c > *last => Ordering::Less,
        _ => Ordering::Equal,
    };
    ranges.binary_search_by(place).is_ok()
}

/// The ranges under the line `name`.
fn table(name: &str) -> Vec<(u32, u32)> {
    let lines = TABLES.lines().skip_while(|line| *line != name).skip(1);
    // Names have letters beyond f.
    let words = lines.take_while(|line| !line.contains(['k', 't'])).flat_map(str::split_whitespace);
    let code = |text: &str| u32::from_str_radix(text, 16).expect("the table has hexadecimal numbers");
    words
        .map(|word| {
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            (code(first), code(last))
        })
        .collect()
}
