//! Sets a heading: large, one word stressed, a figure ("3.8 cm a year") larger still.

use tiny_skia::Path;

use super::words;
use crate::Result;
use crate::typeset::fit::{self, Block, Room};
use crate::typeset::{Face, Fonts, moved};

/// Words that were set, in frame pixels.
pub(crate) struct Heading {
    /// Plain words.
    pub plain: Vec<Path>,
    /// The stressed word or figure.
    pub stressed: Vec<Path>,
    /// Left, top, right and bottom of all letters.
    pub bounds: [f32; 4],
    /// Words were left out because there was no room for them.
    pub cut: bool,
}

/// Where a heading may stand, in frame pixels, and how large it may become.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Box2 {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
    /// Size limits, pixels per em.
    pub smallest: f32,
    pub largest: f32,
    pub lines: usize,
}

/// The parts of a heading that holds a figure.
struct Figure<'a> {
    before: String,
    figure: &'a str,
    after: String,
}

/// Sets `text` from the top left of the box. Nothing to draw gives `None`.
pub(crate) fn set(fonts: &mut Fonts, text: &str, family: &str, room: &Box2) -> Result<Option<Heading>> {
    let drawable = fonts.drawable(text);
    // Anton's charm is its capitals; its lower case looks cramped.
    let text = if family == "Anton" { drawable.to_uppercase() } else { drawable };
    let bounds = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    let mut out = Heading { plain: Vec::new(), stressed: Vec::new(), bounds, cut: false };
    match figure(&text) {
        Some(parts) => set_figure(fonts, &parts, family, room, &mut out)?,
        None => {
            let stressed = stressed_word(&text);
            set_block(fonts, &text, family, room, |i, _| Some(i) == stressed, &mut out)?;
        }
    }
    let drawn = !out.plain.is_empty() || !out.stressed.is_empty();
    Ok(drawn.then_some(out))
}

/// A figure stands out when it is short and there are not many words about it.
fn figure(text: &str) -> Option<Figure<'_>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let numeric = |w: &&str| w.chars().filter(char::is_ascii_digit).count() * 2 >= w.chars().count();
    let at = words.iter().position(numeric)?;
    if words.len() > 7 || words[at].chars().count() > 8 || words.len() == 1 {
        return None;
    }
    Some(Figure { before: words[..at].join(" "), figure: words[at], after: words[at + 1..].join(" ") })
}

fn set_figure(fonts: &mut Fonts, parts: &Figure, family: &str, room: &Box2, out: &mut Heading) -> Result<()> {
    let mut top = room.top;
    let rest = room.largest * 0.72;
    let small = |top: f32, lines: usize| Box2 {
        top,
        height: rest * 1.1 * lines as f32 + 1.0,
        largest: rest,
        smallest: room.smallest.min(rest * 0.5),
        lines,
        ..*room
    };
    if !parts.before.is_empty() {
        top = set_block(fonts, &parts.before, family, &small(top, 2), |_, _| false, out)? + rest * 0.30;
    }
    let used = top - room.top;
    let below = if parts.after.is_empty() { 0.0 } else { rest * 1.45 };
    let tall = (room.height - used - below).max(room.smallest);
    // Figures have no descenders: of the em they fill little more than the height of a capital.
    let large = Box2 { top, height: tall * 1.3, largest: room.largest * 2.6, lines: 1, ..*room };
    top = set_block(fonts, parts.figure, family, &large, |_, _| true, out)?;
    if !parts.after.is_empty() {
        set_block(fonts, &parts.after, family, &small(top + rest * 0.42, 2), |_, _| false, out)?;
    }
    Ok(())
}

/// Sets a block with the capitals of its first line at the box's top; answers the last baseline.
fn set_block(
    fonts: &mut Fonts,
    text: &str,
    family: &str,
    room: &Box2,
    stressed: impl Fn(usize, &str) -> bool,
    out: &mut Heading,
) -> Result<f32> {
    let leading = if family == "Anton" { 1.16 } else { 1.06 };
    let limits = Room {
        width: room.width,
        height: room.height,
        lines: room.lines,
        smallest: room.smallest,
        largest: room.largest,
        leading,
    };
    let tracking = if family == "Anton" { 0.005 } else { -0.02 };
    let mut face = Face { family, size: 100.0, tracking };
    let Block { size, lines, words } = fit::fit(fonts, text, &face, &limits)?;
    face.size = size;
    out.cut |= words.last().is_some_and(|last| last.ends_with('…') && !text.ends_with('…'));
    let (cap, space) = (fonts.cap_height(&face)?, fit::space(fonts, &face)? * size);
    let mut baseline = room.top + cap;
    for (row, line) in lines.iter().enumerate() {
        baseline = (room.top + cap + row as f32 * leading * size).round();
        let mut pen = room.left;
        for i in line.clone() {
            let run = fonts.run(&words[i], &face)?;
            if let Some(path) = run.path.as_ref().and_then(|path| moved(path, pen, baseline)) {
                grow(&mut out.bounds, &path);
                if stressed(i, &words[i]) { out.stressed.push(path) } else { out.plain.push(path) }
            }
            pen += run.width + space;
        }
    }
    Ok(baseline)
}

fn grow(bounds: &mut [f32; 4], path: &Path) {
    let b = path.bounds();
    *bounds = [
        bounds[0].min(b.left()),
        bounds[1].min(b.top()),
        bounds[2].max(b.right()),
        bounds[3].max(b.bottom()),
    ];
}

/// The word that carries the most: the longest of those that are not mere joints, the later one
/// among equals. A single word is not stressed: there is nothing to stand out from.
fn stressed_word(text: &str) -> Option<usize> {
    let all: Vec<&str> = text.split_whitespace().collect();
    if all.len() < 2 {
        return None;
    }
    let weight = |word: &str| {
        let bare: String = word.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_lowercase();
        if words::is_light(&bare) { 0 } else { bare.chars().count() }
    };
    let best = (0..all.len()).max_by_key(|&i| (weight(all[i]), i))?;
    (weight(all[best]) > 0).then_some(best)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_carries_most_is_stressed() {
        assert_eq!(stressed_word("The Moon is leaving us"), Some(3));
        assert_eq!(stressed_word("Why?"), None);
        assert_eq!(stressed_word("of the and"), None);
    }

    #[test]
    fn a_figure_is_found_with_what_surrounds_it() {
        let found = figure("3.8 cm a year").expect("a figure");
        assert_eq!((found.before.as_str(), found.figure, found.after.as_str()), ("", "3.8", "cm a year"));
        assert!(figure("The Moon is leaving us").is_none());
        assert!(figure("1969").is_none());
        assert!(figure("One day in 1969 everything about the Moon changed for us").is_none());
    }
}
