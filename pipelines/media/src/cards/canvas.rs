//! The surface that card art is painted on: linear light in 32-bit floats, so that glows add up
//! as light does and long gradients do not band before the final grain.

use tiny_skia::{FillRule, LineCap, LineJoin, Mask, Path, Stroke, Transform};

use super::noise::hash2;
use crate::ease::smoothstep;
use crate::picture::Picture;
use crate::typeset::colour::{Rgb, to_srgb};
use crate::typeset::raster::blur;

/// Linear-light red, green, blue.
pub(crate) type Light = [f32; 3];

/// A picture being painted.
pub(crate) struct Canvas {
    pub w: usize,
    pub h: usize,
    pub px: Vec<Light>,
}

/// A soft shadow cast by a shape.
#[derive(Clone, Copy)]
pub(crate) struct Cast {
    pub sigma: f32,
    pub dx: f32,
    pub dy: f32,
    pub colour: Light,
    pub opacity: f32,
}

impl Canvas {
    pub(crate) fn new(w: usize, h: usize) -> Canvas {
        Canvas { w, h, px: vec![[0.0; 3]; w * h] }
    }

    /// Sets every pixel from its centre.
    pub(crate) fn shade(&mut self, colour: impl Fn(f32, f32) -> Light) {
        let w = self.w;
        for (y, row) in self.px.chunks_exact_mut(w).enumerate() {
            for (x, px) in row.iter_mut().enumerate() {
                *px = colour(x as f32 + 0.5, y as f32 + 0.5);
            }
        }
    }

    /// Blends `paint` (colour and opacity) over the rectangle.
    pub(crate) fn wash(&mut self, rect: [f32; 4], paint: impl Fn(f32, f32) -> (Light, f32)) {
        let (x0, y0, x1, y1) = self.clip(rect);
        for y in y0..y1 {
            for x in x0..x1 {
                let (colour, a) = paint(x as f32 + 0.5, y as f32 + 0.5);
                blend(&mut self.px[y * self.w + x], colour, a);
            }
        }
    }

    /// Adds light over the rectangle.
    pub(crate) fn add(&mut self, rect: [f32; 4], light: impl Fn(f32, f32) -> Light) {
        let (x0, y0, x1, y1) = self.clip(rect);
        for y in y0..y1 {
            for x in x0..x1 {
                let l = light(x as f32 + 0.5, y as f32 + 0.5);
                let px = &mut self.px[y * self.w + x];
                *px = [px[0] + l[0], px[1] + l[1], px[2] + l[2]];
            }
        }
    }

    /// A round glow: brightest in the middle, with a long tail that ends at twice the radius.
    pub(crate) fn glow(&mut self, cx: f32, cy: f32, radius: f32, colour: Light, strength: f32) {
        let reach = radius * 2.0;
        let scale = 1.0 / (reach * reach);
        self.add([cx - reach, cy - reach, cx + reach, cy + reach], |x, y| {
            let q = ((x - cx) * (x - cx) + (y - cy) * (y - cy)) * scale;
            // A lens spreads light this way; a Gaussian would look like a disc with a soft edge.
            let rest = (1.0 - q).max(0.0);
            let v = rest * rest / (1.0 + 7.0 * q) * strength;
            colour.map(|c| c * v)
        });
    }

    /// Fills a path with one colour.
    pub(crate) fn fill(&mut self, path: &Path, colour: Light, opacity: f32) {
        self.fill_with(path, |_, _| (colour, opacity));
    }

    /// Fills a path with a colour and opacity of each place.
    pub(crate) fn fill_with(&mut self, path: &Path, paint: impl Fn(f32, f32) -> (Light, f32)) {
        let b = path.bounds();
        let (x0, y0, x1, y1) = self.clip([b.left() - 1.0, b.top() - 1.0, b.right() + 1.0, b.bottom() + 1.0]);
        let Some(mut mask) = Mask::new((x1 - x0) as u32, (y1 - y0) as u32) else { return };
        mask.fill_path(path, FillRule::Winding, true, Transform::from_translate(-(x0 as f32), -(y0 as f32)));
        let width = x1 - x0;
        for (row, line) in mask.data().chunks_exact(width).enumerate() {
            let y = y0 + row;
            let pixels = &mut self.px[y * self.w + x0..y * self.w + x1];
            for (x, (cover, px)) in line.iter().zip(pixels).enumerate() {
                if *cover == 0 {
                    continue;
                }
                let (colour, a) = paint((x0 + x) as f32 + 0.5, y as f32 + 0.5);
                blend(px, colour, a * f32::from(*cover) / 255.0);
            }
        }
    }

    /// Draws along a path, `width` pixels wide.
    pub(crate) fn line(&mut self, path: &Path, width: f32, colour: Light, opacity: f32) {
        self.line_with(path, width, |_, _| (colour, opacity));
    }

