//! Mixes two frames, and lays an overlay over a frame.

use super::kernel::{Kernel, twins};
use super::{Planes, Yuv420};
use crate::overlay::Overlay;

/// Crossfades are weighed in 256ths.
pub const FULL: u16 = 256;

/// `out = out * (256 - weight) + next * weight`, in 256ths.
///
/// # Panics
/// If the frames differ in size or `weight` is above 256.
pub fn crossfade(kernel: Kernel, out: &mut Yuv420, next: &Yuv420, weight: u16) {
    assert!(weight <= FULL && out.data.len() == next.data.len());
    mix(kernel, &mut out.data, &next.data, weight);
}

fn mix(kernel: Kernel, out: &mut [u8], next: &[u8], weight: u16) {
    #[inline(always)]
    fn body(out: &mut [u8], next: &[u8], weight: u16) {
        for (out, &next) in out.iter_mut().zip(next) {
            // At most 255 * 256 + 128, which fits.
            *out = ((u16::from(*out) * (FULL - weight) + u16::from(next) * weight + 128) >> 8) as u8;
        }
    }
    twins!(kernel, body(out: &mut [u8], next: &[u8], weight: u16));
}

/// Lays `overlay` over `frame`; what reaches beyond the frame is cut off. `opacity` of 255 lays it
/// on as it is, 0 not at all.
pub fn blend_overlay(kernel: Kernel, frame: &mut Yuv420, overlay: &Overlay, opacity: u8) {
    let (width, height) = (frame.width, frame.height);
    let Planes { luma, cb, cr } = frame.planes_mut();
    let (x, y, w, h) = (overlay.x, overlay.y, overlay.width, overlay.height);
    let place = Place { at: (x, y), size: (w, h), frame: (width, height) };
    place.blend(kernel, luma, &overlay.luma, &overlay.alpha, opacity);
    let place = Place { at: (x / 2, y / 2), size: (w / 2, h / 2), frame: (width / 2, height / 2) };
    place.blend(kernel, cb, &overlay.cb, &overlay.chroma_alpha, opacity);
    place.blend(kernel, cr, &overlay.cr, &overlay.chroma_alpha, opacity);
}

/// Where a plane of an overlay lies on a plane of the frame.
struct Place {
    at: (usize, usize),
    size: (usize, usize),
    frame: (usize, usize),
}

impl Place {
    fn blend(&self, kernel: Kernel, plane: &mut [u8], source: &[u8], alpha: &[u8], opacity: u8) {
        let width = self.size.0.min(self.frame.0.saturating_sub(self.at.0));
        let height = self.size.1.min(self.frame.1.saturating_sub(self.at.1));
        if width == 0 {
            return;
        }
        for row in 0..height {
            let out = &mut plane[(self.at.1 + row) * self.frame.0 + self.at.0..][..width];
            let from = row * self.size.0..row * self.size.0 + width;
            over(kernel, out, &source[from.clone()], &alpha[from], opacity);
        }
    }
}

/// `value / 255` to the nearest, for values up to 255 * 255.
#[inline(always)]
fn div255(value: u16) -> u16 {
    let value = value + 128;
    (value + (value >> 8)) >> 8
}

