//! The square cover of an episode: a picture, the title at its top, a name at its foot.

use crate::cards::{CardStyle, scrim};
use crate::ease::smoothstep;
use crate::picture::Picture;
use crate::probe::Check;
use crate::thumbnail::{CONTRAST, Thumbnail, blend, contrast_over, reads, thumbnail};
use crate::typeset::colour::Rgb;
use crate::typeset::raster::Layer;
use crate::typeset::{Face, Fonts, moved};
use crate::{ErrorKind, MediaError, Result};

/// Size of the name in thousandths of the side, and how far its letters stand apart, in ems.
const SIZE: f32 = 40.0;
const TRACKING: f32 = 0.14;
/// Margin at the left, as the title has it, and where the name's letters stand, as shares of the side.
const LEFT: f32 = 0.055;
const BASELINE: f32 = 0.935;
/// Where the veil under the name begins, as a share of the side.
const VEIL: f32 = 0.78;
/// Veils over the whole picture that are tried in turn where the title does not read without.
const DIMMED: [f32; 3] = [0.25, 0.5, 0.75];

/// Draws a cover of `side` x `side` pixels (64 to 4096, even) over `base`. An empty `name` is left out; one that is
/// too long for the side is set smaller.
///
/// # Errors
/// As [`thumbnail`].
pub fn cover(
    base: &Picture,
    title: &str,
    name: &str,
    fonts: &mut Fonts,
    style: &CardStyle,
    seed: u64,
    side: u32,
) -> Result<Thumbnail> {
    let mut drawn = thumbnail(base, title, fonts, style, seed, (side, side))?;
    let colour = veil(style, seed)?;
    for opacity in DIMMED {
        if drawn.checks.iter().all(|check| check.ok) {
            break;
        }
        let mut dimmed = base.clone();
        dimmed.rgb.chunks_exact_mut(3).for_each(|pixel| blend(pixel, colour, opacity));
        drawn = thumbnail(&dimmed, title, fonts, style, seed, (side, side))?;
    }
    let name = fonts.drawable(name).to_uppercase();
    if name.trim().is_empty() {
        return Ok(drawn);
    }
    drawn.checks.push(foot(&mut drawn.picture, &name, fonts, style, seed)?);
    Ok(drawn)
}

/// What a picture is veiled with so that words read over it.
fn veil(style: &CardStyle, seed: u64) -> Result<Rgb> {
    let palette = style.colours(seed)?;
    Ok(if palette.is_dark() { palette.deep } else { palette.sky[0] })
}

/// Sets the name at the foot; answers how well it reads.
fn foot(picture: &mut Picture, name: &str, fonts: &mut Fonts, style: &CardStyle, seed: u64) -> Result<Check> {
    let palette = style.colours(seed)?;
    let side = picture.width as f32;
    let mut face = Face { family: &style.label_font, size: SIZE * side / 1000.0, tracking: TRACKING };
    let wide = fonts.run(name, &face)?.width;
    face.size *= ((1.0 - 2.0 * LEFT) * side / wide).min(1.0);
    let run = fonts.run(name, &face)?;
    let (left, baseline) = (LEFT * side, BASELINE * side);
    let bounds = [left, baseline - fonts.cap_height(&face)?, left + run.width, baseline];
    let veil = veil(style, seed)?;
    let behind = scrim::behind(picture, (side, side), bounds);
    let opacity = scrim::opacity(palette.ink, veil, behind, scrim::WANTED);
    let row = picture.width as usize * 3;
    for (y, pixels) in picture.rgb.chunks_exact_mut(row).enumerate() {
        // Full where the letters stand.
        let along = (y as f32 / side - VEIL) / (bounds[1] / side - VEIL);
        let opacity = opacity * smoothstep(along.clamp(0.0, 1.0));
        if opacity > 0.0 {
            pixels.chunks_exact_mut(3).for_each(|pixel| blend(pixel, veil, opacity));
        }
    }
    let behind = scrim::extremes(picture, (side, side), bounds, (0.0, 0.0));
    let mut layer = Layer::covering(bounds, (picture.width, picture.height)).ok_or_else(|| {
        MediaError::new(ErrorKind::Limit, format!("no memory for a cover of {side}x{side}"))
    })?;
    if let Some(path) = run.path.as_ref().and_then(|path| moved(path, left, baseline)) {
        layer.fill(&path, palette.ink, 1.0);
    }
    layer.over(picture);
    Ok(reads("contrast of the name", contrast_over(behind, palette.ink), CONTRAST))
}
