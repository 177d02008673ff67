//! Cards, titles and thumbnails: the same bytes again, never flat, readable, inside the safe zone.

mod support;

use proptest::prelude::*;
use reelsmith_media::ErrorKind;
use reelsmith_media::captions::SafeZone;
use reelsmith_media::cards::{CardSpec, CardStyle, Motif, background, palette_names, plan, title};
use reelsmith_media::overlay::Overlay;
use reelsmith_media::picture::Picture;
use reelsmith_media::thumbnail::{thumbnail, write_jpeg_under};
use reelsmith_media::typeset::colour::{Rgb, contrast};

const ZONE: SafeZone = SafeZone { left: 0.06, top: 0.1, right: 0.13, bottom: 0.2 };
const FRAME: (u32, u32) = (270, 480);

fn style(palette: &str) -> CardStyle {
    CardStyle { palette: palette.into(), ..CardStyle::default() }
}

fn spec<'a>(text: &'a str, style: &'a CardStyle, motif: Motif, seed: u64) -> CardSpec<'a> {
    let (width, height) = FRAME;
    CardSpec { text, body: "", seed, style, motif: Some(motif), width, height, index: 1, total: 5 }
}

fn luminances(picture: &Picture) -> Vec<f32> {
    picture.rgb.chunks_exact(3).step_by(7).map(|p| Rgb([p[0], p[1], p[2]]).luminance()).collect()
}

#[test]
fn a_card_is_larger_than_its_frame_and_the_same_for_the_same_seed() {
    let style = style("midnight");
    for motif in Motif::all() {
        let first = background(&spec("Heading", &style, motif, 1)).expect("a card");
        assert_eq!((first.width, first.height), (324, 576));
        assert_eq!(first.rgb.len(), 324 * 576 * 3);
        assert_eq!(first, background(&spec("Heading", &style, motif, 1)).expect("a card"), "{motif:?}");
        for other in [spec("Heading", &style, motif, 2), spec("Another", &style, motif, 1)] {
            let other = background(&other).expect("a card");
            let changed = first.rgb.iter().zip(&other.rgb).filter(|(a, b)| a.abs_diff(**b) > 12).count();
            assert!(
                changed * 80 > first.rgb.len(),
                "{motif:?}: only {changed} of {} differ",
                first.rgb.len()
            );
        }
    }
}

#[test]
fn no_card_is_flat_and_no_two_motifs_are_alike() {
    for palette in palette_names() {
        let style = style(palette);
        let mut seen: Vec<(Motif, Picture)> = Vec::new();
        for motif in Motif::all() {
            let picture = background(&spec("Heading", &style, motif, 5)).expect("a card");
            let light = luminances(&picture);
            let mean = light.iter().sum::<f32>() / light.len() as f32;
            let spread = (light.iter().map(|l| (l - mean).powi(2)).sum::<f32>() / light.len() as f32).sqrt();
            assert!(spread > 0.02, "{palette} {motif:?}: luminance spreads by {spread} only");
            for (other, before) in &seen {
                // Every 31st sample tells enough.
                let pairs = || picture.rgb.iter().zip(&before.rgb).step_by(31);
                let far = pairs().filter(|(a, b)| a.abs_diff(**b) > 24).count();
                assert!(far * 25 > pairs().count(), "{palette}: {motif:?} looks like {other:?}");
            }
            seen.push((motif, picture));
        }
    }
}

#[test]
fn gradients_do_not_band() {
    // A band is a run of equal pixels along a gradient: grain must break them up.
    let style = style("midnight");
    let picture = background(&spec("Heading", &style, Motif::Dial, 5)).expect("a card");
    let column: Vec<u8> = (0..180).map(|y| picture.rgb[(y * picture.width as usize + 30) * 3 + 2]).collect();
    let longest = column.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or(0);
    assert!(longest < 12, "{longest} equal pixels in a row of a gradient");
}

/// Contrast of letters with their surroundings in what a viewer sees, the worst twentieth left out.
fn measured_contrast(seen: &Picture, overlay: &Overlay, reach: usize) -> f32 {
    let at = |x: usize, y: usize| {
        let i = ((overlay.y + y) * seen.width as usize + overlay.x + x) * 3;
        Rgb([seen.rgb[i], seen.rgb[i + 1], seen.rgb[i + 2]]).luminance()
    };
    let alpha = |x: usize, y: usize| overlay.alpha[y * overlay.width + x];
    let mut found = Vec::new();
    for y in 0..overlay.height {
        for x in reach..overlay.width - reach {
            let inside = (x - 1..=x + 1).all(|x| alpha(x, y) == 255);
            for other in [x - reach, x + reach] {
                if inside && is_ground(overlay, other, y) {
                    found.push(contrast(at(x, y), at(other, y)));
                }
            }
        }
    }
    assert!(found.len() > 100, "no letters found");
    found.sort_by(f32::total_cmp);
    found[found.len() / 20]
}

