//! Motifs that say one thing: time, number, heart.

use tiny_skia::{PathBuilder, Rect};

use super::super::art::{Art, circle, ellipse_arc, polygon};
use super::super::canvas::{Cast, Ramp, mix, smooth};
use crate::typeset::raster::rounded;
use std::f32::consts::TAU;

/// A clock face of ticks and sweeping arcs.
pub(crate) fn dial(art: &mut Art) {
    art.sky(0.0);
    let (cx, cy) = art.focus;
    let (u, r) = (art.u, 285.0 * art.u);
    let (spark, accent, second) =
        (art.palette.spark(), art.palette.accent.linear(), art.palette.accent2.linear());
    let glow = if art.palette.is_dark() { 1.0 } else { 0.0 };
    art.canvas.glow(cx, cy, r * 1.5, art.palette.layers[0].linear(), 0.35 * glow);
    face(art, (cx, cy), r);
    for tick in 0..60 {
        let a = tick as f32 / 60.0 * TAU;
        let hour = tick % 5 == 0;
        let (from, width) = if hour { (0.80, 9.0) } else { (0.875, 3.4) };
        stroke(art, (cx, cy), a, (from * r, 0.93 * r), width, (spark, if hour { 0.95 } else { 0.5 }));
    }
    // Hours and minutes that show both hands apart, as watchmakers' pictures do.
    let (h, m) = [(10.0, 9.0), (1.0, 52.0), (8.0, 18.0), (2.0, 41.0), (7.0, 5.0)][art.dice.below(5)];
    let (hour, minute) = ((h + m / 60.0) / 12.0 * TAU, m / 60.0 * TAU);
    sweep(art, (cx, cy), r * 1.1, minute);
    for (k, turns, opacity) in [(1.24, 0.62, 0.5), (1.38, 0.4, 0.3)] {
        let start = art.dice.range(0.0, 1.0);
        if let Some(arc) = ellipse_arc((cx, cy), (r * k, r * k), 0.0, (start, start + turns)) {
            art.canvas.line(&arc, 4.0 * u, mix(spark, second, 0.5), opacity);
        }
    }
    stroke(art, (cx, cy), hour, (-0.10 * r, 0.48 * r), 24.0, (spark, 1.0));
    stroke(art, (cx, cy), minute, (-0.12 * r, 0.74 * r), 14.0, (accent, 1.0));
    if let Some(hub) = circle(cx, cy, 26.0 * u) {
        art.canvas.fill(&hub, accent, 1.0);
    }
    if let Some(pin) = circle(cx, cy, 10.0 * u) {
        art.canvas.fill(&pin, art.palette.deep.linear(), 1.0);
    }
}

fn face(art: &mut Art, (cx, cy): (f32, f32), r: f32) {
    let Some(disc) = circle(cx, cy, r) else { return };
    let (top, low) = (art.palette.layers[1].linear(), art.palette.layers[3].linear());
    let (deep, u) = (art.palette.deep.linear(), art.u);
    art.canvas.cast(&disc, &Cast { sigma: 46.0 * u, dx: 0.0, dy: 42.0 * u, colour: deep, opacity: 0.6 });
    let (top, low) = if art.palette.is_dark() {
        (top, low)
    } else {
        (art.palette.light.linear(), art.palette.sky[1].linear())
    };
    art.canvas.fill_with(&disc, |x, y| {
        let t = smooth(-1.0, 1.0, ((x - cx) + 1.6 * (y - cy)) / (1.6 * r));
        (mix(top, low, t), 0.94)
    });
    art.canvas.line(&disc, 5.0 * u, art.palette.light.linear(), 0.6);
}

/// A bright arc that ends at the minute hand, fading behind it.
fn sweep(art: &mut Art, (cx, cy): (f32, f32), r: f32, end: f32) {
    let Some(ring) = circle(cx, cy, r) else { return };
    let (a, b) = (art.palette.accent2.linear(), art.palette.accent.linear());
    art.canvas.line_with(&ring, 22.0 * art.u, |x, y| {
        let angle = (x - cx).atan2(cy - y);
        let behind = ((end - angle) / TAU).rem_euclid(1.0);
        let fade = smooth(0.72, 0.0, behind);
        (mix(a, b, fade), fade)
    });
    let (x, y) = (cx + r * end.sin(), cy - r * end.cos());
    art.canvas.glow(x, y, 95.0 * art.u, b, if art.palette.is_dark() { 0.7 } else { 0.0 });
    if let Some(tip) = circle(x, y, 19.0 * art.u) {
        art.canvas.fill(&tip, mix(b, art.palette.light.linear(), 0.6), 1.0);
    }
}

