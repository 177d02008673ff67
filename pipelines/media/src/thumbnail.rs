//! Thumbnails: a picture, a veil for contrast, and the title as large as it goes.

use std::path::Path as FilePath;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageEncoder};
use tiny_skia::{PathBuilder, Rect};

use crate::cards::CardStyle;
use crate::cards::heading::{self, Box2, Heading};
use crate::cards::palette::Palette;
use crate::cards::scrim;
use crate::ease::smoothstep;
use crate::picture::{Note, Picture, exif};
use crate::probe::Check;
use crate::publish::write_whole;
use crate::typeset::Fonts;
use crate::typeset::colour::{Rgb, contrast};
use crate::typeset::raster::{Layer, Soft, rounded};
use crate::{ErrorKind, MediaError, Result};

/// A thumbnail, and whether its title can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The picture with its title.
    pub picture: Picture,
    /// Contrast and layout of the title, measured; none without a title.
    pub checks: Vec<Check>,
    /// Characters of the title that no font has, as most emoji: they are left out.
    pub missing: Vec<char>,
}

impl Thumbnail {
    /// The checks, and a remark on what was left out, which spoils nothing.
    pub fn told(&self) -> Vec<Check> {
        let missing: String = self.missing.iter().collect();
        let remark = (!missing.is_empty()).then(|| Check {
            name: "characters of the title".into(),
            expected: "whole".into(),
            found: format!("without {missing}, which no font has"),
            ok: true,
        });
        self.checks.iter().cloned().chain(remark).collect()
    }
}

/// Contrast of the title's plain words with what is behind them: WCAG 2.2, success criterion 1.4.3.
pub(crate) const CONTRAST: f32 = 4.5;
/// The same for its stressed word, which is large type.
const CONTRAST_LARGE: f32 = 3.0;
/// Share of each side that stays free of letters.
const MARGIN: f32 = 0.02;

/// Draws a thumbnail of `width` x `height` pixels (64 to 4096 a side, even): `base` cropped to
/// fill it, the title on the left of a wide one, at the top of a tall one.
///
/// An empty title leaves the picture as it is. Fails with `InvalidInput` for an unknown palette
/// or font, or a size out of range.
pub fn thumbnail(
    base: &Picture,
    title: &str,
    fonts: &mut Fonts,
    style: &CardStyle,
    seed: u64,
    (width, height): (u32, u32),
) -> Result<Thumbnail> {
    let allowed = 64..=4096;
    if !allowed.contains(&width) || !allowed.contains(&height) || width % 2 + height % 2 > 0 {
        let message =
            format!("a thumbnail of {width}x{height} cannot be drawn; give even sides of 64 to 4096 pixels");
        return Err(MediaError::new(ErrorKind::InvalidInput, message));
    }
    let palette = style.colours(seed)?;
    let family = if style.title_font == "auto" { palette.face } else { &style.title_font };
    let mut out = base.cover(width, height);
    let (w, h) = (width as f32, height as f32);
    let missing = fonts.missing(title);
    let Some(set) = heading::set(fonts, title, family, &room((w, h)))? else {
        return Ok(Thumbnail { picture: out, checks: Vec::new(), missing });
    };
    let set = centred(set, (w, h));
    let mut layer = Layer::covering([0.0, 0.0, w, h], (width, height)).ok_or_else(|| {
        MediaError::new(ErrorKind::Limit, format!("no memory for a thumbnail of {width}x{height}"))
    })?;
    veil(&mut out, &set, &palette);
    let behind = scrim::extremes(&out, (w, h), set.bounds, (0.0, 0.0));
    // An accent that no veil makes readable gives way to the ink of the other words.
    let stress =
        if contrast_over(behind, palette.accent) >= CONTRAST_LARGE { palette.accent } else { palette.ink };
    letters(&mut layer, &set, &palette, stress, w.min(h) / 1000.0);
    let checks = checks((width, height), &set, [palette.ink, stress].map(|ink| contrast_over(behind, ink)));
    layer.over(&mut out);
    Ok(Thumbnail { picture: out, checks, missing })
}

/// The least contrast of `ink` with what lies between the brightest and the darkest luminance.
pub(crate) fn contrast_over((brightest, darkest): (f32, f32), ink: Rgb) -> f32 {
    contrast(brightest, ink.luminance()).min(contrast(darkest, ink.luminance()))
}

/// What a reader needs: contrast of plain and stressed words, a margin, and every word.
fn checks((width, height): (u32, u32), set: &Heading, found: [f32; 2]) -> Vec<Check> {
    let (w, h) = (width as f32, height as f32);
    let [left, top, right, bottom] = set.bounds;
    let free = (left / w).min(top / h).min(1.0 - right / w).min(1.0 - bottom / h);
    vec![
        reads("contrast of the title", found[0], CONTRAST),
        reads("contrast of its stressed word", found[1], CONTRAST_LARGE),
        Check {
            name: "margin of the title".into(),
            expected: format!("at least {:.0} %", MARGIN * 100.0),
            found: format!("{:.1} %", free * 100.0),
            ok: free >= MARGIN,
        },
        Check {
            name: "words of the title".into(),
            expected: "whole".into(),
            found: if set.cut { "cut short" } else { "whole" }.into(),
            ok: !set.cut,
        },
    ]
}

/// A contrast and the least that it must be.
pub(crate) fn reads(name: &str, found: f32, least: f32) -> Check {
    Check {
        name: name.into(),
        expected: format!("at least {least} : 1"),
        found: format!("{found:.1} : 1"),
        ok: found >= least,
    }
}

