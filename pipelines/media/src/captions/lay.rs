//! Sets a cue in the safe zone: every word's outline in its place in the frame.

use std::ops::Range;

use tiny_skia::Path;

use super::{CaptionStyle, Cue, Highlight, SafeZone};
use crate::Result;
use crate::typeset::{Face, Fonts, fit, moved};

/// Distance of the two baselines, in ems.
const LEADING: f32 = 1.12;
/// Space of the pill beyond its word, in ems: at the sides, above capitals, below the baseline
/// (room for a descender).
pub(super) const PILL: (f32, f32, f32) = (0.14, 0.16, 0.26);

/// Room below a baseline for usual descenders, in ems.
const DESCENDER: f32 = 0.25;
/// Room for the shadow below all else, in ems.
const DROP: f32 = 0.07;

/// A cue set in the frame.
pub(super) struct LaidCue {
    pub words: Vec<LaidWord>,
    /// Left, top, right, bottom of all that may be drawn, in frame pixels.
    pub bounds: [f32; 4],
    /// Pixels per em.
    pub size: f32,
}

/// A word set in the frame.
pub(super) struct LaidWord {
    /// Absent when no loaded font has any of its letters.
    pub path: Option<Path>,
    /// Left, top (of capitals), right, bottom (baseline), in frame pixels.
    pub rect: [f32; 4],
}

/// The frame and the part of it that is free, in pixels.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub frame: (u32, u32),
    pub area: [f32; 4],
    /// Pixels per style pixel.
    pub scale: f32,
}

impl Place {
    pub(super) fn new(zone: SafeZone, width: u32, height: u32) -> Place {
        Place {
            frame: (width, height),
            area: zone.area(width, height),
            scale: width.min(height) as f32 / 1080.0,
        }
    }
}

/// Room that the drawing needs beyond the letters, in ems.
fn margin(style: &CaptionStyle) -> f32 {
    let glow = style.outline_width + 0.05 + if style.shadow > 0.0 { 0.2 } else { 0.0 };
    match style.highlight {
        Highlight::Colour => glow,
        Highlight::Pop => glow + 0.05,
        Highlight::Pill => glow.max(PILL.2),
    }
}

/// Least space between words, in ems: the spoken word's outline or pill must not touch its neighbour.
fn word_gap(style: &CaptionStyle) -> f32 {
    match style.highlight {
        Highlight::Colour => 0.24,
        Highlight::Pop => 0.27 + style.outline_width,
        Highlight::Pill => 2.0 * PILL.0 + 0.08,
    }
}

/// Sets a cue: lines centred on the frame, the block inside the safe area.
pub(super) fn lay(cue: &Cue, style: &CaptionStyle, fonts: &mut Fonts, place: &Place) -> Result<LaidCue> {
    let shown: Vec<String> = cue.words.iter().map(|word| fonts.drawable(&style.shown(&word.text))).collect();
    let mut face = Face { family: &style.font, size: style.size * place.scale, tracking: -0.01 };
    let space = fit::space(fonts, &face)?.max(word_gap(style));
    let block = Block::measure(&shown, &cue.lines, &face, space, fonts)?;
    // Centred on the frame where the zone allows it, so captions do not lean to one side.
    let centre = place.frame.0 as f32 / 2.0;
    let half = (centre - place.area[0]).min(place.area[2] - centre);
    let margin = margin(style);
    let (above, below) = (block.above + margin, block.below + margin + DROP);
    let widest = 2.0 * half / (block.width + 2.0 * margin);
    let tallest = (place.area[3] - place.area[1]) / (above + below);
    face.size = face.size.min(widest).min(tallest);
    // The middle of the lines' capitals stands where it is wanted, or as near as there is room.
    let middle = (block.last - block.cap) / 2.0;
    let wanted = style.position * place.frame.1 as f32 - middle * face.size;
    let first = wanted.min(place.area[3] - below * face.size).max(place.area[1] + above * face.size);
    let mut words: Vec<LaidWord> = Vec::with_capacity(cue.words.len());
    for (row, line) in cue.lines.iter().enumerate() {
        let baseline = (first + row as f32 * LEADING * face.size).round();
        lay_line(&shown[line.clone()], &face, space, (centre, baseline), fonts, &mut words)?;
    }
    let bounds = bounds(&words, margin * face.size, face.size, place);
    Ok(LaidCue { words, bounds, size: face.size })
}

