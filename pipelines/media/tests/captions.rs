//! Captions: how words are grouped, where they stand, what is drawn and how much is kept.

mod support;

use proptest::prelude::*;
use reelsmith_media::captions::{CaptionStyle, CaptionWord, Captions, Case, Cue, Highlight, SafeZone, cues};
use reelsmith_media::frames::CaptionTrack;
use reelsmith_media::overlay::Overlay;
use reelsmith_media::typeset::colour::Rgb;
use std::sync::Arc;

const ZONE: SafeZone = SafeZone { left: 0.06, top: 0.1, right: 0.13, bottom: 0.2 };

fn word(text: &str, start: f64, end: f64) -> CaptionWord {
    CaptionWord { text: text.into(), start, end }
}

/// Words spoken evenly, three a second.
fn spoken(text: &str) -> Vec<CaptionWord> {
    let at = |i: usize| i as f64 / 3.0;
    text.split_whitespace().enumerate().map(|(i, w)| word(w, at(i), at(i + 1) - 0.02)).collect()
}

fn texts(cues: &[Cue]) -> Vec<String> {
    cues.iter().map(|cue| cue.text_lines().join(" / ")).collect()
}

prop_compose! {
    /// Speech as recognisers and voice models give it: mostly tidy, sometimes not.
    fn speech()(words in prop::collection::vec(
        ("[a-zA-Z]{1,14}[,.?!]?", 0.0..0.9_f64, -0.05..0.8_f64), 0..60,
    )) -> Vec<CaptionWord> {
        let mut clock = 0.0;
        words.into_iter().map(|(text, seconds, gap)| {
            let start = clock + gap;
            clock = start + seconds;
            word(&text, start, clock)
        }).collect()
    }
}

fn any_style() -> impl Strategy<Value = CaptionStyle> {
    (1..8_usize, 1..3_usize, 5.0..14.0_f32, 0.2..1.0_f64).prop_map(
        |(max_words, max_lines, line_width, pause)| CaptionStyle {
            max_words,
            max_lines,
            line_width,
            pause,
            ..CaptionStyle::default()
        },
    )
}

proptest! {
    #[test]
    fn every_word_is_shown_once_and_in_order(words in speech(), style in any_style()) {
        let cues = cues(&words, &style);
        let shown: Vec<&str> = cues.iter().flat_map(|cue| &cue.words).map(|w| w.text.as_str()).collect();
        let said: Vec<&str> = words.iter().map(|w| w.text.as_str()).collect();
        prop_assert_eq!(shown, said);
    }

    #[test]
    fn cues_follow_one_another_and_lines_hold_all_words(words in speech(), style in any_style()) {
        let cues = cues(&words, &style);
        for pair in cues.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "{} > {}", pair[0].end, pair[1].start);
        }
        for cue in &cues {
            prop_assert!(cue.end >= cue.start);
            prop_assert!(cue.words.len() <= style.max_words);
            prop_assert!((1..=style.max_lines).contains(&cue.lines.len()));
            let through: Vec<usize> = cue.lines.iter().cloned().flatten().collect();
            prop_assert_eq!(through, (0..cue.words.len()).collect::<Vec<_>>());
            for w in &cue.words {
                prop_assert!(w.start >= cue.start && w.end <= cue.end.max(w.start), "{w:?} in {cue:?}");
            }
        }
    }

    #[test]
    fn a_cue_stays_long_enough_unless_the_next_one_begins(words in speech(), style in any_style()) {
        let cues = cues(&words, &style);
        for (i, cue) in cues.iter().enumerate() {
            let cut = cues.get(i + 1).is_some_and(|next| next.start == cue.end);
            prop_assert!(cut || cue.end - cue.start >= style.min_seconds - 1e-9, "{cue:?}");
        }
    }

    #[test]
    fn sentences_and_pauses_end_a_cue(words in speech(), style in any_style()) {
        for cue in cues(&words, &style) {
            for pair in cue.words.windows(2) {
                prop_assert!(pair[1].start - pair[0].end <= style.pause + 1e-9, "pause inside {cue:?}");
                prop_assert!(!pair[0].text.ends_with(['?', '!']), "sentence ends inside {cue:?}");
            }
        }
    }
}

