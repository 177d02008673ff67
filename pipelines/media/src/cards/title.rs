//! The heading above a scene: number, rule and title in the upper safe area.

use tiny_skia::{PathBuilder, Rect};

use super::heading::{self, Box2, Heading};
use super::palette::Palette;
use super::{CardSpec, scrim};
use crate::Result;
use crate::captions::SafeZone;
use crate::overlay::Overlay;
use crate::picture::Picture;
use crate::typeset::colour::Rgb;
use crate::typeset::raster::{Layer, Soft, rounded};
use crate::typeset::{Face, Fonts, moved};

/// Sets the card's heading for a frame of `spec.width` x `spec.height` pixels, over `under`: the
/// card's background or any picture that the scene shows.
///
/// It stands in the upper part of `zone`, above where captions go. Where the picture leaves less
/// than 4.5:1 of contrast, a soft veil is laid under it. `None` for an empty heading. Fails with
/// `InvalidInput` for an unknown palette, font or a zone out of range.
pub fn title(spec: &CardSpec, under: &Picture, fonts: &mut Fonts, zone: SafeZone) -> Result<Option<Overlay>> {
    zone.validate()?;
    let palette = spec.style.colours(spec.seed)?;
    let family = match spec.style.title_font.as_str() {
        "auto" => palette.face,
        named => named,
    };
    let (w, h) = (spec.width as f32, spec.height as f32);
    let u = w.min(h) / 1000.0;
    let area = zone.area(spec.width, spec.height);
    let mut room = heading_box(area, (w, h), u);
    let kicker = if spec.style.numbered && spec.total > 1 && !spec.text.trim().is_empty() {
        let number = format!("{:02}", spec.index + 1);
        let set = Kicker::set(fonts, &number, &spec.style.label_font, (room.left, room.top), u)?;
        room.top += 96.0 * u;
        room.height -= 96.0 * u;
        Some(set)
    } else {
        None
    };
    let Some(set) = heading::set(fonts, spec.text, family, &room)? else { return Ok(None) };
    Ok(draw(&set, kicker.as_ref(), &palette, under, (w, h)))
}

/// The upper part of the safe area; in a wide frame its left part.
fn heading_box([left, top, right, bottom]: [f32; 4], (w, h): (f32, f32), u: f32) -> Box2 {
    let portrait = h >= w;
    let inset = left.max(0.075 * w);
    let (first, last) = if portrait {
        (top.max(0.085 * h), (0.385 * h).min(bottom))
    } else {
        (top.max(0.10 * h), bottom.min(0.66 * h))
    };
    let width = if portrait { right.min(0.925 * w) - inset } else { (0.52 * w).min(right - inset) };
    Box2 {
        left: inset,
        top: first + 10.0 * u,
        width: width.max(80.0 * u),
        height: (last - first).max(120.0 * u),
        smallest: 54.0 * u,
        largest: 146.0 * u,
        lines: 4,
    }
}

/// The scene's number with a short rule after it.
struct Kicker {
    number: Option<tiny_skia::Path>,
    rule: Option<tiny_skia::Path>,
    bounds: [f32; 4],
}

impl Kicker {
    fn set(fonts: &mut Fonts, number: &str, family: &str, (left, top): (f32, f32), u: f32) -> Result<Kicker> {
        let face = Face { family, size: 46.0 * u, tracking: 0.06 };
        let (run, cap) = (fonts.run(number, &face)?, fonts.cap_height(&face)?);
        let middle = top + cap / 2.0;
        let from = left + run.width + 22.0 * u;
        let rule = Rect::from_ltrb(from, middle - 3.0 * u, from + 84.0 * u, middle + 3.0 * u)
            .and_then(|rect| rounded(rect, 3.0 * u));
        let number = run.path.as_ref().and_then(|path| moved(path, left, top + cap));
        Ok(Kicker { number, rule, bounds: [left, top, from + 84.0 * u, top + cap] })
    }
}

fn draw(
    set: &Heading,
    kicker: Option<&Kicker>,
    palette: &Palette,
    under: &Picture,
    frame: (f32, f32),
) -> Option<Overlay> {
    let u = frame.0.min(frame.1) / 1000.0;
    let mut bounds = set.bounds;
    if let Some(kicker) = kicker {
        let k = kicker.bounds;
        bounds = [bounds[0].min(k[0]), bounds[1].min(k[1]), bounds[2].max(k[2]), bounds[3].max(k[3])];
    }
    let behind = scrim::behind(under, frame, bounds);
    let veil = scrim::opacity(palette.ink, veil_colour(palette), behind, scrim::WANTED);
    let size = (frame.0 as u32, frame.1 as u32);
    let margin = 56.0 * u;
    let fade = 0.2 * frame.1;
    let reach = if veil > 0.0 {
        [0.0, 0.0, frame.0, bounds[3] + margin + fade]
    } else {
        [bounds[0] - margin, bounds[1] - margin, bounds[2] + margin, bounds[3] + margin]
    };
    let mut layer = Layer::covering(reach, size)?;
    let stressed = stress_colour(palette, behind, veil);
    for path in set.plain.iter().chain(kicker.and_then(|k| k.number.as_ref())) {
        layer.fill(path, palette.ink, 1.0);
    }
    for path in set.stressed.iter().chain(kicker.and_then(|k| k.rule.as_ref())) {
        layer.fill(path, stressed, 1.0);
    }
    soft_shadow(&mut layer, set, palette, u);
    if veil > 0.0 {
        layer.veil(veil_colour(palette), veil, (bounds[3] + margin, fade));
    }
    layer.overlay()
}

fn veil_colour(palette: &Palette) -> Rgb {
    if palette.is_dark() { palette.deep } else { palette.sky[0] }
}

/// The accent where it reads (3:1 suffices for letters of this size), otherwise the ink.
fn stress_colour(palette: &Palette, behind: (f32, f32), veil: f32) -> Rgb {
    let needs = scrim::opacity(palette.accent, veil_colour(palette), behind, 3.0);
    if needs <= veil + 0.01 { palette.accent } else { palette.ink }
}

/// Lifts light type off its ground; dark type on paper needs no shadow.
fn soft_shadow(layer: &mut Layer, set: &Heading, palette: &Palette, u: f32) {
    if !palette.is_dark() {
        return;
    }
    let mut all = PathBuilder::new();
    set.plain.iter().chain(&set.stressed).for_each(|path| all.push_path(path));
    if let Some(path) = all.finish() {
        let soft =
            Soft { colour: palette.deep, opacity: 0.55, sigma: 13.0 * u, drop: 6.0 * u, grow: 2.0 * u };
        layer.shadow(&path, &soft);
    }
}