/// What a cue's letters take up, in ems; heights are from the first baseline.
struct Block {
    /// Of the widest line.
    width: f32,
    /// Height of capitals.
    cap: f32,
    /// The last baseline.
    last: f32,
    /// Upwards to the highest letter or accent.
    above: f32,
    /// Downwards to the lowest descender.
    below: f32,
}

impl Block {
    fn measure(
        shown: &[String],
        lines: &[Range<usize>],
        face: &Face,
        space: f32,
        fonts: &mut Fonts,
    ) -> Result<Self> {
        let cap = fonts.cap_height(face)? / face.size;
        let last = lines.len().saturating_sub(1) as f32 * LEADING;
        // As much as most lines need, or captions would jump up and down with every cue.
        let mut block = Self { width: 0.0, cap, last, above: cap, below: last + DESCENDER };
        for (row, line) in lines.iter().enumerate() {
            let mut width = space * line.len().saturating_sub(1) as f32;
            for text in &shown[line.clone()] {
                let run = fonts.run(text, face)?;
                width += run.width / face.size;
                if let Some(letters) = run.path.map(|path| path.bounds()) {
                    let baseline = row as f32 * LEADING;
                    block.above = block.above.max(-letters.top() / face.size - baseline);
                    block.below = block.below.max(baseline + letters.bottom() / face.size);
                }
            }
            block.width = block.width.max(width);
        }
        Ok(block)
    }
}

fn lay_line(
    texts: &[String],
    face: &Face,
    space: f32,
    (centre, baseline): (f32, f32),
    fonts: &mut Fonts,
    words: &mut Vec<LaidWord>,
) -> Result<()> {
    let cap = fonts.cap_height(face)?;
    let mut runs = Vec::with_capacity(texts.len());
    for text in texts {
        runs.push(fonts.run(text, face)?);
    }
    let gap = space * face.size;
    let total = runs.iter().map(|run| run.width).sum::<f32>() + gap * (runs.len() as f32 - 1.0);
    let backwards =
        texts.iter().flat_map(|text| text.chars()).find(|c| c.is_alphabetic()).is_some_and(is_rtl);
    let mut pen = centre - total / 2.0;
    for run in &runs {
        let left = if backwards { 2.0 * centre - pen - run.width } else { pen };
        words.push(LaidWord {
            path: run.path.as_ref().and_then(|path| moved(path, left, baseline)),
            rect: [left, baseline - cap, left + run.width, baseline],
        });
        pen += run.width + gap;
    }
    Ok(())
}

/// Hebrew, Arabic and their neighbours (Unicode blocks 0590–08FF and presentation forms).
fn is_rtl(ch: char) -> bool {
    matches!(ch as u32, 0x590..=0x8ff | 0xfb1d..=0xfdff | 0xfe70..=0xfeff)
}