/// Whether a place is clear of letters and of their softened edges.
fn is_ground(o: &Overlay, x: usize, y: usize) -> bool {
    if x < 2 || y < 2 || x + 2 >= o.width || y + 2 >= o.height {
        return false;
    }
    let near = [(x, y), (x - 2, y), (x + 2, y), (x, y - 2), (x, y + 2), (x - 1, y - 1), (x + 1, y + 1)];
    let alphas = near.map(|(x, y)| o.alpha[y * o.width + x]);
    let (least, most) = alphas.iter().fold((255, 0), |(a, b), v| (a.min(*v), b.max(*v)));
    most < 240 && most - least < 22
}

fn hostile() -> Vec<(&'static str, Picture)> {
    let mut checks = support::plain(648, 1152, [255; 3]);
    for (i, px) in checks.rgb.chunks_exact_mut(3).enumerate() {
        if (i % 648 / 24 + i / 648 / 24) % 2 == 0 {
            px.fill(0);
        }
    }
    vec![
        ("white", support::plain(648, 1152, [255; 3])),
        ("black", support::plain(648, 1152, [0; 3])),
        ("mid grey", support::plain(648, 1152, [128; 3])),
        ("yellow", support::plain(648, 1152, [255, 214, 10])),
        ("checks", checks),
    ]
}

#[test]
fn a_title_reads_over_any_picture() {
    let mut fonts = support::fonts();
    for palette in palette_names() {
        // One colour for all letters, so that the bound for body text holds for each of them.
        let ink = if ["sand", "paper"].contains(&palette) { Rgb::hex(0x14172b) } else { Rgb::WHITE };
        let style = CardStyle { accent: Some(ink), ..style(palette) };
        let spec =
            CardSpec { width: 540, height: 960, ..spec("The Moon is leaving us", &style, Motif::Moon, 1) };
        for (name, under) in hostile() {
            let overlay = title(&spec, &under, &mut fonts, ZONE).expect("a title").expect("words");
            let seen = support::blend(&under.cover(540, 960), &overlay);
            let found = measured_contrast(&seen, &overlay, 9);
            assert!(found >= 4.5, "{palette} over {name}: contrast {found:.2}");
        }
    }
}

#[test]
fn a_title_reads_over_its_own_card() {
    let mut fonts = support::fonts();
    for palette in palette_names() {
        let ink = if ["sand", "paper"].contains(&palette) { Rgb::hex(0x14172b) } else { Rgb::WHITE };
        let style = CardStyle { accent: Some(ink), ..style(palette) };
        for motif in Motif::all() {
            let spec = CardSpec {
                width: 360,
                height: 640,
                ..spec("No more total eclipses for anyone", &style, motif, 3)
            };
            let under = background(&spec).expect("a card");
            let overlay = title(&spec, &under, &mut fonts, ZONE).expect("a title").expect("words");
            let found = measured_contrast(&support::blend(&under.cover(360, 640), &overlay), &overlay, 6);
            assert!(found >= 4.5, "{palette} {motif:?}: contrast {found:.2}");
        }
    }
}

/// Left, top, right, bottom of the letters (full coverage) of an overlay.
fn letters(o: &Overlay) -> [usize; 4] {
    let full: Vec<usize> = (0..o.alpha.len()).filter(|i| o.alpha[*i] == 255).collect();
    let xs = || full.iter().map(|i| o.x + i % o.width);
    let ys = || full.iter().map(|i| o.y + i / o.width);
    let bound = |v: Option<usize>| v.expect("letters");
    [bound(xs().min()), bound(ys().min()), bound(xs().max()), bound(ys().max())]
}

fn title_of(text: &str, frame: (u32, u32), palette: &str) -> Option<Overlay> {
    let style = style(palette);
    let spec = CardSpec { width: frame.0, height: frame.1, ..spec(text, &style, Motif::Moon, 1) };
    let under = support::plain(frame.0, frame.1, if palette == "paper" { [250; 3] } else { [10, 10, 30] });
    title(&spec, &under, &mut support::fonts(), ZONE).expect("no error")
}

