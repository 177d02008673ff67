//! RGB to YUV: ITU-R BT.709-6, section 3, with 8-bit limited-range coding (luma 16 to 235, chroma
//! 16 to 240).

use super::{Planes, Yuv420};
use crate::picture::{Crop, Picture};

/// Bits below the point of the coefficients.
pub(super) const BITS: u32 = 16;

/// Luma: 219/255 x (0.2126, 0.7152, 0.0722), times 2^16.
pub(super) const Y: [i32; 3] = [11_966, 40_254, 4_064];
/// Blue difference: 224/255 / 1.8556 x (-0.2126, -0.7152, 0.9278), times 2^16.
pub(super) const CB: [i32; 3] = [-6_596, -22_189, 28_785];
/// Red difference: 224/255 / 1.5748 x (0.7874, -0.7152, -0.0722), times 2^16.
pub(super) const CR: [i32; 3] = [28_784, -26_145, -2_639];

/// Converts the part `crop` of a picture, whose sides must be even.
pub(crate) fn from_rgb_crop(picture: &Picture, crop: Crop) -> Yuv420 {
    let (width, height) = (crop.width, crop.height);
    let mut frame = Yuv420::black(width, height);
    let Planes { luma, cb, cr } = frame.planes_mut();
    let stride = picture.width as usize * 3;
    let mut sums = vec![[0i32; 3]; width + 1];
    let row =
        |y: usize| picture.rgb[(crop.top + y) * stride + crop.left * 3..][..width * 3].as_chunks::<3>().0;
    for pair in 0..height / 2 {
        let (above, below) = (row(2 * pair), row(2 * pair + 1));
        luma_row(&mut luma[2 * pair * width..][..width], above);
        luma_row(&mut luma[(2 * pair + 1) * width..][..width], below);
        for ((sum, above), below) in sums[1..].iter_mut().zip(above).zip(below) {
            *sum = std::array::from_fn(|c| i32::from(above[c]) + i32::from(below[c]));
        }
        sums[0] = sums[1];
        let out = pair * (width / 2)..(pair + 1) * (width / 2);
        chroma_row(&mut cb[out.clone()], &mut cr[out], &sums);
    }
    frame
}

/// Converts a whole picture, less an odd last row or column.
///
/// # Panics
/// If a side is smaller than 2.
pub fn from_rgb(picture: &Picture) -> Yuv420 {
    let (width, height) = (picture.width as usize & !1, picture.height as usize & !1);
    from_rgb_crop(picture, Crop { left: 0, top: 0, width, height })
}

fn luma_row(out: &mut [u8], rgb: &[[u8; 3]]) {
    for (out, rgb) in out.iter_mut().zip(rgb) {
        *out = (weigh(rgb.map(i32::from), Y, BITS) + 16) as u8;
    }
}

/// `sums[x + 1]` is column x of two rows, added. A chroma sample lies on the left luma column of its
/// pair (H.264, figure 6-1), so it is weighed 1-2-1 about it.
fn chroma_row(cb: &mut [u8], cr: &mut [u8], sums: &[[i32; 3]]) {
    for (index, (cb, cr)) in cb.iter_mut().zip(cr).enumerate() {
        let [left, middle, right] = [sums[2 * index], sums[2 * index + 1], sums[2 * index + 2]];
        let rgb = std::array::from_fn(|c| left[c] + 2 * middle[c] + right[c]);
        *cb = (weigh(rgb, CB, BITS + 3) + 128) as u8;
        *cr = (weigh(rgb, CR, BITS + 3) + 128) as u8;
    }
}

fn weigh(rgb: [i32; 3], weights: [i32; 3], bits: u32) -> i32 {
    let sum = rgb[0] * weights[0] + rgb[1] * weights[1] + rgb[2] * weights[2];
    (sum + (1 << (bits - 1))) >> bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The standard's own formula.
    fn exact(rgb: [u8; 3]) -> [f64; 3] {
        let [r, g, b] = rgb.map(|value| f64::from(value) / 255.0);
        let y = 0.2126 * r + 0.7152 * g + 0.0722 * b;
        [16.0 + 219.0 * y, 128.0 + 224.0 * (b - y) / 1.8556, 128.0 + 224.0 * (r - y) / 1.5748]
    }

    proptest! {
        #[test]
        fn colours_are_the_standards_to_the_nearest_code(rgb: [u8; 3]) {
            let frame = from_rgb(&Picture { width: 4, height: 2, rgb: rgb.repeat(8) });
            let [y, cb, cr] = exact(rgb);
            let planes = frame.planes();
            for (plane, exact) in [(planes.luma, y), (planes.cb, cb), (planes.cr, cr)] {
                for &value in plane {
                    prop_assert!((f64::from(value) - exact).abs() < 0.505, "{} {}", value, exact);
                }
            }
        }
    }

    #[test]
    fn black_white_and_the_primaries_have_their_known_codes() {
        // Y, Cb, Cr of 100 % colour bars, BT.709 limited range.
        let known = [
            ([0, 0, 0], [16, 128, 128]),
            ([255, 255, 255], [235, 128, 128]),
            ([255, 0, 0], [63, 102, 240]),
            ([0, 255, 0], [173, 42, 26]),
            ([0, 0, 255], [32, 240, 118]),
        ];
        for (rgb, codes) in known {
            let frame = from_rgb(&Picture { width: 2, height: 2, rgb: rgb.repeat(4) });
            let planes = frame.planes();
            assert_eq!([planes.luma[0], planes.cb[0], planes.cr[0]], codes);
        }
    }

    #[test]
    fn chroma_sits_on_the_left_column() {
        // A red edge at x = 4: the chroma sample at x = 4 is three quarters red, at x = 2 not at all.
        let row: Vec<u8> = (0..8).flat_map(|x| if x >= 4 { [255, 0, 0] } else { [0, 0, 0] }).collect();
        let frame = from_rgb(&Picture { width: 8, height: 2, rgb: row.repeat(2) });
        let cr: Vec<u8> = frame.planes().cr.to_vec();
        assert_eq!(cr, [128, 128, 212, 240]);
    }
}
