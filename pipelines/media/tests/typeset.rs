//! Fonts: what is loaded, what can be drawn, what a person is told.

mod support;

use reelsmith_media::typeset::{Face, Fonts};

const FACE: Face = Face { family: "Montserrat", size: 100.0, tracking: 0.0 };

#[test]
fn the_bundled_families_are_known_by_name() {
    let fonts = support::fonts();
    let expected = [
        "Anton",
        "Bricolage Grotesque",
        "DM Serif Display",
        "Inter",
        "Montserrat",
        "Poppins",
        "Space Grotesk",
    ];
    assert_eq!(fonts.families(), expected);
    let error = fonts.require("dm serif").expect_err("not a family").to_string();
    assert!(error.contains("DM Serif Display"), "{error}");
}

#[test]
fn widths_scale_with_size_and_tracking() {
    let mut fonts = support::fonts();
    let small = fonts.run("Moon", &FACE).expect("a run");
    let large = fonts.run("Moon", &Face { size: 200.0, ..FACE }).expect("a run");
    assert!((large.width - 2.0 * small.width).abs() < 0.5, "{} {}", small.width, large.width);
    let spaced = fonts.run("Moon", &Face { tracking: 0.1, ..FACE }).expect("a run");
    // Three gaps between four letters, none after the last.
    assert!((spaced.width - small.width - 30.0).abs() < 0.5, "{} {}", small.width, spaced.width);
    let bounds = small.path.expect("letters").bounds();
    assert!(bounds.top() < -60.0 && bounds.bottom() < 5.0, "letters stand on the baseline: {bounds:?}");
}

#[test]
fn a_letter_that_one_family_lacks_is_taken_from_another() {
    let mut fonts = support::fonts();
    for text in ["Ελλάδα", "Привет", "Łódź", "Tiếng"] {
        assert!(fonts.missing(text).is_empty(), "{text}");
        let run = fonts.run(text, &Face { family: "Anton", ..FACE }).expect("a run");
        assert!(run.path.is_some() && run.width > 100.0, "{text}");
    }
}

#[test]
fn what_no_font_has_is_named_and_dropped() {
    let mut fonts = support::fonts();
    assert_eq!(fonts.missing("To the 🚀 Moon 🚀 日"), ['🚀', '日']);
    assert_eq!(fonts.drawable("  To the 🚀\n Moon 👩‍👩‍👧 "), "To the Moon");
    assert_eq!(fonts.drawable("👍🏽"), "");
    let nothing = fonts.run("", &FACE).expect("a run");
    assert!(nothing.path.is_none() && nothing.width == 0.0);
}

#[test]
fn the_order_of_files_makes_no_difference() {
    let mut files = support::font_files();
    let mut forward = Fonts::load(&files).expect("fonts");
    files.reverse();
    let mut backward = Fonts::load(&files).expect("fonts");
    let text = "Ελλάδα Moon Привет";
    let (a, b) = (forward.run(text, &FACE).expect("a run"), backward.run(text, &FACE).expect("a run"));
    assert_eq!((a.width, a.path), (b.width, b.path));
}

#[test]
fn a_bad_font_file_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.ttf");
    std::fs::write(&path, b"not a font").expect("written");
    let error = Fonts::load(std::slice::from_ref(&path)).err().expect("refused").to_string();
    assert!(error.contains("broken.ttf is not a font"), "{error}");
    let absent = Fonts::load(&[folder.path().join("absent.ttf")]).err().expect("refused").to_string();
    assert!(absent.contains("absent.ttf"), "{absent}");
    assert!(Fonts::load(&[]).err().expect("refused").to_string().contains("reelsmith models pull"));
}
