//! Motifs of land and sea: waves, mountains, a city, leaves.

use tiny_skia::PathBuilder;

use super::super::art::{Art, circle, polygon};
use super::super::canvas::{Cast, Ramp, lift, mix, smooth};
use super::super::noise::fbm;

/// A low sun or moon with its glow.
fn sun(art: &mut Art, (x, y): (f32, f32), r: f32) {
    let (light, accent) = (art.palette.light.linear(), art.palette.accent.linear());
    let strength = if art.palette.is_dark() { 1.0 } else { 0.4 };
    art.canvas.glow(x, y, r * 3.6, mix(accent, art.palette.sky[2].linear(), 0.5), 0.42 * strength);
    art.canvas.glow(x, y, r * 1.7, mix(accent, light, 0.5), 0.4 * strength);
    if let Some(disc) = circle(x, y, r) {
        art.canvas.fill_with(&disc, |_, py| (mix(light, accent, smooth(y - r, y + 1.3 * r, py) * 0.85), 1.0));
    }
}

/// Layered waves under a low sun, its light on the water.
pub(crate) fn waves(art: &mut Art) {
    art.sky(0.05);
    art.stars(150, 0.5);
    let horizon = art.focus.1 + 10.0 * art.u;
    let x = art.focus.0 + art.dice.range(-90.0, 90.0) * art.u;
    sun(art, (x, horizon - 60.0 * art.u), 165.0 * art.u);
    let count = 8;
    let ramp = art.palette.layer_ramp();
    let (light, deep, accent) =
        (art.palette.light.linear(), art.palette.deep.linear(), art.palette.accent.linear());
    let place = |i: usize| i as f32 / (count - 1) as f32;
    let mut lines: Vec<Vec<f32>> = Vec::with_capacity(count);
    for t in (0..count).map(place) {
        let base = horizon + (art.h - horizon) * t.powf(1.5) * 0.92;
        lines.push(swell(art, base, t));
    }
    for (i, line) in lines.iter().enumerate() {
        let t = place(i);
        // Light shines through the crest; the trough behind it is dark.
        let crest = lift(mix(ramp.at(t * 0.85), accent, 0.22 * (1.0 - t)), 0.5);
        let (body, trough) = (ramp.at(t * 0.8 + 0.1), mix(ramp.at((t + 0.3).min(1.0)), deep, 0.25));
        let (u, reach) = (art.u, (70.0 + 240.0 * t) * art.u);
        let (seed, road) = (art.dice.seed(), (70.0 + 170.0 * t) * art.u);
        let (grain_x, grain_y) = ((34.0 + 60.0 * t) * u, (5.0 + 7.0 * t) * u);
        art.between(line, lines.get(i + 1).map(Vec::as_slice), |px, py, depth| {
            let upper = mix(crest, body, smooth(0.0, reach * 0.4, depth));
            let mut colour = mix(upper, trough, smooth(reach * 0.2, reach, depth));
            if depth < 6.0 * u {
                let thick = 0.35 + 0.65 * fbm(px / (240.0 * u), t * 7.0, 2, seed ^ 3);
                colour = mix(colour, light, 0.6 * smooth((1.0 + 4.5 * t) * u * thick, 0.0, depth));
            }
            // The sun's road: glints, thinning out towards its sides.
            let near = (-((px - x) / road).powi(2)).exp() * (1.0 - 0.75 * t);
            if near < 0.02 {
                return (colour, 1.0);
            }
            let glint =
                smooth(0.80 - 0.28 * near, 0.86 - 0.28 * near, fbm(px / grain_x, py / grain_y, 2, seed));
            (mix(colour, mix(accent, light, 0.55), glint * near), 1.0)
        });
    }
}

fn swell(art: &mut Art, base: f32, t: f32) -> Vec<f32> {
    let (height, length) = ((3.0 + 46.0 * t) * art.u, (300.0 + 640.0 * t) * art.u);
    let (p, q) = (art.dice.range(0.0, 6.3), art.dice.range(0.0, 6.3));
    (0..art.canvas.w)
        .map(|x| {
            let a = x as f32 / length * std::f32::consts::TAU;
            // Narrow at the crest and wide in the trough, as water is.
            let wave = 2.0 * (0.5 + 0.5 * (a + p).sin()).powf(1.7) - 1.0;
            base - height * (wave + 0.28 * (a * 1.7 + q).sin())
        })
        .collect()
}

