//! Motifs of the sky: a moon, planets on their orbits, a web of stars.

use super::super::art::{Art, Ball, STEP, circle, ellipse_arc};
use super::super::canvas::{Light, mix, smooth};
use super::super::noise::fbm;

/// A large moon over dark hills.
pub(crate) fn moon(art: &mut Art) {
    art.sky(-0.1);
    art.stars(260, 0.75);
    nebula(art, 0.16);
    let r = 285.0 * art.u;
    let (x, y) = (art.focus.0 + art.dice.range(-60.0, 60.0) * art.u, art.focus.1);
    let halo = mix(art.palette.light.linear(), art.palette.sky[2].linear(), 0.8);
    art.canvas.glow(x, y, r * 1.7, halo, 0.42);
    let craters = craters(art, 90);
    let (light, shade) =
        (art.palette.light.linear(), mix(art.palette.light.linear(), art.palette.layers[1].linear(), 0.55));
    let seed = art.dice.seed();
    let side = art.dice.sign();
    let ball = Ball { x, y, r, lit_from: (0.52 * side, -0.42, 0.74), rim: light };
    art.ball(&ball, |nx, ny| {
        let maria = smooth(0.46, 0.66, fbm(nx * 1.7 + 3.0, ny * 1.7, 4, seed));
        let fine = 0.9 + 0.2 * (fbm(nx * 9.0, ny * 9.0, 3, seed ^ 7) - 0.5);
        let base = mix(light, shade, maria * 0.75);
        let relief = craters.iter().fold(0.0, |sum, c| sum + c.relief(nx, ny, side));
        base.map(|v| (v * fine * (1.0 + relief)).max(0.0))
    });
    hills(art, 0.86, 2);
}

struct Crater {
    x: f32,
    y: f32,
    r: f32,
    depth: f32,
}

impl Crater {
    /// Lighter on the wall that faces the light, darker on the other, with a raised rim.
    fn relief(&self, nx: f32, ny: f32, side: f32) -> f32 {
        let (dx, dy) = ((nx - self.x) / self.r, (ny - self.y) / self.r);
        let d = dx * dx + dy * dy;
        if d > 1.7 {
            return 0.0;
        }
        let d = d.sqrt();
        let facing = (dx * -0.75 * side + dy * 0.6) / d.max(0.05);
        let wall = smooth(0.35, 0.9, d) * smooth(1.12, 0.95, d);
        let rim = smooth(0.85, 1.02, d) * smooth(1.3, 1.05, d);
        self.depth * (facing * wall * 0.42 - 0.17 * smooth(1.0, 0.6, d) - facing * rim * 0.2)
    }
}

fn craters(art: &mut Art, count: usize) -> Vec<Crater> {
    (0..count)
        .map(|i| {
            let (angle, far) =
                (art.dice.range(0.0, std::f32::consts::TAU), art.dice.range(0.0, 1.0).sqrt() * 0.93);
            // Few large, many small.
            let r = 0.022 + 0.12 * (1.0 - i as f32 / count as f32).powi(5);
            Crater { x: angle.cos() * far, y: angle.sin() * far, r, depth: art.dice.range(0.35, 0.95) }
        })
        .collect()
}

/// Faint clouds of coloured light.
pub(super) fn nebula(art: &mut Art, strength: f32) {
    if !art.palette.is_dark() {
        return;
    }
    let (s1, s2) = (art.dice.seed(), art.dice.seed());
    let (a, b) = (art.field(2.4, 5, s1), art.field(1.7, 4, s2));
    let (warm, cool) = (art.palette.accent2.linear(), art.palette.sky[2].linear());
    let (w, h) = (art.w, art.h);
    art.canvas.add([0.0, 0.0, w, h], |x, y| {
        let (p, q) = (a.at(x / STEP, y / STEP), b.at(x / STEP, y / STEP));
        let cloud = smooth(0.45, 0.85, p) * smooth(0.3, 0.75, q);
        let colour = mix(cool, warm, smooth(0.45, 0.7, q));
        colour.map(|c| c * cloud * strength)
    });
}

