//! Subtitle files from cues: SubRip (`.srt`) and WebVTT (`.vtt`).

use std::fmt::Write;

use crate::captions::Cue;

/// A cue and who says it.
#[derive(Debug, Clone, Copy)]
pub struct Said<'a> {
    /// Who.
    pub speaker: &'a str,
    /// Whether it is the first that this speaker says at a stretch.
    pub begins: bool,
    /// What and when.
    pub cue: &'a Cue,
}

/// SubRip text, UTF-8 with `\n` line ends. Times are milliseconds; a cue is shown for at least one. A
/// cue without visible text is left out.
pub fn srt(cues: &[Cue]) -> String {
    srt_with(cues.iter().map(|cue| (cue, String::new())))
}

/// The same with the speaker's name before what is said first at a stretch: `Ada: Good evening.`
pub fn srt_of_speakers(said: &[Said]) -> String {
    let name = |said: &Said| if said.begins { format!("{}: ", tidy(said.speaker)) } else { String::new() };
    srt_with(said.iter().map(|said| (said.cue, name(said))))
}

/// Cues, each with what stands before its text.
fn srt_with<'a>(cues: impl Iterator<Item = (&'a Cue, String)>) -> String {
    let mut out = String::new();
    for (i, (cue, before, lines)) in visible(cues).enumerate() {
        let (start, end) = milliseconds(cue);
        let times = format!("{} --> {}", stamp(start, ','), stamp(end, ','));
        let text = lines.join("\n");
        write!(out, "{}\n{times}\n{before}{text}\n\n", i + 1).expect("writing to a string cannot fail");
    }
    out
}

/// WebVTT text (W3C WebVTT, sections 4 and 4.1), UTF-8 with `\n` line ends. A cue without visible text
/// is left out.
pub fn vtt(cues: &[Cue]) -> String {
    vtt_with(cues.iter().map(|cue| (cue, String::new())))
}

/// The same with the speaker of every cue in a voice tag (section 4.2.2), which ends with its cue.
pub fn vtt_of_speakers(said: &[Said]) -> String {
    vtt_with(said.iter().map(|said| (said.cue, format!("<v {}>", escaped(&tidy(said.speaker))))))
}

fn vtt_with<'a>(cues: impl Iterator<Item = (&'a Cue, String)>) -> String {
    let mut out = String::from("WEBVTT\n\n");
    for (cue, before, lines) in visible(cues) {
        let (start, end) = milliseconds(cue);
        let text = escaped(&lines.join("\n"));
        write!(out, "{} --> {}\n{before}{text}\n\n", stamp(start, '.'), stamp(end, '.'))
            .expect("writing to a string cannot fail");
    }
    out
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// The cues that say something, with what stands before them and their lines.
fn visible<'a>(
    cues: impl Iterator<Item = (&'a Cue, String)>,
) -> impl Iterator<Item = (&'a Cue, String, Vec<String>)> {
    cues.map(|(cue, before)| (cue, before, lines(cue))).filter(|(_, _, lines)| !lines.is_empty())
}

/// A cue's lines. An arrow in a text line would be read as a time line by many players, and an
/// empty line would end the cue.
fn lines(cue: &Cue) -> Vec<String> {
    cue.text_lines().iter().map(|line| tidy(line)).filter(|line| !line.is_empty()).collect()
}

fn tidy(line: &str) -> String {
    line.split_whitespace().collect::<Vec<_>>().join(" ").replace("-->", "→")
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
