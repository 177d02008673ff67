//! Writes contact sheets of captions, cards and thumbnails, to be looked at:
//! `cargo run -p reelsmith-media --example gallery -- <folder>`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::error::Error;
use std::path::Path;

use reelsmith_media::captions::{CaptionStyle, CaptionWord, Captions, Case, Cue, Highlight, SafeZone, cues};
use reelsmith_media::cards::{CardSpec, CardStyle, Motif, background, palette_names, plan, title};
use reelsmith_media::frames::CaptionTrack;
use reelsmith_media::picture::Picture;
use reelsmith_media::thumbnail::thumbnail;
use reelsmith_media::typeset::Fonts;
use reelsmith_media::typeset::colour::Rgb;

const FRAME: (u32, u32) = (1080, 1920);
const FPS: u32 = 30;
const ZONE: SafeZone = SafeZone { left: 0.06, top: 0.1, right: 0.13, bottom: 0.2 };

type Done = Result<(), Box<dyn Error>>;

fn main() -> Done {
    let folder = std::env::args().nth(1).ok_or("give the folder that the sheets are written to")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let mut fonts = support::fonts();
    captions(folder, &mut fonts)?;
    cards(folder)?;
    for palette in ["auto", "ember", "paper"] {
        titles(folder, palette, &mut fonts)?;
    }
    thumbnails(folder, &mut fonts)
}

fn timed(text: &str) -> Vec<CaptionWord> {
    let mut clock = 0.2;
    let word = |text: &str| {
        let seconds = 0.12 + 0.06 * text.len() as f64;
        let word = CaptionWord { text: text.into(), start: clock, end: clock + seconds };
        clock += seconds + if text.ends_with('.') { 0.4 } else { 0.02 };
        word
    };
    text.split_whitespace().map(word).collect()
}

fn looks() -> [CaptionStyle; 4] {
    let style = CaptionStyle::default();
    [
        style.clone(),
        CaptionStyle {
            highlight: Highlight::Pill,
            accent: Rgb::hex(0x7c3aed),
            font: "Poppins".into(),
            ..style.clone()
        },
        CaptionStyle {
            case: Case::Upper,
            highlight: Highlight::Colour,
            font: "Anton".into(),
            size: 112.0,
            line_width: 8.5,
            ..style.clone()
        },
        CaptionStyle { case: Case::Upper, ..style },
    ]
}

/// Each look's first cues, over grounds of every kind.
fn captions(folder: &Path, fonts: &mut Fonts) -> Done {
    let words = timed(
        "Every night the Moon slips a little farther away. About 3.8 centimetres a year, roughly \
         as fast as your fingernails grow. Why? Because of the tides, and they're extraordinarily powerful.",
    );
    for (n, look) in looks().iter().enumerate() {
        let cues = cues(&words, look);
        let track = Captions::render(&cues, look, fonts, ZONE, FRAME, FPS)?;
        let shown: Vec<Picture> = cues
            .iter()
            .take(9)
            .enumerate()
            .map(|(i, cue)| strip(&captioned(ground(i), cue, &track)))
            .collect();
        let rows: Vec<Picture> = shown.chunks_exact(3).map(row).collect();
        save(&column(&rows), &folder.join(format!("captions-{n}.png")))?;
    }
    Ok(())
}

/// The cue while its middle word is spoken, after its entrance.
fn captioned(under: Picture, cue: &Cue, track: &Captions) -> Picture {
    let spoken = cue.words[cue.words.len() / 2].start;
    let frame = |seconds: f64| (seconds * f64::from(FPS)).round() as u64;
    match track.overlay_at((frame(spoken) + 1).max(frame(cue.start) + 3)) {
        Some(overlay) => support::blend(&under, &overlay),
        None => under,
    }
}

/// The part of a frame where captions stand.
fn strip(frame: &Picture) -> Picture {
    let row = frame.width as usize * 3;
    Picture { width: frame.width, height: 420, rgb: frame.rgb[1120 * row..1540 * row].to_vec() }
}

/// Every motif in five palettes.
fn cards(folder: &Path) -> Done {
    let palettes = palette_names();
    for (n, motif) in Motif::all().into_iter().enumerate() {
        let mut tiles = Vec::new();
        for k in 0..5 {
            let palette = palettes[(n * 3 + k * 2) % palettes.len()];
            let style = CardStyle { palette: palette.into(), ..CardStyle::default() };
            let spec =
                CardSpec { seed: 40 + k as u64, motif: Some(motif), ..card(&style, ("Sample", ""), n) };
            tiles.push(half(&half(&background(&spec)?)));
        }
        save(&row(&tiles), &folder.join(format!("card-{}.png", motif.name())))?;
    }
    Ok(())
}

const SCRIPT: [(&str, &str); 7] = [
    ("The Moon is leaving us", "Every night the Moon slips a little farther away."),
    ("3.8 cm a year", "Astronauts left mirrors there, and lasers measure the distance."),
    ("Blame the tides", "The Moon pulls the sea into a bulge and the Earth drags it ahead."),
    ("Longer days", "A day was once only eighteen hours long, and time keeps stretching."),
    ("No more total eclipses", "In six hundred million years the Moon will be too small to cover the Sun."),
    (
        "What happens to life on Earth when the Moon is gone for good?",
        "Animals, plants and people all live by it.",
    ),
    ("So look up tonight", "Look up from your city, your street, your window."),
];

