//! Motifs of pure form: rays, contour lines, cut paper, silk, balls, halftone.

use super::super::art::{Art, Ball, STEP, circle, closed_curve};
use super::super::canvas::{Cast, Ramp, mix, smooth};
use std::f32::consts::TAU;

/// Rays from behind a striped sun.
pub(crate) fn sunburst(art: &mut Art) {
    art.sky(0.0);
    let (cx, cy) = art.focus;
    let rays = 14.0 + 2.0 * art.dice.below(4) as f32;
    let turn = art.dice.range(0.0, 1.0);
    let (sky, bright, accent) =
        (art.palette.sky_ramp(), art.palette.layers[0].linear(), art.palette.accent2.linear());
    let (w, h, u) = (art.w, art.h, art.u);
    art.canvas.wash([0.0, 0.0, w, h], |x, y| {
        let (dx, dy) = (x - cx, y - cy);
        let d = dx.hypot(dy);
        let phase = ((dy.atan2(dx) / TAU + turn) * rays).rem_euclid(1.0);
        // The soft part of a ray's edge is one pixel wide at any distance.
        let soft = (rays / (TAU * d.max(1.0))).min(0.5);
        let ray = smooth(0.0, soft, phase) * smooth(0.5 + soft, 0.5, phase);
        let far = smooth(0.0, 1250.0 * u, d);
        (mix(mix(bright, accent, 0.35), sky.at(0.5), far), ray * 0.62 * (1.0 - 0.88 * far))
    });
    art.canvas.glow(cx, cy, 640.0 * u, accent, 0.28);
    let r = 275.0 * u;
    striped_sun(art, (cx, cy), r);
    for (k, opacity) in [(1.16, 0.85), (1.30, 0.45), (1.48, 0.22)] {
        if let Some(ring) = circle(cx, cy, r * k) {
            art.canvas.line(&ring, 5.0 * u, art.palette.light.linear(), opacity);
        }
    }
    halftone(art);
}

fn striped_sun(art: &mut Art, (cx, cy): (f32, f32), r: f32) {
    let (light, accent, second) =
        (art.palette.light.linear(), art.palette.accent.linear(), art.palette.accent2.linear());
    let Some(disc) = circle(cx, cy, r) else { return };
    art.canvas.fill_with(&disc, |_, y| {
        let t = (y - cy + r) / (2.0 * r);
        let colour =
            if t < 0.45 { mix(light, accent, t / 0.45) } else { mix(accent, second, (t - 0.45) / 0.55) };
        // Gaps begin below the middle and widen downwards.
        let k = (t - 0.5) * 7.5;
        let gap = 0.12 + 0.10 * k.max(0.0);
        let edge = 7.5 / (2.0 * r);
        let open = if k <= 0.0 {
            0.0
        } else {
            smooth(1.0 - gap - edge, 1.0 - gap, k.fract()) * smooth(1.0 + edge, 1.0, k.fract())
        };
        (colour, 1.0 - open)
    });
}

/// Dots growing towards the bottom edge.
fn halftone(art: &mut Art) {
    let (step, h) = (30.0 * art.u, art.h);
    let colour = art.palette.deep.linear();
    let top = h * 0.70;
    let mut row = 0;
    let mut y = top;
    while y < h + step {
        let t = ((y - top) / (h - top)).clamp(0.0, 1.0);
        let radius = step * 0.62 * t.powf(0.8);
        let mut x = if row % 2 == 0 { 0.0 } else { step / 2.0 };
        while radius > 0.5 && x < art.w + step {
            let reach = radius + 1.0;
            art.canvas.wash([x - reach, y - reach, x + reach, y + reach], |px, py| {
                (colour, (radius + 0.5 - (px - x).hypot(py - y)).clamp(0.0, 1.0) * 0.8)
            });
            x += step;
        }
        y += step * 0.5;
        row += 1;
    }
}

