//! What every motif starts from: the canvas, the palette, chance, and common scenery.

use tiny_skia::{Path, PathBuilder};

use super::canvas::{Canvas, Grid, Light, mix, smooth};
use super::noise::fbm;
use super::palette::Palette;
use crate::dice::Dice;

/// A card in the making.
pub(crate) struct Art<'a> {
    pub canvas: Canvas,
    pub palette: &'a Palette,
    pub dice: Dice,
    /// Width and height in pixels.
    pub w: f32,
    pub h: f32,
    /// A thousandth of the shorter side: lengths are given in these.
    pub u: f32,
    /// Where the hero of the picture stands: clear of the title above it or at its left.
    pub focus: (f32, f32),
}

impl<'a> Art<'a> {
    pub(crate) fn new(w: u32, h: u32, palette: &'a Palette, seed: u64) -> Art<'a> {
        let (wf, hf) = (w as f32, h as f32);
        let focus = if h >= w { (0.5 * wf, 0.555 * hf) } else { (0.765 * wf, 0.52 * hf) };
        let canvas = Canvas::new(w as usize, h as usize);
        Art { canvas, palette, dice: Dice::new(seed), w: wf, h: hf, u: wf.min(hf) / 1000.0, focus }
    }

    /// Whether the card is taller than wide.
    pub(crate) fn portrait(&self) -> bool {
        self.h >= self.w
    }

    /// The palette's sky from the top down, gently clouded, with its colours moved by `bend`
    /// (above 0 the light end reaches higher).
    pub(crate) fn sky(&mut self, bend: f32) {
        let ramp = self.palette.sky_ramp();
        let seed = self.dice.seed();
        let field = self.field(3.2, 3, seed);
        let (h, tilt) = (self.h, self.dice.range(-0.1, 0.1) / self.w);
        let mid = self.w / 2.0;
        self.canvas.shade(|x, y| {
            let t = y / h + (x - mid) * tilt + 0.22 * (field.at(x / STEP, y / STEP) - 0.5);
            ramp.at(t.max(0.0).powf(1.25) + bend * t)
        });
    }

    /// A smooth random field over the card, 0 to 1, `count` features along the shorter side;
    /// read it at (x / STEP, y / STEP).
    pub(crate) fn field(&self, count: f32, octaves: u32, seed: u64) -> Grid {
        let (gw, gh) = ((self.w / STEP) as usize + 2, (self.h / STEP) as usize + 2);
        let scale = count * STEP / self.w.min(self.h);
        let data = (0..gw * gh)
            .map(|i| fbm((i % gw) as f32 * scale, (i / gw) as f32 * scale, octaves, seed))
            .collect();
        Grid { w: gw, data }
    }

    /// Stars over the upper part of the card, fading out at `floor` of the height.
    pub(crate) fn stars(&mut self, count: usize, floor: f32) {
        let spark = self.palette.spark();
        let tints = [
            spark,
            mix(spark, self.palette.accent.linear(), 0.4),
            mix(spark, self.palette.accent2.linear(), 0.4),
        ];
        let strength = if self.palette.is_dark() { 1.0 } else { 0.0 };
        for _ in 0..count {
            let (x, y) = (self.dice.range(0.0, self.w), self.dice.range(0.0, floor * self.h));
            let fade = smooth(floor, floor * 0.6, y / self.h);
            let size = self.dice.range(0.0, 1.0).powi(5);
            let tint = tints[self.dice.below(3)];
            let bright = (0.25 + 0.9 * size) * fade * strength * self.dice.range(0.5, 1.0);
            self.canvas.star(x, y, (0.9 + 1.6 * size) * self.u, tint, bright);
            if size > 0.55 {
                self.canvas.star(x, y, 7.0 * self.u, tint, 0.16 * fade * strength);
            }
        }
    }

    /// Fills everything below a line given by its height at each column.
    pub(crate) fn under(&mut self, line: &[f32], paint: impl Fn(f32, f32, f32) -> (Light, f32)) {
        self.between(line, None, paint);
    }

    /// Fills what is below `line` but not what lies well below `next`, which will be painted over.
    pub(crate) fn between(
        &mut self,
        line: &[f32],
        next: Option<&[f32]>,
        paint: impl Fn(f32, f32, f32) -> (Light, f32),
    ) {
        let w = self.canvas.w;
        let floor = |x: usize| next.map_or(f32::MAX, |next| next[x] + 8.0);
        let slope = |x: usize| (line[(x + 1).min(w - 1)] - line[x.saturating_sub(1)]) / 2.0;
        // Distance to the line, not height above it, or steep parts show steps.
        let lean: Vec<f32> = (0..w).map(|x| 1.0 / (1.0 + slope(x) * slope(x)).sqrt()).collect();
        let first = line.iter().copied().fold(f32::MAX, f32::min).floor().max(0.0) as usize;
        for y in first.min(self.canvas.h)..self.canvas.h {
            for x in 0..w {
                let depth = y as f32 + 0.5 - line[x];
                let cover = (depth * lean[x] + 0.5).clamp(0.0, 1.0);
                if cover > 0.0 && (y as f32) < floor(x) {
                    let (colour, a) = paint(x as f32 + 0.5, y as f32 + 0.5, depth.max(0.0));
                    let px = &mut self.canvas.px[y * w + x];
                    *px = mix(*px, colour, a * cover);
                }
            }
        }
    }

    /// A lit ball: `skin` gives the colour at a place on it (unit coordinates from its centre).
    pub(crate) fn ball(&mut self, ball: &Ball, skin: impl Fn(f32, f32) -> Light) {
        let Some(path) = circle(ball.x, ball.y, ball.r) else { return };
        let (lx, ly, lz) = ball.lit_from;
        let deep = self.palette.deep.linear();
        let rim = ball.rim;
        self.canvas.fill_with(&path, |x, y| {
            let (nx, ny) = ((x - ball.x) / ball.r, (y - ball.y) / ball.r);
            let nz = (1.0 - nx * nx - ny * ny).max(0.0).sqrt();
            let lit = smooth(-0.25, 0.95, nx * lx + ny * ly + nz * lz);
            let edge = (1.0 - nz).powi(3);
            let own = skin(nx, ny);
            let body = mix(mix(deep, own, 0.06), own, lit);
            let glow = rim.map(|c| c * edge * (0.15 + 0.85 * lit) * 0.7);
            ([body[0] + glow[0], body[1] + glow[1], body[2] + glow[2]], 1.0)
        });
    }
}

/// Pixels per point of a [`Art::field`].
pub(crate) const STEP: f32 = 6.0;

/// A lit ball.
#[derive(Clone, Copy)]
pub(crate) struct Ball {
    pub x: f32,
    pub y: f32,
    pub r: f32,
    /// Unit vector towards the light; z towards the viewer.
    pub lit_from: (f32, f32, f32),
    /// Light caught by the edge.
    pub rim: Light,
}

/// A circle, if its radius is positive and finite.
pub(crate) fn circle(x: f32, y: f32, r: f32) -> Option<Path> {
    PathBuilder::from_circle(x, y, r)
}

/// A closed smooth curve through points (Catmull-Rom as cubics).
pub(crate) fn closed_curve(points: &[(f32, f32)]) -> Option<Path> {
    let n = points.len();
    let mut path = PathBuilder::new();
    path.move_to(points.first()?.0, points.first()?.1);
    for i in 0..n {
        let (a, b, c, d) = (points[(i + n - 1) % n], points[i], points[(i + 1) % n], points[(i + 2) % n]);
        path.cubic_to(
            b.0 + (c.0 - a.0) / 6.0,
            b.1 + (c.1 - a.1) / 6.0,
            c.0 - (d.0 - b.0) / 6.0,
            c.1 - (d.1 - b.1) / 6.0,
            c.0,
            c.1,
        );
    }
    path.close();
    path.finish()
}

/// A polygon.
pub(crate) fn polygon(points: &[(f32, f32)]) -> Option<Path> {
    let mut path = PathBuilder::new();
    path.move_to(points.first()?.0, points.first()?.1);
    points[1..].iter().for_each(|p| path.line_to(p.0, p.1));
    path.close();
    path.finish()
}

/// An ellipse turned by `angle` radians, as a path of `n` points from `from` to `to` (turns).
pub(crate) fn ellipse_arc(
    (cx, cy): (f32, f32),
    (rx, ry): (f32, f32),
    angle: f32,
    (from, to): (f32, f32),
) -> Option<Path> {
    const PIECES: usize = 96;
    let mut path = PathBuilder::new();
    for i in 0..=PIECES {
        let t = (from + (to - from) * i as f32 / PIECES as f32) * std::f32::consts::TAU;
        let (x, y) = (rx * t.cos(), ry * t.sin());
        let (px, py) = (cx + x * angle.cos() - y * angle.sin(), cy + x * angle.sin() + y * angle.cos());
        if i == 0 { path.move_to(px, py) } else { path.line_to(px, py) }
    }
    path.finish()
}
