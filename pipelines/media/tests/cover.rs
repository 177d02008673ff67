//! Covers of episodes: square, title and name readable over any picture, nothing outside the side.

mod support;

use reelsmith_media::cards::{CardSpec, CardStyle, Motif, background, palette_names};
use reelsmith_media::cover::cover;
use reelsmith_media::picture::Picture;
use reelsmith_media::thumbnail::thumbnail;

const SIDE: u32 = 500;
const TITLE: &str = "The second that does not fit";

fn style(palette: &str) -> CardStyle {
    CardStyle { palette: palette.into(), ..CardStyle::default() }
}

fn card(style: &CardStyle, motif: Motif) -> Picture {
    let (text, body) = (TITLE, "");
    let motif = Some(motif);
    let spec = CardSpec { text, body, seed: 3, style, motif, width: SIDE, height: SIDE, index: 0, total: 1 };
    background(&spec).expect("a card")
}

#[test]
fn title_and_name_read_in_every_palette_over_cards_and_over_hard_pictures() {
    let mut fonts = support::fonts();
    for palette in palette_names() {
        let style = style(palette);
        let cards = [Motif::Moon, Motif::Dial, Motif::Skyline, Motif::Silk].map(|motif| card(&style, motif));
        let plain = [[255; 3], [0; 3], [128; 3]].map(|colour| support::plain(SIDE, SIDE, colour));
        for (n, base) in cards.iter().chain(&plain).enumerate() {
            let drawn = cover(base, TITLE, "Small Hours", &mut fonts, &style, 3, SIDE).expect("a cover");
            assert_eq!((drawn.picture.width, drawn.picture.height), (SIDE, SIDE));
            assert_eq!(drawn.checks.len(), 5);
            assert!(drawn.checks.iter().all(|check| check.ok), "{palette} {n}: {:?}", drawn.checks);
        }
    }
}

#[test]
fn a_long_name_is_set_smaller_and_an_empty_one_left_out() {
    let mut fonts = support::fonts();
    let style = style("midnight");
    let base = card(&style, Motif::Moon);
    let bare = thumbnail(&base, TITLE, &mut fonts, &style, 3, (SIDE, SIDE)).expect("a thumbnail");
    let none = cover(&base, TITLE, " ", &mut fonts, &style, 3, SIDE).expect("a cover");
    assert_eq!(none, bare);
    let long = "The show whose name goes on and on until nobody remembers how it once began";
    let drawn = cover(&base, TITLE, long, &mut fonts, &style, 3, SIDE).expect("a cover");
    let column = |x: u32| {
        let at = |y: u32| ((y * SIDE + x) * 3) as usize;
        (SIDE * 4 / 5..SIDE).map(|y| drawn.picture.rgb[at(y)].abs_diff(drawn.picture.rgb[at(y - 1)])).max()
    };
    let edge = (SIDE * 98 / 100..SIDE).filter_map(column).max().expect("columns");
    let inside = (SIDE / 2..SIDE * 9 / 10).filter_map(column).max().expect("columns");
    assert!(inside > 80 && edge < 60, "letters stay inside: {inside} {edge}");
}
