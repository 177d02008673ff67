//! Pictures of bytes to arrays of numbers and back, as diffusers' `VaeImageProcessor` does it.

use crate::network::Array;
use reelsmith_inference_core::Result;
use reelsmith_inference_core::image::Image;

/// Whether a mask says that the pixel is painted anew.
pub(super) fn is_white(mask: u8) -> bool {
    // Diffusers cuts at 0.5 of 255.
    mask >= 128
}

/// RGB bytes to (1, 3, H, W) in -1 ..= 1.
pub(super) fn array(image: &Image) -> Array {
    planes(image, |byte| 2.0 * (f32::from(byte) / 255.0) - 1.0)
}

/// RGB bytes to (1, 3, H, W) in 0 ..= 1, which a ControlNet takes.
pub(super) fn hint(image: &Image) -> Array {
    planes(image, |byte| f32::from(byte) / 255.0)
}

fn planes(image: &Image, number: impl Fn(u8) -> f32) -> Array {
    let channels = usize::from(image.channels);
    let plane = |channel| image.pixels.iter().skip(channel).step_by(channels).map(|byte| number(*byte));
    let shape = [1, channels, image.height as usize, image.width as usize];
    Array::new(&shape, (0..channels).flat_map(plane).collect())
}

/// A grey mask to 0 and 1 at the latents' size: the pixel in the corner of each `factor` x `factor` square, which is
/// the one that PyTorch's nearest interpolation takes.
pub(super) fn mask(mask: &Image, factor: usize) -> Vec<f32> {
    let width = mask.width as usize;
    let rows = mask.pixels.chunks_exact(width).step_by(factor);
    rows.flat_map(|row| row.iter().step_by(factor).map(|byte| f32::from(u8::from(is_white(*byte))))).collect()
}

/// (1, 3, H, W) in -1 ..= 1 to RGB bytes; what lies beyond is cut.
pub(super) fn image(picture: &Array) -> Result<Image> {
    let &[_, channels, height, width] = picture.shape.as_slice() else {
        unreachable!("a picture has four axes, as its graph declares")
    };
    let plane = height * width;
    let byte = |number: f32| ((number / 2.0 + 0.5).clamp(0.0, 1.0) * 255.0).round_ties_even() as u8;
    let pixel = |n: usize| (0..channels).map(move |channel| byte(picture.data[channel * plane + n]));
    let pixels = (0..plane).flat_map(pixel).collect();
    Image::new(width as u32, height as u32, channels as u8, pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_numbers() {
        let bytes: Vec<u8> = (0..=254).collect();
        let original = Image::new(17, 5, 3, bytes).unwrap();
        assert_eq!(image(&array(&original)).unwrap(), original);
    }

    #[test]
    fn a_mask_is_cut_at_the_middle_and_seen_at_the_corners() {
        let mut bytes = vec![0; 16 * 8];
        (bytes[0], bytes[8], bytes[9]) = (128, 127, 255);
        assert_eq!(mask(&Image::new(16, 8, 1, bytes).unwrap(), 8), [1.0, 0.0]);
    }
}