fn room((w, h): (f32, f32)) -> Box2 {
    let u = w.min(h) / 1000.0;
    let wide = w > h;
    Box2 {
        left: 0.055 * w,
        top: 0.085 * h,
        width: if wide { 0.55 * w } else { 0.86 * w },
        height: if wide { 0.76 * h } else { 0.36 * h },
        smallest: 60.0 * u,
        largest: if wide { 215.0 } else { 165.0 } * u,
        lines: 4,
    }
}

/// In a wide thumbnail the block stands in the middle of the height.
fn centred(mut set: Heading, (w, h): (f32, f32)) -> Heading {
    if w <= h {
        return set;
    }
    let down = h / 2.0 - (set.bounds[1] + set.bounds[3]) / 2.0 - 0.012 * h;
    for path in set.plain.iter_mut().chain(&mut set.stressed) {
        if let Some(moved) = crate::typeset::moved(path, 0.0, down) {
            *path = moved;
        }
    }
    set.bounds[1] += down;
    set.bounds[3] += down;
    set
}

fn letters(layer: &mut Layer, set: &Heading, palette: &Palette, stress: Rgb, u: f32) {
    let dark = palette.is_dark();
    for path in &set.plain {
        layer.fill(path, palette.ink, 1.0);
    }
    for path in &set.stressed {
        layer.fill(path, stress, 1.0);
    }
    let under = set.bounds[3] + 44.0 * u;
    let rule = Rect::from_ltrb(set.bounds[0], under, set.bounds[0] + 150.0 * u, under + 14.0 * u);
    if let Some(rule) = rule.and_then(|rect| rounded(rect, 7.0 * u)) {
        layer.fill(&rule, palette.accent, 1.0);
    }
    let mut all = PathBuilder::new();
    set.plain.iter().chain(&set.stressed).for_each(|path| all.push_path(path));
    if let (true, Some(path)) = (dark, all.finish()) {
        let soft =
            Soft { colour: palette.deep, opacity: 0.75, sigma: 22.0 * u, drop: 10.0 * u, grow: 4.0 * u };
        layer.shadow(&path, &soft);
    }
}

/// Darkens (or lightens, for dark type) the side of the picture where the title stands.
fn veil(picture: &mut Picture, set: &Heading, palette: &Palette) {
    let (w, h) = (picture.width as f32, picture.height as f32);
    let colour = if palette.is_dark() { palette.deep } else { palette.sky[0] };
    let behind = scrim::behind(picture, (w, h), set.bounds);
    let needed = [palette.ink, palette.accent].map(|ink| {
        let wanted = if ink == palette.accent { 3.0 } else { scrim::WANTED };
        scrim::opacity(ink, colour, behind, wanted)
    });
    // A touch of veil even where contrast suffices: the title should own its side.
    let most = needed[0].max(needed[1]).max(0.28);
    let wide = w > h;
    let (full, end) = if wide {
        (set.bounds[2], set.bounds[2] + 0.22 * w)
    } else {
        (set.bounds[3], set.bounds[3] + 0.2 * h)
    };
    let row_len = picture.width as usize * 3;
    for (y, row) in picture.rgb.chunks_exact_mut(row_len).enumerate() {
        for (x, px) in row.chunks_exact_mut(3).enumerate() {
            let along = if wide { x as f32 } else { y as f32 };
            let t = ((along - full) / (end - full)).clamp(0.0, 1.0);
            let a = most * (1.0 - smoothstep(t));
            blend(px, colour, a);
        }
    }
}

pub(crate) fn blend(px: &mut [u8], Rgb(colour): Rgb, a: f32) {
    for (own, c) in px.iter_mut().zip(colour) {
        *own = (f32::from(*own) + (f32::from(c) - f32::from(*own)) * a + 0.5) as u8;
    }
}

/// Writes a JPEG of at most `max_bytes`, `notes` among them, under its final name, at the best quality that fits.
///
/// Fails with `Limit` when even quality 30 or the notes are larger, `InvalidInput` for notes that EXIF has no place for, `DiskFull` or `Io` when writing fails;
/// nothing is left half-written.
pub fn write_jpeg_under(picture: &Picture, notes: &[Note], max_bytes: u64, path: &FilePath) -> Result<()> {
    let exif = exif::jpeg_exif(notes)?;
    for quality in [95, 92, 88, 84, 78, 70, 60, 45, 30] {
        let bytes = jpeg(picture, exif.clone(), quality)?;
        if bytes.len() as u64 <= max_bytes {
            return write_whole(&bytes, path);
        }
    }
    let (w, h) = (picture.width, picture.height);
    Err(MediaError::new(
        ErrorKind::Limit,
        format!(
            "a JPEG of {w}x{h} does not fit in {max_bytes} bytes; allow more or make the picture smaller"
        ),
    ))
}

fn jpeg(picture: &Picture, exif: Option<Vec<u8>>, quality: u8) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    exif.map_or(Ok(()), |exif| encoder.set_exif_metadata(exif).map_err(image::ImageError::Unsupported))
        .and_then(|()| encoder.encode(&picture.rgb, picture.width, picture.height, ExtendedColorType::Rgb8))
        .map_err(|e| {
            MediaError::new(ErrorKind::InvalidInput, "the picture cannot be stored as JPEG").with_source(e)
        })?;
    Ok(bytes)
}