/// Dark hills at the bottom, from `top` of the height.
pub(super) fn hills(art: &mut Art, top: f32, count: usize) {
    let ramp = art.palette.layer_ramp();
    for i in 0..count {
        let t = (i + 1) as f32 / count as f32;
        let base = art.h * (top + (1.0 - top) * 0.45 * i as f32 / count as f32);
        let seed = art.dice.seed();
        let rise = 130.0 * art.u;
        let line: Vec<f32> = (0..art.canvas.w)
            .map(|x| base - rise * (fbm(x as f32 / (420.0 * art.u), i as f32 * 9.0, 4, seed) - 0.4))
            .collect();
        let (near, far) = (mix(ramp.at(1.0), art.palette.deep.linear(), t * 0.6), ramp.at(0.75));
        let reach = 260.0 * art.u;
        art.under(&line, |_, _, depth| {
            (mix(mix(near, far, 0.35 * (1.0 - t) + 0.15), near, smooth(0.0, reach, depth)), 1.0)
        });
    }
}

/// A ringed planet and its moons on thin orbits.
pub(crate) fn orbits(art: &mut Art) {
    art.sky(-0.05);
    art.stars(300, 1.0);
    nebula(art, 0.3);
    let (cx, cy) = art.focus;
    let tilt = art.dice.range(0.18, 0.42) * art.dice.sign();
    let flat = art.dice.range(0.26, 0.36);
    let r = 190.0 * art.u;
    let spark = art.palette.spark();
    art.canvas.glow(cx, cy, r * 2.6, art.palette.accent.linear(), 0.16);
    let radii = [1.95, 2.75, 3.65, 4.7].map(|k| k * r);
    let moons: Vec<(f32, f32)> =
        radii.iter().map(|_| (art.dice.range(0.0, 1.0), art.dice.range(0.0, 1.0))).collect();
    orbit_halves(art, (cx, cy), &radii, (flat, tilt), (0.5, 1.0));
    ring(art, (cx, cy), r, (flat, tilt), (0.5, 1.0));
    planet(art, (cx, cy, r), tilt);
    ring(art, (cx, cy), r, (flat, tilt), (0.0, 0.5));
    orbit_halves(art, (cx, cy), &radii, (flat, tilt), (0.0, 0.5));
    let skins = [art.palette.accent2, art.palette.light, art.palette.accent, art.palette.layers[0]];
    for (i, (radius, (turn, size))) in radii.iter().zip(&moons).enumerate() {
        // Moons stay on the near half, in front of everything.
        let t = (0.04 + 0.42 * ((turn + i as f32 * 0.37) % 1.0)) * std::f32::consts::TAU;
        let (x, y) = (radius * t.cos(), radius * flat * t.sin());
        let (x, y) = (cx + x * tilt.cos() - y * tilt.sin(), cy + x * tilt.sin() + y * tilt.cos());
        let skin = skins[i % skins.len()].linear();
        let small = (17.0 + 26.0 * size) * art.u;
        art.canvas.glow(x, y, small * 3.0, skin, 0.22);
        let ball = Ball { x, y, r: small, lit_from: (-0.5, -0.55, 0.67), rim: spark };
        art.ball(&ball, |_, _| skin);
    }
}

fn orbit_halves(
    art: &mut Art,
    centre: (f32, f32),
    radii: &[f32],
    (flat, tilt): (f32, f32),
    turns: (f32, f32),
) {
    let spark = art.palette.spark();
    for (i, radius) in radii.iter().enumerate() {
        if let Some(path) = ellipse_arc(centre, (*radius, radius * flat), tilt, turns) {
            let near = if turns.0 < 0.5 { 0.5 } else { 0.2 };
            art.canvas.band(&path, 2.2 * art.u, spark, near * (1.0 - 0.14 * i as f32));
        }
    }
}

