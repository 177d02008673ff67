//! Subtitle files from cues: SubRip (`.srt`) and WebVTT (`.vtt`).

use std::fmt::Write;

use crate::captions::Cue;

/// SubRip text, UTF-8 with `\n` line ends. Times are milliseconds; a cue is shown for at least one. A
/// cue without visible text is left out.
pub fn srt(cues: &[Cue]) -> String {
    let mut out = String::new();
    for (i, (cue, lines)) in visible(cues).enumerate() {
        let (start, end) = milliseconds(cue);
        let times = format!("{} --> {}", stamp(start, ','), stamp(end, ','));
        let text = lines.join("\n");
        write!(out, "{}\n{times}\n{text}\n\n", i + 1).expect("writing to a string cannot fail");
    }
    out
}

/// WebVTT text (W3C WebVTT, sections 4 and 4.1), UTF-8 with `\n` line ends. A cue without visible text
/// is left out.
pub fn vtt(cues: &[Cue]) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for (cue, lines) in visible(cues) {
        let (start, end) = milliseconds(cue);
        let text = lines.join("\n").replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        write!(out, "{} --> {}\n{text}\n\n", stamp(start, '.'), stamp(end, '.'))
            .expect("writing to a string cannot fail");
    }
    out
}

/// The cues that say something, with their lines.
fn visible(cues: &[Cue]) -> impl Iterator<Item = (&Cue, Vec<String>)> {
    cues.iter().map(|cue| (cue, lines(cue))).filter(|(_, lines)| !lines.is_empty())
}

/// A cue's lines. An arrow in a text line would be read as a time line by many players, and an
/// empty line would end the cue.
fn lines(cue: &Cue) -> Vec<String> {
    let lines = cue.text_lines().into_iter();
    let tidy = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "→"));
    tidy.filter(|line| !line.is_empty()).collect()
}

fn milliseconds(cue: &Cue) -> (u64, u64) {
    let ms = |seconds: f64| (seconds.max(0.0) * 1000.0).round() as u64;
    let start = ms(cue.start);
    (start, ms(cue.end).max(start + 1))
}

fn stamp(ms: u64, point: char) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    format!("{hours:02}:{minutes:02}:{seconds:02}{point}{:03}", ms % 1000)
}