/// Mountain ranges fading into mist, pines in front.
pub(crate) fn peaks(art: &mut Art) {
    art.sky(0.1);
    art.stars(170, 0.42);
    let x = art.focus.0 + art.dice.range(-180.0, 180.0) * art.u;
    sun(art, (x, art.focus.1 - 130.0 * art.u), 120.0 * art.u);
    let ramp = art.palette.layer_ramp();
    let mist = mix(art.palette.sky[2].linear(), art.palette.light.linear(), 0.15);
    let count = 6;
    let place = |i: usize| i as f32 / (count - 1) as f32;
    let mut lines: Vec<Vec<f32>> = Vec::with_capacity(count);
    for t in (0..count).map(place) {
        let base = art.focus.1 + art.h * (0.05 + 0.30 * t.powf(1.1));
        lines.push(ridge(art, base, (330.0 - 180.0 * t) * art.u, (560.0 - 180.0 * t) * art.u));
    }
    for (i, line) in lines.iter().enumerate() {
        let t = place(i);
        let tone = mix(ramp.at(t), mist, 0.42 * (1.0 - t));
        let reach = (300.0 - 60.0 * t) * art.u;
        let side = (x - art.w / 2.0).signum();
        let (faces, u) = (facing(line, 14.0 * art.u), art.u);
        let seed = art.dice.seed();
        art.between(line, lines.get(i + 1).map(Vec::as_slice), |px, py, depth| {
            // Ribs run down the face from the ridge, wandering as they go.
            let wander = 190.0 * u * (fbm(px / (150.0 * u), py / (70.0 * u), 3, seed) - 0.5);
            let at =
                (px + wander * smooth(0.0, 160.0 * u, depth)).clamp(0.0, faces.len() as f32 - 1.0) as usize;
            let sun = (faces[at] * side).clamp(-1.0, 1.0) * smooth(reach, 0.0, depth) * (0.24 - 0.12 * t);
            let fog = smooth(0.1, 1.0, depth / reach) * 0.6 * (1.0 - t);
            (mix(lift(tone, sun), mist, fog), 1.0)
        });
    }
    pines(art);
}

/// How much each column of a ridge falls to the right, smoothed over `reach` pixels; about -1 to 1.
fn facing(line: &[f32], reach: f32) -> Vec<f32> {
    let (n, step) = (line.len(), reach.max(1.0) as usize);
    (0..n)
        .map(|x| (line[(x + step).min(n - 1)] - line[x.saturating_sub(step)]) / (2.0 * step as f32))
        .collect()
}

/// A jagged skyline: ridged noise, highest near the middle of its features.
fn ridge(art: &mut Art, base: f32, rise: f32, length: f32) -> Vec<f32> {
    let seed = art.dice.seed();
    (0..art.canvas.w)
        .map(|x| {
            let p = x as f32 / length;
            let (mut sum, mut weight, mut scale) = (0.0, 1.0, 1.0);
            for octave in 0..6 {
                let n = super::super::noise::noise(p * scale, octave as f32 * 7.3, seed);
                sum += weight * (1.0 - (2.0 * n - 1.0).abs());
                weight *= 0.47;
                scale *= 2.1;
            }
            base - rise * (sum - 1.05)
        })
        .collect()
}

fn pines(art: &mut Art) {
    let ground = art.h * 0.93;
    let seed = art.dice.seed();
    let line: Vec<f32> = (0..art.canvas.w)
        .map(|x| ground - 90.0 * art.u * fbm(x as f32 / (380.0 * art.u), 1.0, 3, seed))
        .collect();
    let dark = mix(art.palette.layers[3].linear(), art.palette.deep.linear(), 0.75);
    let mut x = -20.0 * art.u;
    while x < art.w {
        let tall = art.dice.range(70.0, 190.0) * art.u;
        let foot = line[(x.max(0.0) as usize).min(line.len() - 1)] + 14.0 * art.u;
        if let Some(tree) = pine(x, foot, tall) {
            art.canvas.fill(&tree, dark, 1.0);
        }
        x += art.dice.range(18.0, 74.0) * art.u;
    }
    art.under(&line, |_, _, _| (dark, 1.0));
}

