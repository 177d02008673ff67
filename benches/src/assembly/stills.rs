//! Pictures with the statistics of photographs, without any photograph.
//!
//! The dead leaves model: discs of random size and colour that occlude each other. It has the
//! edges, the plain areas and the 1/f² power spectrum of natural images (Lee, Mumford and Huang,
//! "Occlusion models for natural images", IJCV 2001). Shading, texture and grain are added.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use reelsmith_media::picture::Picture;

/// Width of a still: one and a half frames, as photographs are larger than what they fill.
pub(crate) const WIDTH: u32 = 1620;
/// Height of a still.
pub(crate) const HEIGHT: u32 = 2880;

struct Disc {
    x: f32,
    y: f32,
    radius: f32,
    rgb: [f32; 3],
    shade: [f32; 2],
}

/// The still of scene `seed`.
pub(crate) fn still(seed: u64) -> Picture {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = move || random.next_u32() as f32 / u32::MAX as f32;
    let palette: Vec<[f32; 3]> = (0..5).map(|_| [draw(), draw(), draw()].map(|v| 30.0 + 190.0 * v)).collect();
    // What no leaf covers is a sky: a gradient from the first colour to the second.
    let sky = |y: u32| {
        let t = y as f32 / HEIGHT as f32;
        std::array::from_fn(|c| palette[0][c] * (1.0 - t) + palette[1][c] * t)
    };
    let mut pixels: Vec<[f32; 3]> = (0..WIDTH * HEIGHT).map(|index| sky(index / WIDTH)).collect();
    for _ in 0..3000 {
        paint(&mut pixels, &disc(&mut draw, &palette));
    }
    let rgb = pixels.iter().enumerate().flat_map(|(index, rgb)| finish(seed as u32, index as u32, *rgb));
    Picture { width: WIDTH, height: HEIGHT, rgb: rgb.collect() }
}

fn disc(draw: &mut impl FnMut() -> f32, palette: &[[f32; 3]]) -> Disc {
    // Density falling with the cube of the radius, from 10 to 700 pixels.
    let (small, large) = (10.0f32, 700.0f32);
    let spread = small.powi(-2) + draw() * (large.powi(-2) - small.powi(-2));
    let base = palette[(draw() * 4.999) as usize];
    Disc {
        x: draw() * WIDTH as f32,
        y: draw() * HEIGHT as f32,
        radius: spread.powf(-0.5),
        rgb: base.map(|value| value + 40.0 * (draw() - 0.5)),
        shade: [60.0 * (draw() - 0.5), 60.0 * (draw() - 0.5)],
    }
}

fn paint(pixels: &mut [[f32; 3]], disc: &Disc) {
    let range = |at: f32, end: u32| {
        let low = (at - disc.radius).max(0.0) as u32;
        low..((at + disc.radius) as u32 + 1).min(end)
    };
    for y in range(disc.y, HEIGHT) {
        for x in range(disc.x, WIDTH) {
            let (dx, dy) = ((x as f32 - disc.x) / disc.radius, (y as f32 - disc.y) / disc.radius);
            let inside = ((1.0 - (dx * dx + dy * dy).sqrt()) * disc.radius).clamp(0.0, 1.0);
            let shade = dx * disc.shade[0] + dy * disc.shade[1];
            let pixel = &mut pixels[(y * WIDTH + x) as usize];
            for (value, own) in pixel.iter_mut().zip(disc.rgb) {
                *value += (own + shade - *value) * inside;
            }
        }
    }
}

/// Texture of some pixels' size, and the grain of a camera.
fn finish(seed: u32, index: u32, rgb: [f32; 3]) -> [u8; 3] {
    let (x, y) = (index % WIDTH, index / WIDTH);
    let texture = 9.0 * smooth(seed, x, y, 16) + 6.0 * smooth(seed + 1, x, y, 5);
    let grain = 4.0 * (hash(seed + 2, x, y) - 0.5);
    rgb.map(|value| (value + texture + grain).clamp(0.0, 255.0) as u8)
}

/// Noise between -1 and 1 that changes over `cell` pixels.
fn smooth(seed: u32, x: u32, y: u32, cell: u32) -> f32 {
    let (u, v) = ((x % cell) as f32 / cell as f32, (y % cell) as f32 / cell as f32);
    let corner = |dx: u32, dy: u32| 2.0 * hash(seed, x / cell + dx, y / cell + dy) - 1.0;
    let above = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * u;
    let below = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * u;
    above + (below - above) * v
}

/// A number from 0 to 1 that looks random.
fn hash(seed: u32, x: u32, y: u32) -> f32 {
    let mut value =
        seed.wrapping_mul(0x9E37_79B1) ^ x.wrapping_mul(0x85EB_CA77) ^ y.wrapping_mul(0xC2B2_AE3D);
    value = (value ^ (value >> 15)).wrapping_mul(0x2C1B_3C6D);
    value = (value ^ (value >> 12)).wrapping_mul(0x297A_2D39);
    (value ^ (value >> 15)) as f32 / u32::MAX as f32
}