fn planet(art: &mut Art, (x, y, r): (f32, f32, f32), tilt: f32) {
    let stops = [
        art.palette.accent,
        art.palette.accent2,
        art.palette.light,
        art.palette.accent,
        art.palette.layers[0],
    ];
    let ramp = super::super::canvas::Ramp::new(&stops);
    let seed = art.dice.seed();
    let ball = Ball { x, y, r, lit_from: (-0.55, -0.5, 0.67), rim: art.palette.light.linear() };
    art.ball(&ball, |nx, ny| {
        let (c, s) = (tilt.cos(), tilt.sin());
        let (px, py) = (nx * c + ny * s, ny * c - nx * s);
        // Bands follow the globe's roundness and are stirred a little.
        let lat = py / (1.0 - 0.25 * px * px);
        let stir = 0.16 * (fbm(px * 2.2, lat * 7.0, 4, seed) - 0.5);
        ramp.at((lat * 0.5 + 0.5 + stir + 0.06 * (lat * 21.0).sin()).clamp(0.0, 1.0))
    });
}

fn ring(art: &mut Art, centre: (f32, f32), r: f32, (flat, tilt): (f32, f32), turns: (f32, f32)) {
    let (light, accent): (Light, Light) = (art.palette.light.linear(), art.palette.accent.linear());
    for (k, width, opacity) in [(1.34, 20.0, 0.5), (1.48, 30.0, 0.75), (1.62, 10.0, 0.45)] {
        if let Some(path) = ellipse_arc(centre, (r * k, r * k * flat), tilt, turns) {
            art.canvas.band(&path, width * art.u, mix(light, accent, k - 1.0), opacity);
        }
    }
}

/// Bright nodes joined by thin lines: a constellation, or a network.
pub(crate) fn constellation(art: &mut Art) {
    art.sky(-0.02);
    nebula(art, 0.35);
    art.stars(200, 1.0);
    let nodes = scattered(art, 46);
    let reach = 250.0 * art.u;
    let (spark, accent) = (art.palette.spark(), art.palette.accent.linear());
    for (i, a) in nodes.iter().enumerate() {
        for b in &nodes[i + 1..] {
            let d = (a.0 - b.0).hypot(a.1 - b.1);
            if d < reach {
                let mut path = tiny_skia::PathBuilder::new();
                path.move_to(a.0, a.1);
                path.line_to(b.0, b.1);
                if let Some(path) = path.finish() {
                    let strength = 0.62 * (1.0 - d / reach).powf(0.7);
                    art.canvas.line(&path, 2.4 * art.u, mix(spark, accent, 0.25), strength);
                }
            }
        }
    }
    let second = art.palette.accent2.linear();
    for (i, (x, y)) in nodes.iter().enumerate() {
        let big = i % 7 == 0;
        let size = if big { art.dice.range(13.0, 20.0) } else { art.dice.range(4.5, 8.5) } * art.u;
        let tint = if big {
            accent
        } else if i % 5 == 1 {
            second
        } else {
            spark
        };
        art.canvas.glow(*x, *y, size * 6.0, tint, if big { 0.34 } else { 0.16 });
        if let Some(dot) = circle(*x, *y, size) {
            art.canvas.fill(&dot, mix(tint, [1.0; 3], if art.palette.is_dark() { 0.35 } else { 0.0 }), 1.0);
        }
    }
}

/// Points kept apart from one another, denser about the focus.
fn scattered(art: &mut Art, count: usize) -> Vec<(f32, f32)> {
    let mut points: Vec<(f32, f32)> = Vec::with_capacity(count);
    let top = if art.portrait() { 0.38 } else { 0.06 };
    let left = if art.portrait() { 0.04 } else { 0.5 };
    for _ in 0..count * 30 {
        let (x, y) = (art.dice.range(left, 0.97) * art.w, art.dice.range(top, 0.94) * art.h);
        let gap = 88.0 * art.u * art.dice.range(0.8, 1.7);
        if points.len() < count && points.iter().all(|p| (p.0 - x).hypot(p.1 - y) > gap) {
            points.push((x, y));
        }
    }
    points
}