#[test]
fn groups_read_naturally() {
    let style = CaptionStyle::default();
    let found = texts(&cues(
        &spoken("Dr. Smith measured 3.8 centimetres, and the U.S. agreed. Why? Nobody knows."),
        &style,
    ));
    assert_eq!(
        found,
        ["Dr. Smith", "measured 3.8 / centimetres,", "and the U.S. / agreed.", "Why?", "Nobody knows."]
    );
}

#[test]
fn a_group_does_not_end_in_an_article_when_it_need_not() {
    for text in [
        "It pulls the sea into a bulge and the Earth drags it ahead of the Moon",
        "We sent a mirror to the Moon",
    ] {
        for cue in &cues(&spoken(text), &CaptionStyle::default()) {
            let last = cue.words.last().expect("a cue has words").text.as_str();
            assert!(!["the", "a", "of", "to"].contains(&last), "{text}: {:?}", cue.text_lines());
        }
    }
}

#[test]
fn words_without_letters_to_show_are_left_out_and_backward_times_are_mended() {
    let words = [
        word("one", 1.0, 1.5),
        word("  ", 1.5, 1.6),
        word("two", 0.2, f64::NAN),
        word("three", f64::NAN, 2.0),
    ];
    let cues = cues(&words, &CaptionStyle::default());
    assert_eq!(texts(&cues).join(" "), "one two three");
    assert!(cues.iter().flat_map(|c| &c.words).all(|w| w.start >= 1.0 && w.end >= w.start));
}

const TEXT: &str = "Every night the Moon slips a little farther away. Extraordinarily incomprehensible \
                    characteristics, internationalisation! ok";

fn looks() -> Vec<CaptionStyle> {
    let base = CaptionStyle::default();
    vec![
        base.clone(),
        CaptionStyle { highlight: Highlight::Pill, font: "Poppins".into(), ..base.clone() },
        CaptionStyle {
            highlight: Highlight::Colour,
            case: Case::Upper,
            font: "Anton".into(),
            size: 130.0,
            ..base.clone()
        },
        CaptionStyle { case: Case::Upper, size: 200.0, position: 1.0, ..base.clone() },
        CaptionStyle { position: 0.0, outline_width: 0.2, shadow: 1.0, ..base },
    ]
}

fn render(text: &str, style: &CaptionStyle, frame: (u32, u32)) -> (Vec<Cue>, Captions) {
    let cues = cues(&spoken(text), style);
    let track = Captions::render(&cues, style, &mut support::fonts(), ZONE, frame, 30).expect("captions");
    (cues, track)
}

fn frames(cues: &[Cue]) -> std::ops::Range<u64> {
    0..(cues.last().map_or(0.0, |cue| cue.end) * 30.0) as u64 + 20
}

#[test]
fn captions_never_leave_the_safe_zone() {
    for frame in [(1080, 1920), (540, 960), (1280, 720)] {
        let area = ZONE.area(frame.0, frame.1);
        for style in looks() {
            let (cues, track) = render(TEXT, &style, frame);
            for n in frames(&cues).step_by(3) {
                let Some(o) = track.overlay_at(n) else { continue };
                let (right, bottom) = ((o.x + o.width) as f32, (o.y + o.height) as f32);
                // Overlays lie on even pixels: one pixel either way is rounding.
                let inside = o.x as f32 >= area[0] - 2.0
                    && o.y as f32 >= area[1] - 2.0
                    && right <= area[2] + 2.0
                    && bottom <= area[3] + 2.0;
                assert!(inside, "{}x{} at ({}, {}) of {frame:?}, {style:?}", o.width, o.height, o.x, o.y);
                check_planes(&o);
            }
        }
    }
}

fn check_planes(o: &Overlay) {
    assert!([o.x, o.y, o.width, o.height].iter().all(|side| side.is_multiple_of(2)));
    assert_eq!((o.luma.len(), o.alpha.len()), (o.width * o.height, o.width * o.height));
    let quarter = o.width * o.height / 4;
    assert_eq!((o.cb.len(), o.cr.len(), o.chroma_alpha.len()), (quarter, quarter, quarter));
}