/// Lines of equal height on a relief, as on a map.
pub(crate) fn contours(art: &mut Art) {
    let seed = art.dice.seed();
    let field = art.field(2.1, 2, seed);
    let sky = art.palette.sky_ramp();
    let fill = if art.palette.is_dark() {
        Ramp::new(&[
            art.palette.layers[3],
            art.palette.layers[2],
            art.palette.layers[1],
            art.palette.layers[0],
            art.palette.accent2,
        ])
    } else {
        Ramp::new(&[
            art.palette.sky[0],
            art.palette.sky[1],
            art.palette.sky[2],
            art.palette.layers[0],
            art.palette.accent,
        ])
    };
    let (line, hot) = (art.palette.light.linear(), art.palette.accent.linear());
    let (fx, fy) = art.focus;
    let (h, u) = (art.h, art.u);
    // A summit at the focus gives the map a centre.
    let height = |x: f32, y: f32| {
        let d = ((x - fx) / (430.0 * u)).powi(2) + ((y - fy) / (470.0 * u)).powi(2);
        0.62 * (field.at(x / STEP, y / STEP) - 0.2) + 0.52 * (-d * 0.8).exp()
    };
    const LEVELS: f32 = 17.0;
    art.canvas.shade(|x, y| {
        let z = height(x, y);
        let (gx, gy) = (height(x + 2.0, y) - z, height(x, y + 2.0) - z);
        let steep = (gx.hypot(gy) / 2.0 * LEVELS).max(1e-4);
        let level = z * LEVELS;
        let near = (level - level.round()).abs() / steep;
        let step = (level + 0.5).floor() / LEVELS;
        let calm = smooth(0.16 * h, 0.5 * h, y);
        let ground = mix(sky.at(0.12 + 0.25 * y / h), fill.at(step * 1.15), 0.25 + 0.75 * calm);
        let lit = 1.0 + 0.5 * ((gx + gy) / 2.0 * 420.0 * u).clamp(-0.6, 0.6);
        let fifth = level.round().rem_euclid(4.0) < 0.5;
        let (width, strength) = if fifth { (2.3, 0.75) } else { (1.3, 0.34) };
        let ink = smooth(width * u + 0.8, width * u - 0.3, near) * strength * (0.2 + 0.8 * calm);
        mix(ground.map(|c| c * lit), if level.round() == 13.0 { hot } else { line }, ink)
    });
    art.canvas.glow(fx, fy, 330.0 * u, hot, if art.palette.is_dark() { 0.18 } else { 0.0 });
}

/// Sheets of cut paper, one behind another, down to a lit depth.
pub(crate) fn papercut(art: &mut Art) {
    art.sky(0.0);
    let ramp = art.palette.layer_ramp();
    let (cx, cy) = art.focus;
    let (deep, light) = (art.palette.deep.linear(), art.palette.light.linear());
    let (w, h) = (art.w, art.h);
    let core = mix(art.palette.accent.linear(), light, 0.35);
    // The deepest sheet is the lit one; each sheet above has a wider hole.
    let glow = 420.0 * art.u;
    let rim = art.palette.accent2.linear();
    art.canvas.wash([0.0, 0.0, w, h], |x, y| {
        let d = (x - cx).hypot(y - cy) / glow;
        (mix(core, rim, smooth(0.0, 1.1, d)), 1.0)
    });
    const SHEETS: usize = 7;
    let (p, q) = (art.dice.range(0.0, 6.3), art.dice.range(0.0, 6.3));
    for sheet in 0..SHEETS {
        let t = sheet as f32 / (SHEETS - 1) as f32;
        let r = (175.0 + 118.0 * sheet as f32) * art.u;
        let hole: Vec<(f32, f32)> = (0..28)
            .map(|i| {
                let a = i as f32 / 28.0 * TAU;
                let wobble = 1.0
                    + 0.13 * (3.0 * a + p + 0.5 * sheet as f32).sin()
                    + 0.08 * (5.0 * a + q - 0.7 * sheet as f32).sin();
                (cx + r * wobble * a.cos() * 0.92, cy + r * wobble * a.sin() * if h > w { 1.12 } else { 0.9 })
            })
            .collect();
        let Some(sheet_path) = with_hole(&hole, (w, h)) else { continue };
        let cast =
            Cast { sigma: 26.0 * art.u, dx: 10.0 * art.u, dy: 22.0 * art.u, colour: deep, opacity: 0.62 };
        art.canvas.cast(&sheet_path, &cast);
        let tone = ramp.at(t);
        let top = mix(tone, light, 0.10 * (1.0 - t));
        art.canvas.fill_with(&sheet_path, |_, y| (mix(top, tone, y / h), 1.0));
        if let Some(edge) = closed_curve(&hole) {
            art.canvas.line(&edge, 2.4 * art.u, mix(tone, light, 0.45), 0.55);
        }
    }
}

/// The whole card but for a hole. The hole runs against the frame, so that winding leaves it open.
fn with_hole(hole: &[(f32, f32)], (w, h): (f32, f32)) -> Option<tiny_skia::Path> {
    let mut path = tiny_skia::PathBuilder::new();
    path.move_to(-60.0, -60.0);
    path.line_to(-60.0, h + 60.0);
    path.line_to(w + 60.0, h + 60.0);
    path.line_to(w + 60.0, -60.0);
    path.close();
    path.push_path(&closed_curve(hole)?);
    path.finish()
}