fn bounds(words: &[LaidWord], margin: f32, size: f32, place: &Place) -> [f32; 4] {
    let mut all = [f32::MAX, f32::MAX, f32::MIN, f32::MIN];
    for LaidWord { path, rect } in words {
        let drawn = path.as_ref().map_or(*rect, |path| {
            let b = path.bounds();
            [b.left().min(rect[0]), b.top().min(rect[1]), b.right().max(rect[2]), b.bottom().max(rect[3])]
        });
        all = [all[0].min(drawn[0]), all[1].min(drawn[1]), all[2].max(drawn[2]), all[3].max(drawn[3])];
    }
    let drop = DROP * size;
    let grown = [all[0] - margin, all[1] - margin, all[2] + margin, all[3] + margin + drop];
    let area = place.area;
    [grown[0].max(area[0]), grown[1].max(area[1]), grown[2].min(area[2]), grown[3].min(area[3])]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions::{CaptionWord, Case, cues};
    use crate::support;
    use proptest::prelude::*;
    use std::cell::RefCell;

    thread_local! {
        static FONTS: RefCell<Fonts> = RefCell::new(support::fonts());
    }

    prop_compose! {
        /// Every look that is allowed, at every size that is.
        fn style()(
            (size, outline_width, shadow, position) in (24f32..=200.0, 0f32..=0.2, 0f32..=1.0, 0f32..=1.0),
            (max_words, max_lines, line_width) in (1usize..=12, 1usize..=2, 4f32..=30.0),
            highlight in prop::sample::select(vec![Highlight::Colour, Highlight::Pop, Highlight::Pill]),
            font in prop::sample::select(vec!["Montserrat", "Anton", "Poppins", "DM Serif Display"]),
            upper: bool,
        ) -> CaptionStyle {
            let case = if upper { Case::Upper } else { Case::AsWritten };
            CaptionStyle {
                size, outline_width, shadow, position, max_words, max_lines, line_width, highlight, case,
                font: font.into(), ..CaptionStyle::default()
            }
        }
    }

    prop_compose! {
        fn zone()(left in 0f32..=0.45, top in 0f32..=0.45, right in 0f32..=0.45, bottom in 0f32..=0.45)
            -> SafeZone {
            SafeZone { left, top, right, bottom }
        }
    }

    fn spoken(words: &[String]) -> Vec<CaptionWord> {
        let word = |(n, text): (usize, &String)| {
            let start = n as f64 * 0.3;
            CaptionWord { text: text.clone(), start, end: start + 0.3 }
        };
        words.iter().enumerate().map(word).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn whatever_is_allowed_fits_into_the_safe_zone(
            style in style(), zone in zone(),
            words in prop::collection::vec("[a-zA-ZgjpqyÅÉÇ]{1,16}[.,]?", 1..13),
            (width, height) in (16u32..2200, 16u32..2200),
        ) {
            prop_assert!(style.validate().is_ok() && zone.validate().is_ok());
            let place = Place::new(zone, width, height);
            for cue in cues(&spoken(&words), &style) {
                let laid = FONTS.with_borrow_mut(|fonts| lay(&cue, &style, fonts, &place)).unwrap();
                let asked = style.size * place.scale;
                prop_assert!(laid.size > 0.0 && laid.size <= asked);
                let outline = style.outline_width * laid.size;
                for letters in laid.words.iter().filter_map(|word| word.path.as_ref()).map(Path::bounds) {
                    // A baseline stands on a whole pixel: half a pixel either way.
                    let room = [place.area[0] - 0.6, place.area[1] - 0.6, place.area[2] + 0.6, place.area[3] + 0.6];
                    let inside = letters.left() - outline >= room[0]
                        && letters.top() - outline >= room[1]
                        && letters.right() + outline <= room[2]
                        && letters.bottom() + outline <= room[3];
                    prop_assert!(inside, "{letters:?} leaves {room:?} at {} of {asked}", laid.size);
                }
            }
        }
    }

    #[test]
    fn what_has_room_keeps_its_size_and_place() {
        let style = CaptionStyle::default();
        let place = Place::new(SafeZone::default(), 1080, 1920);
        let words = spoken(&["slips".into(), "away".into()]);
        let cue = &cues(&words, &style)[0];
        let laid = FONTS.with_borrow_mut(|fonts| lay(cue, &style, fonts, &place)).unwrap();
        assert_eq!(laid.size, style.size);
        let [_, top, _, bottom] = laid.words[0].rect;
        assert!(((top + bottom) / 2.0 - style.position * 1920.0).abs() < 1.0, "{top} to {bottom}");
    }
}