#[test]
fn letters_keep_their_margin_from_the_cropped_edge() {
    // A layer cut too small would slice letters: the outermost rows and columns must be faint.
    for style in looks() {
        let (cues, track) = render(TEXT, &style, (1080, 1920));
        for cue in &cues {
            let Some(o) = track.overlay_at((cue.start * 30.0).round() as u64 + 5) else { continue };
            let edge = (0..o.width).flat_map(|x| [x, (o.height - 1) * o.width + x]);
            let sides = (0..o.height).flat_map(|y| [y * o.width, y * o.width + o.width - 1]);
            let strongest = edge.chain(sides).map(|i| o.luma[i]).max().unwrap_or(0);
            assert!(strongest < 120, "bright letters at the edge ({strongest}): {:?}", cue.text_lines());
        }
    }
}

#[test]
fn the_spoken_word_takes_the_accent_and_it_moves_on() {
    let style = CaptionStyle { accent: Rgb::hex(0x00ff00), entrance: false, ..CaptionStyle::default() };
    let (cues, track) = render("slips a little", &style, (1080, 1920));
    assert_eq!(cues.len(), 1);
    let centres: Vec<f64> = [2, 12, 22]
        .map(|n| {
            let overlay = track.overlay_at(n).expect("a caption");
            let seen = support::blend(&support::plain(1080, 1920, [40, 40, 40]), &overlay);
            let green = |p: &[u8]| p[1] > 180 && p[0] < 90 && p[2] < 90;
            let at: Vec<usize> = seen
                .rgb
                .chunks_exact(3)
                .enumerate()
                .filter(|(_, p)| green(p))
                .map(|(i, _)| i % 1080)
                .collect();
            assert!(at.len() > 500, "only {} accent pixels at frame {n}", at.len());
            at.iter().sum::<usize>() as f64 / at.len() as f64
        })
        .to_vec();
    assert!(centres[0] < centres[1] && centres[1] < centres[2], "{centres:?}");
}

#[test]
fn captions_show_exactly_while_their_cue_lasts() {
    let style = CaptionStyle::default();
    let words = [word("Hello", 1.0, 1.4), word("there.", 1.4, 1.8), word("Later", 4.0, 4.5)];
    let cues = cues(&words, &style);
    let track =
        Captions::render(&cues, &style, &mut support::fonts(), ZONE, (540, 960), 30).expect("captions");
    let shown = |n| track.overlay_at(n).is_some();
    assert!(!shown(29) && shown(30) && shown(53) && !shown(100) && shown(120) && !shown(1000));
}

#[test]
fn a_state_is_drawn_once_and_the_same_again() {
    let style = CaptionStyle::default();
    let (cues, track) = render(TEXT, &style, (540, 960));
    let (a, b) = (track.overlay_at(8).expect("shown"), track.overlay_at(9).expect("shown"));
    assert!(Arc::ptr_eq(&a, &b), "one word, one picture");
    let (_, again) = render(TEXT, &style, (540, 960));
    // In another order, which the cache must not show.
    for n in frames(&cues).rev() {
        assert_eq!(again.overlay_at(n).as_deref(), track.overlay_at(n).as_deref(), "frame {n}");
    }
}

#[test]
fn emoji_and_foreign_scripts_do_not_stop_a_video() {
    let text = "🚀 café naïve Ελλάδα Привет שלום عربى 日本語 👩‍👩‍👧 e\u{301} \u{202e}x";
    let (cues, track) = render(text, &CaptionStyle::default(), (540, 960));
    assert!(!cues.is_empty());
    frames(&cues).for_each(|n| drop(track.overlay_at(n)));
}

#[test]
fn wrong_styles_are_refused_with_what_to_do() {
    let mut fonts = support::fonts();
    let render = |style: &CaptionStyle, zone, fonts: &mut _| {
        Captions::render(&[], style, fonts, zone, (1080, 1920), 30).err().expect("refused").to_string()
    };
    let base = CaptionStyle::default();
    let font = render(&CaptionStyle { font: "Montserat".into(), ..base.clone() }, ZONE, &mut fonts);
    assert!(font.contains("did you mean Montserrat"), "{font}");
    let words = render(&CaptionStyle { max_words: 0, ..base.clone() }, ZONE, &mut fonts);
    assert!(words.contains("`max_words` is 0.000") && words.contains("1 to 12"), "{words}");
    let zone = render(&base, SafeZone { bottom: 0.9, ..ZONE }, &mut fonts);
    assert!(zone.contains("`bottom` is 0.9"), "{zone}");
}
