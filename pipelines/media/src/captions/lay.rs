//! Sets a cue in the safe zone: every word's outline in its place in the frame.

use tiny_skia::Path;

use super::{CaptionStyle, Cue, Highlight, SafeZone};
use crate::Result;
use crate::typeset::{Face, Fonts, fit, moved};

/// Distance of the two baselines, in ems.
const LEADING: f32 = 1.12;
/// Space of the pill beyond its word, in ems: at the sides, above capitals, below the baseline
/// (room for a descender).
pub(super) const PILL: (f32, f32, f32) = (0.14, 0.16, 0.26);

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
    let mut widest = 0.0_f32;
    for line in &cue.lines {
        let mut width = space * line.len().saturating_sub(1) as f32 * face.size;
        for text in &shown[line.clone()] {
            width += fonts.run(text, &face)?.width;
        }
        widest = widest.max(width);
    }
    let centre = place.frame.0 as f32 / 2.0;
    // Centred on the frame where the zone allows it, so captions do not lean to one side.
    let half = (centre - place.area[0]).min(place.area[2] - centre).max(1.0);
    let room = 2.0 * half - 2.0 * margin(style) * face.size;
    face.size *= (room / widest.max(1.0)).min(1.0);
    let cap = fonts.cap_height(&face)?;
    let top = top_of_block(cue.lines.len(), cap, face.size, style, place);
    let mut words: Vec<LaidWord> = Vec::with_capacity(cue.words.len());
    for (row, line) in cue.lines.iter().enumerate() {
        let baseline = (top + cap + row as f32 * LEADING * face.size).round();
        lay_line(&shown[line.clone()], &face, space, (centre, baseline), fonts, &mut words)?;
    }
    let bounds = bounds(&words, margin(style) * face.size, face.size, place);
    Ok(LaidCue { words, bounds, size: face.size })
}

/// Top of the first line's capitals.
fn top_of_block(lines: usize, cap: f32, size: f32, style: &CaptionStyle, place: &Place) -> f32 {
    let tall = cap + (lines as f32 - 1.0) * LEADING * size;
    let wanted = style.position * place.frame.1 as f32 - tall / 2.0;
    let extra = (margin(style) + 0.25) * size;
    let lowest = place.area[3] - tall - extra;
    wanted.min(lowest).max(place.area[1] + margin(style) * size)
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
    let drop = 0.07 * size;
    let grown = [all[0] - margin, all[1] - margin, all[2] + margin, all[3] + margin + drop];
    let area = place.area;
    [grown[0].max(area[0]), grown[1].max(area[1]), grown[2].min(area[2]), grown[3].min(area[3])]
}