fn card<'a>(style: &'a CardStyle, (text, body): (&'a str, &'a str), index: usize) -> CardSpec<'a> {
    let (width, height) = FRAME;
    CardSpec { text, body, seed: 7, style, motif: None, width, height, index, total: SCRIPT.len() }
}

/// Whole frames: card, title and caption of a video in one palette.
fn titles(folder: &Path, palette: &str, fonts: &mut Fonts) -> Done {
    let script: String = SCRIPT.iter().map(|(a, b)| format!("{a} {b} ")).collect();
    let style = CardStyle { palette: palette.into(), ..CardStyle::default() }.settled(&script, 7)?;
    let mut tiles = Vec::new();
    for (index, (scene, motif)) in SCRIPT.into_iter().zip(plan(&SCRIPT, 7)).enumerate() {
        let frame = scene_frame(&CardSpec { motif: Some(motif), ..card(&style, scene, index) }, fonts)?;
        if index == 0 {
            save(&frame, &folder.join(format!("frame-{palette}.png")))?;
        }
        tiles.push(half(&half(&frame)));
    }
    save(&row(&tiles), &folder.join(format!("titles-{palette}.png")))
}

fn scene_frame(spec: &CardSpec, fonts: &mut Fonts) -> Result<Picture, Box<dyn Error>> {
    let under = background(spec)?;
    let mut frame = under.cover(FRAME.0, FRAME.1);
    if let Some(overlay) = title(spec, &under, fonts, ZONE)? {
        frame = support::blend(&frame, &overlay);
    }
    let look = CaptionStyle::default();
    let cues = cues(&timed(spec.body), &look);
    let track = Captions::render(&cues, &look, fonts, ZONE, FRAME, FPS)?;
    Ok(captioned(frame, &cues[0], &track))
}

/// Every motif as a thumbnail, nine on a sheet.
fn thumbnails(folder: &Path, fonts: &mut Fonts) -> Done {
    let palettes = palette_names();
    let mut shown = Vec::new();
    for (n, motif) in Motif::all().into_iter().enumerate() {
        let style = CardStyle { palette: palettes[n % palettes.len()].into(), ..CardStyle::default() };
        let scene = SCRIPT[n % SCRIPT.len()];
        let spec = CardSpec { motif: Some(motif), width: 1280, height: 720, ..card(&style, scene, 0) };
        let picture = thumbnail(&background(&spec)?, scene.0, fonts, &style, spec.seed, (1280, 720))?.picture;
        if n == 0 {
            save(&picture, &folder.join("thumbnail.png"))?;
        }
        shown.push(half(&picture));
    }
    let rows: Vec<Picture> = shown.chunks_exact(3).map(row).collect();
    for (i, rows) in rows.chunks(3).enumerate() {
        save(&column(rows), &folder.join(format!("thumbnails-{i}.png")))?;
    }
    Ok(())
}

fn half(p: &Picture) -> Picture {
    let (w, h) = (p.width / 2, p.height / 2);
    let mut rgb = Vec::with_capacity((w * h * 3) as usize);
    for y in 0..h {
        for x in 0..w {
            for c in 0..3 {
                let at = |dx: u32, dy: u32| {
                    u32::from(p.rgb[(((y * 2 + dy) * p.width + x * 2 + dx) * 3 + c) as usize])
                };
                rgb.push(((at(0, 0) + at(1, 0) + at(0, 1) + at(1, 1) + 2) / 4) as u8);
            }
        }
    }
    Picture { width: w, height: h, rgb }
}

fn row(tiles: &[Picture]) -> Picture {
    let (w, h) = (tiles.iter().map(|t| t.width + 8).sum::<u32>(), tiles[0].height);
    let mut out = support::plain(w, h, [255, 255, 255]);
    let mut left = 0;
    for tile in tiles {
        for y in 0..tile.height {
            let (from, to) = ((y * tile.width * 3) as usize, ((y * w + left) * 3) as usize);
            out.rgb[to..to + tile.width as usize * 3]
                .copy_from_slice(&tile.rgb[from..from + tile.width as usize * 3]);
        }
        left += tile.width + 8;
    }
    out
}

/// Pictures as wide as these, one below the other.
fn column(rows: &[Picture]) -> Picture {
    let height = rows.iter().map(|row| row.height).sum();
    Picture { width: rows[0].width, height, rgb: rows.iter().flat_map(|row| row.rgb.clone()).collect() }
}

/// Something for captions to stand on: dark, coloured, light, busy.
fn ground(i: usize) -> Picture {
    let mut p = support::plain(FRAME.0, FRAME.1, [255, 255, 255]);
    for (n, px) in p.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (n % 1080, n / 1080);
        let v = match i % 4 {
            0 => [20, 24, 48],
            1 => [(x / 5) as u8, (y / 8) as u8, 160],
            2 => [235, 235, 230],
            _ => {
                if (x / 40 + y / 40) % 2 == 0 {
                    [200, 60, 60]
                } else {
                    [240, 220, 120]
                }
            }
        };
        px.copy_from_slice(&v);
    }
    p
}

fn save(picture: &Picture, path: &Path) -> Done {
    picture.save_png(path)?;
    println!("{}", path.display());
    Ok(())
}
