//! Edges against OpenCV's: `tests/reference/canny.py` made the pictures.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use reelsmith_media::edges::{HIGH, LOW, canny};
use reelsmith_media::picture::{Picture, load, load_bitmap};
use std::path::PathBuf;

/// The committed cases, and those of the directory that `make parity` names.
#[expect(clippy::disallowed_methods, reason = "a test-only variable, read in one place")]
fn cases() -> Vec<PathBuf> {
    let committed = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/reference/golden"));
    let fresh = std::env::var("REELSMITH_PARITY").map(PathBuf::from);
    let folders = std::iter::once(committed).chain(fresh);
    let inside =
        folders.flat_map(|folder| std::fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    inside
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().starts_with("canny-")))
        .collect()
}

#[test]
fn every_edge_is_where_opencv_finds_it() {
    let cases = cases();
    assert!(cases.len() >= 4, "{cases:?}");
    for case in cases {
        let edges = canny(&load(&case.join("picture.png")).unwrap(), LOW, HIGH);
        let expected = load_bitmap(&case.join("edges.png")).unwrap();
        let found = edges.pixels.iter().filter(|value| **value > 0).count();
        assert!(found > 50, "{} edge pixels say little", found);
        let wrong = edges.pixels.iter().zip(&expected.pixels).filter(|(a, b)| a != b).count();
        assert_eq!(
            (edges.width, edges.height, wrong),
            (expected.width, expected.height, 0),
            "{}",
            case.display()
        );
    }
}

#[test]
fn a_plain_picture_has_no_edges_and_a_single_pixel_is_no_fault() {
    for (width, height) in [(1, 1), (1, 9), (64, 64)] {
        let plain = Picture { width, height, rgb: vec![77; (width * height * 3) as usize] };
        assert!(canny(&plain, LOW, HIGH).pixels.iter().all(|value| *value == 0));
    }
}