    /// Draws along a path with a colour and opacity of each place.
    pub(crate) fn line_with(&mut self, path: &Path, width: f32, paint: impl Fn(f32, f32) -> (Light, f32)) {
        let stroke =
            Stroke { width, line_cap: LineCap::Round, line_join: LineJoin::Round, ..Stroke::default() };
        if let Some(outline) = path.stroke(&stroke, 1.0) {
            self.fill_with(&outline, paint);
        }
    }

    /// Draws along a path that ends square, so that parts laid end to end do not overlap.
    pub(crate) fn band(&mut self, path: &Path, width: f32, colour: Light, opacity: f32) {
        let stroke =
            Stroke { width, line_cap: LineCap::Butt, line_join: LineJoin::Round, ..Stroke::default() };
        if let Some(outline) = path.stroke(&stroke, 1.0) {
            self.fill(&outline, colour, opacity);
        }
    }

    /// Darkens what lies under a shape that is about to be filled.
    pub(crate) fn cast(&mut self, path: &Path, cast: &Cast) {
        // A blurred mask holds no detail: a quarter of the size is enough.
        const STEP: f32 = 4.0;
        let b = path.bounds();
        let reach = cast.sigma * 3.0 + STEP;
        let (x0, y0, x1, y1) = self.clip([
            b.left() + cast.dx - reach,
            b.top() + cast.dy - reach,
            b.right() + cast.dx + reach,
            b.bottom() + cast.dy + reach,
        ]);
        let (mw, mh) = ((x1 - x0).div_ceil(STEP as usize) + 1, (y1 - y0).div_ceil(STEP as usize) + 1);
        let Some(mut mask) = Mask::new(mw as u32, mh as u32) else { return };
        let view = Transform::from_translate(cast.dx - x0 as f32, cast.dy - y0 as f32)
            .post_scale(1.0 / STEP, 1.0 / STEP);
        mask.fill_path(path, FillRule::Winding, true, view);
        blur(mask.data_mut(), mw, mh, cast.sigma / STEP);
        let cover = Grid { w: mw, data: mask.data().iter().map(|&v| f32::from(v) / 255.0).collect() };
        for y in y0..y1 {
            for x in x0..x1 {
                let a = cover.at((x - x0) as f32 / STEP, (y - y0) as f32 / STEP);
                if a > 0.0 {
                    blend(&mut self.px[y * self.w + x], cast.colour, a * cast.opacity);
                }
            }
        }
    }

    /// A single soft point of light.
    pub(crate) fn star(&mut self, cx: f32, cy: f32, radius: f32, colour: Light, strength: f32) {
        let fall = 1.0 / (radius * radius);
        let reach = radius * 2.5;
        self.add([cx - reach, cy - reach, cx + reach, cy + reach], |x, y| {
            let d = (x - cx) * (x - cx) + (y - cy) * (y - cy);
            let v = (-d * fall).exp() * strength;
            colour.map(|c| c * v)
        });
    }

    /// The picture in 8 bits, with darker corners (`vignette`, 0 to 1) and film grain of
    /// `grain` 8-bit levels (standard deviation), which also hides the steps of 8 bits.
    pub(crate) fn finish(self, seed: u64, grain: f32, vignette: f32) -> Picture {
        let table = Encoded::new();
        let (cx, cy) = (self.w as f32 / 2.0, self.h as f32 / 2.0);
        let mut rgb = Vec::with_capacity(self.w * self.h * 3);
        for (y, row) in self.px.chunks_exact(self.w).enumerate() {
            let dy = (y as f32 - cy) / cy;
            for (x, px) in row.iter().enumerate() {
                let dx = (x as f32 - cx) / cx;
                let d = (dx * dx + dy * dy) * 0.5;
                let shade = 1.0 - vignette * d * d;
                let noise = grain_at(x as u32, y as u32, seed) * grain;
                for c in px {
                    rgb.push((table.at(c * shade) + noise + 0.5).clamp(0.0, 255.0) as u8);
                }
            }
        }
        Picture { width: self.w as u32, height: self.h as u32, rgb }
    }

    fn clip(&self, [left, top, right, bottom]: [f32; 4]) -> (usize, usize, usize, usize) {
        let limit = |v: f32, most: usize| (v.max(0.0) as usize).min(most);
        let (x0, y0) = (limit(left.floor(), self.w), limit(top.floor(), self.h));
        (x0, y0, limit(right.ceil(), self.w).max(x0), limit(bottom.ceil(), self.h).max(y0))
    }
}

