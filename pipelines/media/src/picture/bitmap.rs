//! Pictures with grey or transparency kept, and their files, which carry notes: PNG, lossless WebP, JPEG.

use super::load::on_white;
use super::resize::{self, Axis, Plane};
use super::{Picture, exif};
use crate::{ErrorKind, MediaError, Result, publish};
use image::{ExtendedColorType, ImageEncoder};
use std::path::Path;

/// Quality of JPEG files, 1 to 100: hard to tell from the original.
const JPEG_QUALITY: u8 = 95;

/// An 8-bit sRGB picture as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bitmap {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// 1 (grey), 3 (RGB) or 4 (RGB and straight alpha).
    pub channels: u8,
    /// Row by row from the top: `width * height * channels`.
    pub pixels: Vec<u8>,
}

/// A text that a picture's file carries: in PNG under its keyword, in JPEG and WebP as EXIF, which has a place for
/// [`super::COMMENT`] and one more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// 1 to 79 printable Latin-1 characters: PNG specification (third edition), section 11.3.3.2.
    pub keyword: String,
    /// Any text without a NUL.
    pub text: String,
}

/// Formats that pictures are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// PNG: exact.
    Png,
    /// WebP without loss.
    Webp,
    /// JPEG at quality 95; what is transparent becomes white.
    Jpeg,
}

impl Format {
    /// The format that the ending of `path` names.
    ///
    /// # Errors
    /// `InvalidInput` with the endings there are.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        match ending.as_str() {
            "png" => Ok(Self::Png),
            "webp" => Ok(Self::Webp),
            "jpg" | "jpeg" => Ok(Self::Jpeg),
            _ => {
                let message = format!(
                    "{} does not say which format to write; end the name in .png, .webp or .jpg",
                    path.display()
                );
                Err(MediaError::new(ErrorKind::InvalidInput, message))
            }
        }
    }
}

impl From<Picture> for Bitmap {
    fn from(Picture { width, height, rgb }: Picture) -> Self {
        Self { width, height, channels: 3, pixels: rgb }
    }
}

impl Bitmap {
    /// RGB, laid on white where it is transparent.
    pub fn into_picture(self) -> Picture {
        let Self { width, height, channels, pixels } = self;
        let rgb = match channels {
            1 => pixels.iter().flat_map(|grey| [*grey; 3]).collect(),
            4 => on_white(&pixels),
            _ => pixels,
        };
        Picture { width, height, rgb }
    }

    /// One channel: ITU-R BT.601 luma of a colour picture, alpha left out.
    pub fn into_grey(self) -> Self {
        let Self { width, height, channels, pixels } = self;
        let luma = |pixel: &[u8]| {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
            ((299 * r + 587 * g + 114 * b + 500) / 1000) as u8
        };
        let pixels = match channels {
            1 => pixels,
            _ => pixels.chunks_exact(usize::from(channels)).map(luma).collect(),
        };
        Self { width, height, channels: 1, pixels }
    }

    /// The whole picture at another size, by a Lanczos filter; its shape may change.
    ///
    /// # Panics
    /// If `width` or `height` is 0.
    pub fn resized(&self, width: u32, height: u32) -> Self {
        let (own_width, own_height) = (self.width as usize, self.height as usize);
        let horizontal = Axis::centred(own_width, width as usize);
        let vertical = Axis::centred(own_height, height as usize);
        let channels = usize::from(self.channels);
        let mut pixels = vec![0; width as usize * height as usize * channels];
        for channel in 0..channels {
            let plane: Vec<u8> = self.pixels.iter().skip(channel).step_by(channels).copied().collect();
            let scaled = resize::lanczos(Plane::new(&plane, own_width), horizontal, vertical);
            pixels.iter_mut().skip(channel).step_by(channels).zip(scaled).for_each(|(to, from)| *to = from);
        }
        Self { width, height, channels: self.channels, pixels }
    }

