//! Natural-looking fields, all from a seed.

/// A seed from a seed and a text (FNV-1a over the bytes, then mixed).
pub(crate) fn seed_of(seed: u64, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ scramble(seed);
    scramble(text.bytes().fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)))
}

/// The finaliser of splitmix64.
fn scramble(mut z: u64) -> u64 {
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// 64 well-mixed bits of a place.
pub(crate) fn hash2(x: u32, y: u32, seed: u64) -> u64 {
    scramble(seed ^ (u64::from(x) << 32 | u64::from(y)))
}

/// The slope that a lattice point gives to its surroundings, times the distance from it.
fn corner(ix: i32, iy: i32, dx: f32, dy: f32, seed: u64) -> f32 {
    let bits = hash2(ix as u32, iy as u32, seed);
    let unit = |bits: u64| (bits & 0xffff) as f32 / 32768.0 - 1.0;
    unit(bits) * dx + unit(bits >> 16) * dy
}

/// Gradient noise (Perlin 2002), 0 to 1, mean a half, one feature per unit.
pub(crate) fn noise(x: f32, y: f32, seed: u64) -> f32 {
    let (fx, fy) = (x.floor(), y.floor());
    let (ix, iy, dx, dy) = (fx as i32, fy as i32, x - fx, y - fy);
    let ease = |t: f32| t * t * t * (t * (t * 6.0 - 15.0) + 10.0);
    let (tx, ty) = (ease(dx), ease(dy));
    let (a, b) = (corner(ix, iy, dx, dy, seed), corner(ix + 1, iy, dx - 1.0, dy, seed));
    let (c, d) = (corner(ix, iy + 1, dx, dy - 1.0, seed), corner(ix + 1, iy + 1, dx - 1.0, dy - 1.0, seed));
    let (top, low) = (a + (b - a) * tx, c + (d - c) * tx);
    (0.5 + 0.85 * (top + (low - top) * ty)).clamp(0.0, 1.0)
}

/// Several octaves of [`noise`], 0 to 1, mean about a half.
pub(crate) fn fbm(x: f32, y: f32, octaves: u32, seed: u64) -> f32 {
    let (mut sum, mut weight, mut scale, mut total) = (0.0, 0.5, 1.0, 0.0);
    for octave in 0..octaves {
        // Each octave is turned, or the lattice would show.
        let (s, c) = (0.6_f32, 0.8_f32);
        let (px, py) = if octave % 2 == 0 { (x, y) } else { (x * c - y * s, x * s + y * c) };
        sum += weight * noise(px * scale, py * scale, seed.wrapping_add(u64::from(octave)));
        total += weight;
        weight *= 0.5;
        scale *= 2.03;
    }
    sum / total
}
