//! Reads JPEG, PNG and WebP; judges a picture by its header before any pixel is decoded.

use super::{Bitmap, Picture};
use crate::{ErrorKind, MediaError, Result};
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// The most pixels that a picture may have: 64 megapixels.
pub const MAX_PIXELS: u64 = 64_000_000;

/// The most pixels that a picture may have on a side.
pub const MAX_SIDE: u32 = 16_384;

/// The most bytes that decoded pixels may take: 256 MB, which is 64 megapixels of 8 bits with
/// transparency, or half as many of 16 bits.
const MAX_DECODED_BYTES: u64 = 4 * MAX_PIXELS;

/// The most bytes that a file may have, 268 MB: JPEG files are held in memory whole while they are
/// decoded.
const MAX_FILE_BYTES: u64 = 256 << 20;

/// Loads a JPEG, PNG or WebP file, turned upright as its EXIF orientation says; what is transparent
/// becomes white. Colour profiles are not applied: the values are taken as sRGB.
///
/// # Errors
/// `InvalidInput` if the file is missing, damaged, cut short, or of another format. `Limit` if the file
/// is larger than 268 MB, or if its header tells that the picture is larger than [`MAX_PIXELS`] or
/// [`MAX_SIDE`], or takes more than 256 MB decoded (above 32 megapixels of 16 bits with transparency).
pub fn load(path: &Path) -> Result<Picture> {
    let image = decode(path)?;
    Ok(Picture { width: image.width(), height: image.height(), rgb: opaque(image) })
}

/// The same, with grey and transparency kept as they are.
///
/// # Errors
/// As [`load`].
pub fn load_bitmap(path: &Path) -> Result<Bitmap> {
    let image = decode(path)?;
    let (width, height) = (image.width(), image.height());
    let colour = image.color();
    let (channels, pixels) = match (colour.has_alpha(), colour.has_color()) {
        (true, _) => (4, image.into_rgba8().into_raw()),
        (false, true) => (3, image.into_rgb8().into_raw()),
        (false, false) => (1, image.into_luma8().into_raw()),
    };
    Ok(Bitmap { width, height, channels, pixels })
}

fn decode(path: &Path) -> Result<DynamicImage> {
    let file = File::open(path).map_err(|error| unreadable(path, error))?;
    let bytes = file.metadata().map_err(|error| unreadable(path, error))?.len();
    if bytes > MAX_FILE_BYTES {
        let (size, limit) = (bytes / 1_000_000, MAX_FILE_BYTES / 1_000_000);
        return Err(too_large(path, &format!("the file has {size} MB, while {limit} MB is the limit")));
    }
    let reader = ImageReader::new(BufReader::new(file));
    let reader = reader.with_guessed_format().map_err(|error| unreadable(path, error))?;
    if reader.format() == Some(image::ImageFormat::Jpeg) && !jpeg_is_complete(path)? {
        return Err(damaged(path, "it is cut short"));
    }
    let mut decoder = reader.into_decoder().map_err(|error| undecodable(path, error))?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if width.max(height) > MAX_SIDE || pixels > MAX_PIXELS {
        let most = MAX_PIXELS / 1_000_000;
        let limits = format!("{most} megapixels and {MAX_SIDE} pixels a side are the limits");
        return Err(too_large(path, &format!("it has {width} x {height} pixels, while {limits}")));
    }
    if decoder.total_bytes() > MAX_DECODED_BYTES {
        let (size, limit) = (decoder.total_bytes() / 1_000_000, MAX_DECODED_BYTES / 1_000_000);
        let how = format!("its {width} x {height} pixels take {size} MB, while {limit} MB is the limit");
        return Err(too_large(path, &format!("{how}; 8 bits a channel take half of 16")));
    }
    let orientation = decoder.orientation().map_err(|error| undecodable(path, error))?;
    let mut image = DynamicImage::from_decoder(decoder).map_err(|error| undecodable(path, error))?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Lays the picture on white.
fn opaque(image: DynamicImage) -> Vec<u8> {
    if !image.color().has_alpha() {
        return image.into_rgb8().into_raw();
    }
    let rgba = image.into_rgba8().into_raw();
    on_white(&rgba)
}

/// RGB of RGBA pixels laid on white.
pub(super) fn on_white(rgba: &[u8]) -> Vec<u8> {
    let mut rgb = Vec::with_capacity(rgba.len() / 4 * 3);
    for &[r, g, b, alpha] in rgba.as_chunks::<4>().0 {
        let over_white = |value: u8| {
            let (value, alpha) = (u32::from(value), u32::from(alpha));
            ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
        };
        rgb.extend([over_white(r), over_white(g), over_white(b)]);
    }
    rgb
}

/// Whether the end-of-image marker follows the first scan. The decoder would fill what is missing
/// of a shortened file with grey and say nothing.
fn jpeg_is_complete(path: &Path) -> Result<bool> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES).read_to_end(&mut bytes))
        .map_err(|error| unreadable(path, error))?;
    Ok(first_scan(&bytes).is_some_and(|scan| bytes[scan..].windows(2).any(|pair| pair == [0xFF, 0xD9])))
}

/// Where the first start-of-scan marker (FF DA) stands: ITU-T T.81, B.1.1 and B.2.1. Thumbnails,
/// which have an end marker of their own, lie in segments before it.
fn first_scan(bytes: &[u8]) -> Option<usize> {
    let mut at = 2;
    loop {
        match *bytes.get(at..at + 4)? {
            [0xFF, 0xDA, ..] => return Some(at),
            [0xFF, 0xFF, ..] => at += 1,
            [0xFF, _, high, low] => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            _ => return None,
        }
    }
}

fn unreadable(path: &Path, error: std::io::Error) -> MediaError {
    let message = format!("could not read the picture {}: {error}; check the path", path.display());
    MediaError::new(ErrorKind::InvalidInput, message).with_source(error)
}

fn damaged(path: &Path, how: &str) -> MediaError {
    let message = format!(
        "the picture {} is damaged: {how}; open it in an image editor and export it again",
        path.display()
    );
    MediaError::new(ErrorKind::InvalidInput, message)
}

fn too_large(path: &Path, how: &str) -> MediaError {
    let message = format!("the picture {} is too large: {how}; give a smaller one", path.display());
    MediaError::new(ErrorKind::Limit, message)
}

fn undecodable(path: &Path, error: ImageError) -> MediaError {
    match error {
        ImageError::Unsupported(_) => {
            let message =
                format!("{} is no picture that can be read; give a JPEG, PNG or WebP file", path.display());
            MediaError::new(ErrorKind::InvalidInput, message).with_source(error)
        }
        ImageError::IoError(cause) if cause.kind() != std::io::ErrorKind::UnexpectedEof => {
            unreadable(path, cause)
        }
        error => damaged(path, &error.to_string()).with_source(error),
    }
}
