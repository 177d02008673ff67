//! Picture files of every kind that a person might hand in.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use image::{ExtendedColorType, ImageEncoder};
use reelsmith_media::ErrorKind;
use reelsmith_media::picture::load;
use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;

fn written(dir: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.path().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

/// A left half of red over a right half of blue, 64 x 32.
fn halves() -> Vec<u8> {
    (0..64 * 32).flat_map(|index| if index % 64 < 32 { [250, 10, 10] } else { [10, 10, 250] }).collect()
}

fn jpeg() -> Vec<u8> {
    let mut bytes = Vec::new();
    image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 95)
        .write_image(&halves(), 64, 32, ExtendedColorType::Rgb8)
        .unwrap();
    bytes
}

fn png(rgba: &[u8], width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(rgba, width, height, ExtendedColorType::Rgba8)
        .unwrap();
    bytes
}

/// The JPEG with an EXIF segment that gives the orientation: TIFF, one entry of tag 0x0112.
fn oriented(orientation: u8) -> Vec<u8> {
    let mut tiff = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    let jpeg = jpeg();
    let length = (tiff.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xFF, 0xE1], &length, &tiff, &jpeg[2..]].concat()
}

/// A PNG whose header says `width` x `height`, with hardly any data behind it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    png_header_of(width, height, 8)
}

fn png_header_of(width: u32, height: u32, bits: u8) -> Vec<u8> {
    let mut bytes = png(&[0; 4], 1, 1);
    bytes[24] = bits;
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&crc.to_be_bytes());
    bytes
}

/// The check value of PNG (ISO 3309), bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xEDB8_8320 } else { 0 })
    })
}

fn peak_memory_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_giant_is_refused_by_its_header_with_memory_flat() {
    let dir = tempfile::tempdir().unwrap();
    let path = written(&dir, "giant.png", &png_header(60_000, 60_000));
    let before = peak_memory_kib();
    let error = load(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("60000 x 60000"), "{error}");
    assert!(error.to_string().contains("giant.png"), "{error}");
    assert!(peak_memory_kib() - before < 64 * 1024, "memory grew");
    let error = load(&written(&dir, "long.png", &png_header(20_000, 10))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    // 36 megapixels are few enough, but not in 16 bits with transparency.
    let error = load(&written(&dir, "deep.png", &png_header_of(6_000, 6_000, 16))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert!(error.to_string().contains("take 288 MB, while 256 MB is the limit"), "{error}");
    assert!(peak_memory_kib() - before < 64 * 1024, "memory grew");
}

#[test]
fn what_is_no_whole_picture_is_named_with_a_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let whole = png(&halves_rgba(), 64, 32);
    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle] ^= 0xFF;
    let cases = [
        ("cut.png", whole[..whole.len() / 2].to_vec(), "damaged"),
        ("broken.png", broken, "damaged"),
        ("cut.jpg", jpeg()[..600].to_vec(), "cut short"),
        ("text.jpg", b"this is no picture".to_vec(), "give a JPEG, PNG or WebP"),
        ("empty.png", Vec::new(), "give a JPEG, PNG or WebP"),
        ("clip.gif", b"GIF89a\x01\0\x01\0\0\0\0;".to_vec(), "give a JPEG, PNG or WebP"),
    ];
    for (name, bytes, words) in cases {
        let error = load(&written(&dir, name, &bytes)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{name}: {error}");
        let message = error.to_string();
        assert!(message.contains(name) && message.contains(words), "{name}: {message}");
    }
    let error = load(&dir.path().join("absent.png")).unwrap_err();
    assert!(error.to_string().contains("absent.png") && error.to_string().contains("check the path"));
    assert_eq!(load(dir.path()).unwrap_err().kind(), ErrorKind::InvalidInput);
}

fn halves_rgba() -> Vec<u8> {
    halves().chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect()
}

#[test]
fn jpeg_and_webp_are_read_whatever_they_are_called() {
    let dir = tempfile::tempdir().unwrap();
    let mut webp = Vec::new();
    image::codecs::webp::WebPEncoder::new_lossless(&mut webp)
        .write_image(&halves(), 64, 32, ExtendedColorType::Rgb8)
        .unwrap();
    assert_eq!(load(&written(&dir, "a.jpg", &webp)).unwrap().rgb, halves());
    let picture = load(&written(&dir, "a.png", &jpeg())).unwrap();
    assert_eq!((picture.width, picture.height), (64, 32));
    assert!(picture.rgb.iter().zip(halves()).filter(|(a, b)| a.abs_diff(*b) > 12).count() < 64 * 32 / 4);
}

#[test]
fn pictures_are_turned_upright() {
    let dir = tempfile::tempdir().unwrap();
    // Orientation 6: the top of the picture is at the right; 3: it is upside down.
    let picture = load(&written(&dir, "6.jpg", &oriented(6))).unwrap();
    assert_eq!((picture.width, picture.height), (32, 64));
    assert!(picture.rgb[0] > 200 && picture.rgb[(63 * 32) * 3] < 60, "red must be on top");
    let picture = load(&written(&dir, "3.jpg", &oriented(3))).unwrap();
    assert_eq!((picture.width, picture.height), (64, 32));
    assert!(picture.rgb[0] < 60 && picture.rgb[63 * 3] > 200, "red must be on the right");
}

#[test]
fn what_is_transparent_becomes_white() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = png(&[200, 0, 0, 255, 200, 0, 0, 0, 0, 0, 0, 128], 3, 1);
    let picture = load(&written(&dir, "a.png", &bytes)).unwrap();
    assert_eq!(picture.rgb, [200, 0, 0, 255, 255, 255, 127, 127, 127]);
}