fn pine(x: f32, foot: f32, tall: f32) -> Option<tiny_skia::Path> {
    let mut left = Vec::new();
    const TIERS: usize = 7;
    for tier in 0..TIERS {
        let (a, b) = (tier as f32 / TIERS as f32, (tier + 1) as f32 / TIERS as f32);
        left.push((tall * 0.20 * b.powf(0.9), foot - tall * (1.0 - b)));
        left.push((tall * 0.11 * a.max(0.1) + tall * 0.02, foot - tall * (1.0 - b) - tall * 0.012));
    }
    let mut points = vec![(x, foot - tall)];
    points.extend(left.iter().map(|(dx, y)| (x + dx, *y)));
    points.extend(left.iter().rev().map(|(dx, y)| (x - dx, *y)));
    polygon(&points)
}

/// A city at night in three depths, windows lit.
pub(crate) fn skyline(art: &mut Art) {
    art.sky(0.08);
    art.stars(150, 0.4);
    let x = art.focus.0 + art.dice.range(-200.0, 200.0) * art.u;
    sun(art, (x, art.focus.1 - 120.0 * art.u), 150.0 * art.u);
    let ramp = art.palette.layer_ramp();
    let haze = art.palette.sky[2].linear();
    for i in 0..4 {
        let t = i as f32 / 3.0;
        let foot = art.focus.1 + art.h * (0.16 + 0.09 * i as f32);
        let tone = mix(ramp.at(0.3 + 0.7 * t), haze, 0.22 * (1.0 - t));
        let low = mix(tone, haze, 0.35 * (1.0 - t));
        let mut x = art.dice.range(-80.0, 0.0) * art.u;
        while x < art.w {
            let wide = art.dice.range(70.0, 150.0) * (0.75 + 0.5 * t) * art.u;
            let tall = (art.dice.range(0.0, 1.0).powf(1.7) * 430.0 + 150.0) * (0.85 + 0.2 * t) * art.u;
            building(art, [x, foot - tall, x + wide, art.h], (tone, low), t);
            x += wide + art.dice.range(-6.0, 14.0) * art.u;
        }
        // Haze lies in the streets and sets the depths apart.
        let (w, h, top) = (art.w, art.h, foot - 260.0 * art.u);
        let thick = 0.5 * (1.0 - t) * (1.0 - 0.4 * t);
        art.canvas.wash([0.0, top, w, h], |_, y| (haze, thick * smooth(top, top + 0.5 * (h - top), y)));
    }
}

fn building(art: &mut Art, [l, t, r, b]: [f32; 4], (tone, low): ([f32; 3], [f32; 3]), near: f32) {
    let mut outline = vec![(l, b), (l, t), (r, t), (r, b)];
    let (u, wide) = (art.u, r - l);
    match art.dice.below(5) {
        0 => outline
            .splice(1..3, [(l, t + 24.0 * u), (l + wide * 0.5, t - 26.0 * u), (r, t + 24.0 * u)])
            .for_each(drop),
        1 => {
            let step = [(l, t + 40.0 * u), (l + wide * 0.25, t + 40.0 * u), (l + wide * 0.25, t), (r, t)];
            outline.splice(1..3, step).for_each(drop);
        }
        2 => {
            let mast =
                [(l, t), (l + wide * 0.47, t), (l + wide * 0.5, t - 90.0 * u), (l + wide * 0.53, t), (r, t)];
            outline.splice(1..3, mast).for_each(drop);
        }
        _ => {}
    }
    let Some(path) = polygon(&outline) else { return };
    let fall = 700.0 * u;
    art.canvas.fill_with(&path, |_, y| (mix(tone, low, smooth(t, t + fall, y)), 1.0));
    windows(art, [l, t, r, b], near);
}

fn windows(art: &mut Art, [l, t, r, b]: [f32; 4], near: f32) {
    let (cell, pane) = ((17.0 + 12.0 * near) * art.u, (7.0 + 6.0 * near) * art.u);
    let (accent, light) = (art.palette.accent.linear(), art.palette.light.linear());
    let lit = art.dice.range(0.12, 0.5);
    let columns = ((r - l - cell) / cell).floor().max(0.0) as usize;
    let inset = (r - l - columns as f32 * cell + cell - pane) / 2.0;
    let mut y = t + 46.0 * art.u;
    while y < b.min(t + 900.0 * art.u) {
        for column in 0..columns {
            if !art.dice.chance(lit) {
                continue;
            }
            let x = l + inset + column as f32 * cell;
            let (warm, strength) =
                (art.dice.range(0.0, 0.7), art.dice.range(0.25, 0.95) * (0.45 + 0.55 * near));
            let colour = mix(accent, light, warm);
            art.canvas.wash([x, y, x + pane, y + pane * 1.35], |_, _| (colour, strength));
        }
        y += cell * 1.25;
    }
}