/// Bands of fine threads, bending like silk in a draught.
pub(crate) fn silk(art: &mut Art) {
    art.sky(0.02);
    let (w, h, u) = (art.w, art.h, art.u);
    for (band, (y0, spread)) in [(0.80, 0.22), (0.60, 0.30)].into_iter().enumerate() {
        let colours = if band == 0 {
            [art.palette.layers[1], art.palette.accent2, art.palette.layers[0]]
        } else {
            [art.palette.accent2, art.palette.accent, art.palette.light]
        };
        let ramp = Ramp::new(&colours);
        let (p, q, r) = (art.dice.range(0.0, 6.3), art.dice.range(0.0, 6.3), art.dice.range(0.0, 6.3));
        let side = art.dice.sign();
        let light = if art.palette.is_dark() { 0.30 } else { 0.0 };
        const THREADS: usize = 120;
        for thread in 0..THREADS {
            let k = thread as f32 / (THREADS - 1) as f32;
            let colour = ramp.at(k);
            let place = |x: f32| {
                let t = x / w * side + if side < 0.0 { 1.0 } else { 0.0 };
                let twist = (t * 4.1 + p).sin() * 0.5 + 0.5 * (t * 2.3 + q).sin();
                let centre = y0 + 0.14 * (t * 3.0 + r).sin() - 0.20 * (t - 0.5);
                h * (centre + spread * (k - 0.5) * twist + 0.012 * (k * 9.0 + t * 7.0).sin())
            };
            thread_of_light(art, place, 1.5 * u, (colour, light, k));
        }
    }
}

fn thread_of_light(
    art: &mut Art,
    place: impl Fn(f32) -> f32,
    half: f32,
    (colour, light, k): ([f32; 3], f32, f32),
) {
    let (w, h) = (art.canvas.w, art.canvas.h);
    let dark = light > 0.0;
    for x in 0..w {
        let y = place(x as f32);
        let lean = place(x as f32 + 1.0) - y;
        let stretch = (1.0 + lean * lean).sqrt();
        let reach = (half + 1.0) * stretch;
        let fade = 0.45 + 0.55 * (k * 6.3).sin().abs();
        let (from, to) = ((y - reach).max(0.0) as usize, (y + reach).max(0.0) as usize + 1);
        for row in from.min(h)..to.min(h) {
            let d = (row as f32 + 0.5 - y).abs() / stretch;
            let a = (half + 0.5 - d).clamp(0.0, 1.0) * fade;
            let px = &mut art.canvas.px[row * w + x];
            *px = if dark {
                let glow = [0, 1, 2].map(|c| px[c] + colour[c] * a * light);
                mix(glow, colour, a * 0.22)
            } else {
                mix(*px, colour, a * 0.55)
            };
        }
    }
}

/// Lit balls of several sizes, floating in coloured light.
pub(crate) fn spheres(art: &mut Art) {
    art.sky(0.06);
    let (fx, fy) = art.focus;
    let strength = if art.palette.is_dark() { 1.0 } else { 0.25 };
    art.canvas.glow(
        fx - 200.0 * art.u,
        fy + 160.0 * art.u,
        620.0 * art.u,
        art.palette.accent2.linear(),
        0.3 * strength,
    );
    art.canvas.glow(
        fx + 260.0 * art.u,
        fy - 120.0 * art.u,
        480.0 * art.u,
        art.palette.layers[0].linear(),
        0.35 * strength,
    );
    let skins = [
        art.palette.accent,
        art.palette.accent2,
        art.palette.layers[0],
        art.palette.layers[1],
        art.palette.light,
    ];
    let mut placed: Vec<(f32, f32, f32)> = vec![(fx, fy, 215.0 * art.u)];
    for tries in 0..900 {
        let r = (34.0 + 130.0 * art.dice.range(0.0, 1.0).powi(2)) * art.u * (1.0 - tries as f32 / 1800.0);
        let (x, y) = (
            art.dice.range(0.0, art.w),
            fy + art.dice.range(if art.portrait() { -0.17 } else { -0.5 }, 0.40) * art.h,
        );
        let clear = placed.iter().all(|p| (p.0 - x).hypot(p.1 - y) > p.2 + r + 14.0 * art.u);
        if clear && placed.len() < 26 {
            placed.push((x, y, r));
        }
    }
    placed.sort_by(|a, b| a.2.total_cmp(&b.2));
    let shade = art.palette.deep.linear();
    let rim = art.palette.light.linear();
    let count = placed.len();
    for (i, (x, y, r)) in placed.into_iter().enumerate() {
        let skin =
            if i + 1 == count { skins[0].linear() } else { skins[art.dice.below(skins.len())].linear() };
        if let Some(path) = circle(x, y + r * 0.25, r) {
            let cast = Cast { sigma: r * 0.35, dx: r * 0.1, dy: r * 0.35, colour: shade, opacity: 0.45 };
            art.canvas.cast(&path, &cast);
        }
        let second = mix(skin, art.palette.layers[1].linear(), 0.55);
        let ball = Ball { x, y, r, lit_from: (-0.45, -0.6, 0.66), rim: rim.map(|c| c * 0.7) };
        art.ball(&ball, |nx, ny| mix(skin, second, smooth(-0.6, 1.1, nx + ny)));
        let (hx, hy) = (x - r * 0.36, y - r * 0.44);
        art.canvas.glow(hx, hy, r * 0.34, rim, 0.5);
    }
}
