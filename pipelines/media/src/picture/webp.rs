//! WebP with loss, as large a quality as fits a number of bytes; libwebp encodes, within ffmpeg.

use super::{Note, Picture, exif};
use crate::ffmpeg::{Ffmpeg, Input, Output, strings};
use crate::{ErrorKind, MediaError, Result, publish};
use std::io::{Read, Write};
use std::path::Path;

/// Qualities of libwebp that are tried, 0 to 100: above, files grow and nobody sees why; below, blocks show.
const QUALITIES: std::ops::RangeInclusive<u8> = 30..=92;

/// The most pixels on a side: RFC 9649, section 2.5.
const MAX_SIDE: u32 = 16_383;

/// Writes a WebP of at most `max_bytes`, `notes` among them, under its final name, at the best quality that fits;
/// gives the quality, 30 to 92.
///
/// # Errors
/// `Limit` when even the lowest quality is larger, `InvalidInput` for a side above 16,383 or notes that EXIF has no
/// place for, `ToolFailed`
/// if ffmpeg was built without libwebp, `DiskFull` or `Io`.
pub fn write_webp_under(
    picture: &Picture,
    notes: &[Note],
    max_bytes: u64,
    ffmpeg: &Ffmpeg,
    path: &Path,
) -> Result<u8> {
    let (width, height) = (picture.width, picture.height);
    if width.max(height) > MAX_SIDE {
        let message = format!("a picture of {width}x{height} cannot be WebP; {MAX_SIDE} a side is the limit");
        return Err(MediaError::new(ErrorKind::InvalidInput, message));
    }
    let exif = exif::exif(notes)?;
    let mut best = None;
    let (mut low, mut high) = (*QUALITIES.start(), *QUALITIES.end());
    // The best quality is tried first: most pictures fit with it.
    let mut quality = high;
    while low <= high {
        let plain = encode(picture, quality, ffmpeg)?;
        let bytes = match &exif {
            Some(exif) => exif::into_webp(&plain, exif, (width, height))?,
            None => plain,
        };
        if bytes.len() as u64 <= max_bytes {
            best = Some((quality, bytes));
            low = quality + 1;
        } else {
            high = quality - 1;
        }
        quality = low.midpoint(high);
    }
    let Some((quality, bytes)) = best else {
        let message = format!(
            "a WebP of {width}x{height} does not fit in {max_bytes} bytes; allow more or make it smaller"
        );
        return Err(MediaError::new(ErrorKind::Limit, message));
    };
    publish::write_whole(&bytes, path)?;
    Ok(quality)
}

fn encode(picture: &Picture, quality: u8, ffmpeg: &Ffmpeg) -> Result<Vec<u8>> {
    let what = "encode a WebP picture";
    let size = format!("{}x{}", picture.width, picture.height);
    let mut args = strings(&["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", &size, "-i", "pipe:0"]);
    // As BGRA, so that libwebp itself makes the chroma.
    args.extend(strings(&["-frames:v", "1", "-pix_fmt", "bgra", "-c:v", "libwebp", "-lossless", "0"]));
    args.extend(strings(&["-quality", &quality.to_string(), "-f", "image2pipe", "pipe:1"]));
    let mut child = ffmpeg.run(what, &args, Input::Pipe, Output::Bytes)?;
    let (mut stdin, mut stdout) = (child.take_stdin(), child.take_stdout());
    let mut bytes = Vec::new();
    let read = std::thread::scope(|scope| {
        // What cannot be written is told by how the child ended.
        scope.spawn(move || stdin.write_all(&picture.rgb));
        stdout.read_to_end(&mut bytes)
    });
    read.map_err(|error| MediaError::io(what, error))?;
    child.wait()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::picture::load;

    /// Soft waves with a grain, which no quality makes nothing of.
    fn waves(width: u32, height: u32) -> Picture {
        let value = |n: u32| {
            let (pixel, channel) = (n / 3, n % 3);
            let (x, y) = ((pixel % width) as f32, (pixel / width) as f32);
            let wave = (x / 17.0 + channel as f32).sin() + (y / 23.0).cos();
            (128.0 + 50.0 * wave) as u8 ^ (n.wrapping_mul(2_654_435_761) >> 29) as u8
        };
        Picture { width, height, rgb: (0..width * height * 3).map(value).collect() }
    }

    #[test]
    fn the_best_quality_that_fits_is_found_and_the_picture_is_the_same() {
        let ffmpeg = Ffmpeg::locate(None, None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (path, picture) = (dir.path().join("a.webp"), waves(320, 180));
        assert_eq!(write_webp_under(&picture, &[], 1 << 20, &ffmpeg, &path).unwrap(), 92, "room for all");
        let full = std::fs::metadata(&path).unwrap().len();
        let limit = full / 2;
        let quality = write_webp_under(&picture, &[], limit, &ffmpeg, &path).unwrap();
        assert!((30..92).contains(&quality));
        assert!(std::fs::metadata(&path).unwrap().len() <= limit);
        assert!(
            encode(&picture, quality + 1, &ffmpeg).unwrap().len() as u64 > limit,
            "the next one is larger"
        );
        let back = load(&path).unwrap();
        let error: f64 =
            back.rgb.iter().zip(&picture.rgb).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
        let psnr = 10.0 * (255.0f64.powi(2) / (error / picture.rgb.len() as f64)).log10();
        assert!(psnr > 28.0, "{psnr} dB");
        let error = write_webp_under(&picture, &[], 100, &ffmpeg, &path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
        assert_eq!(load(&path).unwrap(), back, "what was there stays");
    }

    #[test]
    fn notes_count_towards_the_bound_and_change_no_pixel() {
        let ffmpeg = Ffmpeg::locate(None, None).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let (plain, noted, picture) = (dir.path().join("a.webp"), dir.path().join("b.webp"), waves(61, 47));
        let note = Note { keyword: "parameters".into(), text: "a fox ".repeat(1000) };
        write_webp_under(&picture, &[], 1 << 20, &ffmpeg, &plain).unwrap();
        write_webp_under(&picture, std::slice::from_ref(&note), 1 << 20, &ffmpeg, &noted).unwrap();
        assert_eq!(load(&noted).unwrap(), load(&plain).unwrap());
        let size = |path: &Path| std::fs::metadata(path).unwrap().len();
        assert!(size(&noted) >= size(&plain) + 12_000, "UTF-16");
        let error = write_webp_under(&picture, &[note], size(&plain), &ffmpeg, &noted).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Limit);
    }
}