#[test]
fn titles_of_any_length_stay_in_the_upper_safe_area() {
    let long = "word ".repeat(80);
    let endless = "x".repeat(300);
    let texts = [
        "I",
        "3.8 cm a year",
        "Only 3 of 400,000 km",
        "The Moon is leaving us",
        &long,
        &endless,
        "12,345,678 %",
    ];
    for frame in [(1080, 1920), (540, 960), (1280, 720)] {
        let area = ZONE.area(frame.0, frame.1);
        for palette in ["midnight", "ember", "dusk", "aurora", "paper"] {
            for text in texts {
                let overlay =
                    title_of(text, frame, palette).unwrap_or_else(|| panic!("nothing drawn for {text}"));
                let [left, top, right, bottom] = letters(&overlay).map(|v| v as f32);
                assert!(left >= area[0] - 3.0 && top >= area[1] - 3.0, "{text} in {frame:?}: {left} {top}");
                let lowest = if frame.1 > frame.0 { 0.45 * frame.1 as f32 } else { area[3] };
                assert!(right <= area[2] + 3.0 && bottom <= lowest, "{text} in {frame:?}: {right} {bottom}");
            }
        }
    }
}

#[test]
fn a_figure_is_set_larger_than_its_words() {
    let tall = |text: &str| {
        let [_, top, _, bottom] = letters(&title_of(text, (1080, 1920), "midnight").expect("drawn"));
        bottom - top
    };
    assert!(tall("3.8 cm") > tall("Two cm") * 3 / 2, "{} {}", tall("3.8 cm"), tall("Two cm"));
}

#[test]
fn an_empty_or_undrawable_heading_draws_nothing_and_strange_ones_do_not_fail() {
    for text in ["", "   ", "🚀🚀", "\u{200d}"] {
        assert!(title_of(text, (540, 960), "midnight").is_none(), "{text:?}");
    }
    for text in [
        "שלום עולם",
        "عربى جدا",
        "🚀 launch",
        "日本語 title",
        "e\u{301}\u{301}\u{301}",
        "a\u{202e}b",
        "\t\n x",
    ] {
        let _ = title_of(text, (540, 960), "midnight");
    }
}

#[test]
fn wrong_names_and_sizes_are_refused_with_what_to_do() {
    let near = style("midnigt").validate().expect_err("unknown").to_string();
    assert!(near.contains("did you mean midnight"), "{near}");
    let wrong = style("midnigt");
    assert_eq!(
        background(&spec("x", &wrong, Motif::Moon, 1)).expect_err("unknown").kind(),
        ErrorKind::InvalidInput
    );
    assert!(Motif::by_name("wave").expect_err("unknown").to_string().contains("waves"));
    let fine = style("midnight");
    let huge = CardSpec { width: 60_000, ..spec("x", &fine, Motif::Moon, 1) };
    assert!(background(&huge).expect_err("too large").to_string().contains("64 to 4096"));
}

#[test]
fn auto_is_settled_by_the_words_of_the_script() {
    let settled = |text: &str| CardStyle::default().settled(text, 1).expect("settled").palette;
    assert_eq!(settled("The Moon and the stars of our galaxy"), "midnight");
    assert_eq!(settled("Whales cross the ocean, and ships follow the tides"), "abyss");
    assert_eq!(settled("Trees in the forest"), "forest");
    let by_seed: std::collections::HashSet<String> =
        (0..40).map(|seed| CardStyle::default().settled("xyz", seed).expect("settled").palette).collect();
    assert!(by_seed.len() >= 5, "{by_seed:?}");
}