fn over(kernel: Kernel, out: &mut [u8], source: &[u8], alpha: &[u8], opacity: u8) {
    #[inline(always)]
    fn body(out: &mut [u8], source: &[u8], alpha: &[u8], opacity: u16) {
        for ((out, &source), &alpha) in out.iter_mut().zip(source).zip(alpha) {
            let (source, alpha) = match opacity {
                255 => (u16::from(source), u16::from(alpha)),
                _ => (div255(u16::from(source) * opacity), div255(u16::from(alpha) * opacity)),
            };
            // Premultiplied values may be rounded up on both sides of the sum.
            *out = (source + div255(u16::from(*out) * (255 - alpha))).min(255) as u8;
        }
    }
    let opacity = u16::from(opacity);
    twins!(kernel, body(out: &mut [u8], source: &[u8], alpha: &[u8], opacity: u16));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(length: usize) -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), length)
    }

    proptest! {
        #[test]
        fn both_kernels_mix_alike(
            (out, next) in (0usize..200).prop_flat_map(|n| (bytes(n), bytes(n))), weight in 0u16..=256,
        ) {
            let (mut scalar, mut fast) = (out.clone(), out.clone());
            mix(Kernel::Scalar, &mut scalar, &next, weight);
            mix(Kernel::detect(), &mut fast, &next, weight);
            prop_assert_eq!(&scalar, &fast);
            for ((mixed, a), b) in scalar.iter().zip(&out).zip(&next) {
                let exact = (f64::from(*a) * f64::from(256 - weight) + f64::from(*b) * f64::from(weight)) / 256.0;
                prop_assert!((f64::from(*mixed) - exact).abs() <= 0.5);
            }
        }

        #[test]
        fn both_kernels_lay_over_alike(
            (out, source, alpha) in (0usize..200).prop_flat_map(|n| (bytes(n), bytes(n), bytes(n))), opacity: u8,
        ) {
            let (mut scalar, mut fast) = (out.clone(), out.clone());
            over(Kernel::Scalar, &mut scalar, &source, &alpha, opacity);
            over(Kernel::detect(), &mut fast, &source, &alpha, opacity);
            prop_assert_eq!(&scalar, &fast);
            for index in 0..out.len() {
                let share = f64::from(opacity) / 255.0;
                let cover = 1.0 - f64::from(alpha[index]) / 255.0 * share;
                let exact = f64::from(source[index]) * share + f64::from(out[index]) * cover;
                prop_assert!((f64::from(scalar[index]) - exact.min(255.0)).abs() <= 2.0);
            }
        }

        #[test]
        fn a_crossfade_goes_from_one_to_the_other_and_never_back(a: u8, b: u8) {
            let at = |weight| {
                let mut out = [a];
                mix(Kernel::detect(), &mut out, &[b], weight);
                out[0]
            };
            prop_assert_eq!((at(0), at(256)), (a, b));
            for weight in 0..256 {
                let (now, next) = (at(weight), at(weight + 1));
                let forward = if a <= b { now <= next } else { now >= next };
                prop_assert!(forward);
            }
        }

        #[test]
        fn an_overlay_changes_only_its_rectangle(x in 0usize..20, y in 0usize..20, w in 1usize..20, h in 1usize..20) {
            let (x, y, w, h) = (2 * x, 2 * y, 2 * w, 2 * h);
            let overlay = Overlay {
                x, y, width: w, height: h,
                luma: vec![200; w * h], alpha: vec![255; w * h],
                cb: vec![90; w * h / 4], cr: vec![80; w * h / 4], chroma_alpha: vec![255; w * h / 4],
            };
            let mut frame = Yuv420::black(32, 24);
            blend_overlay(Kernel::detect(), &mut frame, &overlay, 255);
            let planes = frame.planes();
            for (index, &value) in planes.luma.iter().enumerate() {
                let (px, py) = (index % 32, index / 32);
                let inside = (x..x + w).contains(&px) && (y..y + h).contains(&py);
                prop_assert_eq!(value, if inside { 200 } else { 16 });
            }
            for (index, &value) in planes.cb.iter().enumerate() {
                let (px, py) = (index % 16 * 2, index / 16 * 2);
                let inside = (x..x + w).contains(&px) && (y..y + h).contains(&py);
                prop_assert_eq!(value, if inside { 90 } else { 128 });
            }
        }
    }

    #[test]
    fn division_by_255_is_exact_for_every_product() {
        for value in 0..=255u16 * 255 {
            assert_eq!(div255(value), ((u32::from(value) + 127) / 255) as u16);
        }
    }
}