/// A line along a clock's radius; `angle` runs clockwise from twelve.
fn stroke(
    art: &mut Art,
    (cx, cy): (f32, f32),
    angle: f32,
    (from, to): (f32, f32),
    width: f32,
    (colour, a): ([f32; 3], f32),
) {
    let mut path = PathBuilder::new();
    path.move_to(cx + from * angle.sin(), cy - from * angle.cos());
    path.line_to(cx + to * angle.sin(), cy - to * angle.cos());
    if let Some(path) = path.finish() {
        art.canvas.line(&path, width * art.u, colour, a);
    }
}

/// Rising columns on a fine grid, a bright line over them.
pub(crate) fn bars(art: &mut Art) {
    art.sky(0.05);
    grid(art);
    let (u, count) = (art.u, 6 + art.dice.below(3));
    let bend = art.dice.range(1.0, 1.9);
    let span = (art.w * if art.portrait() { 0.82 } else { 0.44 }).min(980.0 * u);
    let (foot, left) = (art.focus.1 + 0.20 * art.h.min(1800.0 * u), art.focus.0 - span / 2.0);
    let (foot, left) = (foot.min(art.h * 0.86), left.min(art.w * 0.93 - span));
    let cell = span / count as f32;
    let ramp =
        Ramp::new(&[art.palette.layers[1], art.palette.layers[0], art.palette.accent2, art.palette.accent]);
    let room = foot - art.h * if art.portrait() { 0.47 } else { 0.24 };
    let mut tips = Vec::with_capacity(count);
    for i in 0..count {
        let t = i as f32 / (count - 1) as f32;
        let tall = room * (0.16 + 0.80 * t.powf(bend) + art.dice.range(-0.06, 0.06)).clamp(0.12, 1.0);
        let (l, r) = (left + cell * (i as f32 + 0.09), left + cell * (i as f32 + 0.91));
        tips.push(((l + r) / 2.0, foot - tall));
        column(art, [l, foot - tall, r, foot], (&ramp, t));
    }
    trend(art, &tips);
}

fn column(art: &mut Art, [l, t, r, b]: [f32; 4], (ramp, place): (&Ramp, f32)) {
    let Some(path) = Rect::from_ltrb(l, t, r, b).and_then(|rect| rounded(rect, 20.0 * art.u)) else { return };
    let (deep, u, light) = (art.palette.deep.linear(), art.u, art.palette.light.linear());
    art.canvas.cast(&path, &Cast { sigma: 26.0 * u, dx: 0.0, dy: 20.0 * u, colour: deep, opacity: 0.5 });
    let (top, low) = (ramp.at(0.25 + 0.75 * place), mix(ramp.at(place * 0.6), deep, 0.35));
    art.canvas.fill_with(&path, |x, y| {
        let body = mix(top, low, smooth(t, b, y));
        // A round column: light on its left, shade on its right.
        let s = (x - l) / (r - l);
        let lit = mix(body, light, 0.22 * smooth(0.42, 0.0, s));
        (mix(lit, deep, 0.28 * smooth(0.6, 1.0, s)), 1.0)
    });
    // Its reflection on the floor.
    art.canvas.wash([l, b + 8.0 * u, r, b + 190.0 * u], |_, y| (low, 0.35 * smooth(b + 190.0 * u, b, y)));
}

fn grid(art: &mut Art) {
    let (step, u, w, h) = (90.0 * art.u, art.u, art.w, art.h);
    let spark = art.palette.spark();
    let top = if art.portrait() { 0.34 } else { 0.0 };
    art.canvas.wash([0.0, 0.0, w, h], |x, y| {
        let near = |v: f32| ((v / step).fract() - 0.5).abs() * step - (step / 2.0 - 1.1 * u);
        let line = near(x).max(near(y));
        let fade = smooth(top, top + 0.2, y / h);
        (spark, smooth(-0.8, 0.4, line) * 0.12 * fade)
    });
}

