//! How readable type is over a picture, and how much of a veil it needs.

use crate::picture::Picture;
use crate::typeset::colour::{Rgb, contrast};

/// Contrast that type must have with what is behind it: WCAG 2.2 asks 4.5 of body text; a little
/// more leaves room for the encoder and the motion.
pub(crate) const WANTED: f32 = 5.2;

/// The brightest and darkest things behind a rectangle of the frame, as relative luminance, when
/// the picture is shown filling the frame and drifts a little.
pub(crate) fn behind(under: &Picture, frame: (f32, f32), rect: [f32; 4]) -> (f32, f32) {
    extremes(under, frame, rect, (0.05, 0.02))
}

/// The same for a picture that drifts by these shares of the frame.
pub(crate) fn extremes(under: &Picture, frame: (f32, f32), rect: [f32; 4], drift: (f32, f32)) -> (f32, f32) {
    let (pw, ph) = (under.width as f32, under.height as f32);
    let scale = (pw / frame.0).min(ph / frame.1);
    let place = |v: f32, mid: f32, to: f32| to / 2.0 + (v - mid / 2.0) * scale;
    let (dx, dy) = (drift.0 * frame.0, drift.1 * frame.1);
    let x0 = place(rect[0] - dx, frame.0, pw).clamp(0.0, pw - 1.0) as u32;
    let x1 = place(rect[2] + dx, frame.0, pw).clamp(0.0, pw) as u32;
    let y0 = place(rect[1] - dy, frame.1, ph).clamp(0.0, ph - 1.0) as u32;
    let y1 = place(rect[3] + dy, frame.1, ph).clamp(0.0, ph) as u32;
    let step =
        (((x1.saturating_sub(x0)) * (y1.saturating_sub(y0))) as f32 / 20_000.0).sqrt().max(1.0) as usize;
    // Band by band, or what lies behind the last line alone would drown in the rest.
    const BANDS: u32 = 5;
    let tall = ((y1.max(y0 + 1) - y0).div_ceil(BANDS)).max(1);
    let (mut brightest, mut darkest) = (0.0_f32, 1.0_f32);
    for top in (y0..y1.max(y0 + 1)).step_by(tall as usize) {
        let mut seen: Vec<f32> = Vec::new();
        for y in (top..(top + tall).min(under.height)).step_by(step) {
            for x in (x0..x1.max(x0 + 1)).step_by(step) {
                let at = ((y * under.width + x) * 3) as usize;
                seen.push(Rgb([under.rgb[at], under.rgb[at + 1], under.rgb[at + 2]]).luminance());
            }
        }
        seen.sort_by(f32::total_cmp);
        // Single stars and sparkles do not hurt a letter: look at the bulk.
        let at = |share: f32| seen[((seen.len() - 1) as f32 * share) as usize];
        (brightest, darkest) = (brightest.max(at(0.96)), darkest.min(at(0.04)));
    }
    (brightest, darkest)
}

/// The least opacity of a veil of colour `veil` under which `ink` reads well over luminances from
/// `darkest` to `brightest`; 0 when it reads well without.
pub(crate) fn opacity(ink: Rgb, veil: Rgb, (brightest, darkest): (f32, f32), wanted: f32) -> f32 {
    let grey = |luminance: f32| Rgb::from_linear([luminance; 3]);
    let veiled = |under: Rgb, a: f32| {
        let mix = |i: usize| (f32::from(under.0[i]) * (1.0 - a) + f32::from(veil.0[i]) * a).round() as u8;
        Rgb([mix(0), mix(1), mix(2)]).luminance()
    };
    let reads = |a: f32| {
        [brightest, darkest].iter().all(|l| contrast(veiled(grey(*l), a), ink.luminance()) >= wanted)
    };
    (0..=18).map(|step| step as f32 * 0.05).find(|a| reads(*a)).unwrap_or(0.9)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_veil_is_only_drawn_where_it_is_needed_and_then_suffices() {
        let ink = Rgb::WHITE;
        assert_eq!(opacity(ink, Rgb::BLACK, (0.02, 0.0), WANTED), 0.0);
        let over_white = opacity(ink, Rgb::BLACK, (1.0, 1.0), WANTED);
        let grey = (255.0 * (1.0 - over_white)).round() as u8;
        assert!(Rgb([grey; 3]).contrast(ink) >= WANTED, "{over_white}");
        assert!(over_white < 0.8, "{over_white}");
    }

    #[test]
    fn the_bulk_behind_the_type_counts_not_a_single_spark() {
        let mut picture = Picture { width: 100, height: 100, rgb: vec![10; 30_000] };
        picture.rgb[..30].fill(255);
        let (brightest, darkest) = behind(&picture, (100.0, 100.0), [10.0, 10.0, 90.0, 90.0]);
        assert!(brightest < 0.01 && darkest < 0.01, "{brightest} {darkest}");
    }
}