    /// Writes the file whole or not at all, in the format that its ending names.
    ///
    /// # Errors
    /// `InvalidInput` for another ending; as [`Self::encode`]; `DiskFull` or `Io`.
    pub fn save(&self, path: &Path, notes: &[Note]) -> Result<()> {
        let bytes = self.encode(Format::of(path)?, notes)?;
        publish::write_whole(&bytes, path)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// As [`Format::check_notes`]; `InvalidInput` for sides that the format cannot hold (above 16,383 for WebP, 65,535
    /// for JPEG).
    pub fn encode(&self, format: Format, notes: &[Note]) -> Result<Vec<u8>> {
        match format {
            Format::Png => self.png(notes),
            Format::Webp => self.webp(notes),
            Format::Jpeg => self.clone().jpeg(notes),
        }
    }

    fn png(&self, notes: &[Note]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_color(match self.channels {
            1 => png::ColorType::Grayscale,
            4 => png::ColorType::Rgba,
            _ => png::ColorType::Rgb,
        });
        check_text(notes)?;
        for Note { keyword, text } in notes {
            let added = encoder.add_itxt_chunk(keyword.clone(), text.clone());
            added.map_err(|error| unwritable("PNG", error))?;
        }
        let mut writer = encoder.write_header().map_err(|error| unwritable("PNG", error))?;
        writer.write_image_data(&self.pixels).map_err(|error| unwritable("PNG", error))?;
        writer.finish().map_err(|error| unwritable("PNG", error))?;
        Ok(bytes)
    }

    fn webp(&self, notes: &[Note]) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut bytes);
        self.noted(encoder, exif::exif(notes)?).map_err(|error| unwritable("WebP", error))?;
        Ok(bytes)
    }

    fn jpeg(self, notes: &[Note]) -> Result<Vec<u8>> {
        let opaque = if self.channels == 4 { self.into_picture().into() } else { self };
        let mut bytes = Vec::new();
        let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
        opaque.noted(encoder, exif::jpeg_exif(notes)?).map_err(|error| unwritable("JPEG", error))?;
        Ok(bytes)
    }

    fn noted(&self, mut encoder: impl ImageEncoder, exif: Option<Vec<u8>>) -> image::ImageResult<()> {
        exif.map_or(Ok(()), |exif| encoder.set_exif_metadata(exif).map_err(image::ImageError::Unsupported))?;
        encoder.write_image(&self.pixels, self.width, self.height, self.colour())
    }

    fn colour(&self) -> ExtendedColorType {
        match self.channels {
            1 => ExtendedColorType::L8,
            4 => ExtendedColorType::Rgba8,
            _ => ExtendedColorType::Rgb8,
        }
    }
}

/// Refuses what no iTXt chunk holds.
pub(super) fn check_text(notes: &[Note]) -> Result<()> {
    match notes.iter().find(|note| note.text.contains('\0')) {
        Some(Note { keyword, .. }) => Err(unwritable("PNG", format!("the note `{keyword}` has a NUL in it"))),
        None => Ok(()),
    }
}

fn unwritable(format: &str, why: impl std::fmt::Display) -> MediaError {
    MediaError::new(ErrorKind::InvalidInput, format!("the picture cannot be stored as {format}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::load_bitmap;
    use proptest::prelude::*;

    fn sample(width: u32, height: u32, channels: u8) -> Bitmap {
        let length = width * height * u32::from(channels);
        let pixels = (0..length).map(|n| (n * 37 % 251) as u8).collect();
        Bitmap { width, height, channels, pixels }
    }

    fn note(keyword: &str, text: &str) -> Note {
        Note { keyword: keyword.into(), text: text.into() }
    }

    #[test]
    fn exact_formats_give_back_every_pixel_of_every_kind() {
        let dir = tempfile::tempdir().unwrap();
        for (channels, ending) in [(1, "png"), (3, "png"), (4, "png"), (3, "webp"), (4, "webp")] {
            let (path, bitmap) = (dir.path().join(format!("a.{ending}")), sample(31, 17, channels));
            bitmap.save(&path, &[]).unwrap();
            assert_eq!(load_bitmap(&path).unwrap(), bitmap, "{channels} channels as {ending}");
        }
    }

    #[test]
    fn a_jpeg_of_a_transparent_picture_is_laid_on_white() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.jpeg");
        let clear = Bitmap { width: 16, height: 16, channels: 4, pixels: [9, 9, 9, 0].repeat(256) };
        clear.save(&path, &[]).unwrap();
        let back = load_bitmap(&path).unwrap();
        assert!(back.channels == 3 && back.pixels.iter().all(|value| *value >= 253));
    }

    #[test]
    fn another_ending_is_refused_with_those_there_are() {
        let error = sample(2, 2, 3).save(Path::new("a.gif"), &[]).unwrap_err();
        assert!(error.to_string().contains("a.gif") && error.to_string().contains(".webp"), "{error}");
    }

    #[test]
    fn a_note_that_png_cannot_hold_is_refused() {
        for wrong in [note("", "x"), note(&"k".repeat(80), "x"), note("\u{4e00}", "x"), note("k", "a\0b")] {
            let error = sample(2, 2, 3).encode(Format::Png, std::slice::from_ref(&wrong)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{wrong:?}");
        }
    }

    #[test]
    fn resizing_keeps_plain_channels_plain_and_the_whole_picture() {
        let plain = Bitmap { width: 9, height: 5, channels: 4, pixels: [1, 2, 3, 4].repeat(45) };
        let scaled = plain.resized(18, 20);
        assert_eq!((scaled.width, scaled.height), (18, 20));
        assert_eq!(scaled.pixels, [1, 2, 3, 4].repeat(360));
    }

    proptest! {
        #[test]
        fn notes_of_any_script_are_read_back_from_the_file(text in "[^\0]{0,200}") {
            let bytes = sample(3, 2, 3).encode(Format::Png, &[note("parameters", &text)]).unwrap();
            let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
            let mut pixels = vec![0; 18];
            reader.next_frame(&mut pixels).unwrap();
            let chunk = &reader.info().utf8_text[0];
            prop_assert_eq!(&chunk.keyword, "parameters");
            prop_assert_eq!(chunk.get_text().unwrap(), text);
        }
    }
}
