//! Draws the states of a cue: which word is being spoken.
//!
//! The cue is drawn once with no word spoken. A state copies that and redraws only the rectangle
//! about its word, in RGBA and in YUV, which costs a fraction of drawing all of it.

use tiny_skia::{FilterQuality, Path, PathBuilder, Pixmap, PixmapPaint, Rect, Transform};

use super::lay::{LaidCue, LaidWord, PILL, Place};
use super::{CaptionStyle, Highlight};
use crate::overlay::Overlay;
use crate::typeset::colour::Rgb;
use crate::typeset::raster::{Layer, Soft, outlined, rounded};

/// Growth of the spoken word in the `Pop` highlight, and its limit at each side in ems: a long
/// word would touch its neighbours.
const POP: (f32, f32) = (0.07, 0.1);

/// A cue drawn with no word spoken, and what its states are made from.
pub(super) struct Painted {
    shadow: Layer,
    plain: Layer,
    overlay: Overlay,
    /// The outline round each word, ready to be filled.
    outlines: Vec<Option<Path>>,
}

impl Painted {
    /// `None` when no loaded font has any of the letters.
    pub(super) fn new(cue: &LaidCue, style: &CaptionStyle, place: &Place) -> Option<Painted> {
        let width = style.outline_width * cue.size;
        let outline = |word: &LaidWord| word.path.as_ref().and_then(|path| outlined(path, width));
        let outlines: Vec<Option<Path>> = cue.words.iter().map(outline).collect();
        let shadow = shadow(cue, style, place, &outlines)?;
        let mut plain = shadow.cut(cue.bounds)?;
        words(&mut plain, cue, style, &outlines, None);
        let overlay = plain.whole();
        Some(Painted { shadow, plain, overlay, outlines })
    }

    /// The cue with the word `spoken` standing out; `entering` is the size and opacity of a frame
    /// of the entrance.
    pub(super) fn state(
        &self,
        cue: &LaidCue,
        style: &CaptionStyle,
        spoken: usize,
        entering: Option<(f32, f32)>,
    ) -> Option<Overlay> {
        let patch = self.patch(cue, style, spoken);
        if let Some((size, opacity)) = entering {
            let mut whole = self.plain.cut(cue.bounds)?;
            patch.iter().for_each(|patch| whole.paste(patch));
            return scaled_layer(&whole, size, opacity)?.overlay();
        }
        let mut overlay = self.overlay.clone();
        patch.iter().for_each(|patch| patch.write_into(&mut overlay));
        Some(overlay)
    }

    /// The rectangle about the spoken word, drawn anew.
    fn patch(&self, cue: &LaidCue, style: &CaptionStyle, spoken: usize) -> Option<Layer> {
        let word = cue.words.get(spoken)?;
        let path = word.path.as_ref()?;
        let mark = Mark::of(word, path, style, cue.size);
        let mut layer = self.shadow.cut(mark.bounds(self.outlines[spoken].as_ref()))?;
        words(&mut layer, cue, style, &self.outlines, Some(spoken));
        mark.draw(&mut layer, style, self.outlines[spoken].as_ref());
        Some(layer)
    }
}

/// The cue's shadow alone: the same for all its states.
fn shadow(cue: &LaidCue, style: &CaptionStyle, place: &Place, outlines: &[Option<Path>]) -> Option<Layer> {
    let mut layer = Layer::covering(cue.bounds, place.frame)?;
    let mut all = PathBuilder::new();
    let bodies = cue.words.iter().filter_map(|word| word.path.as_ref());
    bodies.chain(outlines.iter().flatten()).for_each(|path| all.push_path(path));
    let path = all.finish()?;
    if style.shadow > 0.0 {
        let soft = Soft {
            colour: style.outline,
            opacity: style.shadow,
            sigma: 0.075 * cue.size,
            drop: 0.055 * cue.size,
            grow: 0.0,
        };
        layer.shadow(&path, &soft);
    }
    Some(layer)
}

/// Draws all words but the spoken one, as far as they touch the layer.
fn words(
    layer: &mut Layer,
    cue: &LaidCue,
    style: &CaptionStyle,
    outlines: &[Option<Path>],
    spoken: Option<usize>,
) {
    for path in
        outlines.iter().enumerate().filter(|(i, _)| Some(*i) != spoken).filter_map(|(_, o)| o.as_ref())
    {
        layer.fill(path, style.outline, 1.0);
    }
    let bodies = cue.words.iter().enumerate().filter(|(i, _)| Some(*i) != spoken);
    for path in bodies.filter_map(|(_, word)| word.path.as_ref()) {
        layer.fill(path, style.text, 1.0);
    }
}