/// Large leaves closing in from the edges, a glow between them.
pub(crate) fn leaves(art: &mut Art) {
    art.sky(0.12);
    let (fx, fy) = art.focus;
    let (light, accent) = (art.palette.light.linear(), art.palette.accent.linear());
    let strength = if art.palette.is_dark() { 1.0 } else { 0.4 };
    art.canvas.glow(fx, fy, 420.0 * art.u, mix(accent, light, 0.4), 0.3 * strength);
    sun(art, (fx, fy), 130.0 * art.u);
    let ramp = art.palette.layer_ramp();
    for layer in 0..4 {
        let t = layer as f32 / 3.0;
        for _ in 0..11 {
            let (angle, out) =
                (art.dice.range(0.0, std::f32::consts::TAU), art.dice.range(0.0, 120.0) * art.u);
            // Feet stand on an oval about the focus; nothing grows into the title at the top.
            let grow = 1.0 + 0.28 * t;
            let (rx, ry) = (0.56 * art.w * grow + out, 0.36 * art.h * grow + out);
            let foot = (fx + rx * angle.cos(), fy + ry * angle.sin().abs().max(-0.2) * 1.05);
            let toward = (fy + 60.0 * art.u - foot.1).atan2(fx - foot.0) + art.dice.range(-0.5, 0.5);
            let long = art.dice.range(330.0, 520.0) * art.u;
            leaf(art, foot, toward, long, (&ramp, t));
        }
    }
}

fn leaf(art: &mut Art, foot: (f32, f32), angle: f32, long: f32, (ramp, t): (&Ramp, f32)) {
    let (c, s) = (angle.cos(), angle.sin());
    let at = |along: f32, across: f32| {
        let (x, y) = (along * long, across * long);
        (foot.0 + x * c - y * s, foot.1 + x * s + y * c)
    };
    let wide = art.dice.range(0.17, 0.25);
    let mut path = PathBuilder::new();
    let ((ax, ay), (tx, ty)) = (at(0.0, 0.0), at(1.0, 0.0));
    let (p, q, m, n) = (at(0.3, wide * 1.5), at(0.75, wide), at(0.75, -wide), at(0.3, -wide * 1.5));
    path.move_to(ax, ay);
    path.cubic_to(p.0, p.1, q.0, q.1, tx, ty);
    path.cubic_to(m.0, m.1, n.0, n.1, ax, ay);
    path.close();
    let Some(path) = path.finish() else { return };
    let dark = art.palette.deep.linear();
    let u = art.u;
    art.canvas.cast(&path, &Cast { sigma: 16.0 * u, dx: 0.0, dy: 14.0 * u, colour: dark, opacity: 0.5 });
    let tone = mix(ramp.at(t * 0.85), art.palette.sky[2].linear(), 0.10);
    let shade = art.dice.range(-0.12, 0.25);
    let (upper, under) = (lift(tone, 0.25 + shade), lift(tone, -0.5));
    let vein = mix(lift(tone, 0.6), art.palette.light.linear(), 0.08);
    art.canvas.fill_with(&path, |x, y| {
        let (dx, dy) = (x - foot.0, y - foot.1);
        let (along, across) = ((dx * c + dy * s) / long, (dy * c - dx * s) / long);
        // Side veins leave the midrib at a slant.
        let ribs = ((along - across.abs() * 0.9) * 16.0).fract();
        let rib = smooth(0.08, 0.0, ribs) * 0.35 + smooth(0.006, 0.002, across.abs()) * 0.7;
        let half = if across > 0.0 { upper } else { mix(upper, under, 0.55) };
        (mix(mix(half, under, smooth(1.0, 0.0, along) * 0.5), vein, rib * smooth(1.0, 0.8, along)), 1.0)
    });
}
