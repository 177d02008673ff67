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
    captions(folder)?;
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
        CaptionStyle { highlight: Highlight::Pill, accent: reelsmith_media::typeset::colour::Rgb::hex(0x7c3aed), font: "Poppins".into(), ..style.clone() },
        CaptionStyle { case: Case::Upper, highlight: Highlight::Colour, font: "Anton".into(), size: 112.0, line_width: 8.5, ..style.clone() },
        CaptionStyle { case: Case::Upper, ..style.clone() },
    ];
    let zone = SafeZone { left: 0.06, top: 0.1, right: 0.13, bottom: 0.2 };
    for (n, look) in looks.iter().enumerate() {
        let cues = cues(&words, look);
        for cue in &cues {
            if n == 0 { println!("{:.2}-{:.2} {:?}", cue.start, cue.end, cue.text_lines()); }
        }
        let track = Captions::render(&cues, look, &mut fonts, zone, (1080, 1920), 30)?;
        let mut sheet = Picture { width: 1080 * 3, height: 420 * 3, rgb: vec![0; 1080 * 3 * 420 * 3 * 3] };
        let (mut slowest, mut states) = (0.0_f64, 0);
        let mut total = 0.0;
        for frame in 0..(cues.last().map_or(0.0, |c| c.end) * 30.0) as u64 {
            let begin = Instant::now();
            let Some(_overlay) = track.overlay_at(frame) else { continue };
            let ms = begin.elapsed().as_secs_f64() * 1000.0;
            if ms > 0.1 { states += 1; total += ms; }
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

fn background(i: usize) -> Picture {
    let mut p = support::plain(1080, 1920, [255, 255, 255]);
    for (n, px) in p.rgb.chunks_exact_mut(3).enumerate() {
        let (x, y) = (n % 1080, n / 1080);
        let v = match i % 4 {
            0 => [20, 24, 48],
            1 => [(x / 5) as u8, (y / 8) as u8, 160],
            2 => [235, 235, 230],
            _ => if (x / 40 + y / 40) % 2 == 0 { [200, 60, 60] } else { [240, 220, 120] },
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