#[test]
fn motifs_follow_the_words() {
    let scenes = [
        ("The Moon is leaving us", ""),
        ("Blame the tides", "the sea"),
        ("Longer days", "time"),
        ("A city of people", ""),
    ];
    assert_eq!(plan(&scenes, 1), [Motif::Moon, Motif::Waves, Motif::Dial, Motif::Skyline]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_motif_never_stands_twice_in_a_row(
        scenes in prop::collection::vec(("(Moon|sea|time|[a-z]{3,8}|moon moon moon)", "[a-z ]{0,30}"), 1..30), seed in any::<u64>(),
    ) {
        let scenes: Vec<(&str, &str)> = scenes.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let chosen = plan(&scenes, seed);
        prop_assert_eq!(chosen.len(), scenes.len());
        prop_assert!(chosen.windows(2).all(|pair| pair[0] != pair[1]), "{:?}", chosen);
        prop_assert_eq!(plan(&scenes, seed), chosen);
    }
}

#[test]
fn a_thumbnail_has_its_size_a_readable_title_and_fits_two_megabytes() {
    let mut fonts = support::fonts();
    let folder = tempfile::tempdir().expect("a folder");
    for (palette, motif) in [("midnight", Motif::Moon), ("paper", Motif::Papercut), ("ember", Motif::Spheres)]
    {
        let style = style(palette);
        let spec = CardSpec { width: 1280, height: 720, ..spec("The Moon", &style, motif, 2) };
        let base = background(&spec).expect("a card").cover(1280, 720);
        let bare = thumbnail(&base, "", &mut fonts, &style, 2, (1280, 720)).expect("a thumbnail");
        assert_eq!(bare.picture, base, "no title leaves the picture alone");
        let drawn = thumbnail(&base, "The Moon is leaving us", &mut fonts, &style, 2, (1280, 720))
            .expect("a thumbnail");
        assert!(drawn.checks.len() == 4 && drawn.checks.iter().all(|check| check.ok), "{:?}", drawn.checks);
        let picture = drawn.picture;
        assert_eq!((picture.width, picture.height), (1280, 720));
        let changed = picture.rgb.iter().zip(&base.rgb).filter(|(a, b)| a.abs_diff(**b) > 60).count();
        assert!(changed > 60_000, "the title covers {changed} samples only");
        let path = folder.path().join("thumbnail.jpg");
        write_jpeg_under(&picture, &[], 2_000_000, &path).expect("written");
        let read = image::open(&path).expect("a JPEG").to_rgb8();
        assert_eq!((read.width(), read.height()), (1280, 720));
        assert!(std::fs::metadata(&path).expect("a file").len() < 2_000_000);
    }
}

#[test]
fn a_title_reads_over_any_picture_and_what_does_not_is_told() {
    let mut fonts = support::fonts();
    let stripes = |width: u32, height: u32| {
        let value = |n: u32| if (n / 3 % width / 40).is_multiple_of(2) { 255 } else { 0 };
        Picture { width, height, rgb: (0..width * height * 3).map(value).collect() }
    };
    let sizes = [(1280, 720), (1080, 1920)];
    for (palette, (width, height)) in
        palette_names().into_iter().flat_map(|palette| sizes.map(|size| (palette, size)))
    {
        for base in [
            support::plain(width, height, [255; 3]),
            support::plain(width, height, [0; 3]),
            support::plain(width, height, [128; 3]),
            stripes(width, height),
        ] {
            let drawn = thumbnail(&base, "Nine words", &mut fonts, &style(palette), 1, (width, height))
                .expect("drawn");
            assert!(drawn.checks.iter().all(|check| check.ok), "{palette} {width}: {:?}", drawn.checks);
        }
    }
    let base = support::plain(320, 180, [90; 3]);
    let mut failing = |title: &str| -> Vec<String> {
        let drawn = thumbnail(&base, title, &mut fonts, &style("midnight"), 1, (320, 180)).expect("drawn");
        drawn.checks.into_iter().filter(|check| !check.ok).map(|check| check.found).collect()
    };
    assert_eq!(failing(&"many words ".repeat(60)), ["cut short"]);
    assert_eq!(failing("A rocket \u{1f680}"), [""; 0], "what no font has is told, but spoils nothing");
    let mut told = |title: &str| {
        let drawn = thumbnail(&base, title, &mut fonts, &style("midnight"), 1, (320, 180)).expect("drawn");
        (drawn.missing.clone(), drawn.told().pop().map(|check| (check.found, check.ok)))
    };
    let remark = Some(("without \u{1f680}, which no font has".to_owned(), true));
    assert_eq!(told("A rocket \u{1f680}"), (vec!['\u{1f680}'], remark.clone()));
    assert_eq!(told("\u{1f680}"), (vec!['\u{1f680}'], remark));
    assert_eq!(told("A rocket").1.map(|(found, _)| found), Some("whole".to_owned()));
}

#[test]
fn a_noisy_picture_is_stored_at_a_lower_quality_and_one_that_cannot_fit_is_refused() {
    let mut noise = support::plain(1280, 720, [0; 3]);
    let mut state = 1_u32;
    noise.rgb.iter_mut().for_each(|v| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *v = (state >> 24) as u8;
    });
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("noise.jpg");
    write_jpeg_under(&noise, &[], 900_000, &path).expect("written");
    assert!(std::fs::metadata(&path).expect("a file").len() <= 900_000);
    let small = folder.path().join("small.jpg");
    let error = write_jpeg_under(&noise, &[], 1000, &small).expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::Limit);
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 1, "nothing half-made is left");
}
