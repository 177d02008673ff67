//! Sets a cue in the safe zone and draws one state of it: which word is being spoken.

use tiny_skia::{FilterQuality, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Transform};

use super::{CaptionStyle, Cue, Highlight, SafeZone};
use crate::Result;
use crate::typeset::colour::Rgb;
use crate::typeset::raster::{Layer, Soft, rounded};
use crate::typeset::{Face, Fonts, fit, moved};

/// Distance of the two baselines, in ems.
const LEADING: f32 = 1.12;
/// Growth of the spoken word in the `Pop` highlight, and its limit at each side in ems: a long
/// word would touch its neighbours.
const POP: (f32, f32) = (0.07, 0.1);
/// Space of the pill beyond its word, in ems: at the sides, above capitals, below the baseline
/// (room for a descender).
const PILL: (f32, f32, f32) = (0.14, 0.15, 0.23);

/// A cue set in the frame.
pub(super) struct LaidCue {
    pub words: Vec<LaidWord>,
    /// Left, top, right, bottom of all that may be drawn, in frame pixels.
    bounds: [f32; 4],
    /// Pixels per em.
    size: f32,
}

/// A word set in the frame.
pub(super) struct LaidWord {
    /// Absent when no loaded font has any of its letters.
    path: Option<Path>,
    /// Left, top (of capitals), right, bottom (baseline), in frame pixels.
    rect: [f32; 4],
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

/// The cue's shadow alone: the same for all its states.
pub(super) fn shadow(cue: &LaidCue, style: &CaptionStyle, place: &Place) -> Option<Layer> {
    let mut layer = Layer::covering(cue.bounds, place.frame)?;
    let mut all = PathBuilder::new();
    cue.words.iter().filter_map(|word| word.path.as_ref()).for_each(|path| all.push_path(path));
    if let (Some(path), true) = (all.finish(), style.shadow > 0.0) {
        let soft = Soft {
            colour: style.outline,
            opacity: style.shadow,
            sigma: 0.075 * cue.size,
            drop: 0.055 * cue.size,
            grow: style.outline_width * cue.size,
        };
        layer.shadow(&path, &soft);
    }
    Some(layer)
}

/// Draws the letters over the shadow; `spoken` is the word that stands out.
pub(super) fn letters(layer: &mut Layer, cue: &LaidCue, style: &CaptionStyle, spoken: usize) {
    let outline = style.outline_width * cue.size;
    let others = || cue.words.iter().enumerate().filter(|(i, _)| *i != spoken);
    for path in others().filter_map(|(_, word)| word.path.as_ref()) {
        layer.stroke(path, style.outline, outline, 1.0);
    }
    for path in others().filter_map(|(_, word)| word.path.as_ref()) {
        layer.fill(path, style.text, 1.0);
    }
    let Some((path, rect)) = cue.words.get(spoken).and_then(|word| Some((word.path.as_ref()?, word.rect)))
    else {
        return;
    };
    match style.highlight {
        Highlight::Pill => {
            if let Some(pill) = pill(rect, cue.size) {
                layer.fill(&pill, style.accent, 1.0);
            }
            layer.fill(path, on_pill(style), 1.0);
        }
        Highlight::Colour | Highlight::Pop => {
            let by = 1.0 + POP.0.min(2.0 * POP.1 * cue.size / (rect[2] - rect[0]).max(1.0));
            let grown = if style.highlight == Highlight::Pop { scaled(path, rect, by) } else { None };
            let path = grown.as_ref().unwrap_or(path);
            layer.stroke(path, style.outline, outline * 1.1, 1.0);
            layer.fill(path, style.accent, 1.0);
        }
    }
}

/// The text colour or the outline colour, whichever reads better on the accent.
fn on_pill(style: &CaptionStyle) -> Rgb {
    // Light letters are kept on a mid-tone pill: they match their neighbours.
    let light = style.text.contrast(style.accent);
    if light >= 3.0 || light > style.outline.contrast(style.accent) { style.text } else { style.outline }
}

fn scaled(path: &Path, rect: [f32; 4], by: f32) -> Option<Path> {
    let (x, y) = ((rect[0] + rect[2]) / 2.0, (rect[1] + rect[3]) / 2.0);
    path.clone().transform(Transform::from_translate(-x, -y).post_scale(by, by).post_translate(x, y))
}

fn pill([left, top, right, bottom]: [f32; 4], size: f32) -> Option<Path> {
    let rect = Rect::from_ltrb(
        left - PILL.0 * size,
        top - PILL.1 * size,
        right + PILL.0 * size,
        bottom + PILL.2 * size,
    )?;
    rounded(rect, 0.24 * size)
}

/// The finished state seen `by` times as large about its centre, and fainter: a frame of the entrance.
pub(super) fn entering(layer: &Layer, by: f32, opacity: f32) -> Option<Layer> {
    let (w, h) = (layer.pixels.width(), layer.pixels.height());
    let mut out = Layer { x: layer.x, y: layer.y, pixels: Pixmap::new(w, h)? };
    let (cx, cy) = (w as f32 / 2.0, h as f32 / 2.0);
    let view = Transform::from_translate(-cx, -cy).post_scale(by, by).post_translate(cx, cy);
    let paint = PixmapPaint { opacity, quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
    out.pixels.draw_pixmap(0, 0, layer.pixels.as_ref(), &paint, view, None);
    Some(out)
}