/// How the spoken word is drawn.
enum Mark<'a> {
    /// Its letters on a shape of the accent colour.
    Pill { pill: Option<Path>, letters: &'a Path },
    /// Its letters in the accent colour, moved by the view (grown about their middle).
    Letters { letters: &'a Path, view: Transform },
}

impl<'a> Mark<'a> {
    fn of(word: &LaidWord, path: &'a Path, style: &CaptionStyle, size: f32) -> Mark<'a> {
        let rect = word.rect;
        let by = match style.highlight {
            Highlight::Pill => return Mark::Pill { pill: pill(rect, size), letters: path },
            Highlight::Colour => 1.0,
            Highlight::Pop => 1.0 + POP.0.min(2.0 * POP.1 * size / (rect[2] - rect[0]).max(1.0)),
        };
        let (x, y) = ((rect[0] + rect[2]) / 2.0, (rect[1] + rect[3]) / 2.0);
        let view = Transform::from_translate(-x, -y).post_scale(by, by).post_translate(x, y);
        Mark::Letters { letters: path, view }
    }

    /// All that changes when the word is spoken: its plain form goes, its marked form comes.
    fn bounds(&self, outline: Option<&Path>) -> [f32; 4] {
        let (letters, view, shape) = match self {
            Mark::Pill { pill, letters } => (letters, Transform::identity(), pill.as_ref()),
            Mark::Letters { letters, view } => (letters, *view, None),
        };
        let mut all = letters.bounds();
        for path in outline.into_iter().chain(shape) {
            all = all.join(&path.bounds()).unwrap_or(all);
        }
        // Two pixels beyond, so that no chroma sample that changes reaches out of the patch.
        let grown = all.transform(view).and_then(|rect| rect.join(&all)).unwrap_or(all);
        [grown.left() - 2.0, grown.top() - 2.0, grown.right() + 2.0, grown.bottom() + 2.0]
    }

    fn draw(&self, layer: &mut Layer, style: &CaptionStyle, outline: Option<&Path>) {
        match self {
            Mark::Pill { pill, letters } => {
                pill.iter().for_each(|pill| layer.fill(pill, style.accent, 1.0));
                layer.fill(letters, on_pill(style), 1.0);
            }
            Mark::Letters { letters, view } => {
                for (path, colour) in [(outline, style.outline), (Some(*letters), style.accent)] {
                    if let Some(path) = path.and_then(|path| path.clone().transform(*view)) {
                        layer.fill(&path, colour, 1.0);
                    }
                }
            }
        }
    }
}

/// The text colour or the outline colour, whichever reads better on the accent.
fn on_pill(style: &CaptionStyle) -> Rgb {
    // Light letters are kept on a mid-tone pill: they match their neighbours.
    let light = style.text.contrast(style.accent);
    if light >= 3.0 || light > style.outline.contrast(style.accent) { style.text } else { style.outline }
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

/// A layer seen `by` times as large about its centre, and fainter: a frame of the entrance.
fn scaled_layer(layer: &Layer, by: f32, opacity: f32) -> Option<Layer> {
    let (w, h) = (layer.pixels.width(), layer.pixels.height());
    let mut out = Layer { x: layer.x, y: layer.y, pixels: Pixmap::new(w, h)? };
    let (cx, cy) = (w as f32 / 2.0, h as f32 / 2.0);
    let view = Transform::from_translate(-cx, -cy).post_scale(by, by).post_translate(cx, cy);
    let paint = PixmapPaint { opacity, quality: FilterQuality::Bilinear, ..PixmapPaint::default() };
    out.pixels.draw_pixmap(0, 0, layer.pixels.as_ref(), &paint, view, None);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::captions::SafeZone;

    /// Three words of simple shapes, close enough for outlines and pill to touch.
    fn cue() -> LaidCue {
        let word = |left: f32, right: f32| {
            let mut path = PathBuilder::new();
            path.push_oval(Rect::from_ltrb(left, 200.0, right, 262.0).expect("a rectangle"));
            LaidWord { path: path.finish(), rect: [left, 202.0, right, 260.0] }
        };
        let words = vec![word(100.0, 180.0), word(205.0, 330.0), word(352.0, 430.0)];
        LaidCue { words, bounds: [60.0, 160.0, 470.0, 310.0], size: 90.0 }
    }

    #[test]
    fn a_state_made_from_the_plain_cue_is_the_state_drawn_whole() {
        let place = Place::new(SafeZone::default(), 1080, 1920);
        for highlight in [Highlight::Colour, Highlight::Pop, Highlight::Pill] {
            let style = CaptionStyle { highlight, ..CaptionStyle::default() };
            let cue = cue();
            let painted = Painted::new(&cue, &style, &place).expect("letters");
            for spoken in 0..3 {
                let mut whole = painted.shadow.cut(cue.bounds).expect("a layer");
                words(&mut whole, &cue, &style, &painted.outlines, Some(spoken));
                let word = &cue.words[spoken];
                let mark = Mark::of(word, word.path.as_ref().expect("letters"), &style, cue.size);
                mark.draw(&mut whole, &style, painted.outlines[spoken].as_ref());
                let made = painted.state(&cue, &style, spoken, None).expect("a state");
                let drawn = whole.whole();
                for (a, b) in [(&made.luma, &drawn.luma), (&made.alpha, &drawn.alpha), (&made.cb, &drawn.cb)]
                {
                    let apart = || a.iter().zip(b.iter()).map(|(a, b)| a.abs_diff(*b));
                    // Curves cut by a layer's edge are rasterised a little differently just there.
                    let (most, sum) = (apart().max(), apart().map(u64::from).sum::<u64>());
                    assert!(most <= Some(48) && sum < 300, "{highlight:?} {spoken}: {most:?}, {sum} in all");
                }
            }
        }
    }
}