/// Grain of mean 0 and standard deviation about 1, nearly normal (a sum of four uniform draws).
fn grain_at(x: u32, y: u32, seed: u64) -> f32 {
    let bits = hash2(x, y, seed);
    let sum = (bits & 0xffff) + (bits >> 16 & 0xffff) + (bits >> 32 & 0xffff) + (bits >> 48);
    // Four uniform draws of 16 bits: mean 2 · 65535, variance 4 · 65536² / 12.
    (sum as f32 - 131_070.0) / 37_837.0
}

fn blend(px: &mut Light, colour: Light, a: f32) {
    *px = [0, 1, 2].map(|i| px[i] + (colour[i] - px[i]) * a);
}

/// The sRGB encoding as a table: `powf` for nine million samples would take most of a second.
struct Encoded(Vec<f32>);

impl Encoded {
    const STEPS: usize = 4096;

    fn new() -> Encoded {
        // Indexed by the square root, which spreads the steep dark end.
        let value = |i: usize| {
            let root = i as f32 / Self::STEPS as f32;
            to_srgb(root * root) * 255.0
        };
        Encoded((0..=Self::STEPS + 1).map(value).collect())
    }

    fn at(&self, linear: f32) -> f32 {
        let place = linear.clamp(0.0, 1.0).sqrt() * Self::STEPS as f32;
        let (i, t) = (place as usize, place.fract());
        self.0[i] + (self.0[i + 1] - self.0[i]) * t
    }
}

/// A coarse field of numbers, read between its points.
pub(crate) struct Grid {
    pub w: usize,
    pub data: Vec<f32>,
}

impl Grid {
    /// The value at a place in grid units; outside, that of the nearest edge.
    pub(crate) fn at(&self, x: f32, y: f32) -> f32 {
        let h = self.data.len() / self.w;
        let (x, y) = (x.clamp(0.0, (self.w - 1) as f32), y.clamp(0.0, (h - 1) as f32));
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.w - 1), (y0 + 1).min(h - 1));
        let (tx, ty) = (x - x0 as f32, y - y0 as f32);
        let (a, b) = (self.data[y0 * self.w + x0], self.data[y0 * self.w + x1]);
        let (c, d) = (self.data[y1 * self.w + x0], self.data[y1 * self.w + x1]);
        let (top, low) = (a + (b - a) * tx, c + (d - c) * tx);
        top + (low - top) * ty
    }
}

/// A gradient through OKLab, as a table in linear light.
pub(crate) struct Ramp(Vec<Light>);

impl Ramp {
    /// Through `stops`, evenly spaced.
    pub(crate) fn new(stops: &[Rgb]) -> Ramp {
        let n = stops.len().max(2) - 1;
        let even: Vec<(f32, Rgb)> =
            stops.iter().enumerate().map(|(i, c)| (i as f32 / n as f32, *c)).collect();
        Ramp::at_places(&even)
    }

    /// Through colours at places from 0 to 1, in order.
    pub(crate) fn at_places(stops: &[(f32, Rgb)]) -> Ramp {
        const STEPS: usize = 512;
        let value = |i: usize| {
            let t = i as f32 / STEPS as f32;
            let after = stops.iter().position(|(place, _)| *place >= t).unwrap_or(stops.len() - 1).max(1);
            let ((a, from), (b, to)) = (stops[after - 1], stops[after]);
            let local = ((t - a) / (b - a).max(1e-6)).clamp(0.0, 1.0);
            let (p, q) = (from.oklab(), to.oklab());
            let mixed = [0, 1, 2].map(|c| p[c] + (q[c] - p[c]) * local);
            crate::typeset::colour::oklab_to_linear(mixed).map(|c| c.max(0.0))
        };
        Ramp((0..=STEPS + 1).map(value).collect())
    }

    /// The colour at `t`, 0 to 1.
    pub(crate) fn at(&self, t: f32) -> Light {
        let place = t.clamp(0.0, 1.0) * (self.0.len() - 2) as f32;
        let (i, f) = (place as usize, place.fract());
        let (a, b) = (self.0[i], self.0[i + 1]);
        [0, 1, 2].map(|c| a[c] + (b[c] - a[c]) * f)
    }
}

/// `a` towards `b` by `t`.
pub(crate) fn mix(a: Light, b: Light, t: f32) -> Light {
    [0, 1, 2].map(|i| a[i] + (b[i] - a[i]) * t)
}

/// A tone lighter (`by` above 0) or darker without turning grey, as mixing in white would.
pub(crate) fn lift(tone: Light, by: f32) -> Light {
    tone.map(|c| c * (1.0 + by))
}

/// 0 below `a`, 1 above `b`, smooth between.
pub(crate) fn smooth(a: f32, b: f32, x: f32) -> f32 {
    smoothstep(((x - a) / (b - a)).clamp(0.0, 1.0))
}