fn trend(art: &mut Art, tips: &[(f32, f32)]) {
    let lift = 74.0 * art.u;
    let mut path = PathBuilder::new();
    for (i, (x, y)) in tips.iter().enumerate() {
        if i == 0 { path.move_to(*x, y - lift) } else { path.line_to(*x, y - lift) }
    }
    let light = if art.palette.is_dark() { art.palette.light.linear() } else { art.palette.ink.linear() };
    if let Some(path) = path.finish() {
        art.canvas.line(&path, 7.0 * art.u, light, 0.95);
    }
    for (i, (x, y)) in tips.iter().enumerate() {
        let last = i + 1 == tips.len();
        let tint = if last { art.palette.accent.linear() } else { light };
        if last && art.palette.is_dark() {
            art.canvas.glow(*x, y - lift, 120.0 * art.u, tint, 0.55);
        }
        if let Some(dot) = circle(*x, y - lift, if last { 22.0 } else { 12.0 } * art.u) {
            art.canvas.fill(&dot, tint, 1.0);
        }
    }
}

/// A heart in nested layers, lit from within.
pub(crate) fn heart(art: &mut Art) {
    art.sky(0.05);
    let (cx, cy) = art.focus;
    let (deep, u) = (art.palette.deep.linear(), art.u);
    let glow = if art.palette.is_dark() { 1.0 } else { 0.3 };
    art.canvas.glow(cx, cy, 700.0 * u, art.palette.accent2.linear(), 0.35 * glow);
    dust(art);
    let ramp = Ramp::new(&[
        art.palette.layers[2],
        art.palette.layers[0],
        art.palette.accent2,
        art.palette.accent,
        art.palette.light,
    ]);
    const LAYERS: usize = 6;
    for layer in 0..LAYERS {
        let t = layer as f32 / (LAYERS - 1) as f32;
        let size = (370.0 - 325.0 * t.powf(0.85)) * u;
        let lean = 0.10 * (layer as f32 * 1.3).sin() * (1.0 - t);
        let Some(path) = heart_path((cx, cy), size, lean) else { continue };
        art.canvas.cast(&path, &Cast { sigma: 24.0 * u, dx: 0.0, dy: 18.0 * u, colour: deep, opacity: 0.55 });
        let (top, low) = (ramp.at(t + 0.08), mix(ramp.at(t), deep, 0.22));
        art.canvas.fill_with(&path, |_, y| (mix(top, low, smooth(cy - size, cy + size, y)), 1.0));
        art.canvas.line(&path, 2.6 * u, mix(top, art.palette.light.linear(), 0.5), 0.5);
    }
}

fn heart_path((cx, cy): (f32, f32), size: f32, lean: f32) -> Option<tiny_skia::Path> {
    // The classic curve x = 16 sin³ t, y = 13 cos t - 5 cos 2t - 2 cos 3t - cos 4t.
    let point = |i: usize| {
        let t = i as f32 / 90.0 * TAU;
        let x = 16.0 * t.sin().powi(3);
        let y = -(13.0 * t.cos() - 5.0 * (2.0 * t).cos() - 2.0 * (3.0 * t).cos() - (4.0 * t).cos()) - 1.5;
        let (x, y) = (x / 17.0 * size, y / 17.0 * size);
        (cx + x * lean.cos() - y * lean.sin(), cy + x * lean.sin() + y * lean.cos())
    };
    polygon(&(0..90).map(point).collect::<Vec<_>>())
}

/// Out-of-focus points of light.
fn dust(art: &mut Art) {
    let tints = [art.palette.accent.linear(), art.palette.accent2.linear(), art.palette.light.linear()];
    let strength = if art.palette.is_dark() { 1.0 } else { 0.0 };
    for _ in 0..70 {
        let (x, y) = (art.dice.range(0.0, art.w), art.dice.range(0.3, 1.0) * art.h);
        let r = (4.0 + 40.0 * art.dice.range(0.0, 1.0).powi(4)) * art.u;
        let (tint, a) = (tints[art.dice.below(3)], art.dice.range(0.06, 0.3) * strength);
        art.canvas.add([x - r - 2.0, y - r - 2.0, x + r + 2.0, y + r + 2.0], |px, py| {
            let d = (px - x).hypot(py - y);
            let disc = smooth(r + 1.0, r - r * 0.25 - 0.5, d) * (0.7 + 0.3 * d / r);
            tint.map(|c| c * disc * a)
        });
    }
}
