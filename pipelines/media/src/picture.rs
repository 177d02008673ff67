//! Still pictures: loaded from files within stated limits, cropped, resized and saved.

mod bitmap;
pub(crate) mod exif;
mod load;
pub(crate) mod resize;
mod webp;

pub use bitmap::{Bitmap, Format, Note};
pub use exif::COMMENT;
pub use load::{MAX_PIXELS, MAX_SIDE, load, load_bitmap};
pub use webp::write_webp_under;

use crate::{Result, publish};
use resize::{Axis, Plane};
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// An 8-bit sRGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// Row by row from the top, three bytes a pixel: `width * height * 3`.
    pub rgb: Vec<u8>,
}

/// Where a picture comes from; a file is loaded only when it is needed.
#[derive(Debug, Clone)]
pub enum PictureSource {
    /// A JPEG, PNG or WebP file.
    File(PathBuf),
    /// A picture that is in memory anyway.
    Memory(Arc<Picture>),
}

impl PictureSource {
    /// The picture itself.
    ///
    /// # Errors
    /// As [`load`].
    pub fn open(&self) -> Result<Cow<'_, Picture>> {
        match self {
            Self::File(path) => load(path).map(Cow::Owned),
            Self::Memory(picture) => Ok(Cow::Borrowed(picture)),
        }
    }
}

impl Picture {
    /// Writes a PNG, whole or not at all.
    ///
    /// # Errors
    /// `DiskFull` or `Io`.
    pub fn save_png(&self, path: &Path) -> Result<()> {
        use image::codecs::png::{CompressionType, FilterType, PngEncoder};
        // Encoded in memory, because the encoder keeps of a failed write only its words, and a full
        // disk would not be told from anything else.
        let mut bytes = Vec::new();
        let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Fast, FilterType::Adaptive);
        let colour = image::ExtendedColorType::Rgb8;
        image::ImageEncoder::write_image(encoder, &self.rgb, self.width, self.height, colour)
            .map_err(|error| publish::failed(path, std::io::Error::other(error)))?;
        publish::write_whole(&bytes, path)
    }

    /// The largest part of the picture about its centre that has the shape of `width` x `height`,
    /// resized to just that.
    ///
    /// # Panics
    /// If `width` or `height` is 0.
    pub fn cover(&self, width: u32, height: u32) -> Picture {
        let crop = Crop::covering((self.width, self.height), (width, height), 1);
        let planes: Vec<Vec<u8>> = (0..3).map(|channel| self.channel(channel, crop)).collect();
        let horizontal = Axis::centred(crop.width, width as usize);
        let vertical = Axis::centred(crop.height, height as usize);
        let resized: Vec<Vec<u8>> = planes
            .iter()
            .map(|plane| resize::lanczos(Plane::new(plane, crop.width), horizontal, vertical))
            .collect();
        let mut rgb = vec![0; width as usize * height as usize * 3];
        for (index, pixel) in rgb.as_chunks_mut::<3>().0.iter_mut().enumerate() {
            *pixel = [resized[0][index], resized[1][index], resized[2][index]];
        }
        Picture { width, height, rgb }
    }

    fn channel(&self, channel: usize, crop: Crop) -> Vec<u8> {
        let stride = self.width as usize * 3;
        let rows = self.rgb.chunks_exact(stride).skip(crop.top).take(crop.height);
        rows.flat_map(|row| row[crop.left * 3..][..crop.width * 3].iter().skip(channel).step_by(3).copied())
            .collect()
    }
}

/// A rectangle of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crop {
    pub(crate) left: usize,
    pub(crate) top: usize,
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Crop {
    /// The largest centred rectangle of the shape `wanted` within a picture of size `own`, its
    /// sides multiples of `multiple` (where the picture has as many pixels).
    pub(crate) fn covering(own: (u32, u32), wanted: (u32, u32), multiple: usize) -> Self {
        let (own_w, own_h) = (f64::from(own.0), f64::from(own.1));
        let scale = (own_w / f64::from(wanted.0)).min(own_h / f64::from(wanted.1));
        let side = |wanted: u32, own: u32| {
            let side = (f64::from(wanted) * scale).round() as usize;
            (side / multiple * multiple).clamp(multiple.min(own as usize), own as usize)
        };
        let (width, height) = (side(wanted.0, own.0), side(wanted.1, own.1));
        let left = (own.0 as usize - width) / 2;
        Self { left, top: (own.1 as usize - height) / 2, width, height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_crop_lies_inside_and_touches_two_sides(
            own in (2u32..5000, 2u32..5000), wanted in (2u32..3000, 2u32..3000),
        ) {
            let crop = Crop::covering(own, wanted, 2);
            prop_assert!(crop.left + crop.width <= own.0 as usize);
            prop_assert!(crop.top + crop.height <= own.1 as usize);
            prop_assert!(crop.width.is_multiple_of(2) && crop.height.is_multiple_of(2));
            prop_assert!(crop.width + 2 > own.0 as usize || crop.height + 2 > own.1 as usize);
        }
    }

    #[test]
    fn a_plain_colour_stays_itself_when_covered() {
        let picture = Picture { width: 37, height: 91, rgb: [200, 10, 77].repeat(37 * 91) };
        for (width, height) in [(64, 64), (13, 200), (37, 91), (1, 1)] {
            let covered = picture.cover(width, height);
            assert_eq!(covered.rgb, [200, 10, 77].repeat((width * height) as usize));
        }
    }

    #[test]
    fn a_saved_png_loads_as_the_same_picture() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        let rgb = (0..31 * 17 * 3).map(|value| (value % 251) as u8).collect();
        let picture = Picture { width: 31, height: 17, rgb };
        picture.save_png(&path).unwrap();
        assert_eq!(load(&path).unwrap(), picture);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_left_where_a_png_cannot_be_written() {
        let error = Picture { width: 1, height: 1, rgb: vec![0; 3] }
            .save_png(Path::new("/proc/nowhere/a.png"))
            .unwrap_err();
        assert!(error.to_string().contains("/proc/nowhere/a.png"), "{error}");
    }
}
