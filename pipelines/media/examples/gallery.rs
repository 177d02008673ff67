//! Writes contact sheets of captions, cards and thumbnails, to be looked at:
//! `cargo run -p reelsmith-media --example gallery -- <folder>`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::time::Instant;

use reelsmith_media::captions::{CaptionStyle, CaptionWord, Captions, Case, Highlight, SafeZone, cues};
use reelsmith_media::frames::CaptionTrack;
use reelsmith_media::picture::Picture;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "gallery".into());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    match std::env::args().nth(2).as_deref() {
        Some("captions") => captions(folder)?,
        Some("cards") => cards(folder)?,
        Some("titles") => titles(folder)?,
        Some("thumbnails") => thumbnails(folder)?,
        _ => {
            captions(folder)?;
            cards(folder)?;
            titles(folder)?;
            thumbnails(folder)?;
        }
    }
    Ok(())
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

fn captions(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let mut fonts = support::fonts();
    let words = timed(
        "Every night the Moon slips a little farther away. About 3.8 centimetres a year, roughly \
         as fast as your fingernails grow. Why? Because of the tides, and they're extraordinarily powerful.",
    );
    let style = CaptionStyle::default();
    let looks = [
        style.clone(),
        CaptionStyle {
            highlight: Highlight::Pill,
            accent: reelsmith_media::typeset::colour::Rgb::hex(0x7c3aed),
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
        CaptionStyle { case: Case::Upper, ..style.clone() },
    ];
    let zone = SafeZone { left: 0.06, top: 0.1, right: 0.13, bottom: 0.2 };
    for (n, look) in looks.iter().enumerate() {
        let cues = cues(&words, look);
        for cue in &cues {
            if n == 0 {
                println!("{:.2}-{:.2} {:?}", cue.start, cue.end, cue.text_lines());
            }
        }
        let track = Captions::render(&cues, look, &mut fonts, zone, (1080, 1920), 30)?;
        let mut sheet = Picture { width: 1080 * 3, height: 420 * 3, rgb: vec![0; 1080 * 3 * 420 * 3 * 3] };
        let (mut slowest, mut states) = (0.0_f64, 0);
        let mut total = 0.0;
        for frame in 0..(cues.last().map_or(0.0, |c| c.end) * 30.0) as u64 {
            let begin = Instant::now();
            let Some(_overlay) = track.overlay_at(frame) else { continue };
            let ms = begin.elapsed().as_secs_f64() * 1000.0;
            if ms > 0.1 {
                states += 1;
                total += ms;
            }
            slowest = slowest.max(ms);
        }
        println!("look {n}: {states} states, mean {:.2} ms, slowest {slowest:.2} ms", total / states as f64);
        for (i, cue) in cues.iter().take(9).enumerate() {
            let mid = &cue.words[cue.words.len() / 2];
            let frame = (mid.start * 30.0).round() as u64 + 1;
            let mut under = background(i);
            if let Some(overlay) = track.overlay_at(frame.max((cue.start * 30.0) as u64 + 3)) {
                under = support::blend(&under, &overlay);
            }
            let (px, py) = ((i % 3) * 1080, (i / 3) * 420);
            for y in 0..420 {
                let from = ((y + 1120) * 1080) * 3;
                let to = ((py + y) * 3240 + px) * 3;
                sheet.rgb[to..to + 3240].copy_from_slice(&under.rgb[from..from + 3240]);
            }
        }
        save(&sheet, &folder.join(format!("captions-{n}.png")))?;
    }
    Ok(())
}

fn cards(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    use reelsmith_media::cards::{CardSpec, CardStyle, Motif, background, palette_names};
    let palettes = palette_names();
    let pick = std::env::args().nth(3);
    for (n, motif) in Motif::all().into_iter().enumerate() {
        if pick.as_ref().is_some_and(|p| p != "all" && p != motif.name()) {
            continue;
        }
        let names: Vec<&str> = match pick {
            Some(_) => palettes.clone(),
            None => (0..5).map(|k| palettes[(n * 3 + k * 2) % palettes.len()]).collect(),
        };
        let mut tiles = Vec::new();
        for (k, name) in names.iter().enumerate() {
            let style = CardStyle { palette: (*name).into(), ..CardStyle::default() };
            let spec = CardSpec {
                text: "Sample",
                body: "",
                seed: 40 + k as u64,
                style: &style,
                motif: Some(motif),
                width: 1080,
                height: 1920,
                index: n,
                total: 15,
            };
            let begin = Instant::now();
            let picture = background(&spec)?;
            if k == 0 {
                println!("{}: {:.0} ms", motif.name(), begin.elapsed().as_secs_f64() * 1000.0);
            }
            tiles.push(half(&half(&picture)));
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

/// Whole frames: card, title, caption, in two palettes.
fn titles(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    use reelsmith_media::cards::{CardSpec, CardStyle, background, plan, title};
    let mut fonts = support::fonts();
    let zone = SafeZone { left: 0.06, top: 0.1, right: 0.13, bottom: 0.2 };
    let palettes = match std::env::args().nth(3) {
        Some(p) => vec![p],
        None => vec!["auto".into(), "ember".into(), "paper".into()],
    };
    for palette in palettes {
        let seed = 7;
        let script: String = SCRIPT.iter().map(|(a, b)| format!("{a} {b} ")).collect();
        let style = CardStyle { palette: palette.clone(), ..CardStyle::default() }.settled(&script, seed)?;
        let motifs = plan(&SCRIPT, seed);
        let look = CaptionStyle::default();
        let mut tiles = Vec::new();
        for (index, ((heading, body), motif)) in SCRIPT.iter().zip(motifs).enumerate() {
            let spec = CardSpec {
                text: heading,
                body,
                seed,
                style: &style,
                motif: Some(motif),
                width: 1080,
                height: 1920,
                index,
                total: SCRIPT.len(),
            };
            let under = background(&spec)?;
            let begin = Instant::now();
            let overlay = title(&spec, &under, &mut fonts, zone)?;
            println!("{heading}: {} {:.0} ms", motif.name(), begin.elapsed().as_secs_f64() * 1000.0);
            let mut frame = under.cover(1080, 1920);
            if let Some(overlay) = overlay {
                frame = support::blend(&frame, &overlay);
            }
            let track =
                Captions::render(&cues(&timed(body), &look), &look, &mut fonts, zone, (1080, 1920), 30)?;
            if let Some(overlay) = track.overlay_at(20) {
                frame = support::blend(&frame, &overlay);
            }
            if index == 0 {
                save(&frame, &folder.join(format!("frame-{palette}.png")))?;
            }
            tiles.push(half(&half(&frame)));
        }
        save(&row(&tiles), &folder.join(format!("titles-{palette}.png")))?;
    }
    Ok(())
}

fn thumbnails(folder: &Path) -> Result<(), Box<dyn std::error::Error>> {
    use reelsmith_media::cards::{CardSpec, CardStyle, Motif, paint, palette_names};
    use reelsmith_media::thumbnail::thumbnail;
    let mut fonts = support::fonts();
    let mut rows = Vec::new();
    for (n, motif) in Motif::all().into_iter().enumerate() {
        let palettes = palette_names();
        let style = CardStyle { palette: palettes[n % palettes.len()].into(), ..CardStyle::default() };
        let (heading, body) = SCRIPT[n % SCRIPT.len()];
        let spec = CardSpec {
            text: heading,
            body,
            seed: 3,
            style: &style,
            motif: Some(motif),
            width: 1280,
            height: 720,
            index: 0,
            total: 1,
        };
        let base = paint(&spec, 1280, 720)?;
        let picture = thumbnail(&base, heading, &mut fonts, &style, 3, (1280, 720))?;
        if n == 0 {
            save(&picture, &folder.join("thumbnail.png"))?;
        }
        rows.push(half(&picture));
    }
    for (i, chunk) in rows.chunks(3).enumerate() {
        save(&row(chunk), &folder.join(format!("thumbnails-{i}.png")))?;
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

fn background(i: usize) -> Picture {
    let mut p = support::plain(1080, 1920, [255, 255, 255]);
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

fn save(picture: &Picture, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    image::save_buffer(path, &picture.rgb, picture.width, picture.height, image::ColorType::Rgb8)?;
    println!("{}", path.display());
    Ok(())
}
