//! Premultiplied RGBA to premultiplied YUV and coverage: overlays get the same weights and the same
//! chroma positions as the frames that they are blended over ([`super::convert`]).

use super::convert::{BITS, CB, CR, Y};

/// Black's luma code, 16/255 of the coverage, times 2^16.
const BLACK: u32 = 4_112;
/// Grey's chroma code, 128/255 of the coverage, times 2^16.
const GREY: i32 = 32_897;

/// Luma and coverage of a row of pixels.
pub(crate) fn luma_row(rgba: &[[u8; 4]], luma: &mut [u8], alpha: &mut [u8]) {
    let weights = Y.map(i32::cast_unsigned);
    for ((&[r, g, b, a], luma), alpha) in rgba.iter().zip(luma).zip(alpha) {
        let weighed = weights[0] * u32::from(r) + weights[1] * u32::from(g) + weights[2] * u32::from(b);
        *luma = ((weighed + BLACK * u32::from(a) + (1 << (BITS - 1))) >> BITS) as u8;
        *alpha = a;
    }
}

/// Cb, Cr and coverage of every second pixel of two rows, which must be of an even length. Each is
/// weighed 1-2-1 about the left column of its pair, where the sample lies. Before the first column
/// comes nothing, or at a frame's left edge (`at_edge`) that column again.
pub(crate) fn chroma_row<'a>(
    above: &'a [[u8; 4]],
    below: &'a [[u8; 4]],
    at_edge: bool,
) -> impl Iterator<Item = [u8; 3]> + 'a {
    let columns = above.iter().zip(below).map(|(above, below)| {
        let sum: [i32; 4] = std::array::from_fn(|c| i32::from(above[c]) + i32::from(below[c]));
        sum
    });
    let pairs = columns.clone().step_by(2).zip(columns.clone().skip(1).step_by(2));
    let before = columns.clone().next().filter(|_| at_edge).unwrap_or_default();
    pairs.scan(before, |left, (middle, right)| {
        let before = std::mem::replace(left, right);
        let sum: [i32; 4] = std::array::from_fn(|c| before[c] + 2 * middle[c] + right[c]);
        Some([weigh(sum, CB), weigh(sum, CR), ((sum[3] + 4) >> 3) as u8])
    })
}

/// One difference from the eightfold sum of a place.
fn weigh([r, g, b, a]: [i32; 4], weights: [i32; 3]) -> u8 {
    let weighed = weights[0] * r + weights[1] * g + weights[2] * b + GREY * a;
    ((weighed + (1 << (BITS + 2))) >> (BITS + 3)) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::Picture;
    use crate::yuv::from_rgb;
    use proptest::prelude::*;

    proptest! {
        /// What covers fully is what a frame makes of the same pixels.
        #[test]
        fn opaque_pixels_become_what_a_frame_makes_of_them(
            rgb in prop::collection::vec(any::<[u8; 3]>(), 16),
        ) {
            let frame = from_rgb(&Picture { width: 8, height: 2, rgb: rgb.as_flattened().to_vec() });
            let rgba: Vec<[u8; 4]> = rgb.iter().map(|&[r, g, b]| [r, g, b, 255]).collect();
            let (above, below) = rgba.split_at(8);
            let (mut luma, mut alpha) = ([0; 8], [0; 8]);
            luma_row(above, &mut luma, &mut alpha);
            prop_assert_eq!(alpha, [255; 8]);
            let planes = frame.planes();
            let near = |ours: u8, theirs: u8| ours.abs_diff(theirs) <= 1;
            prop_assert!(luma.iter().zip(planes.luma).all(|(a, b)| near(*a, *b)));
            for (index, [cb, cr, alpha]) in chroma_row(above, below, true).enumerate() {
                prop_assert!(near(cb, planes.cb[index]) && near(cr, planes.cr[index]) && alpha == 255);
            }
        }
    }
}
